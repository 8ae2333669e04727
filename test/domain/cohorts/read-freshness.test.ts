import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { cohorts as cohortsTable } from '../../../src/db/tables/cohorts.ts';
import type { Cadence } from '../../../src/domain/cohorts/cohort.ts';
import { activityByCohortIds, freshnessByCohortIds, updateCohort } from '../../../src/domain/cohorts/cohorts.ts';
import type { CohortFreshness } from '../../../src/domain/cohorts/read-freshness.ts';
import type { Ctx } from '../../../src/domain/context.ts';
import { fakeClock, makeContext, otherWorkspace } from '../../support/context.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { adds, seedIdentified, send } from '../../support/seed.ts';
import { recordStatements } from '../../support/statements.ts';
import { DAY, HOUR, MINUTE, namedCohort, SECOND, seedBatches, seedReport, seedSyncs } from '../../support/syncs.ts';

describe.each(DATABASES)('freshness of cohorts on %s', (kind) => {
  const statements = recordStatements();
  let clock: ReturnType<typeof fakeClock>;
  let database: TestDatabase;
  let ctx: Ctx;
  beforeAll(async () => {
    database = await openTestDatabase(kind, { logger: statements.logger });
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    clock = fakeClock();
    ctx = await makeContext(database, { now: clock.now });
  });

  const ago = (ms: number) => new Date(clock.now().getTime() - ms);
  const freshnessOf = async (cohortId: number): Promise<CohortFreshness> => {
    const found = (await freshnessByCohortIds(ctx, [cohortId])).get(cohortId);
    if (!found) throw new Error('It was just made.');
    return found;
  };
  /** A cohort whose syncs began with these pauses between them, the last one now. */
  const synced = async (name: string, gaps: readonly number[]) => {
    const { id } = await namedCohort(ctx, name);
    const starts = [...gaps.map((_, i) => ago(gaps.slice(i).reduce((sum, gap) => sum + gap))), ago(0)];
    await seedSyncs(ctx, id, starts);
    return id;
  };
  const every = (gap: number, count: number) => Array.from({ length: count }, () => gap);

  const rhythms: readonly (readonly [string, readonly number[], Cadence | null])[] = [
    ['each minute', every(MINUTE, 1_439), 'REAL_TIME'],
    ['each hour with jitter', every(HOUR, 30).map((gap, i) => gap + ((i * 17) % 41) * MINUTE - 20 * MINUTE), 'HOURLY'],
    ['each day', every(DAY, 9), 'DAILY'],
    ['each week', every(7 * DAY, 9), null],
    ['irregularly', [DAY, 3 * DAY, MINUTE, 9 * DAY, 5 * DAY], null],
    ['twice', [HOUR], null],
    ['once', [], null],
  ];
  test.each(rhythms)('a cohort synced %s is observed as what it is', async (name, gaps, cadence) => {
    const found = await freshnessOf(await synced(name, gaps));
    expect(found).toMatchObject({
      name,
      cadence,
      cadenceSource: cadence && 'OBSERVED',
      status: cadence ? 'FRESH' : 'UNKNOWN',
      lastReceivedAt: ago(0),
      lastSignOfLifeAt: ago(0),
    });
  });

  test('what is observed are the last twenty syncs: a cohort that changed its rhythm is known by the new one', async () => {
    expect(await freshnessOf(await synced('new', [...every(DAY, 50), ...every(MINUTE, 19)]))).toMatchObject({
      cadence: 'REAL_TIME',
      reasoning: expect.stringContaining('its last 20 syncs'),
    });
    // Ten pauses of the twenty syncs are a day long, nine a minute.
    expect(await freshnessOf(await synced('changing', [...every(DAY, 50), ...every(MINUTE, 9)]))).toMatchObject({
      cadence: 'DAILY',
    });
  });

  test('a sync begins with its first batch, and the age is that of its last', async () => {
    const { id } = await namedCohort(ctx, 'long syncs');
    // Three daily syncs of a thousand batches each, which take two hours.
    const rows = [2, 1, 0].flatMap((day, i) =>
      Array.from({ length: 1_000 }, (_, batch) => ({
        at: ago(day * DAY + 2 * HOUR - batch * 7 * SECOND),
        syncNo: i + 1,
      })),
    );
    await seedBatches(ctx, id, rows);
    expect(await freshnessOf(id)).toMatchObject({
      cadence: 'DAILY',
      lastReceivedAt: ago(2 * HOUR - 999 * 7 * SECOND),
      reasoning: expect.stringContaining('its last 3 syncs'),
    });
  });

  test('pauses are counted from beginning to beginning, however long the syncs take', async () => {
    const { id } = await namedCohort(ctx, 'ever longer');
    // They begin every three hours; from end to end it is five hours and four.
    const rows = [
      { at: ago(9 * HOUR), syncNo: 1 },
      { at: ago(6 * HOUR), syncNo: 2 },
      { at: ago(4 * HOUR), syncNo: 2 },
      { at: ago(3 * HOUR), syncNo: 3 },
      { at: ago(0), syncNo: 3 },
    ];
    await seedBatches(ctx, id, rows);
    expect(await freshnessOf(id)).toMatchObject({ cadence: 'HOURLY', lastReceivedAt: ago(0) });
  });

  test('what no sender sent is no sign of life: neither joins, merges nor what an operator undid', async () => {
    const id = await synced('hourly', every(HOUR, 5));
    clock.advance(3 * HOUR);
    await seedBatches(ctx, id, [{ at: ago(MINUTE), syncNo: null }]);
    expect(await freshnessOf(id)).toMatchObject({ status: 'LATE', cadence: 'HOURLY', lastReceivedAt: ago(3 * HOUR) });
    expect((await activityByCohortIds(ctx, [id])).get(id)?.lastReceivedAt).toEqual(ago(3 * HOUR));
    const { id: silent } = await namedCohort(ctx, 'silent');
    await seedBatches(ctx, silent, [{ at: ago(MINUTE), syncNo: null }]);
    expect(await freshnessOf(silent)).toMatchObject({ status: 'UNKNOWN', ageMs: null });
    expect((await activityByCohortIds(ctx, [silent])).get(silent)?.lastReceivedAt).toBeNull();
  });

  test('what the sender reports is read with the cohort', async () => {
    const id = await synced('reported', every(MINUTE, 10));
    clock.advance(5 * HOUR);
    await seedReport(ctx, id, { reportedCadence: 'HOURLY', reportedSuccessAt: ago(HOUR) });
    const quiet = { status: 'FRESH', cadence: 'HOURLY', cadenceSource: 'REPORTED', lastSignOfLifeAt: ago(HOUR) };
    expect(await freshnessOf(id)).toMatchObject(quiet);
    await seedReport(ctx, id, { reportedFailureAt: ago(MINUTE) });
    expect(await freshnessOf(id)).toMatchObject({ ...quiet, status: 'LATE' });
  });

  test('requests of a sender, each minute by a simulated clock, are fresh, and late when they stop', async () => {
    await seedIdentified(ctx, 'ada');
    const { cohort } = await send(ctx, 'live', adds({ externalIds: ['ada'] }));
    const id = cohort?.id ?? 0;
    expect(await freshnessOf(id)).toMatchObject({ status: 'UNKNOWN', cadence: null });
    for (let minute = 0; minute < 5; minute++) {
      clock.advance(MINUTE);
      await send(ctx, 'live', adds({ externalIds: ['ada'] }));
    }
    expect(await freshnessOf(id)).toMatchObject({ status: 'FRESH', cadence: 'REAL_TIME', lastReceivedAt: clock.now() });
    clock.advance(5 * MINUTE + 1);
    expect(await freshnessOf(id)).toMatchObject({ status: 'LATE' });
    clock.advance(25 * MINUTE);
    expect(await freshnessOf(id)).toMatchObject({ status: 'STALE' });
  });

  test('many cohorts cost one statement, and none cost none', async () => {
    const ids: number[] = [];
    for (let i = 0; i < 50; i++) ids.push(await synced(`cohort ${i}`, every(MINUTE, 1 + (i % 5))));
    statements.take();
    const found = await freshnessByCohortIds(ctx, ids);
    expect(statements.take()).toHaveLength(1);
    expect([...found.keys()].sort((a, b) => a - b)).toEqual(ids);
    expect(ids.map((id) => found.get(id)?.cadence)).toEqual(ids.map((_, i) => (i % 5 === 0 ? null : 'REAL_TIME')));
    expect(await freshnessByCohortIds(ctx, [])).toEqual(new Map());
    expect(statements.take()).toEqual([]);
  });

  test('cohorts of another workspace, reserved sets and unknown numbers are missing', async () => {
    const other = await otherWorkspace(ctx);
    for (let i = 0; i < 3; i++) await namedCohort(other, `theirs ${i}`);
    const theirs = await namedCohort(other, 'theirs');
    await seedSyncs(other, theirs.id, [ago(0)]);
    expect((await freshnessByCohortIds(other, [theirs.id])).size).toBe(1);
    expect(await freshnessByCohortIds(ctx, [theirs.id, 0, -1, 99])).toEqual(new Map());
    // One of the same number shows nothing of theirs.
    const ours = await namedCohort(ctx, 'ours');
    await seedSyncs(other, ours.id, [ago(0)]);
    expect(await freshnessOf(ours.id)).toMatchObject({ name: 'ours', lastReceivedAt: null });
    await updateCohort(ctx, { cohortId: ours.id, cadence: 'DAILY' });
    expect((await freshnessByCohortIds(other, [ours.id])).get(ours.id)).toMatchObject({ cadence: null });
  });
});

