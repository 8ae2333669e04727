import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, resolve } from 'node:path';

/** Another live process has the data folder open. */
export class FolderInUseError extends Error {
  override readonly name = 'FolderInUseError';
  readonly folder: string;
  readonly pid: number;
  constructor(folder: string, pid: number) {
    super(
      `The data folder ${folder} is in use by process ${pid}. Stop that process, choose another folder with MUSTER_DATA_DIR, ` +
        'or set DATABASE_URL to share one PostgreSQL between processes.',
    );
    this.folder = folder;
    this.pid = pid;
  }
}

interface Owner {
  readonly pid: number;
  /** When the process started, so that a later process with the same number is not taken for the owner. */
  readonly started: string;
  readonly host: string;
}

/**
 * Locks a PGlite folder for this process with a file beside it, created exclusively. PGlite itself lets two processes open one
 * folder and both lose rows (electric-sql/pglite#1106). A lock is taken over only when its owner is dead, never by age.
 * Returns the function that releases it. Errors: `FolderInUseError`.
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const path = `${resolve(folder)}.lock`;
  await mkdir(dirname(path), { recursive: true });
  const mine: Owner = { pid: process.pid, started: await startOf(process.pid), host: hostname() };
  for (let attempt = 0; attempt < 20; attempt++) {
    if (await createLock(path, mine)) return () => rm(path, { force: true });
    const owner = await readOwner(path);
    if (owner && (await isAlive(owner))) throw new FolderInUseError(folder, owner.pid);
    await takeOver(path, owner, mine);
  }
  throw new FolderInUseError(folder, (await readOwner(path))?.pid ?? 0);
}

async function createLock(path: string, owner: Owner): Promise<boolean> {
  try {
    const file = await open(path, 'wx');
    await file.writeFile(JSON.stringify(owner));
    await file.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function readOwner(path: string): Promise<Owner | null> {
  // A file that is being written has no owner yet: give its writer a moment before calling it broken.
  for (let attempt = 0; attempt < 10; attempt++) {
    const text = await readFile(path, 'utf8').catch(() => null);
    if (text === null) return null;
    try {
      return JSON.parse(text) as Owner;
    } catch {
      await new Promise((wake) => setTimeout(wake, 20));
    }
  }
  return null;
}

async function isAlive(owner: Owner): Promise<boolean> {
  // A process of another machine cannot be looked at: believe the lock.
  if (owner.host !== hostname()) return true;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const started = await startOf(owner.pid);
  return owner.started === '' || started === '' || started === owner.started;
}

/**
 * Removes a dead owner's lock. Several starters may see the same dead owner, so the right to remove is itself an exclusive file,
 * and the lock is read again under it: a lock that a living process has taken meanwhile stays.
 */
async function takeOver(path: string, dead: Owner | null, mine: Owner): Promise<void> {
  const right = `${path}.takeover`;
  if (!(await createLock(right, mine))) {
    const other = await readOwner(right);
    if (other === null || !(await isAlive(other))) await rm(right, { force: true });
    await new Promise((wake) => setTimeout(wake, 50));
    return;
  }
  try {
    const now = await readOwner(path);
    if (now === null || (dead && now.pid === dead.pid && now.started === dead.started)) await rm(path, { force: true });
  } finally {
    await rm(right, { force: true });
  }
}

/** The kernel's start time of a process where it tells (Linux); empty elsewhere. */
async function startOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const afterName = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return afterName[19] ?? '';
}
