import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { importUsers } from '../../src/cli/import/import-users.ts';
import { openUsers } from '../../src/cli/import/open-rows.ts';
import { openRefused } from '../../src/cli/import/refused.ts';
import { fail } from '../../src/domain/errors.ts';
import { createDomains, type Domain } from '../../src/domain/index.ts';
import { countUsers } from '../../src/domain/users/users.ts';
import { makeContext } from '../support/context.ts';
import { openTestDatabase } from '../support/database.ts';
import { muster, namedPipe, start, tempFolder } from './support.ts';

const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url));

test('muster users import: what is refused is written beside the file, mended there and imported', async () => {
  const folder = await tempFolder();
  const database = await openTestDatabase('postgres', { poolSize: 1 });
  onTestFinished(() => database.close());
  const env = { DATABASE_URL: database.url ?? '' };
  const file = join(folder, 'users.csv');
  await writeFile(file, 'external_id,alias:crm,plan\nada,c1,pro\ngrace,c1,free\n,,nobody\njoan,,\n');

  const first = await muster(['users', 'import', file], env);
  expect(first).toMatchObject({ code: 0, stderr: '' });
  expect(first.stdout).toMatch(/^users\.csv: 4 rows in .*: 2 created, 0 updated, 2 refused\.\n/);
  const refusedFile = join(folder, 'users.refused.csv');
  expect(first.stdout).toContain(refusedFile);
  const refused = await readFile(refusedFile, 'utf8');
  expect(refused.split('\n')).toEqual([
    'refused_line,refused_reason,external_id,alias:crm,plan',
    expect.stringMatching(/^3,.*alias.*,grace,c1,free$/),
    expect.stringMatching(/^4,.*external id.*,,,nobody$/),
    '',
  ]);

  await writeFile(refusedFile, refused.replace(',grace,c1,', ',grace,c2,').replace(',,,nobody', ',lin,,nobody'));
  const second = await muster(['users', 'import', refusedFile], env);
  expect(second.stdout).toMatch(/2 created, 0 updated, 0 refused/);
  await expect(readFile(join(folder, 'users.refused.refused.csv'))).rejects.toThrow('ENOENT');

  const again = await muster(['users', 'import', file, '--refused', join(folder, 'elsewhere')], env);
  expect(again.stdout).toMatch(/0 created, 2 updated, 2 refused/);
  expect(await readFile(join(folder, 'elsewhere'), 'utf8')).toContain('grace');
});

test.each([
  [['missing.csv'], 'There is no file'],
  [['users.txt'], 'It has no header'],
  [['users.csv'], 'needs a header'],
  [['.', '--format', 'csv'], 'is a folder'],
  [['users.csv', '--workspace', 'x'], 'Not the number of a workspace'],
])('muster users import %j: one sentence, and nothing is opened', async ([name = '', ...rest], message) => {
  const folder = await tempFolder();
  await writeFile(join(folder, 'users.txt'), '');
  await writeFile(join(folder, 'users.csv'), 'plan\npro\n');
  const done = await muster(['users', 'import', join(folder, name), ...rest], {
    MUSTER_DATA_DIR: join(folder, 'data'),
  });
  expect(done).toMatchObject({ code: 1, stdout: '' });
  expect(done.stderr).toContain(message);
  expect(done.stderr).not.toContain('    at ');
  await expect(readFile(join(folder, 'data'))).rejects.toThrow('ENOENT');
});

test('an import of many batches counts every row, and one that is stopped says how far it came', async () => {
  const database = await openTestDatabase('pglite');
  try {
    const ctx = await makeContext(database);
    const { users } = createDomains(ctx).in(ctx.workspaceId);
    const path = join(await tempFolder(), 'users.ndjson');
    const lines = Array.from({ length: 5_000 }, (_, i) => (i % 100 === 99 ? '{}' : `{"externalId":"u${i % 4_000}"}`));
    await writeFile(path, lines.join('\n'));

    const run = async (signal: AbortSignal, onBatch: () => void) => {
      const file = await openUsers(path, undefined);
      const refused = await openRefused(file.refusedPath, file);
      const totals = await importUsers(file.rows, users, { refused, signal, onBatch });
      await refused.close();
      return totals;
    };
    expect(await run(new AbortController().signal, () => {})).toEqual({
      rows: 5_000,
      created: 3_960,
      updated: 990,
      refused: 50,
      joined: 0,
      line: 5_000,
    });
    expect(await users.countUsers()).toBe(3_960);
    expect((await readFile(path.replace('.ndjson', '.refused.ndjson'), 'utf8')).trim().split('\n')).toHaveLength(50);

    const stop = new AbortController();
    expect(await run(stop.signal, () => stop.abort())).toMatchObject({ rows: 1_000, line: 1_000 });
  } finally {
    await database.close();
  }
});

test('Ctrl-C ends an import that waits for a pipe, and says which rows are in', async () => {
  const database = await openTestDatabase('postgres', { poolSize: 1 });
  onTestFinished(() => database.close());
  const ctx = await makeContext(database);
  const pipe = await namedPipe();
  const args = ['users', 'import', pipe.path, '--format', 'csv', '--workspace', String(ctx.workspaceId)];
  const running = start(CLI, args, { DATABASE_URL: database.url ?? '' });
  pipe.stream.write(`external_id\n${Array.from({ length: 1_500 }, (_, i) => `u${i}\n`).join('')}`);
  while ((await countUsers(ctx)) === 0) await new Promise((wake) => setTimeout(wake, 20));
  const done = await running.kill('SIGINT');
  expect(done.code).toBe(1);
  expect(done.stdout).toContain('1,000 created');
  expect(done.stderr).toMatch(/^Stopped after line 1001\./);
});

test('an import waits while the database is busy, and says how far it came when that does not end', async () => {
  const path = join(await tempFolder(), 'users.csv');
  await writeFile(path, `external_id\n${'ada\n'.repeat(3_000)}`);
  const run = async (upsertUsers: Domain['users']['upsertUsers']) => {
    const file = await openUsers(path, undefined);
    const refused = await openRefused(file.refusedPath, file);
    const signal = new AbortController().signal;
    return importUsers(file.rows, { upsertUsers }, { refused, signal, onBatch: () => {} });
  };
  const busy = () => Promise.reject(fail('LOCKED', 'Busy.', { retryAfterSeconds: 0.001 }));
  const done = { users: [], created: 1, updated: 0, refused: 0, joined: 0 };
  let calls = 0;
  const totals = await run(() => (calls++ % 3 < 2 ? busy() : Promise.resolve(done)));
  expect([totals.rows, totals.created, calls]).toEqual([3_000, 3, 9]);
  await expect(run(busy)).rejects.toThrow('Busy.');
});
