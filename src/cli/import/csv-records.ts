import { parse } from 'csv-parse/sync';
import { LINE_MAX_BYTES, type Line, withoutReturn } from './lines.ts';
import { TOO_LONG } from './row.ts';

/** What stands between two cells. */
export const DELIMITERS = [',', ';', '\t'] as const;
export type Delimiter = (typeof DELIMITERS)[number];

/** One record: its cells, or what is wrong with it. It may run over several lines, of which `line` is the first. */
export type CsvRecord =
  | { readonly line: number; readonly text: string; readonly cells: readonly string[] }
  | { readonly line: number; readonly text: string; readonly fault: string };

const BAD_QUOTES =
  'A quote is not closed, or stands in the middle of a cell: write it twice and put the cell in quotes.';

/** A record before its cells are known, and how many lines it takes. */
interface Draft {
  readonly line: number;
  readonly text: string;
  readonly span: number;
  readonly fault?: string;
  readonly cells?: readonly string[];
}

/**
 * Groups lines into records and reads their cells. What may go on in lines to come is answered as `rest`, unless this is the end.
 *
 * csv-parse on the whole stream does not recover from a stray quote or an endless record; so that one faulty row costs only itself, records
 * are told apart here by counting quotes, and csv-parse reads the cells, other than those of records so plain that splitting does.
 */
export function takeRecords(
  queue: readonly Line[],
  delimiter: Delimiter,
  isEnd: boolean,
): { records: CsvRecord[]; rest: readonly Line[] } {
  const drafts: Draft[] = [];
  let at = 0;
  while (at < queue.length) {
    const span = spanAt(queue, at);
    if (span === null && !isEnd) break;
    const draft = draftAt(queue, at, span ?? 0, delimiter);
    if (draft.text !== '' || draft.fault !== undefined) drafts.push(draft);
    at += draft.span;
  }
  return { records: readDrafts(drafts, delimiter), rest: queue.slice(at) };
}

/** The record that begins at a line. Where its quotes make no sense that line alone is at fault, and the next one begins anew. */
function draftAt(queue: readonly Line[], at: number, span: number, delimiter: Delimiter): Draft {
  const { number: line, text: raw } = queue[at] ?? { number: 0, text: null };
  if (raw === null) return { line, text: '', span: 1, fault: TOO_LONG };
  const text = withoutReturn(raw);
  if (span === 1) {
    const cells = splitPlain(text, delimiter);
    return cells === null ? { line, text, span } : { line, text, span, cells };
  }
  const joined = joinLines(queue.slice(at, at + span));
  if (span > 1 && readCells([joined], delimiter) !== null) return { line, text: joined, span };
  return { line, text, span: 1, fault: BAD_QUOTES };
}

/** A record of quoted cells without a quote in them, as Amplitude writes. */
const ALL_QUOTED: Readonly<Record<Delimiter, RegExp>> = {
  ',': /^"[^"]*"(?:,"[^"]*")*$/,
  ';': /^"[^"]*"(?:;"[^"]*")*$/,
  '\t': /^"[^"]*"(?:\t"[^"]*")*$/,
};

/** The cells of a record in which no cell is quoted, or each is; null for all others. */
function splitPlain(text: string, delimiter: Delimiter): readonly string[] | null {
  if (!text.includes('"')) return text.split(delimiter);
  return ALL_QUOTED[delimiter].test(text) ? text.slice(1, -1).split(`"${delimiter}"`) : null;
}

/** How many lines the record has that begins at a line: until the quotes are even. 0: it does not end. Null: more lines are needed. */
function spanAt(queue: readonly Line[], at: number): number | null {
  let isOpen = false;
  let size = 0;
  for (let i = at; i < queue.length; i++) {
    const text = queue[i]?.text ?? null;
    size += text?.length ?? LINE_MAX_BYTES;
    if (text === null || size > LINE_MAX_BYTES) return i === at ? 1 : 0;
    if (countQuotes(text) % 2 === 1) isOpen = !isOpen;
    if (!isOpen) return i - at + 1;
  }
  return null;
}

function countQuotes(text: string): number {
  let count = 0;
  for (let at = text.indexOf('"'); at !== -1; at = text.indexOf('"', at + 1)) count++;
  return count;
}

function joinLines(lines: readonly Line[]): string {
  return withoutReturn(lines.map((line) => line.text ?? '').join('\n'));
}

function readDrafts(drafts: readonly Draft[], delimiter: Delimiter): CsvRecord[] {
  const unread = drafts.filter((draft) => draft.fault === undefined && draft.cells === undefined);
  const cells = new Map(readHalving(unread, delimiter).map((c, i) => [unread[i], c]));
  return drafts.map((draft) => {
    const { line, text, fault } = draft;
    const its = draft.cells ?? cells.get(draft) ?? null;
    if (fault === undefined && its !== null) return { line, text, cells: its };
    return { line, text, fault: fault ?? BAD_QUOTES };
  });
}

/** The cells of many records with few calls: a block that fails is halved until the faulty records stand alone. */
function readHalving(drafts: readonly Draft[], delimiter: Delimiter): (readonly string[] | null)[] {
  if (drafts.length === 0) return [];
  const cells = readCells(
    drafts.map((draft) => draft.text),
    delimiter,
  );
  if (cells !== null) return cells;
  if (drafts.length === 1) return [null];
  const middle = drafts.length >> 1;
  return [...readHalving(drafts.slice(0, middle), delimiter), ...readHalving(drafts.slice(middle), delimiter)];
}

/** The cells of records; null when any of them is malformed. */
export function readCells(records: readonly string[], delimiter: Delimiter): string[][] | null {
  try {
    const options = { delimiter, record_delimiter: '\n', relax_column_count: true };
    const cells = parse(records.join('\n'), options) as string[][];
    return cells.length === records.length ? cells : null;
  } catch {
    return null;
  }
}
