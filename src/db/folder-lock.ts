import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, resolve } from 'node:path';

/** Another live process has the data folder open. */
export class FolderInUseError extends Error {
  override readonly name = 'FolderInUseError';
  readonly folder: string;
  readonly pid: number;
  constructor(folder: string, owner: { readonly pid: number; readonly host: string } | null) {
    const isHere = !owner || owner.host === hostname();
    super(
      `The data folder ${folder} is in use by process ${owner?.pid ?? '?'}${isHere ? '' : ` on ${owner.host}`}. Stop that process, ` +
        'choose another folder with MUSTER_DATA_DIR, or set DATABASE_URL to share one PostgreSQL between processes.' +
        // Whether a process of another machine or container lives cannot be seen from here.
        (isHere ? '' : ` If ${owner.host} is gone for good, delete ${resolve(folder)}.lock and start again.`),
    );
    this.folder = folder;
    this.pid = owner?.pid ?? 0;
  }
}

interface Owner {
  readonly pid: number;
  /** When the process started, so that a later process with the same number is not taken for the owner. */
  readonly started: string;
  readonly host: string;
  /** Names this one locking: no other has it, not even of the same process. */
  readonly token: string;
}

/**
 * Locks a PGlite folder for this process with a file beside it, created exclusively. PGlite itself lets two processes open one
 * folder and both lose rows (electric-sql/pglite#1106). A lock is taken over only when its owner is dead, never by age.
 * Returns the function that releases it. Errors: `FolderInUseError`.
 *
 * A dead owner's file is not removed, because between looking and removing it may have become a living one's. Whoever takes over
 * creates the file named after the dead owner instead, which only one can, and then the lock's owner is the end of the chain. Only
 * the owner shortens the chain.
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const path = `${resolve(folder)}.lock`;
  await mkdir(dirname(path), { recursive: true });
  const mine: Owner = { pid: process.pid, started: await startOf(process.pid), host: hostname(), token: randomUUID() };
  for (let attempt = 0; attempt < 20; attempt++) {
    const { places, living } = await walk(path);
    if (living) throw new FolderInUseError(folder, living);
    const place = places.at(-1) ?? path;
    if (!(await create(place, mine))) continue;
    // Whoever had the lock may have let go since the walk, and then this file hangs on nothing.
    const now = await walk(path);
    if (now.living?.token === mine.token) {
      await shorten(path, mine, now.places);
      return () => rm(path, { force: true });
    }
    await rm(place, { force: true });
  }
  throw new FolderInUseError(folder, (await walk(path)).living);
}

/** Follows the chain of owners: the files of the dead in order, then the living owner's or the one that is free. */
async function walk(path: string): Promise<{ places: readonly string[]; living: Owner | null }> {
  const places = [path];
  for (let place = path; ; places.push(place)) {
    const owner = await readOwner(place);
    if (owner === null) return { places, living: null };
    if (owner !== 'unreadable' && (await isAlive(owner))) return { places, living: owner };
    place = owner === 'unreadable' ? `${place}.next` : `${path}.${owner.token}`;
  }
}

/** Puts the owner at the head of the chain and removes the rest. */
async function shorten(path: string, mine: Owner, places: readonly string[]): Promise<void> {
  if (places.length === 1) return;
  const draft = `${path}.${mine.token}.new`;
  await writeFile(draft, JSON.stringify(mine), { flush: true });
  await rename(draft, path);
  for (const place of places.slice(1)) await rm(place, { force: true });
}

/** Creates the file with its content in one step, so that nobody sees it half written; false when it exists. */
async function create(place: string, owner: Owner): Promise<boolean> {
  const draft = `${place}.${owner.token}.new`;
  await writeFile(draft, JSON.stringify(owner), { flush: true });
  try {
    await link(draft, place);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

async function readOwner(place: string): Promise<Owner | 'unreadable' | null> {
  const text = await readFile(place, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return null;
  try {
    const owner = JSON.parse(text) as Partial<Owner>;
    return typeof owner.pid === 'number' && /^[\w-]+$/.test(owner.token ?? '') ? (owner as Owner) : 'unreadable';
  } catch {
    return 'unreadable';
  }
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

/** The kernel's start time of a process where it tells (Linux); empty elsewhere. */
async function startOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const afterName = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return afterName[19] ?? '';
}
