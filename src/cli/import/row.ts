import { LINE_MAX_BYTES } from './lines.ts';

/** One row of an import: a user to upsert, or why there is none. `text` is the row as it stands in the file. */
export type Row =
  | { readonly line: number; readonly text: string; readonly user: unknown }
  | { readonly line: number; readonly text: string; readonly fault: string };

/** A file that is open for import. */
export interface Rows {
  /** The first lines of a file of refused rows. */
  readonly refusedHead: string;
  /** A refused row as a line of a file that can be mended and imported again. */
  readonly formatRefused: (row: Pick<Row, 'line' | 'text'>, reason: string) => string;
  /** Some rows at a time, in order. */
  readonly rows: AsyncIterable<readonly Row[]>;
}

export const TOO_LONG = `The line is longer than ${LINE_MAX_BYTES} bytes.`;

/** What is wrong with a text before anybody looks at its meaning; null when nothing is. */
export function textFault(text: string): string | null {
  return text.includes('\uFFFD') ? 'The row has bytes that are not UTF-8: save the file as UTF-8.' : null;
}
