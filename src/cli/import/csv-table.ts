import { stringify } from 'csv-stringify/sync';
import { type CsvRecord, type Delimiter, takeRecords } from './csv-records.ts';
import { type Line, withoutReturn } from './lines.ts';
import { type Read, type Row, type Rows, textFault } from './row.ts';

/** Columns that a file of refused rows has before the others; skipped when that file is imported. */
export const REFUSED_COLUMNS = ['refused_line', 'refused_reason'];

/** A table whose columns are known. */
export interface Table {
  /** Their names as far as they matter; as many as there are cells in a row. */
  readonly columns: readonly string[];
  readonly delimiter: Delimiter;
  /** Lines that were read already and are rows. */
  readonly first: readonly Line[];
  readonly rest: AsyncIterable<readonly Line[]>;
}

/** The rows of a table, each read by `read`. */
export function openTable<T>(table: Table, read: (cells: readonly string[]) => Read<T>): Rows<T> {
  const { columns, delimiter } = table;
  const skipped = REFUSED_COLUMNS.every((name, i) => columns[i] === name) ? REFUSED_COLUMNS.length : 0;
  return {
    refusedHead: stringify([[...REFUSED_COLUMNS, ...columns.slice(skipped)]], { delimiter }),
    formatRefused: ({ line, text }, reason) => {
      const refusal = stringify([[line, reason]], { delimiter }).trimEnd();
      return `${refusal}${delimiter}${skipped > 0 ? withoutRefusal(text, delimiter) : text}\n`;
    },
    rows: readRows(table, read),
  };
}

async function* readRows<T>(table: Table, read: (cells: readonly string[]) => Read<T>): AsyncGenerator<Row<T>[]> {
  const toRows = (some: readonly CsvRecord[]) => some.map((record) => toRow(table.columns.length, record, read));
  let { records, rest } = takeRecords(table.first, table.delimiter, false);
  yield toRows(records);
  for await (const more of table.rest) {
    ({ records, rest } = takeRecords(rest.length === 0 ? more : [...rest, ...more], table.delimiter, false));
    yield toRows(records);
  }
  yield toRows(takeRecords(rest, table.delimiter, true).records);
}

function toRow<T>(width: number, record: CsvRecord, read: (cells: readonly string[]) => Read<T>): Row<T> {
  if ('fault' in record) return record;
  const { line, text, cells } = record;
  const fault = textFault(text);
  if (fault !== null) return { line, text, fault };
  if (cells.length !== width)
    return { line, text, fault: `A header of ${width} columns, and here are ${cells.length} cells.` };
  return { line, text, ...read(cells) };
}

/** The lines up to the first that is not empty, and those that were read with it. None: there is no such line. */
export async function firstLines(lines: AsyncGenerator<Line[]>): Promise<Line[]> {
  for (;;) {
    const next = await lines.next();
    if (next.done) return [];
    const from = next.value.findIndex(({ text }) => text === null || withoutReturn(text) !== '');
    if (from !== -1) return next.value.slice(from);
  }
}

/** A record without what an earlier import wrote before it: rows that are refused again must not gather columns. */
function withoutRefusal(text: string, delimiter: Delimiter): string {
  const cell = `(?:"(?:[^"]|"")*"|[^"${delimiter}]*)`;
  return text.replace(new RegExp(`^[^"${delimiter}]*${delimiter}${cell}${delimiter}`), '');
}
