import { readdir, rm } from 'node:fs/promises';
import { lockFolder } from '../../db/folder-lock.ts';
import { UserError } from '../user-error.ts';

/**
 * Empties the folder of an earlier demo, if there is one. Errors: `FolderInUseError` when a demo is running in it, `UserError` when it
 * holds anything but a database.
 */
export async function emptyDemoFolder(folder: string): Promise<void> {
  const files: readonly string[] = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  if (files.length === 0) return;
  if (!files.includes('PG_VERSION'))
    throw new UserError(`${folder} is where the demo keeps its data, and it holds something else: move that away.`);
  const release = await lockFolder(folder);
  await rm(folder, { recursive: true });
  await release();
}
