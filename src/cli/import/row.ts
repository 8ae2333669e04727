import { LINE_MAX_BYTES } from './lines.ts';

/** A row as it stands in the file. */
export interface RowText {
  readonly line: number;
  readonly text: string;
}

/** What a row says, or why it says nothing that can be used. */
export type Read<T> = { readonly value: T } | { readonly fault: string };

/** One row of an import. */
export type Row<T> = RowText & Read<T>;

/** A file that is open for import. */
export interface Rows<T> {
  /** The first lines of a file of refused rows. */
  readonly refusedHead: string;
  /** A refused row as a line of a file that can be mended and imported again. */
  readonly formatRefused: (row: RowText, reason: string) => string;
  /** Some rows at a time, in order. */
  readonly rows: AsyncIterable<readonly Row<T>[]>;
}

export const TOO_LONG = `The line is longer than ${LINE_MAX_BYTES} bytes.`;

/** What is wrong with a text before anybody looks at its meaning; null when nothing is. */
export function textFault(text: string): string | null {
  return text.includes('\uFFFD') ? 'The row has bytes that are not UTF-8: save the file as UTF-8.' : null;
}