describe.each(DATABASES)('what an operator says of a cohort on %s', (kind) => {
  const clock = fakeClock();
  let database: TestDatabase;
  let ctx: Ctx;
  beforeAll(async () => {
    database = await openTestDatabase(kind);
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    ctx = await makeContext(database, { now: clock.now });
  });

  const pullsOf = async (cohortId: number) => {
    const rows = await ctx.db.select().from(cohortsTable).where(eq(cohortsTable.workspaceId, ctx.workspaceId));
    const row = rows.find(({ id }) => id === cohortId);
    return [row?.pullEveryHours, row?.nextPullAt];
  };

  test('a cadence is declared, changed, and taken back; what is left out stays', async () => {
    const { id } = await namedCohort(ctx, 'it');
    for (const cadence of ['HOURLY', 'ONE_TIME', null, 'REAL_TIME'] as const) {
      expect(await updateCohort(ctx, { cohortId: id, cadence })).toMatchObject({ id, name: 'it', cadence });
      expect(await updateCohort(ctx, { cohortId: id })).toMatchObject({ cadence });
      expect(await updateCohort(ctx, { cohortId: id, pullEveryHours: 1 })).toMatchObject({ cadence });
    }
    expect(await pullsOf(id)).toEqual([1, clock.now()]);
  });

  test('a cohort to be fetched is due at once, and no longer when that is taken back', async () => {
    const { id } = await namedCohort(ctx, 'it');
    await namedCohort(ctx, 'its neighbour');
    expect(await pullsOf(id)).toEqual([null, null]);
    for (const hours of [1, 720]) {
      clock.advance(MINUTE);
      await updateCohort(ctx, { cohortId: id, pullEveryHours: hours });
      expect(await pullsOf(id)).toEqual([hours, clock.now()]);
      await updateCohort(ctx, { cohortId: id, cadence: 'DAILY' });
      expect(await pullsOf(id)).toEqual([hours, clock.now()]);
    }
    await updateCohort(ctx, { cohortId: id, pullEveryHours: null });
    expect(await pullsOf(id)).toEqual([null, null]);
    expect(await pullsOf(id + 1)).toEqual([null, null]);
  });

  test.each([0, -1, 721, 1.5, Number.NaN])('fetching every %d hours is refused', async (pullEveryHours) => {
    const { id } = await namedCohort(ctx, 'it');
    await expect(updateCohort(ctx, { cohortId: id, cadence: 'DAILY', pullEveryHours })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      path: ['pullEveryHours'],
    });
    expect(await pullsOf(id)).toEqual([null, null]);
  });

  test('a cadence that there is not is refused', async () => {
    const { id } = await namedCohort(ctx, 'it');
    const cadence = 'WEEKLY' as Cadence;
    await expect(updateCohort(ctx, { cohortId: id, cadence })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      path: ['cadence'],
    });
  });

  test('a cohort of another workspace or of nobody is not found', async () => {
    const other = await otherWorkspace(ctx);
    const { id } = await namedCohort(other, 'theirs');
    for (const cohortId of [id, 99, 0, -1])
      for (const change of [{ cadence: 'DAILY' } as const, {}])
        await expect(updateCohort(ctx, { cohortId, ...change })).rejects.toMatchObject({
          code: 'NOT_FOUND',
          path: ['cohortId'],
        });
    expect(await updateCohort(other, { cohortId: id })).toMatchObject({ cadence: null });
  });
});
