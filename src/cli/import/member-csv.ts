import { UserError } from '../user-error.ts';
import { DELIMITERS, type Delimiter, readCells } from './csv-records.ts';
import { firstLines, openTable } from './csv-table.ts';
import { type Line, withoutReturn } from './lines.ts';
import {
  BAD_OPERATION,
  checkMember,
  type IdentityKind,
  kindOfName,
  type Member,
  type MemberChoice,
  memberOf,
  nameOfKind,
  plainName,
  readOperation,
} from './member.ts';
import { type Read, type Rows, textFault } from './row.ts';

/** Where in a row what is. */
interface Layout {
  readonly columns: readonly string[];
  readonly delimiter: Delimiter;
  readonly identities: readonly { readonly at: number; readonly kind: IdentityKind }[];
  /** The position of the operation; -1: there is none. */
  readonly operationAt: number;
  readonly hasHeader: boolean;
}

const WANTED = 'external_id, user_id, device_id or alias:<label>';

/**
 * Members as CSV, cells separated by commas, semicolons or tabs. Columns that name an identity are found by name, unless the caller picks
 * one; `operation` says `add` or `remove`; others are left alone. A file of one column needs no header.
 * Errors: `UserError` when it cannot be told which column is meant, or the file is empty.
 */
export async function openMemberCsv(
  file: string,
  lines: AsyncGenerator<Line[]>,
  choice: MemberChoice,
): Promise<Rows<Member>> {
  const all = await firstLines(lines);
  const [head] = all;
  if (!head) throw new UserError(`${file} is empty: nothing was changed.`);
  const layout = readLayout(file, withoutReturn(head.text ?? ''), choice);
  const { columns, delimiter } = layout;
  const first = layout.hasHeader ? all.slice(1) : all;
  return openTable({ columns, delimiter, first, rest: lines }, (cells) => toMember(layout, cells));
}

function readLayout(file: string, head: string, choice: MemberChoice): Layout {
  if (textFault(head) !== null || head.includes('\u0000'))
    throw new UserError(`${file} is not UTF-8: save it as UTF-8.`);
  const splits = DELIMITERS.map((delimiter) => ({ delimiter, columns: splitHead(head, delimiter) }));
  if (!choice.hasHeader) return layoutOfIds(file, splits, choice);
  const isWanted = (name: string) =>
    choice.column === undefined ? kindOfName(name) !== null : isNamed(name, choice.column);
  const filled = (columns: readonly string[]) => columns.filter((name) => name !== '').length;
  // `alias:crm;plan` is one column to commas and two to semicolons: the delimiter that tells more columns apart is meant.
  const [best] = splits
    .filter(({ columns }) => columns.some(isWanted))
    .sort((a, b) => filled(b.columns) - filled(a.columns));
  if (best) return layoutOfHeader(file, best, choice, isWanted);
  if (choice.column !== undefined)
    throw new UserError(`${file} has no column ${JSON.stringify(choice.column)}. ${quoteHead(head)}`);
  if (splits.every(({ columns }) => columns.length === 1)) {
    checkIsId(head);
    return layoutOfIds(file, splits, choice);
  }
  throw new UserError(
    `${file} needs a header with ${WANTED} among its columns, or --column to say which column it is. ${quoteHead(head)}`,
  );
}

interface Split {
  readonly delimiter: Delimiter;
  readonly columns: readonly string[];
}

/** Amplitude writes tabs before some names and values, to keep spreadsheets from calculating with them. */
function withoutTabs(cell: string): string {
  return cell.startsWith('\t') ? cell.replace(/^\t+/, '') : cell;
}

function splitHead(head: string, delimiter: Delimiter): readonly string[] {
  return (readCells([head], delimiter)?.[0] ?? [head]).map(withoutTabs);
}

function isNamed(name: string, column: string): boolean {
  return name === column || (!column.startsWith('alias:') && plainName(name) === plainName(column));
}

