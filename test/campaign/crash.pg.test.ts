import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { queryRows } from '../../src/db/client.ts';
import { findCohorts } from '../../src/domain/cohorts/cohorts.ts';
import type { Ctx } from '../../src/domain/context.ts';
import { generateDataImportKey } from '../../src/domain/keys/keys.ts';
import { serve } from '../cli/support.ts';
import { makeContext } from '../support/context.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { faultsOf, ledgerOf, membersOf } from '../support/members.ts';
import { seedIdentified } from '../support/seed.ts';

// The server is killed at random moments while senders send, and started again. Whoever gets no answer sends the same again.

const ROUNDS = Number(process.env.MUSTER_CRASH_ROUNDS ?? 2);
const SEED = Number(process.env.MUSTER_CRASH_SEED ?? Math.floor(Math.random() * 2 ** 31));
const SENDERS = 4;
const USERS_OF_SENDER = 40;
/** How long a server lives under load, at most. */
const LIFE_MS = 1_500;

let database: TestDatabase;
let ctx: Ctx;
beforeAll(async () => {
  database = await openTestDatabase('postgres', { poolSize: 4 });
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

const pause = (ms: number) => new Promise<void>((wake) => setTimeout(wake, ms));

interface Request {
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body: object;
}

/** A sender that goes on until its request is acknowledged, by whichever server is there then. Answers what the server said. */
function makeSender(addressOf: () => string) {
  return async ({ path, headers = {}, body }: Request): Promise<{ status?: string }> => {
    for (;;) {
      try {
        const response = await fetch(`${addressOf()}/partners/amplitude/${path}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...headers },
          body: JSON.stringify(body),
        });
        const answer = await response.text();
        if (response.ok) return JSON.parse(answer) as { status?: string };
        // Busy, or the database ended the connections of a server that died. Anything else is a fault.
        if (![423, 429, 503].includes(response.status)) return { status: `${response.status} ${answer}` };
      } catch {
        // Nobody there, or dead before the answer.
      }
      await pause(20);
    }
  };
}

/** Holds a cohort for a moment, so that messages are accepted rather than applied. */
async function holdCohort(partnerCohortId: string, ms: number): Promise<void> {
  await database.db.transaction(async (tx) => {
    await tx.execute(
      sql`select 1 from cohorts where workspace_id = ${ctx.workspaceId} and partner_cohort_id = ${partnerCohortId} for update`,
    );
    await pause(ms);
  });
}

async function cohortNumber(partnerCohortId: string): Promise<number> {
  const [cohort] = await findCohorts(ctx, [{ partnerCohort: { partner: 'amplitude', cohortId: partnerCohortId } }]);
  if (!cohort) throw new Error(`There is no cohort ${partnerCohortId}.`);
  return cohort.id;
}

test(
  `a server killed ${ROUNDS} times under load loses no acknowledged request and doubles none (seed ${SEED})`,
  async () => {
    const env = { DATABASE_URL: database.url ?? '', MUSTER_API_KEY: 'k'.repeat(40) };
    const random = seeded(SEED);
    const { secret } = await generateDataImportKey(ctx, { partner: 'amplitude' });
    const names = Array.from({ length: SENDERS * USERS_OF_SENDER }, (_, i) => `u${i}`);
    const numbers = await seedIdentified(ctx, ...names);
    const numberOf = new Map(names.map((name, i) => [name, numbers[i] ?? 0]));
    const some = (from: readonly string[]) => from.filter(() => random() < 0.3);

    let server = await serve(env);
    const send = makeSender(() => server.url);
    let isOver = false;
    let acknowledged = 0;
    const statuses = new Set<string | undefined>();

    // Messages name each other's users. Their times say which is the newest of each user, in whatever order they arrive.
    let messages = 0;
    const newest = new Map<string, boolean>();
    const webhookSender = async () => {
      while (!isOver) {
        const message = messages++;
        const users = some(names);
        const entered = random() < 0.6;
        for (const user of users) newest.set(user, entered);
        const { status } = await send({
          path: 'webhook',
          headers: { authorization: `Bearer ${secret}` },
          body: {
            cohort_id: 'hooks',
            in_cohort: entered,
            message_id: `m-${message}`,
            computed_time: 1_767_225_600 + message,
            users: users.map((user_id) => ({ user_id })),
          },
        });
        statuses.add(status);
        acknowledged++;
      }
    };

    // Braze requests have neither ids nor times, so each sender has users of its own, and its last word on each counts.
    const last = new Map<string, boolean>();
    const brazeSender = async (_: unknown, sender: number) => {
      const own = names.slice(sender * USERS_OF_SENDER, (sender + 1) * USERS_OF_SENDER);
      while (!isOver) {
        const [entering, leaving] = [some(own), some(own)];
        for (const user of entering) last.set(user, true);
        for (const user of leaving) last.set(user, false);
        const { status } = await send({
          path: 'cohorts/users',
          body: {
            client_secret: secret,
            cohort_id: 'braze',
            cohort_changes: [{ user_ids: entering }, { user_ids: leaving, should_remove: true }],
          },
        });
        expect(status).toBe(undefined);
        acknowledged++;
      }
    };

    const senders = [
      ...Array.from({ length: SENDERS }, webhookSender),
      ...Array.from({ length: SENDERS }, brazeSender),
    ];
    for (let round = 0; round < ROUNDS; round++) {
      // Longer than any sender waits, and with nobody killing: some message is accepted for certain.
      await holdCohort('hooks', 2_000);
      const before = acknowledged;
      while (acknowledged === before) await pause(5);
      const held = random() < 0.5 || round === 0 ? holdCohort('hooks', 800) : null;
      await pause(random() * LIFE_MS);
      await server.kill('SIGKILL');
      await held;
      server = await serve(env);
    }
    // Longer than any sender waits, and with nobody killing: some message is accepted for certain.
    await holdCohort('hooks', 2_000);
    const before = acknowledged;
    while (acknowledged < before + 2 * SENDERS) await pause(5);
    isOver = true;
    await Promise.all(senders);
    const waiting = () => queryRows<{ n: number }>(database.db, sql`select count(*)::int as n from accepted_changes`);
    while ((await waiting())[0]?.n !== 0) await pause(50);

    expect([...statuses].filter((status) => !['applied', 'accepted', 'duplicate'].includes(status ?? ''))).toEqual([]);
    expect(statuses).toContain('applied');
    expect(statuses).toContain('accepted');
    const membersBy = (words: ReadonlyMap<string, boolean>) =>
      [...words].flatMap(([user, isIn]) => (isIn ? [numberOf.get(user) ?? 0] : [])).sort((a, b) => a - b);
    const [hooks, braze] = [await cohortNumber('hooks'), await cohortNumber('braze')];
    // The ledger replays to the bits, without adding anybody twice.
    expect(await faultsOf(ctx)).toEqual([]);
    const ids = (await ledgerOf(ctx, hooks)).map((row) => row.request_id);
    expect(ids.length).toBe(messages);
    expect(new Set(ids)).toEqual(new Set(Array.from({ length: messages }, (_, i) => `m-${i}`)));
    expect(await membersOf(ctx, hooks)).toEqual(membersBy(newest));
    expect(await membersOf(ctx, braze)).toEqual(membersBy(last));
  },
  60_000 + ROUNDS * 30_000,
);
