import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createMuster, type Muster } from '../../src/app.ts';
import { type OpenDatabase, openServer } from '../../src/db/client.ts';
import { SCOPES } from '../../src/domain/keys/scopes.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';

// What callers see while every connection to the database is taken for longer than anybody waits.

let home: TestDatabase;
let database: OpenDatabase;
let muster: Muster;
let importKey: string;
let apiKey: string;
beforeAll(async () => {
  home = await openTestDatabase('postgres', { poolSize: 1 });
  database = openServer({ url: home.url ?? '', poolSize: 1, poolWaitMs: 50 });
  muster = await createMuster({ database: { drizzle: database.db }, background: false });
  const { keys } = muster.domain();
  importKey = (await keys.generateDataImportKey({ partner: 'amplitude' })).secret;
  apiKey = (await keys.createApiKey({ name: 'k', scopes: SCOPES })).secret;
});
afterAll(async () => {
  await muster.close();
  await database.close();
  await home.close();
});

async function send(path: string, body?: object, headers: Record<string, string> = {}) {
  const init = body && { method: 'POST', body: JSON.stringify(body) };
  const response = await muster.fetch(
    new Request(`http://muster.test${path}`, { ...init, headers: { 'content-type': 'application/json', ...headers } }),
  );
  return { status: response.status, retryAfter: response.headers.get('retry-after'), text: await response.text() };
}

const requests: Readonly<Record<string, () => ReturnType<typeof send>>> = {
  braze: () =>
    send('/partners/amplitude/cohorts/users', {
      client_secret: importKey,
      cohort_id: 'c',
      cohort_changes: [{ user_ids: ['ada'] }],
    }),
  webhook: () =>
    send(
      '/partners/amplitude/webhook',
      { cohort_id: 'c', in_cohort: true, users: [{ user_id: 'ada' }] },
      { authorization: `Bearer ${importKey}` },
    ),
  track: () => send('/users/track', { attributes: [{ external_id: 'ada' }] }, { authorization: `Bearer ${apiKey}` }),
  graphql: () => send('/graphql', { query: '{ workspace { name } }' }, { authorization: `Bearer ${apiKey}` }),
  ready: () => send('/ready'),
};

test('everybody is told 503 and when to come again, and the first request afterwards is answered', async () => {
  let letGo: () => void = () => {};
  const until = new Promise<void>((open) => {
    letGo = open;
  });
  let taken: () => void = () => {};
  const isTaken = new Promise<void>((open) => {
    taken = open;
  });
  const holder = database.db.transaction(async (tx) => {
    await tx.execute(sql`select 1`);
    taken();
    await until;
  });
  await isTaken;
  for (const [name, request] of Object.entries(requests))
    expect([name, await request()]).toEqual([name, { status: 503, retryAfter: '2', text: expect.any(String) }]);
  const refused = await requests.braze?.();
  expect(refused?.text).toMatch(/^\{"message":"[^"]+ busy\. Nothing was applied: try again after a moment\."\}$/);
  letGo();
  await holder;
  const statuses: Record<string, number> = {};
  for (const [name, request] of Object.entries(requests)) statuses[name] = (await request()).status;
  expect(statuses).toEqual({ braze: 201, webhook: 200, track: 201, graphql: 200, ready: 200 });
});
