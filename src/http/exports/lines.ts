import type { MemberExport } from '../../domain/segments/export-members.ts';
import type { MemberSlice } from '../../domain/segments/member-slice.ts';
import type { Column } from './columns.ts';

export type ExportFormat = 'ndjson' | 'csv';

export interface LineOptions {
  readonly format: ExportFormat;
  readonly columns: readonly Column[];
  /** Adds each user's cursor as a last column. */
  readonly withCursors?: boolean | undefined;
  /** Is told how many lines were made so far. */
  readonly onLines?: ((count: number) => void) | undefined;
}

/** Characters of one piece: enough for a socket, little beside a slice. */
const PIECE_CHARACTERS = 64 * 1024;

/** The members as text, piece by piece: an object a line, or a header and a row a line. */
export async function* memberLines(
  members: MemberExport,
  options: LineOptions,
): AsyncGenerator<string, void, undefined> {
  const cursor: Column = { name: 'cursor', value: ({ ids }, i) => members.cursorOf(ids[i] ?? 0) };
  const columns = options.withCursors ? [...options.columns, cursor] : options.columns;
  const line = options.format === 'csv' ? csvLine(columns) : jsonLine(columns);
  let piece = options.format === 'csv' ? csvRow(columns.map(({ name }) => name)) : '';
  let count = 0;
  for await (const slice of members.slices) {
    for (let i = 0; i < slice.ids.length; i++) {
      piece += line(slice, i);
      if (piece.length < PIECE_CHARACTERS) continue;
      yield piece;
      piece = '';
    }
    count += slice.ids.length;
    options.onLines?.(count);
  }
  if (piece !== '') yield piece;
}

type Line = (slice: MemberSlice, i: number) => string;

function jsonLine(columns: readonly Column[]): Line {
  const parts = columns.map(({ name, value }, n) => ({ key: `${n === 0 ? '' : ','}${JSON.stringify(name)}:`, value }));
  return (slice, i) => {
    let out = '{';
    for (const { key, value } of parts) out += key + JSON.stringify(value(slice, i));
    return `${out}}\n`;
  };
}

function csvLine(columns: readonly Column[]): Line {
  return (slice, i) => csvRow(columns.map(({ value }) => toCell(value(slice, i))));
}

/** Text as it is, nothing as nothing, all else as JSON. */
function toCell(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** By hand, because it is several times faster; an empty text is told from none, and a row of one empty cell from an empty line. */
function csvRow(cells: readonly (string | null)[]): string {
  let out = '';
  for (let i = 0; i < cells.length; i++) {
    const cell = cells[i] ?? null;
    if (i > 0) out += ',';
    if (cell !== null) out += cell === '' || /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
    else if (cells.length === 1) out += '""';
  }
  return `${out}\n`;
}
