import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { nameCohort } from '../../../src/domain/cohorts/cohorts.ts';
import type { Ctx } from '../../../src/domain/context.ts';
import { inTransaction } from '../../../src/domain/context.ts';
import { appendBatches, type Batch } from '../../../src/domain/membership/ledger.ts';
import { fakeClock, makeContext, otherWorkspace } from '../../support/context.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { ledgerOf, membersOf, replayLedger, usageOf } from '../../support/members.ts';

const BLOCK = 8192;
/** Users at the edges of blocks, where a shift or a mask would go wrong first. */
const EDGES = [1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK - 1, 2 * BLOCK, 5 * BLOCK + 17, 100 * BLOCK - 1];

function batch(cohortId: number, changes: readonly number[], rest: Partial<Batch> = {}): Batch {
  return {
    cohortId,
    dialect: 'test',
    keyId: null,
    requestId: null,
    durationMs: 0,
    received: changes.length,
    matched: changes.length,
    held: 0,
    ignored: 0,
    reasons: {},
    written: changes.length,
    changes,
    ...rest,
  };
}

describe.each(DATABASES)('the ledger on %s', (kind) => {
  let database: TestDatabase;
  let ctx: Ctx;

  beforeAll(async () => {
    database = await openTestDatabase(kind);
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    ctx = await makeContext(database);
  });

  const newCohort = async (name = 'c') =>
    (await nameCohort(ctx, { partner: 'amplitude', partnerCohortId: name, name })).id;
  const appendRows = (...batches: Batch[]) => inTransaction(ctx, (tx) => appendBatches(tx, batches));
  const append = async (...batches: Batch[]) =>
    (await appendRows(...batches)).map(({ added, removed }) => ({ added, removed }));

  test('adds and removes exactly the users named, in every block', async () => {
    const cohort = await newCohort();
    expect(await append(batch(cohort, EDGES))).toEqual([{ added: EDGES.length, removed: 0 }]);
    expect(await membersOf(ctx, cohort)).toEqual(EDGES);
    const [first = 0, ...others] = EDGES;
    expect(await append(batch(cohort, [...others.map((user) => -user), 3]))).toEqual([
      { added: 1, removed: others.length },
    ]);
    expect(await membersOf(ctx, cohort)).toEqual([first, 3]);
  });

  test('counts and writes down only what really changed', async () => {
    const cohort = await newCohort();
    await append(batch(cohort, [1, 2, 3]));
    expect(await append(batch(cohort, [2, 3, 4, -1, -9]))).toEqual([{ added: 1, removed: 1 }]);
    expect(await append(batch(cohort, [2, 3, 4, -1, -9]))).toEqual([{ added: 0, removed: 0 }]);
    expect((await ledgerOf(ctx, cohort)).map((row) => [row.added, row.removed])).toEqual([
      [[1, 2, 3], []],
      [[4], [1]],
      [[], []],
    ]);
  });

  test('applies several batches of several cohorts in one statement, each with a row of its own, in order', async () => {
    const [one, two] = [await newCohort('one'), await newCohort('two')];
    await append(batch(one, [1]), batch(two, [2]));
    const changed = await append(
      batch(two, [1, -2], { requestId: 'a' }),
      batch(one, [2], { requestId: 'b' }),
      batch(two, [], { requestId: 'c' }),
      batch(two, [3, 4], { requestId: 'd' }),
    );
    expect(changed).toEqual([
      { added: 1, removed: 1 },
      { added: 1, removed: 0 },
      { added: 0, removed: 0 },
      { added: 2, removed: 0 },
    ]);
    expect(await membersOf(ctx, one)).toEqual([1, 2]);
    expect(await membersOf(ctx, two)).toEqual([1, 3, 4]);
    expect((await ledgerOf(ctx, two)).map((row) => row.request_id)).toEqual([null, 'a', 'c', 'd']);
    for (const id of [one, two]) expect(await replayLedger(ctx, id)).toEqual(await membersOf(ctx, id));
  });

  test('says which row each batch became, in the order of the batches', async () => {
    const [one, two] = [await newCohort('one'), await newCohort('two')];
    const changed = await appendRows(
      batch(two, [1], { requestId: 'a' }),
      batch(one, [1], { requestId: 'b' }),
      batch(two, [2], { requestId: 'c' }),
    );
    const rows = new Map([...(await ledgerOf(ctx, one)), ...(await ledgerOf(ctx, two))].map((r) => [Number(r.id), r]));
    expect(changed.map(({ batchId }) => rows.get(batchId)?.request_id)).toEqual(['a', 'b', 'c']);
  });

  test('remembers whom a batch named without a change, and whether they were in or out', async () => {
    const cohort = await newCohort();
    await append(batch(cohort, [1, 2]));
    await append(batch(cohort, [2, 3, -1, -9, -20_000]));
    const [, row] = await ledgerOf(ctx, cohort);
    expect([...(row?.unchanged ?? [])].sort((a, b) => a - b)).toEqual([-20_000, -9, 2]);
  });

  test('numbers the syncs of a cohort: a new one begins after a pause, and what no sender sent belongs to none', async () => {
    const clock = fakeClock();
    ctx = { ...ctx, now: clock.now };
    const [cohort, other] = [await newCohort('one'), await newCohort('two')];
    const sent = (id = cohort) => batch(id, [], { syncPauseSeconds: 30 });
    await append(sent(), sent(), sent(other));
    clock.advance(30_000);
    await append(sent(), batch(cohort, [1], { dialect: 'join' }));
    clock.advance(30_001);
    await append(batch(cohort, [2], { dialect: 'join' }), sent(), sent());
    expect((await ledgerOf(ctx, cohort)).map((row) => row.sync_no)).toEqual([1, 1, 1, null, null, 2, 2]);
    expect((await ledgerOf(ctx, other)).map((row) => row.sync_no)).toEqual([1]);
  });

  test('keeps what it is told of a request', async () => {
    const cohort = await newCohort();
    const keyId = '01890000-0000-7000-8000-000000000001';
    const told = {
      keyId,
      requestId: 'r "1" \\ 😀',
      received: 9,
      matched: 4,
      held: 3,
      ignored: 2,
      reasons: { unknown_alias: 5 },
    };
    await append(batch(cohort, [1], { ...told, durationMs: 12.6 }));
    expect(await ledgerOf(ctx, cohort)).toEqual([
      expect.objectContaining({
        dialect: 'test',
        key_id: keyId,
        request_id: told.requestId,
        received_count: 9,
        matched_count: 4,
        held_count: 3,
        ignored_count: 2,
        reasons: told.reasons,
        duration_ms: 13,
      }),
    ]);
  });

  test('reaches no other cohort and no other workspace', async () => {
    const elsewhere = await otherWorkspace(ctx);
    const [mine, neighbour] = [await newCohort('mine'), await newCohort('neighbour')];
    const theirs = (await nameCohort(elsewhere, { partner: 'amplitude', partnerCohortId: 'c', name: 'c' })).id;
    await inTransaction(elsewhere, (tx) => appendBatches(tx, [batch(theirs, [1, 2])]));
    await append(batch(mine, [1, 5]));
    await append(batch(mine, [-1]));
    expect(await membersOf(elsewhere, theirs)).toEqual([1, 2]);
    expect(await membersOf(ctx, neighbour)).toEqual([]);
    expect(await ledgerOf(ctx, neighbour)).toEqual([]);
  });

  test('meters what was received once a cohort, key and day, and nothing for what nobody sent', async () => {
    const cohort = await newCohort();
    await append(
      batch(cohort, [1, 2], { received: 3, matched: 2, written: 2 }),
      batch(cohort, [3], { received: 2, matched: 1, written: 1 }),
    );
    await append(batch(cohort, [1, -2], { received: 2, matched: 2, written: 2 }));
    await append(batch(cohort, [7], { received: 0, dialect: 'join' }));
    expect(await usageOf(ctx)).toEqual([expect.objectContaining({ received: 7, matched: 5, written: 5, changed: 4 })]);
  });

  test('agrees with sets in memory after any sequence of batches', async () => {
    const users = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(...EDGES));
    const changes = fc
      .uniqueArray(users, { maxLength: 12 })
      .chain((list) => fc.tuple(...list.map((user) => fc.constantFrom(user, -user))));
    await fc.assert(
      fc.asyncProperty(fc.array(changes, { minLength: 1, maxLength: 8 }), async (sequence) => {
        const cohort = await newCohort(`c${Math.random()}`);
        const members = new Set<number>();
        for (const list of sequence) {
          const entering = list.filter((user) => user > 0 && !members.has(user));
          const leaving = list.filter((user) => user < 0 && members.has(-user)).map((user) => -user);
          expect(await append(batch(cohort, list))).toEqual([{ added: entering.length, removed: leaving.length }]);
          for (const user of entering) members.add(user);
          for (const user of leaving) members.delete(user);
        }
        const right = [...members].sort((a, b) => a - b);
        expect(await membersOf(ctx, cohort)).toEqual(right);
        expect(await replayLedger(ctx, cohort)).toEqual(right);
      }),
      { numRuns: 15 },
    );
  });
});
