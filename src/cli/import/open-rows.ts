import { stat } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { UserError } from '../user-error.ts';
import { openCsv } from './csv.ts';
import { readLines } from './lines.ts';
import { openNdjson } from './ndjson.ts';
import type { Rows } from './row.ts';

export const FORMATS = ['csv', 'ndjson'] as const;
export type Format = (typeof FORMATS)[number];

const FORMAT_OF_EXTENSION: Readonly<Record<string, Format>> = {
  '.csv': 'csv',
  '.ndjson': 'ndjson',
  '.jsonl': 'ndjson',
};

/** A file to import, its size, and where its refused rows go. */
export interface ImportFile extends Rows {
  readonly name: string;
  readonly size: number;
  readonly refusedPath: string;
  /** How far the file has been read. */
  readonly bytesRead: () => number;
}

/** Opens a file of users. Errors: `UserError` when it cannot be read or is of no known form. */
export async function openRows(path: string, format: Format | undefined): Promise<ImportFile> {
  const name = basename(path);
  const extension = extname(path);
  const form = format ?? FORMAT_OF_EXTENSION[extension.toLowerCase()];
  if (!form) throw new UserError(`${name} ends in neither .csv nor .ndjson: say which it is with --format.`);
  const { size } = await checkFile(path);
  const { lines, bytesRead } = readLines(path);
  const rows = form === 'csv' ? await openCsv(name, lines) : openNdjson(lines);
  const refusedPath = `${path.slice(0, path.length - extension.length)}.refused.${form}`;
  return { ...rows, name, size, refusedPath, bytesRead };
}

async function checkFile(path: string): Promise<{ size: number }> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new UserError(
      error.code === 'ENOENT' ? `There is no file ${path}.` : `${path} cannot be read: ${error.message}.`,
    );
  });
  if (found.isDirectory()) throw new UserError(`${path} is a folder: name a file.`);
  return found;
}
