import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { usageDaily } from '../../../src/db/tables/usage.ts';
import type { CohortChange } from '../../../src/domain/cohorts/change.ts';
import type { Cohort } from '../../../src/domain/cohorts/cohort.ts';
import { applyChanges } from '../../../src/domain/cohorts/cohorts.ts';
import type { Ctx } from '../../../src/domain/context.ts';
import { generateDataImportKey } from '../../../src/domain/keys/keys.ts';
import type { UsageRow } from '../../../src/domain/usage/meter.ts';
import { listUsage } from '../../../src/domain/usage/usage.ts';
import { makeContext, otherWorkspace } from '../../support/context.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { adds, command, removes, seedIdentified } from '../../support/seed.ts';

describe.each(DATABASES)('usage on %s', (kind) => {
  let database: TestDatabase;
  let ctx: Ctx;
  let now: Date;

  beforeAll(async () => {
    database = await openTestDatabase(kind);
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    now = new Date('2028-02-28T23:59:59.999Z');
    ctx = await makeContext(database, { now: () => now });
    await seedIdentified(ctx, 'ada', 'bob', 'cid');
  });

  const sendAs = async (keyId: string | null, cohort: string, ...changes: CohortChange[]) =>
    (await applyChanges(ctx, command(cohort, changes, { source: { dialect: 'braze', keyId } }))).cohort as Cohort;
  const meters = ({ received, matched, written, changed, unchanged }: UsageRow) =>
    [received, matched, written, changed, unchanged] as const;

  /** Two keys and the library write two cohorts, at the two ends of a leap day and beyond. */
  async function furnish() {
    const first = (await generateDataImportKey(ctx, { partner: 'amplitude' })).key.id;
    const second = (await generateDataImportKey(ctx, { partner: 'amplitude' })).key.id;
    const c1 = await sendAs(first, 'c1', adds({ externalIds: ['ada', 'bob', 'nobody'] }));
    now = new Date('2028-02-29T00:00:00.000Z');
    await sendAs(first, 'c1', adds({ externalIds: ['ada', 'cid', 'cid'] }));
    await sendAs(second, 'c1', removes({ externalIds: ['ada'] }));
    const c2 = await sendAs(null, 'c2', removes({ externalIds: ['ada', 'bob'] }));
    now = new Date('2028-02-29T23:59:59.999Z');
    await sendAs(second, 'c2', adds({ externalIds: ['bob'] }));
    now = new Date('2028-03-01T00:00:00.000Z');
    await sendAs(null, 'c2', adds({ externalIds: ['bob', 'cid'] }));
    return { first, second, c1: c1.id, c2: c2.id };
  }
  const days = { from: '2028-02-28', to: '2028-03-01' };

  test('each request counts in the UTC day in which it was applied, the leap day too', async () => {
    await furnish();
    const usage = await listUsage(ctx, { ...days, groupBy: ['DAY'] });
    expect(usage.rows.map((row) => [row.day, ...meters(row)])).toEqual([
      ['2028-02-28', 3, 2, 2, 2, 0],
      // The same person twice in one request is one data point; removing strangers costs and changes nothing.
      ['2028-02-29', 7, 7, 6, 3, 3],
      ['2028-03-01', 2, 2, 2, 1, 1],
    ]);
    expect(usage.totals).toEqual({ received: 12, matched: 11, written: 10, changed: 6, unchanged: 4 });
    expect(usage).toMatchObject(days);
  });

  test('the first and the last day asked for are included, and their neighbours are not', async () => {
    await furnish();
    const written = async (from: string, to: string) => (await listUsage(ctx, { from, to })).totals.written;
    expect(await written('2028-02-29', '2028-02-29')).toBe(6);
    expect(await written('2028-02-28', '2028-02-29')).toBe(8);
    expect(await written('2028-02-29', '2028-03-01')).toBe(8);
    expect(await written('2028-03-02', '2028-03-02')).toBe(0);
    expect(await written('2027-03-01', '2028-02-29')).toBe(8);
  });

  test('months end where their days do', async () => {
    await furnish();
    const { rows } = await listUsage(ctx, { ...days, groupBy: ['MONTH'] });
    expect(rows.map((row) => [row.month, row.day, ...meters(row)])).toEqual([
      ['2028-02', null, 10, 9, 8, 5, 3],
      ['2028-03', null, 2, 2, 2, 1, 1],
    ]);
  });

  test('keys and cohorts are told apart, and what came without a key has none', async () => {
    const { first, second, c1, c2 } = await furnish();
    const { rows } = await listUsage(ctx, { ...days, groupBy: ['KEY', 'COHORT'] });
    const found = rows.map((row) => [row.cohortId, row.keyId, ...meters(row)]);
    expect(found).toHaveLength(4);
    expect(found).toEqual(
      expect.arrayContaining([
        [c1, first, 6, 5, 4, 3, 1],
        [c1, second, 1, 1, 1, 1, 0],
        [c2, null, 4, 4, 4, 1, 3],
        [c2, second, 1, 1, 1, 1, 0],
      ]),
    );
    const byKey = (await listUsage(ctx, { ...days, groupBy: ['KEY'] })).rows;
    expect(new Map(byKey.map((row) => [row.keyId, row.written]))).toEqual(
      new Map([
        [null, 4],
        [first, 4],
        [second, 2],
      ]),
    );
  });

  test('grouped by everything, each row says everything, in order of time and cohort', async () => {
    const { first, second, c1, c2 } = await furnish();
    const { rows } = await listUsage(ctx, { ...days, groupBy: ['KEY', 'DAY', 'COHORT', 'MONTH', 'DAY'] });
    expect(rows.map((row) => [row.day, row.month, row.cohortId])).toEqual([
      ['2028-02-28', '2028-02', c1],
      ['2028-02-29', '2028-02', c1],
      ['2028-02-29', '2028-02', c1],
      ['2028-02-29', '2028-02', c2],
      ['2028-02-29', '2028-02', c2],
      ['2028-03-01', '2028-03', c2],
    ]);
    expect(new Set(rows.map((row) => row.keyId))).toEqual(new Set([first, second, null]));
  });

  test('grouped by nothing there is one row, also where nothing was used', async () => {
    const nothing = { received: 0, matched: 0, written: 0, changed: 0, unchanged: 0 };
    const groups = { day: null, month: null, cohortId: null, keyId: null };
    const empty = await listUsage(ctx, days);
    expect(empty).toEqual({ ...days, rows: [{ ...groups, ...nothing }], totals: nothing });
    expect((await listUsage(ctx, { ...days, groupBy: ['DAY'] })).rows).toEqual([]);
    await furnish();
    const { rows, totals } = await listUsage(ctx, { ...days, groupBy: [] });
    expect(rows).toEqual([{ ...groups, ...totals }]);
  });

  test('another workspace sees nothing of it', async () => {
    const other = await otherWorkspace(ctx);
    await furnish();
    expect((await listUsage(other, days)).totals.received).toBe(0);
    expect((await listUsage(other, { ...days, groupBy: ['COHORT', 'KEY', 'DAY'] })).rows).toEqual([]);
  });

  test('numbers beyond 32 bits are exact', async () => {
    const used = { received: 6_000_000_003, matched: 6_000_000_002, written: 6_000_000_001, changed: 1 };
    const keyId = '00000000-0000-0000-0000-000000000000';
    await ctx.db
      .insert(usageDaily)
      .values(
        [1, 2].map((cohortId) => ({ workspaceId: ctx.workspaceId, cohortId, keyId, day: '2028-02-29', ...used })),
      );
    expect((await listUsage(ctx, days)).totals).toEqual({
      received: 12_000_000_006,
      matched: 12_000_000_004,
      written: 12_000_000_002,
      changed: 2,
      unchanged: 12_000_000_000,
    });
  });

  test('10,000 rows are answered, and more are refused with what to do', async () => {
    const keyId = '00000000-0000-0000-0000-000000000000';
    const used = { received: 1, matched: 1, written: 1, changed: 1 };
    const rows = Array.from({ length: 10_001 }, (_, i) => ({ cohortId: i + 1, keyId, ...used }));
    for (let i = 0; i < rows.length; i += 2_000)
      await ctx.db
        .insert(usageDaily)
        .values(rows.slice(i, i + 2_000).map((row) => ({ workspaceId: ctx.workspaceId, day: '2028-02-28', ...row })));
    await expect(listUsage(ctx, { ...days, groupBy: ['COHORT'] })).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      path: ['groupBy'],
      message: 'An answer has at most 10000 rows: ask for fewer days or fewer groups.',
    });
    expect((await listUsage(ctx, { ...days, groupBy: ['DAY'] })).totals.written).toBe(10_001);
    await ctx.db.delete(usageDaily);
    for (let i = 1; i < rows.length; i += 2_000)
      await ctx.db
        .insert(usageDaily)
        .values(rows.slice(i, i + 2_000).map((row) => ({ workspaceId: ctx.workspaceId, day: '2028-02-28', ...row })));
    expect((await listUsage(ctx, { ...days, groupBy: ['COHORT'] })).rows).toHaveLength(10_000);
  });

  test('whatever is sent, received >= matched >= written >= changed, and the groups add up to the totals', async () => {
    const people = ['ada', 'bob', 'cid', 'nobody', 'noone'];
    const anyChange = fc.record({
      externalIds: fc.array(fc.constantFrom(...people), { maxLength: 6 }),
      remove: fc.boolean(),
    });
    const anyRequest = fc.record({
      cohort: fc.constantFrom('c1', 'c2'),
      afterHours: fc.integer({ min: 0, max: 30 }),
      changes: fc.array(anyChange, { minLength: 1, maxLength: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(anyRequest, { minLength: 1, maxLength: 8 }), async (requests) => {
        now = new Date('2026-12-30T12:00:00.000Z');
        ctx = await makeContext(database, { now: () => now });
        await seedIdentified(ctx, 'ada', 'bob', 'cid');
        const sums = { received: 0, matched: 0, written: 0, changed: 0 };
        for (const { cohort, afterHours, changes } of requests) {
          now = new Date(now.getTime() + afterHours * 3_600_000);
          const wire = changes.map((change) => ({ aliases: [], deviceIds: [], ...change }));
          const outcome = await applyChanges(ctx, command(cohort, wire));
          sums.received += outcome.received;
          sums.matched += outcome.matched;
          sums.written += outcome.written;
          sums.changed += outcome.added + outcome.removed;
        }
        for (const groupBy of [['DAY'], ['MONTH', 'COHORT'], ['KEY', 'DAY', 'COHORT']] as const) {
          const usage = await listUsage(ctx, { from: '2026-12-30', to: '2027-01-31', groupBy });
          expect(usage.totals).toMatchObject(sums);
          for (const { received, matched, written, changed, unchanged } of [...usage.rows, usage.totals]) {
            expect(received).toBeGreaterThanOrEqual(matched);
            expect(matched).toBeGreaterThanOrEqual(written);
            expect(written).toBeGreaterThanOrEqual(changed);
            expect(unchanged).toBe(written - changed);
          }
        }
      }),
      { numRuns: 15 },
    );
  });
});
