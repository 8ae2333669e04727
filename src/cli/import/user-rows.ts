import { UserError } from '../user-error.ts';
import { readCells } from './csv-records.ts';
import { firstLines, openTable, REFUSED_COLUMNS } from './csv-table.ts';
import { type Line, withoutReturn } from './lines.ts';
import { isObject, openNdjson, parseJson, REFUSED_FIELD } from './ndjson.ts';
import { type Read, type Rows, textFault } from './row.ts';

const ALIAS = 'alias:';

/**
 * Users as CSV with a header. `external_id`; `device_ids`, several separated by `;` or as a JSON array; `alias:<label>`; every other column
 * is an attribute, as text. An empty cell says nothing. Errors: `UserError` when the header cannot be used.
 */
export async function openUserCsv(file: string, lines: AsyncGenerator<Line[]>): Promise<Rows<unknown>> {
  const [header, ...first] = await firstLines(lines);
  const columns = readCells([withoutReturn(header?.text ?? '')], ',')?.[0] ?? [];
  checkColumns(file, columns);
  return openTable({ columns, delimiter: ',', first, rest: lines }, (cells) => ({ value: toUser(columns, cells) }));
}

function checkColumns(file: string, columns: readonly string[]): void {
  const isIdentity = (name: string) => name === 'external_id' || name === 'device_ids' || /^alias:./s.test(name);
  if (columns.some((name) => textFault(name) !== null)) throw new UserError(`${file} is not UTF-8: save it as UTF-8.`);
  const unnamed = columns.findIndex((name) => name === '' || name === ALIAS);
  if (columns.some(isIdentity) && unnamed !== -1) throw new UserError(`Column ${unnamed + 1} of ${file} has no name.`);
  const twice = columns.find((name, i) => columns.indexOf(name) !== i);
  if (twice !== undefined) throw new UserError(`${file} has the column ${JSON.stringify(twice)} twice.`);
  if (columns.some(isIdentity)) return;
  const found =
    columns.length === 0
      ? 'It has no header.'
      : `Its first line is ${JSON.stringify(columns.join(',').slice(0, 200))}.`;
  throw new UserError(
    `${file} needs a header with external_id, device_ids or alias:<label> among its columns. ${found}`,
  );
}

function toUser(columns: readonly string[], cells: readonly string[]): object {
  const filled = columns.flatMap((name, i) => (cells[i] ? [{ name, value: cells[i] }] : []));
  const value = (name: string) => filled.find((cell) => cell.name === name)?.value;
  const others = filled.filter(
    ({ name }) =>
      name !== 'external_id' && name !== 'device_ids' && !name.startsWith(ALIAS) && !REFUSED_COLUMNS.includes(name),
  );
  return {
    externalId: value('external_id'),
    deviceIds: readDevices(value('device_ids') ?? ''),
    aliases: filled
      .filter(({ name }) => name.startsWith(ALIAS))
      .map((cell) => ({ label: cell.name.slice(ALIAS.length), name: cell.value })),
    ...(others.length > 0 ? { attributes: Object.fromEntries(others.map((cell) => [cell.name, cell.value])) } : {}),
  };
}

function readDevices(cell: string): unknown {
  // What begins like a JSON array and is none is a device id of a strange look.
  const list = cell.startsWith('[') ? parseJson(cell) : undefined;
  return list ?? cell.split(';').filter((id) => id !== '');
}

const FIELDS: ReadonlySet<string> = new Set(['externalId', 'aliases', 'deviceIds', 'attributes', REFUSED_FIELD]);

/** Users as NDJSON, with the fields of the GraphQL input `UserInput`. */
export function openUserNdjson(lines: AsyncIterable<readonly Line[]>): Rows<unknown> {
  return openNdjson(lines, readUser);
}

function readUser(user: unknown): Read<unknown> {
  // A field nobody reads is mostly a misspelt one, and what it holds would be lost without a word.
  const unknown = isObject(user) ? Object.keys(user).find((field) => !FIELDS.has(field)) : undefined;
  if (unknown === undefined) return { value: user };
  const names = 'externalId, aliases, deviceIds and attributes';
  return { fault: `There is no field ${JSON.stringify(unknown)}: a user has ${names}.` };
}