function layoutOfHeader(
  file: string,
  { columns, delimiter }: Split,
  choice: MemberChoice,
  isWanted: (name: string) => boolean,
): Layout {
  const wanted = columns.flatMap((name, at) => (isWanted(name) ? [{ at, name }] : []));
  if (choice.column !== undefined && wanted.length > 1)
    throw new UserError(`${file} has the column ${JSON.stringify(choice.column)} ${wanted.length} times.`);
  if (choice.identity && wanted.length > 1)
    throw new UserError(`${file} has several columns of identities: say with --column which one --identity is about.`);
  const identities = wanted.map(({ at, name }) => ({
    at,
    kind: choice.identity ?? kindOfName(name) ?? { kind: 'external_id' as const },
  }));
  const kinds = identities.map(({ kind }) => nameOfKind(kind));
  const twice = kinds.find((kind, i) => kinds.indexOf(kind) !== i);
  if (twice !== undefined)
    throw new UserError(`${file} has several columns for ${twice}: say with --column which one is meant.`);
  const operationAt = columns.findIndex((name) => /^operation(\(add\|remove\))?$/.test(plainName(name)));
  return { columns, delimiter, identities, operationAt, hasHeader: true };
}

/** A file of nothing but identifiers. */
function layoutOfIds(file: string, splits: readonly Split[], choice: MemberChoice): Layout {
  if (splits.some(({ columns }) => columns.length > 1))
    throw new UserError(`${file} has several columns: only a file of one column can do without a header.`);
  const kind = choice.identity ?? { kind: 'external_id' as const };
  const identities = [{ at: 0, kind }];
  return { columns: [nameOfKind(kind)], delimiter: ',', identities, operationAt: -1, hasHeader: false };
}

/** What an identifier seldom looks like, and the name of a column mostly does. */
const NAME_LIKE =
  /(^|[\s_-])(ids?|uids?|uuids?|guids?|names?|keys?|users?|members?|customers?|alias(es)?|e-?mails?|phones?|devices?)$|[a-z](Id|ID)s?$/i;

/** Taken for an identifier, the name of a column would wait for its user forever; taken for a name, a person would be lost. */
function checkIsId(head: string): void {
  const text = head.replaceAll('"', '').trim();
  if (/\d/.test(text) || !NAME_LIKE.test(text)) return;
  const name = JSON.stringify(text);
  throw new UserError(
    `The first line, ${name}, looks like the name of a column: if it is, say --column ${name}; if it is an identifier, say --no-header.`,
  );
}

function quoteHead(head: string): string {
  return head === '' ? 'Its first line is empty.' : `Its first line is ${JSON.stringify(head.slice(0, 200))}.`;
}

function toMember(layout: Layout, cells: readonly string[]): Read<Member> {
  const { identities, operationAt } = layout;
  const remove = operationAt === -1 ? null : readOperation(cells[operationAt] ?? '');
  if (remove === undefined) return { fault: BAD_OPERATION };
  const [only] = identities;
  if (only && identities.length === 1) {
    const value = withoutTabs(cells[only.at] ?? '');
    return checkMember(value === '' ? { ...NOBODY, remove } : memberOf(only.kind, value, remove));
  }
  const filled = identities.flatMap(({ at, kind }) => {
    const value = withoutTabs(cells[at] ?? '');
    return value === '' ? [] : [{ kind, value }];
  });
  return checkMember({
    externalIds: filled.flatMap(({ kind, value }) => (kind.kind === 'external_id' ? [value] : [])),
    deviceIds: filled.flatMap(({ kind, value }) => (kind.kind === 'device_id' ? [value] : [])),
    aliases: filled.flatMap(({ kind, value }) => (kind.kind === 'alias' ? [{ label: kind.label, name: value }] : [])),
    remove,
  });
}

const NOBODY = { externalIds: [], deviceIds: [], aliases: [] } as const;
