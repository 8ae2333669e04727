import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type OpenDatabase, queryRows } from '../../../src/db/client.ts';
import type { CohortChange } from '../../../src/domain/cohorts/change.ts';
import type { Cohort } from '../../../src/domain/cohorts/cohort.ts';
import { acceptChanges, applyAccepted, applyChanges, findAccepted } from '../../../src/domain/cohorts/cohorts.ts';
import type { Ctx } from '../../../src/domain/context.ts';
import { generateDataImportKey, invalidateKey } from '../../../src/domain/keys/keys.ts';
import { hashSecret } from '../../../src/domain/keys/secret.ts';
import { makeContext, seenBy } from '../../support/context.ts';
import { openTestDatabase, secondServer, type TestDatabase } from '../../support/database.ts';
import { ledgerOf, membersOf, replayLedger } from '../../support/members.ts';
import { adds, command, removes, seedCohort, seedIdentified } from '../../support/seed.ts';

// What cannot be committed within the sender's patience is acknowledged all the same, and must be applied once and in order.

let database: TestDatabase;
let other: OpenDatabase;
let ctx: Ctx;
let cohort: Cohort;

beforeAll(async () => {
  database = await openTestDatabase('postgres');
  other = secondServer(database);
});
afterAll(async () => {
  await other.close();
  await database.close();
});
beforeEach(async () => {
  ctx = await makeContext(database);
  await seedIdentified(ctx, 'a', 'b', 'c');
  cohort = await seedCohort(ctx, 'c', { externalIds: ['c'] });
});

const accept = (requestId: string | undefined, ...changes: CohortChange[]) =>
  acceptChanges(ctx, command('c', changes, { source: { dialect: 'amplitude_webhook', requestId } }));

const waiting = async () =>
  (
    await queryRows<{ n: number }>(
      database.db,
      sql`select count(*)::int as n from accepted_changes where workspace_id = ${ctx.workspaceId}`,
    )
  )[0]?.n;

/** Holds the cohort as a slow writer does, until told to let go. */
async function holdCohort(): Promise<() => Promise<void>> {
  let letGo = () => {};
  const gone = new Promise<void>((done) => {
    letGo = done;
  });
  let taken = () => {};
  const held = new Promise<void>((done) => {
    taken = done;
  });
  const work = other.db.transaction(async (tx) => {
    await tx.execute(
      sql`select 1 from cohorts where workspace_id = ${ctx.workspaceId} and id = ${cohort.id} for update`,
    );
    taken();
    await gone;
  });
  await held;
  return async () => {
    letGo();
    await work;
  };
}

/** Applies what waits until nothing does. */
async function settle(): Promise<void> {
  while ((await waiting()) !== 0) await applyAccepted(ctx);
}

test('a message that can be committed at once is', async () => {
  expect(await accept('m1', adds({ externalIds: ['a'] }))).toMatchObject({ added: 1, isDuplicate: false });
  expect(await accept('m1', adds({ externalIds: ['a'] }))).toMatchObject({ added: 1, isDuplicate: true });
  expect(await waiting()).toBe(0);
});

test('a message that must wait is acknowledged, kept, and applied once when its turn comes', async () => {
  const release = await holdCohort();
  expect(await accept('m1', adds({ externalIds: ['a'] }))).toBeNull();
  expect(await waiting()).toBe(1);
  await release();
  await settle();
  expect(await membersOf(ctx, cohort.id)).toEqual([1, 3]);
  expect((await ledgerOf(ctx, cohort.id)).filter((row) => row.request_id === 'm1')).toHaveLength(1);
});

test('messages without a name or a time are applied in the order in which they came, also behind one that waits', async () => {
  const release = await holdCohort();
  const answers = [
    await accept(undefined, adds({ externalIds: ['a'] })),
    await accept(undefined, removes({ externalIds: ['a'] }), adds({ externalIds: ['b'] })),
    await accept(undefined, removes({ externalIds: ['b'] })),
  ];
  expect(answers).toEqual([null, null, null]);
  await release();
  await settle();
  expect(await membersOf(ctx, cohort.id)).toEqual([3]);
  expect(await replayLedger(ctx, cohort.id)).toEqual([3]);
});

test('two servers that work off what waits apply everything once and in order', async () => {
  const release = await holdCohort();
  for (let i = 0; i < 10; i++) {
    const who = { externalIds: ['a'] };
    await accept(`m${i}`, i % 2 === 0 ? adds(who) : removes(who));
  }
  await release();
  const there = seenBy(ctx, other);
  while ((await waiting()) !== 0) await Promise.all([applyAccepted(ctx), applyAccepted(there)]);
  const rows = (await ledgerOf(ctx, cohort.id)).filter((row) => row.dialect === 'amplitude_webhook');
  expect(rows.map((row) => row.request_id)).toEqual(Array.from({ length: 10 }, (_, i) => `m${i}`));
  expect(await membersOf(ctx, cohort.id)).toEqual([3]);
});

test('what one server accepted and did not apply before it died is applied by another', async () => {
  const release = await holdCohort();
  await accept('m1', adds({ externalIds: ['a'] }));
  await release();
  const there = seenBy(ctx, other);
  expect(await findAccepted(there)).toEqual([ctx.workspaceId]);
  while ((await waiting()) !== 0) await applyAccepted(there);
  expect(await membersOf(ctx, cohort.id)).toEqual([1, 3]);
});

test('a key is checked before anything is acknowledged, and what was acknowledged outlives its key', async () => {
  const { key, secret } = await generateDataImportKey(ctx, { partner: 'amplitude' });
  const presented = (requestId: string) =>
    acceptChanges(
      ctx,
      command('c', [adds({ externalIds: ['a'] })], {
        source: { dialect: 'amplitude_webhook', requestId, presentedHash: hashSecret(secret) },
      }),
    );
  const release = await holdCohort();
  expect(await presented('m1')).toBeNull();
  await invalidateKey(ctx, { kind: 'data_import', id: key.id });
  await expect(presented('m2')).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  await release();
  await settle();
  const rows = (await ledgerOf(ctx, cohort.id)).filter((row) => row.key_id === key.id);
  expect(rows.map((row) => row.request_id)).toEqual(['m1']);
});

test('one cohort that cannot go on keeps no other waiting', async () => {
  const release = await holdCohort();
  await accept('m1', adds({ externalIds: ['a'] }));
  const elsewhere = await applyChanges(ctx, command('d', [adds({ externalIds: ['b'] })]));
  expect(elsewhere).toMatchObject({ added: 1 });
  await release();
  await settle();
});
