import { type FileHandle, open, rm } from 'node:fs/promises';
import type { Row, Rows } from './row.ts';

/** A row and why it was not taken. */
export interface Refusal {
  readonly row: Pick<Row, 'line' | 'text'>;
  readonly reason: string;
}

/** The file of refused rows. There is none until a row is refused; one that an earlier import left is removed. */
export interface RefusedFile {
  write(refusals: readonly Refusal[]): Promise<void>;
  close(): Promise<void>;
}

export async function openRefused(
  path: string,
  rows: Pick<Rows, 'refusedHead' | 'formatRefused'>,
): Promise<RefusedFile> {
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
