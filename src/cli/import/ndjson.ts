import { type Line, withoutReturn } from './lines.ts';
import { type Row, type Rows, TOO_LONG, textFault } from './row.ts';

/** Where a file of refused rows says why; skipped when that file is imported. */
const REFUSED = 'refused';
const FIELDS: ReadonlySet<string> = new Set(['externalId', 'aliases', 'deviceIds', 'attributes', REFUSED]);

/** NDJSON: one user a line, with the fields of the GraphQL input `UserInput`. Empty lines are skipped. */
export function openNdjson(lines: AsyncIterable<readonly Line[]>): Rows {
  return { refusedHead: '', formatRefused, rows: readRows(lines) };
}

async function* readRows(lines: AsyncIterable<readonly Line[]>): AsyncGenerator<Row[]> {
  for await (const some of lines) yield some.flatMap(readRow);
}

function readRow({ number: line, text: raw }: Line): Row[] {
  if (raw === null) return [{ line, text: '', fault: TOO_LONG }];
  const text = withoutReturn(raw);
  if (text.trim() === '') return [];
  const fault = textFault(text);
  if (fault !== null) return [{ line, text, fault }];
  const user = parse(text);
  if (user === undefined) return [{ line, text, fault: 'The line is not JSON.' }];
  // A field nobody reads is mostly a misspelt one, and what it holds would be lost without a word.
  const unknown = isObject(user) ? Object.keys(user).find((field) => !FIELDS.has(field)) : undefined;
  if (unknown === undefined) return [{ line, text, user }];
  const names = 'externalId, aliases, deviceIds and attributes';
  return [{ line, text, fault: `There is no field ${JSON.stringify(unknown)}: a user has ${names}.` }];
}

function formatRefused({ line, text }: Pick<Row, 'line' | 'text'>, reason: string): string {
  const user = parse(text);
  const refused = { line, reason };
  if (!isObject(user)) return `${JSON.stringify({ [REFUSED]: refused, text })}\n`;
  const { [REFUSED]: _, ...fields } = user;
  return `${JSON.stringify({ [REFUSED]: refused, ...fields })}\n`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
