import { type FileHandle, open, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { UserError } from '../user-error.ts';
import type { Rows, RowText } from './row.ts';

/** A row and why it was not taken. */
export interface Refusal {
  readonly row: RowText;
  readonly reason: string;
}

/** The file of refused rows. There is none until a row is refused; one that an earlier import left is removed. */
export interface RefusedFile {
  write(refusals: readonly Refusal[]): Promise<void>;
  close(): Promise<void>;
}

/** Errors: `UserError` when the path is that of the file with the rows, which would be lost. */
export async function openRefused(
  path: string,
  rows: Pick<Rows<unknown>, 'refusedHead' | 'formatRefused'> & { readonly path?: string },
): Promise<RefusedFile> {
  if (rows.path !== undefined && resolve(path) === resolve(rows.path))
    throw new UserError('--refused names the file that is imported: name another.');
  await rm(path, { force: true });
  let file: FileHandle | undefined;
  return {
    write: async (refusals) => {
      if (refusals.length === 0) return;
      const text = refusals.map(({ row, reason }) => rows.formatRefused(row, reason)).join('');
      const isNew = file === undefined;
      file ??= await open(path, 'w');
      await file.write(isNew ? rows.refusedHead + text : text);
    },
    close: async () => file?.close(),
  };
}
