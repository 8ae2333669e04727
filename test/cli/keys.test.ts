import { expect, onTestFinished, test } from 'vitest';
import { openTestDatabase } from '../support/database.ts';
import { muster } from './support.ts';

/** A database of the test's own that several commands can open one after the other, quickly. */
async function databaseEnv(): Promise<Record<string, string>> {
  const database = await openTestDatabase('postgres', { poolSize: 1 });
  onTestFinished(() => database.close());
  return { DATABASE_URL: database.url ?? '' };
}

const idOf = (stdout: string) => /^id\s+(\S+)$/m.exec(stdout)?.[1] ?? '';

test('muster keys: generate, list, rotate, invalidate, in a workspace of its own', async () => {
  const env = await databaseEnv();
  const made = await muster(['workspaces', 'create', 'Staging'], env);
  expect(made.stdout).toMatch(/^2\s+Staging\s+HOLD/m);
  const second = ['--workspace', '2'];

  const generated = await muster(['keys', 'generate', 'amplitude', '--name', 'production', ...second], env);
  expect(generated.stdout).toMatch(/^secret {2}muster_dik_2_\w+$/m);
  const secret = /muster_dik_\w+/.exec(generated.stdout)?.[0] ?? '';
  const listed = await muster(['keys', 'list', ...second], env);
  expect(listed.stdout).toMatch(/ACTIVE.*production/);
  expect(listed.stdout).not.toContain(secret);
  expect((await muster(['keys', 'list'], env)).stdout).toBe('There are none.\n');

  const rotated = await muster(['keys', 'rotate', idOf(generated.stdout), ...second], env);
  expect(rotated.stdout).toMatch(/muster_dik_2_/);
  const ended = await muster(['keys', 'invalidate', idOf(generated.stdout), ...second], env);
  expect(ended.stdout).toContain('INVALIDATED');
  const states = (await muster(['keys', 'list', ...second], env)).stdout.match(/ACTIVE|INVALIDATED/g);
  expect(states).toEqual(['ACTIVE', 'INVALIDATED']);

  for (const [args, message] of [
    [['keys', 'invalidate', idOf(generated.stdout)], 'There is no such key'],
    [['keys', 'rotate', 'no-id'], 'There is no such key'],
    [['keys', 'generate', 'Not A Partner'], 'A partner is named by'],
    [['keys', 'list', '--workspace', '9'], 'There is no such workspace'],
    [['workspaces', 'create', 'Staging'], 'There is a workspace "Staging" already'],
  ] as const) {
    const refused = await muster(args, env);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain(message);
    expect(refused.stderr).not.toContain('    at ');
  }
});

test('muster api-keys, workspaces and settings', async () => {
  const env = await databaseEnv();
  const made = await muster(['api-keys', 'create', 'reader', '--scopes', 'users:read,segments:read'], env);
  expect(made.stdout).toMatch(/^secret {2}muster_api_1_\w+$/m);
  expect((await muster(['api-keys', 'list'], env)).stdout).toMatch(/users:read,segments:read.*reader/);
  const wrong = await muster(['api-keys', 'create', 'reader', '--scopes', 'everything'], env);
  expect(wrong).toMatchObject({ code: 1, stderr: 'scopes[0]: There is no such scope.\n' });

  const set = await muster(['settings', 'set-unknown-identity-policy', 'ignore'], env);
  expect(set.stdout).toMatch(/^1\s+default\s+IGNORE/m);
  expect((await muster(['workspaces', 'list'], env)).stdout).toMatch(/^1\s+default\s+IGNORE/m);
  const unknown = await muster(['settings', 'set-unknown-identity-policy', 'guess'], env);
  expect(unknown.code).toBe(1);
  expect(unknown.stderr).toContain('HOLD, IGNORE, CREATE');
});
