import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openTestDatabase } from '../support/database.ts';
import { ask, type Ended, muster, printedKey, serve, takePort, tempFolder } from './support.ts';

/** Failed with one sentence and no stack. */
function expectSentence(ended: Ended, sentence: RegExp): void {
  expect(ended).toMatchObject({ code: 1, stdout: '' });
  expect(ended.stderr).toMatch(sentence);
  expect(ended.stderr).not.toMatch(/^ {4}at /m);
}

test('the first start prints where everything is and a key, the second no key', async () => {
  const env = { MUSTER_DATA_DIR: join(await tempFolder(), 'data') };
  // The very first start fails late: whoever starts again still needs a key.
  const port = String(await takePort());
  expectSentence(
    await muster(['serve'], { ...env, PORT: port }),
    new RegExp(`^Port ${port} on 127.0.0.1 is in use\\. .*\\n$`),
  );

  const first = await serve(env);
  expect(first.stdout).toContain(`REST endpoint  ${first.url}`);
  const key = printedKey(first.stdout);
  expect(await ask(first.url, key, '{ workspace { name userCount } }')).toEqual({
    workspace: { name: 'default', userCount: 0 },
  });

  // The folder is this server's until it ends.
  expectSentence(
    await muster(['keys', 'list'], env),
    /^The data folder .* is in use by process \d+\. Stop that process, .*\n$/,
  );
  expect(await first.kill('SIGTERM')).toMatchObject({ code: 0, stderr: '' });

  const second = await serve(env);
  expect(second.stdout).not.toContain('API key');
  expect(await ask(second.url, key, '{ workspace { name } }')).toEqual({ workspace: { name: 'default' } });
}, 120_000);

test('MUSTER_API_KEY is a key, and then none is printed', async () => {
  const database = await openTestDatabase('postgres', { poolSize: 1 });
  onTestFinished(() => database.close());
  const key = 'a-secret-of-the-operators-own-choosing';
  const server = await serve({ DATABASE_URL: database.url ?? '', MUSTER_API_KEY: key });
  expect(server.stdout).not.toMatch(/muster_api_|a-secret/);
  expect(await ask(server.url, key, '{ workspace { userCount } }')).toEqual({ workspace: { userCount: 0 } });
});

test.each([
  [{ PORT: '99999' }, /^These settings cannot be used:\n {2}PORT: .*\n$/],
  [
    { PORT: 'http', MUSTER_API_KEY: 'short', MUSTER_PARTNER_API_KEYS: '{' },
    /^These settings cannot be used:\n {2}PORT: must be a number\n {2}MUSTER_API_KEY: .*32 characters\n {2}MUSTER_PARTNER_API_KEYS: is not JSON\n$/,
  ],
  [
    { DATABASE_URL: 'mysql://localhost/x' },
    /^These settings cannot be used:\n {2}DATABASE_URL: must begin with postgres/,
  ],
  [
    { DATABASE_URL: 'postgres://muster:secret@127.0.0.1:1/muster' },
    /^The database of DATABASE_URL cannot be reached\. .*\n$/,
  ],
])('settings that cannot be used are said in one sentence: %j', async (env, sentence) => {
  const folder = await tempFolder();
  expectSentence(await muster(['serve'], { PORT: '0', MUSTER_DATA_DIR: join(folder, 'data'), ...env }), sentence);
});

test('a database that is missing, an address that is not ours and a folder that cannot be one are said in one sentence', async () => {
  const database = await openTestDatabase('postgres', { poolSize: 1 });
  onTestFinished(() => database.close());
  const url = (change: (url: URL) => void) => {
    const changed = new URL(database.url ?? '');
    change(changed);
    return { DATABASE_URL: changed.href };
  };
  const missing = url((u) => {
    u.pathname = '/no_such_database';
  });
  expectSentence(await muster(['migrate'], missing), /^The server has no database of the name in DATABASE_URL: .*\n$/);

  const elsewhere = { DATABASE_URL: database.url ?? '', HOST: '203.0.113.7', PORT: '0' };
  expectSentence(await muster(['serve'], elsewhere), /^There is no address 203\.0\.113\.7 on this machine\. .*\n$/);

  const folder = await tempFolder();
  await writeFile(join(folder, 'file'), '');
  const below = await muster(['migrate'], { MUSTER_DATA_DIR: join(folder, 'file', 'data') });
  expectSentence(below, /file cannot be used: E[A-Z]+: .*\n$/);
});
