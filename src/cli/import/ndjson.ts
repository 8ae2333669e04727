import { type Line, withoutReturn } from './lines.ts';
import { type Read, type Row, type Rows, type RowText, TOO_LONG, textFault } from './row.ts';

/** The field in which a file of refused rows says why; skipped when that file is imported. */
export const REFUSED_FIELD = 'refused';

/** NDJSON: one value a line, each read by `read`. Empty lines are skipped. */
export function openNdjson<T>(lines: AsyncIterable<readonly Line[]>, read: (value: unknown) => Read<T>): Rows<T> {
  return { refusedHead: '', formatRefused, rows: readRows(lines, read) };
}

async function* readRows<T>(
  lines: AsyncIterable<readonly Line[]>,
  read: (value: unknown) => Read<T>,
): AsyncGenerator<Row<T>[]> {
  for await (const some of lines) yield some.flatMap((line) => readRow(line, read));
}

function readRow<T>({ number: line, text: raw }: Line, read: (value: unknown) => Read<T>): Row<T>[] {
  if (raw === null) return [{ line, text: '', fault: TOO_LONG }];
  const text = withoutReturn(raw);
  if (text.trim() === '') return [];
  const fault = textFault(text);
  if (fault !== null) return [{ line, text, fault }];
  const value = parseJson(text);
  return [value === undefined ? { line, text, fault: 'The line is not JSON.' } : { line, text, ...read(value) }];
}

function formatRefused({ line, text }: RowText, reason: string): string {
  const value = parseJson(text);
  const refused = { line, reason };
  if (!isObject(value)) return `${JSON.stringify({ [REFUSED_FIELD]: refused, text })}\n`;
  const { [REFUSED_FIELD]: _, ...fields } = value;
  return `${JSON.stringify({ [REFUSED_FIELD]: refused, ...fields })}\n`;
}

/** The value that a text is in JSON; undefined for any other text. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** True for `{ ... }`. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
