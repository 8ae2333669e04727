import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { queryRows } from '../../src/db/client.ts';
import { findCohorts } from '../../src/domain/cohorts/cohorts.ts';
import { type Ctx, inTransaction } from '../../src/domain/context.ts';
import { generateDataImportKey } from '../../src/domain/keys/keys.ts';
import { serve } from '../cli/support.ts';
import { makeContext } from '../support/context.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { faultsOf, ledgerOf, membersOf, replayLedger } from '../support/members.ts';
import { seedIdentified } from '../support/seed.ts';

// The same request four times at once, at two servers that are processes of their own: what a sender does whose answers get lost.

const ROUNDS = Number(process.env.MUSTER_DUPLICATE_ROUNDS ?? 60);
const USERS = 200;
/** Requests under way at once, each four times. */
const TOGETHER = 4;

let database: TestDatabase;
let ctx: Ctx;

beforeAll(async () => {
  database = await openTestDatabase('postgres');
  ctx = await makeContext(database);
});
afterAll(() => database.close());

/** Random numbers that can be repeated. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

test('the same request four times at once, from two server processes, leaves ledger, bits and replay in agreement', async () => {
  const env = { DATABASE_URL: database.url ?? '', MUSTER_API_KEY: 'k'.repeat(40) };
  const servers = [await serve(env), await serve(env)];
  const { secret } = await generateDataImportKey(ctx, { partner: 'amplitude' });
  await seedIdentified(ctx, ...Array.from({ length: USERS }, (_, i) => `u${i}`));
  const random = seeded(20_260_301);
  const some = () => Array.from({ length: 30 }, () => `u${Math.floor(random() * (USERS + 10))}`);
  const fates = new Map<string, boolean>();

  const post = async (server: number, path: string, body: object, headers: Record<string, string> = {}) => {
    const response = await fetch(`${servers[server % 2]?.url}/partners/amplitude/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    await response.text();
    expect([200, 201]).toContain(response.status);
  };
  const braze = (changes: object[]) => (server: number) =>
    post(server, 'cohorts/users', { client_secret: secret, cohort_id: 'braze', cohort_changes: changes });
  const webhook = (round: number, ids: string[], entered: boolean) => (server: number) =>
    post(
      server,
      'webhook',
      {
        cohort_id: 'webhook',
        cohort_name: 'Webhook',
        in_cohort: entered,
        computed_time: String(1_767_225_600 + round),
        message_id: `m-${round}`,
        users: ids.map((user_id) => ({ user_id })),
      },
      { authorization: `Bearer ${secret}` },
    );

  for (let round = 0; round < ROUNDS; round += TOGETHER) {
    const requests = Array.from({ length: TOGETHER }, (_, i) => {
      const at = round + i;
      if (at % 2 === 0) return braze([{ user_ids: some() }, { user_ids: some(), should_remove: true }]);
      const [ids, entered] = [some(), random() < 0.6];
      for (const id of ids) fates.set(id, entered);
      return webhook(at, ids, entered);
    });
    await Promise.all(requests.flatMap((send) => [0, 1, 2, 3].map((server) => send(server))));
  }

  // On a slow machine some messages are acknowledged first and applied a little later.
  const waiting = () => queryRows<{ n: number }>(database.db, sql`select count(*)::int as n from accepted_changes`);
  while ((await waiting())[0]?.n !== 0) await new Promise((wake) => setTimeout(wake, 50));

  const [brazeCohort, webhookCohort] = await inTransaction(ctx, (tx) =>
    findCohorts(
      tx,
      ['braze', 'webhook'].map((cohortId) => ({ partnerCohort: { partner: 'amplitude', cohortId } })),
    ),
  );
  for (const cohort of [brazeCohort, webhookCohort])
    expect(await replayLedger(ctx, cohort?.id ?? 0)).toEqual(await membersOf(ctx, cohort?.id ?? 0));
  expect(await faultsOf(ctx)).toEqual([]);
  const messages = (await ledgerOf(ctx, webhookCohort?.id ?? 0)).map((row) => row.request_id);
  expect(messages.length).toBe(ROUNDS / 2);
  expect(new Set(messages).size).toBe(messages.length);
  // The last message that named somebody decides, in whatever order they came.
  const right = [...fates].flatMap(([id, entered]) => {
    const number = Number(id.slice(1)) + 1;
    return entered && number <= USERS ? [number] : [];
  });
  expect(await membersOf(ctx, webhookCohort?.id ?? 0)).toEqual(right.sort((a, b) => a - b));
  for (const server of servers) expect((await server.kill('SIGTERM')).code).toBe(0);
}, 1_800_000);
