import { stringify } from 'csv-stringify/sync';
import { UserError } from '../user-error.ts';
import { type CsvRecord, readCells, takeRecords } from './csv-records.ts';
import { type Line, withoutReturn } from './lines.ts';
import { type Row, type Rows, textFault } from './row.ts';

/** Columns that a file of refused rows has before the others; skipped when that file is imported. */
const REFUSED_COLUMNS = ['refused_line', 'refused_reason'];
const ALIAS = 'alias:';

/**
 * CSV with a header. `external_id`; `device_ids`, several separated by `;` or as a JSON array; `alias:<label>`; every other column is an
 * attribute, as text. An empty cell says nothing. Errors: `UserError` when the header cannot be used.
 */
export async function openCsv(file: string, lines: AsyncGenerator<Line[]>): Promise<Rows> {
  const first = await firstLines(lines);
  const head = withoutReturn(first[0]?.text ?? '');
  const columns = readCells([head])?.[0] ?? [];
  checkColumns(file, columns);
  const skipped = REFUSED_COLUMNS.every((name, i) => columns[i] === name) ? REFUSED_COLUMNS.length : 0;
  return {
    refusedHead: stringify([[...REFUSED_COLUMNS, ...columns.slice(skipped)]]),
    formatRefused: ({ line, text }, reason) =>
      `${stringify([[line, reason]]).trimEnd()},${skipped > 0 ? withoutRefusal(text) : text}\n`,
    rows: readRows(columns, first.slice(1), lines),
  };
}

async function firstLines(lines: AsyncGenerator<Line[]>): Promise<Line[]> {
  for (;;) {
    const next = await lines.next();
    if (next.done) return [];
    if (next.value.length > 0) return next.value;
  }
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

async function* readRows(
  columns: readonly string[],
  first: readonly Line[],
  lines: AsyncIterable<readonly Line[]>,
): AsyncGenerator<Row[]> {
  let { records, rest } = takeRecords(first, false);
  const toRows = (some: readonly CsvRecord[]) => some.map((record) => toRow(columns, record));
  yield toRows(records);
  for await (const more of lines) {
    ({ records, rest } = takeRecords(rest.length === 0 ? more : [...rest, ...more], false));
    yield toRows(records);
  }
  yield toRows(takeRecords(rest, true).records);
}

function toRow(columns: readonly string[], record: CsvRecord): Row {
  if ('fault' in record) return record;
  const { line, text, cells } = record;
  const fault = textFault(text);
  if (fault !== null) return { line, text, fault };
  if (cells.length !== columns.length)
    return { line, text, fault: `A header of ${columns.length} columns, and here are ${cells.length} cells.` };
  return { line, text, user: toUser(columns, cells) };
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
  if (cell.startsWith('[')) {
    try {
      return JSON.parse(cell) as unknown;
    } catch {
      // Then it is no JSON array but a device id of a strange look.
    }
  }
  return cell.split(';').filter((id) => id !== '');
}

/** A record without what an earlier import wrote before it: rows that are refused again must not gather columns. */
function withoutRefusal(text: string): string {
  return text.replace(/^[^",]*,(?:"(?:[^"]|"")*"|[^",]*),/, '');
}
