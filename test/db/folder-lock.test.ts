import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openEmbedded, queryRows } from '../../src/db/client.ts';
import { FolderInUseError, lockFolder } from '../../src/db/folder-lock.ts';

const STARTER = fileURLToPath(new URL('../support/folder-starter.ts', import.meta.url));

interface Starter {
  readonly pid: number;
  /** The next line it says; null when it has ended. */
  says(): Promise<string | null>;
  /** Lets it release and end. */
  finish(): Promise<void>;
  /** Ends it as a crash does. */
  kill(): Promise<void>;
}

let parent: string;
let folder: string;
let starters: ChildProcessByStdio<Writable, Readable, null>[];

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'muster-lock-'));
  folder = join(parent, 'data');
  starters = [];
});

afterEach(async () => {
  for (const child of starters) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  await rm(parent, { recursive: true, force: true });
});

function start(): Starter {
  const child = spawn(process.execPath, ['--import', 'tsx', STARTER, folder], { stdio: ['pipe', 'pipe', 'inherit'] });
  starters.push(child);
  const ended = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    pid: child.pid ?? 0,
    says: async () => {
      const line = await lines.next();
      return line.done ? null : line.value;
    },
    finish: async () => {
      child.stdin.end();
      await ended;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

describe('the folder lock', () => {
  test('refuses a second process while the first lives, naming it, and lets it in afterwards', async () => {
    const first = start();
    expect(await first.says()).toBe('locked');
    const refused = await lockFolder(folder).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(FolderInUseError);
    expect(refused).toMatchObject({ pid: first.pid, folder });
    await first.finish();
    const release = await lockFolder(folder);
    await release();
  });

  test('refuses the same process a second time', async () => {
    const release = await lockFolder(folder);
    await expect(lockFolder(folder)).rejects.toThrow(FolderInUseError);
    await release();
    await (await lockFolder(folder))();
  });

  test('takes over the lock of a process that died', async () => {
    const dead = start();
    expect(await dead.says()).toBe('locked');
    await dead.kill();
    const release = await lockFolder(folder);
    expect(JSON.parse(await readFile(`${folder}.lock`, 'utf8'))).toMatchObject({ pid: process.pid });
    await release();
  });

  test('takes over from a process whose number now belongs to another one', async () => {
    const release = await lockFolder(folder);
    const owner = JSON.parse(await readFile(`${folder}.lock`, 'utf8')) as { started: string };
    await release();
    // Only Linux tells when a process started.
    if (owner.started === '') return;
    await writeFile(`${folder}.lock`, JSON.stringify({ ...owner, started: `${owner.started}0` }));
    await (await lockFolder(folder))();
  });

  test('believes the lock of another machine', async () => {
    await (await lockFolder(folder))();
    await writeFile(`${folder}.lock`, JSON.stringify({ pid: 1, started: '1', host: 'another-machine', token: 'a' }));
    await expect(lockFolder(folder)).rejects.toMatchObject({ name: 'FolderInUseError', pid: 1 });
  });

  test('takes over a lock file that says nothing', async () => {
    await writeFile(`${folder}.lock`, '');
    await writeFile(`${folder}.lock.next`, '{');
    await (await lockFolder(folder))();
  });

  test.each(['', ' and another while taking over from it'])(
    'has exactly one winner when several start after a crash%s',
    async (twice) => {
      const dead = start();
      expect(await dead.says()).toBe('locked');
      await dead.kill();
      if (twice) {
        const owner = JSON.parse(await readFile(`${folder}.lock`, 'utf8')) as { token: string };
        await writeFile(`${folder}.lock.${owner.token}`, JSON.stringify({ ...owner, token: 'the-second' }));
      }
      const several = [start(), start(), start(), start()];
      const said = await Promise.all(several.map((s) => s.says()));
      const winner = several[said.indexOf('locked')];
      expect(said.filter((line) => line === 'locked')).toHaveLength(1);
      expect(said.filter((line) => line === `refused for ${winner?.pid}`)).toHaveLength(3);
      await expect(lockFolder(folder)).rejects.toThrow(FolderInUseError);
      await winner?.finish();
      await (await lockFolder(folder))();
      expect((await readdir(parent)).filter((name) => name.includes('lock'))).toEqual([]);
    },
  );

  test('keeps what was written when the next process opens the folder', async () => {
    const first = await openEmbedded({ folder });
    await expect(openEmbedded({ folder })).rejects.toThrow(FolderInUseError);
    await first.db.execute(sql`create table kept as select 42 as n`);
    await first.close();
    const next = await openEmbedded({ folder });
    expect(await queryRows(next.db, sql`select n from kept`)).toEqual([{ n: 42 }]);
    await next.close();
  });
});
