import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { expect, onTestFinished, test } from 'vitest';
import { queryRows } from '../../src/db/client.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { ask, serve, tempFolder } from './support.ts';

// SIGTERM to the server as its users run it.

const API_KEY = 'a-secret-of-the-operators-own-choosing';
const CONNECTIONS = 8;

const GENERATE = `mutation { generateDataImportKey(input: { partner: "amplitude" }) {
  ... on GenerateDataImportKeySuccess { secret } } }`;
const UPSERT = `mutation ($users: [UserInput!]!) {
  upsertUsers(input: { users: $users }) { ... on UpsertUsersSuccess { created } } }`;
const SIZE = '{ cohort(by: { partnerCohort: { partner: "amplitude", cohortId: "c" } }) { size } }';

async function importKey(url: string, key: string): Promise<string> {
  return (await ask<{ generateDataImportKey: { secret: string } }>(url, key, GENERATE)).generateDataImportKey.secret;
}

/** How many are in the cohort; 0 while there is none. */
async function sizeOf(url: string, key: string): Promise<number> {
  return (await ask<{ cohort: { size: number } | null }>(url, key, SIZE)).cohort?.size ?? 0;
}

async function openDatabase(): Promise<TestDatabase> {
  const database = await openTestDatabase('postgres', { poolSize: 2 });
  onTestFinished(() => database.close());
  return database;
}

test.each(['pglite', 'postgres'])(
  'SIGTERM under load on %s loses no acknowledged request and fails none',
  async (kind) => {
    const env: Record<string, string> = { MUSTER_API_KEY: API_KEY };
    if (kind === 'postgres') env.DATABASE_URL = (await openDatabase()).url ?? '';
    else env.MUSTER_DATA_DIR = join(await tempFolder(), 'data');
    const server = await serve(env);
    const secret = await importKey(server.url, API_KEY);
    await ask(server.url, API_KEY, UPSERT, {
      users: Array.from({ length: 5_000 }, (_, i) => ({ externalId: `u${i}` })),
    });

    const statuses: number[] = [];
    let next = 0;
    const connection = async () => {
      for (;;) {
        const user = `u${next++}`;
        const response = await fetch(`${server.url}/partners/amplitude/cohorts/users`, {
          method: 'POST',
          body: JSON.stringify({ client_secret: secret, cohort_id: 'c', cohort_changes: [{ user_ids: [user] }] }),
        });
        await response.text();
        if (statuses.push(response.status) === 100) void server.kill('SIGTERM');
      }
    };
    // Each ends when the server takes no more connections.
    await Promise.allSettled(Array.from({ length: CONNECTIONS }, connection));
    expect(await server.ended).toMatchObject({ code: 0, stderr: '' });
    expect(statuses.length).toBeGreaterThanOrEqual(100);
    expect(statuses.length).toBeLessThan(5_000);
    expect(new Set(statuses)).toEqual(new Set([201]));

    const again = await serve(env);
    // Every request named another user. What was answered is there, and what was finished without an answer may be.
    const size = await sizeOf(again.url, API_KEY);
    expect(size).toBeGreaterThanOrEqual(statuses.length);
    expect(size).toBeLessThanOrEqual(statuses.length + CONNECTIONS);
  },
  120_000,
);

test('what was accepted and could not be applied before the end is applied by the next start, once', async () => {
  const database = await openDatabase();
  const env = { MUSTER_API_KEY: API_KEY, DATABASE_URL: database.url ?? '' };
  const server = await serve(env);
  const secret = await importKey(server.url, API_KEY);
  await ask(server.url, API_KEY, UPSERT, { users: Array.from({ length: 20 }, (_, i) => ({ externalId: `u${i}` })) });
  const send = async (message: number) => {
    const response = await fetch(`${server.url}/partners/amplitude/webhook`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}` },
      body: JSON.stringify({
        cohort_id: 'c',
        in_cohort: true,
        message_id: `m${message}`,
        computed_time: 1_770_000_000 + message,
        users: [{ user_id: `u${message}` }],
      }),
    });
    expect(response.status).toBe(200);
    return ((await response.json()) as { status: string }).status;
  };
  expect(await send(0)).toBe('applied');

  // Somebody holds the cohort: what comes now can only be accepted.
  let letGo: () => void = () => {};
  const held = new Promise<void>((open) => {
    letGo = open;
  });
  let locked: () => void = () => {};
  const isLocked = new Promise<void>((open) => {
    locked = open;
  });
  const holder = database.db.transaction(async (tx) => {
    await tx.execute(sql`select 1 from cohorts for update`);
    locked();
    await held;
  });
  await isLocked;
  expect(await Promise.all([1, 2, 3].map(send))).toEqual(['accepted', 'accepted', 'accepted']);
  expect(await server.kill('SIGTERM')).toMatchObject({ code: 0 });
  letGo();
  await holder;
  const waiting = () => queryRows<{ n: number }>(database.db, sql`select count(*)::int as n from accepted_changes`);
  expect(await waiting()).toEqual([{ n: 3 }]);

  const again = await serve(env);
  while ((await waiting())[0]?.n !== 0) await new Promise((wake) => setTimeout(wake, 50));
  expect(await sizeOf(again.url, API_KEY)).toBe(4);
  const batches = await queryRows(database.db, sql`select request_id as id from batches order by request_id`);
  expect(batches).toEqual(['m0', 'm1', 'm2', 'm3'].map((id) => ({ id })));
}, 120_000);

test('a second signal ends the server at once', async () => {
  const database = await openDatabase();
  const server = await serve({ MUSTER_API_KEY: API_KEY, DATABASE_URL: database.url ?? '', LOG_LEVEL: 'info' });
  // A body that never ends keeps the first signal's stop from finishing.
  const body = new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode('{')) });
  const init: RequestInit & { duplex: 'half' } = { method: 'POST', body, duplex: 'half' };
  const stalled = expect(fetch(`${server.url}/partners/amplitude/cohorts`, init)).rejects.toThrow();
  await new Promise((sent) => setTimeout(sent, 200));
  const ended = server.kill('SIGINT');
  await server.logs(/stopping/);
  await server.kill('SIGTERM');
  expect(await ended).toMatchObject({ code: 1 });
  await stalled;
});
