import { extname } from 'node:path';
import { UserError } from '../user-error.ts';
import { type Line, splitLines } from './lines.ts';
import type { Member, MemberChoice } from './member.ts';
import { openMemberCsv } from './member-csv.ts';
import { openMemberNdjson } from './member-ndjson.ts';
import { isObject, parseJson } from './ndjson.ts';
import { type Bytes, openBytes, STANDARD_INPUT } from './open-bytes.ts';
import type { Rows } from './row.ts';
import { openUserCsv, openUserNdjson } from './user-rows.ts';

export const FORMATS = ['csv', 'ndjson'] as const;
export type Format = (typeof FORMATS)[number];

const FORMAT_OF_EXTENSION: Readonly<Record<string, Format>> = {
  '.csv': 'csv',
  '.tsv': 'csv',
  '.ndjson': 'ndjson',
  '.jsonl': 'ndjson',
};

/** A file to import, its size, and where its refused rows go. */
export interface ImportFile<T> extends Rows<T>, Omit<Bytes, 'chunks'> {
  readonly path: string;
  readonly refusedPath: string;
}

/** Opens a file of users. Errors: `UserError` when it cannot be read or is of no known form. */
export async function openUsers(path: string, format: Format | undefined): Promise<ImportFile<unknown>> {
  return openRows(path, format, (form, name, lines) =>
    form === 'csv' ? openUserCsv(name, lines) : openUserNdjson(lines),
  );
}

/** Opens a file of members of a cohort. Errors: `UserError` when it cannot be read, is empty, or is of no known form. */
export async function openMembers(
  path: string,
  format: Format | undefined,
  choice: MemberChoice,
): Promise<ImportFile<Member>> {
  return openRows(path, format, (form, name, lines) =>
    form === 'csv' ? openMemberCsv(name, lines, choice) : openMemberNdjson(lines, choice),
  );
}

async function openRows<T>(
  path: string,
  format: Format | undefined,
  read: (form: Format, name: string, lines: AsyncGenerator<Line[]>) => Rows<T> | Promise<Rows<T>>,
): Promise<ImportFile<T>> {
  const { chunks, ...file } = await openBytes(path);
  const lines = splitLines(chunks);
  try {
    const { stem, extension } = splitPath(path);
    const { form, all } = await formOf(file.name, format ?? FORMAT_OF_EXTENSION[extension.toLowerCase()], lines);
    const rows = await read(form, file.name, all);
    return { ...rows, ...file, path, refusedPath: `${stem}.refused.${form}` };
  } catch (error) {
    file.close();
    throw error;
  }
}

/** A path without its extension, and that. A `.gz` at the end belongs to neither. */
function splitPath(path: string): { stem: string; extension: string } {
  if (path === STANDARD_INPUT) return { stem: 'stdin', extension: '' };
  const inner = path.replace(/\.gz$/i, '');
  const extension = extname(inner);
  return { stem: inner.slice(0, inner.length - extension.length), extension };
}

/** The form, by the first line where nothing else says it. */
async function formOf(
  name: string,
  known: Format | undefined,
  lines: AsyncGenerator<Line[]>,
): Promise<{ form: Format; all: AsyncGenerator<Line[]> }> {
  if (known !== undefined) return { form: known, all: lines };
  let read: Line[] = [];
  for (let next = await lines.next(); !next.done; next = await lines.next()) {
    read = next.value;
    if (read.length > 0) break;
  }
  const first = read.find(({ text }) => text === null || text.trim() !== '')?.text?.trim() ?? '';
  async function* all(): AsyncGenerator<Line[]> {
    try {
      yield read;
      yield* lines;
    } finally {
      await lines.return(undefined);
    }
  }
  if (isObject(parseJson(first))) return { form: 'ndjson', all: all() };
  if (first.startsWith('[')) throw new UserError(`${name} is a JSON array: write one object a line.`);
  if (first.startsWith('{')) throw new UserError(`${name} looks like JSON: write one object a line, or say --format.`);
  return { form: 'csv', all: all() };
}
