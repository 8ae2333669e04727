import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { batches } from '../../../src/db/tables/cohorts.ts';
import type { Cohort } from '../../../src/domain/cohorts/cohort.ts';
import { nameCohort } from '../../../src/domain/cohorts/cohorts.ts';
import type { Ctx } from '../../../src/domain/context.ts';
import { forecastUsage } from '../../../src/domain/history/forecast.ts';
import { trimLedger } from '../../../src/domain/history/retention.ts';
import { undoBatch } from '../../../src/domain/history/reversal.ts';
import type { UsageForecast } from '../../../src/domain/history/usage-forecast.ts';
import { mergeUsers } from '../../../src/domain/users/identities.ts';
import { updateWorkspace } from '../../../src/domain/workspaces/workspaces.ts';
import { makeContext, otherWorkspace } from '../../support/context.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { adds, removes, seedIdentified, send } from '../../support/seed.ts';

const MINUTE_MS = 60_000;
const DAY_MINUTES = 1_440;
const PEOPLE = ['u1', 'u2', 'u3', 'u4', 'u5', 'u6'];

describe.each(DATABASES)('a forecast on %s', (kind) => {
  let database: TestDatabase;
  let ctx: Ctx;
  let now: Date;

  beforeAll(async () => {
    database = await openTestDatabase(kind);
  });
  afterAll(() => database.close());
  beforeEach(() => begin());

  async function begin(): Promise<void> {
    now = new Date('2028-02-20T00:00:00.000Z');
    ctx = await makeContext(database, { now: () => now });
    await seedIdentified(ctx, ...PEOPLE);
  }

  /** Sends at a time: who enters, and who leaves. */
  async function at(time: string, entering: readonly string[], leaving: readonly string[] = []): Promise<Cohort> {
    now = new Date(time);
    const { cohort } = await send(ctx, 'c', adds({ externalIds: entering }), removes({ externalIds: leaving }));
    if (!cohort) throw new Error('A request with changes makes its cohort.');
    return cohort;
  }
  async function forecastOf({ id }: Cohort, days = 7): Promise<UsageForecast> {
    const [found] = await forecastUsage(ctx, [{ cohortId: id, days }]);
    if (!found) throw new Error('Each question has an answer.');
    return found;
  }
  const points = (forecast: UsageForecast) => forecast.perCadence.map((one) => one.dataPoints);
  const months = (forecast: UsageForecast) => forecast.perCadence.map((one) => one.perMonth);

  test('counts whom each cadence would have sent, over the leap day, and what a month of it is', async () => {
    await at('2028-02-28T10:00:00.000Z', ['u1', 'u2', 'u3', 'u4']);
    // In and out within a minute, within an hour, within a day, and over midnight.
    await at('2028-02-29T00:00:10.000Z', ['u5'], ['u1']);
    await at('2028-02-29T00:00:50.000Z', ['u1']);
    await at('2028-02-29T00:59:59.999Z', [], ['u5']);
    await at('2028-02-29T01:00:00.000Z', ['u6']);
    await at('2028-02-29T23:59:59.999Z', [], ['u6', 'u2']);
    await at('2028-03-01T00:00:00.000Z', ['u6', 'u6', 'u1', 'u3']);
    await at('2028-03-02T09:00:00.000Z', [], ['u3']);
    const cohort = await at('2028-03-02T09:00:30.000Z', [], ['u4']);
    now = new Date('2028-03-02T12:00:00.000Z');
    expect(await forecastOf(cohort)).toEqual({
      from: '2028-02-28',
      to: '2028-03-02',
      observedDays: 4,
      completeDays: 2,
      batches: 9,
      // 4, then 2 + 1 + 1 + 1 + 2, then 3 of which one was named twice, then 1 + 1.
      dataPoints: 16,
      perCadence: [
        { cadence: 'ONE_TIME', dataPoints: 2, perMonth: 0 },
        // The leap day ends without u2, the first of March with u6.
        { cadence: 'DAILY', dataPoints: 4 + 1 + 1 + 2, perMonth: 30 },
        { cadence: 'HOURLY', dataPoints: 4 + 3 + 1 + 2, perMonth: 60 },
        { cadence: 'REAL_TIME', dataPoints: 4 + 5 + 1 + 2, perMonth: 90 },
      ],
      isComplete: true,
      reasoning:
        'From 2028-02-28 to 2028-03-02 9 batches wrote 16 data points; only what differs would have been 8 daily, 10 hourly and 12 each minute. A month is 30 days like the 2 that are over, the day of the first list left out.',
    });
  });

  test('agrees with sets compared at the ends of minutes, hours and days, whatever is sent', async () => {
    const some = fc.array(fc.constantFrom(...PEOPLE), { maxLength: 4 });
    const gap = fc.oneof(
      fc.integer({ min: 0, max: 2 }),
      fc.integer({ min: 0, max: 90 }),
      fc.integer({ min: 0, max: 3 * DAY_MINUTES }),
    );
    const anyRequest = fc.record({ afterMinutes: gap, entering: some, leaving: some });
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyRequest, { minLength: 1, maxLength: 14 }),
        fc.integer({ min: 1, max: 9 }),
        async (requests, days) => {
          await begin();
          const history: { minute: number; members: Set<string> }[] = [];
          const members = new Set<string>();
          const first = now.getTime() + (requests[0]?.afterMinutes ?? 0) * MINUTE_MS;
          let written = new Map<string, number>();
          let cohort: Cohort | undefined;
          for (const { afterMinutes, entering, leaving } of requests) {
            cohort = await at(new Date(now.getTime() + afterMinutes * MINUTE_MS).toISOString(), entering, leaving);
            for (const person of entering) members.add(person);
            for (const person of leaving) members.delete(person);
            history.push({ minute: now.getTime() / MINUTE_MS, members: new Set(members) });
            const day = now.toISOString().slice(0, 10);
            written = new Map(written).set(day, (written.get(day) ?? 0) + new Set([...entering, ...leaving]).size);
          }
          if (!cohort) throw new Error('There is a request.');
          const today = Math.floor(now.getTime() / MINUTE_MS / DAY_MINUTES);
          const firstDay = Math.floor(first / MINUTE_MS / DAY_MINUTES);
          const from = Math.max(today - days + 1, firstDay);
          const naive = (length: number, begin: number, end: number) => differences(history, length, begin, end);
          const whole = Array.from({ length: today - from + 1 }, (_, i) => from + i).filter(
            (day) => day !== today && day !== firstDay,
          );
          const forecast = await forecastOf(cohort, days);
          expect(points(forecast)).toEqual([
            members.size,
            ...[DAY_MINUTES, 60, 1].map((length) => naive(length, from, today + 1)),
          ]);
          expect(months(forecast)).toEqual([
            0,
            ...[DAY_MINUTES, 60, 1].map((length) => {
              const sum = whole.reduce((total, day) => total + naive(length, day, day + 1), 0);
              return whole.length === 0 ? null : Math.round((sum / whole.length) * 30);
            }),
          ]);
          const isSeen = (time: number) => Math.floor(time / DAY_MINUTES) >= from;
          expect(forecast).toMatchObject({
            observedDays: today - from + 1,
            completeDays: whole.length,
            batches: history.filter(({ minute }) => isSeen(minute)).length,
            dataPoints: [...written].reduce(
              (sum, [day, count]) => sum + (isSeen(Date.parse(day) / MINUTE_MS) ? count : 0),
              0,
            ),
            isComplete: true,
          });
        },
      ),
      { numRuns: 25 },
    );
  });

  test('rarer cadences never cost more', async () => {
    const cohort = await at('2028-02-28T10:00:00.000Z', PEOPLE);
    await at('2028-02-28T10:30:00.000Z', [], PEOPLE);
    await at('2028-02-28T11:30:00.000Z', PEOPLE.slice(1));
    const [, daily, hourly, realTime] = points(await forecastOf(cohort));
    expect([daily, hourly, realTime]).toEqual([5, 5, 17]);
  });

  test('leaves out what users and operators changed', async () => {
    const cohort = await at('2028-02-27T10:00:00.000Z', ['u1', 'u2', 'later']);
    const before = await forecastOf(cohort);
    now = new Date('2028-02-27T11:00:00.000Z');
    await seedIdentified(ctx, 'later');
    await mergeUsers(ctx, { items: [{ user: { externalId: 'u2' }, into: { externalId: 'u3' } }] });
    const [batch] = await ctx.db
      .select({ id: batches.id })
      .from(batches)
      .where(sql`workspace_id = ${ctx.workspaceId} and sync_no is not null`);
    await undoBatch(ctx, { batchId: batch?.id ?? 0 });
    expect(points(before)).toEqual([2, 2, 2, 2]);
    expect(points(await forecastOf(cohort)).slice(1)).toEqual([2, 2, 2]);
    expect((await forecastOf(cohort)).batches).toBe(1);
  });

  test('is about one cohort of one workspace', async () => {
    const cohort = await at('2028-02-28T10:00:00.000Z', ['u1', 'u2']);
    const { cohort: second } = await send(ctx, 'd', adds({ externalIds: ['u3'] }));
    const other = await otherWorkspace(ctx);
    await seedIdentified(other, ...PEOPLE);
    const theirs = (await send(other, 'c', adds({ externalIds: PEOPLE }))).cohort as Cohort;
    expect(theirs.id).toBe(cohort.id);
    const asks = [second as Cohort, cohort, cohort].map(({ id }, i) => ({ cohortId: id, days: i + 1 }));
    const found = await forecastUsage(ctx, [...asks, { cohortId: 999, days: 7 }]);
    expect(found.map(points)).toEqual([
      [1, 1, 1, 1],
      [2, 2, 2, 2],
      [2, 2, 2, 2],
      [0, 0, 0, 0],
    ]);
    expect((await forecastUsage(other, [{ cohortId: cohort.id, days: 7 }])).map(points)).toEqual([[6, 6, 6, 6]]);
    expect(await forecastUsage(ctx, [])).toEqual([]);
  });

  test('of a cohort that was never sent says so', async () => {
    const cohort = await nameCohort(ctx, { partner: 'amplitude', partnerCohortId: 'silent', name: 'Silent' });
    expect(await forecastOf(cohort)).toMatchObject({
      from: '2028-02-20',
      to: '2028-02-20',
      observedDays: 0,
      completeDays: 0,
      batches: 0,
      dataPoints: 0,
      isComplete: true,
      reasoning: 'No sender has sent this cohort yet.',
    });
    expect(months(await forecastOf(cohort))).toEqual([0, null, null, null]);
  });

  test('of a first day cannot tell a month, and of a quiet week tells that it is cheap', async () => {
    const cohort = await at('2028-02-28T10:00:00.000Z', ['u1', 'u2']);
    const first = await forecastOf(cohort);
    expect(first).toMatchObject({ observedDays: 1, completeDays: 0 });
    expect(months(first)).toEqual([0, null, null, null]);
    expect(first.reasoning).toMatch(/1 batch wrote 2 data points;.* What a month costs cannot be told before/);
    now = new Date('2028-03-10T00:00:00.000Z');
    const quiet = await forecastOf(cohort);
    expect(quiet).toMatchObject({ from: '2028-03-04', to: '2028-03-10', observedDays: 7, completeDays: 6, batches: 0 });
    expect(quiet.dataPoints).toBe(0);
    expect(quiet.reasoning).toMatch(/ A month is 30 days like the 6 that are over\.$/);
    expect(points(quiet)).toEqual([2, 0, 0, 0]);
    expect(months(quiet)).toEqual([0, 0, 0, 0]);
  });

  test('leaves out days of which the ledger has forgotten something, and says so', async () => {
    await updateWorkspace(ctx, { ledgerRetentionDays: 2 });
    await at('2028-02-26T10:00:00.000Z', ['u1']);
    await at('2028-02-27T10:00:00.000Z', ['u2']);
    await at('2028-02-27T14:00:00.000Z', ['u3']);
    const cohort = await at('2028-02-28T10:00:00.000Z', ['u4', 'u4']);
    now = new Date('2028-02-29T12:00:00.000Z');
    expect(await forecastOf(cohort)).toMatchObject({ from: '2028-02-26', isComplete: true, batches: 4 });
    expect(await trimLedger(ctx)).toBe(2);
    const cut = await forecastOf(cohort);
    expect(cut).toMatchObject({
      from: '2028-02-28',
      to: '2028-02-29',
      observedDays: 2,
      completeDays: 1,
      batches: 1,
      dataPoints: 1,
      isComplete: false,
    });
    expect(points(cut)).toEqual([4, 1, 1, 1]);
    expect(months(cut)).toEqual([0, 30, 30, 30]);
    expect(cut.reasoning).toMatch(/ Days up to 2028-02-27 are left out: the ledger no longer knows who moved\.$/);
    expect(await forecastOf(cohort, 2)).toMatchObject({ from: '2028-02-28', isComplete: true });
  });

  /** Appends a request of a sender that moved users 1 to `count`. */
  async function seedLarge(cohort: Cohort, time: string, count: number): Promise<void> {
    await ctx.db.execute(sql`insert into batches (workspace_id, cohort_id, dialect, sync_no, applied_at, duration_ms, received_count, matched_count,
        held_count, ignored_count, reasons, added_count, removed_count, added, removed, unchanged)
      select ${ctx.workspaceId}::int, ${cohort.id}::int, 'braze', 1, ${time}::timestamptz, 1, ${count}::int, ${count}::int, 0, 0, '{}', ${count}::int, 0,
        array(select generate_series(1, ${count}::int)), '{}', '{}'`);
  }

  test('reads 2,000,000 transitions and no more: the newest whole days, shared by the cohorts asked for', async () => {
    const name = (partnerCohortId: string) => nameCohort(ctx, { partner: 'amplitude', partnerCohortId, name: 'n' });
    const [large, small] = [await name('large'), await name('small')];
    await seedLarge(large, '2028-02-25T10:00:00.000Z', 10);
    await seedLarge(large, '2028-02-26T10:00:00.000Z', 900_001);
    await seedLarge(large, '2028-02-27T10:00:00.000Z', 600_000);
    await seedLarge(large, '2028-02-27T11:00:00.000Z', 500_000);
    await seedLarge(small, '2028-02-27T11:00:00.000Z', 3);
    now = new Date('2028-02-27T12:00:00.000Z');
    const alone = await forecastOf(large);
    expect(alone).toMatchObject({ from: '2028-02-27', observedDays: 1, batches: 2, isComplete: false });
    // Whoever entered twice was meanwhile out, as far as this ledger goes.
    expect(points(alone)).toEqual([0, 100_000, 1_100_000, 1_100_000]);
    expect(alone.reasoning).toMatch(
      / Days up to 2028-02-26 are left out: one question reads at most 2,000,000 transitions, shared by its cohorts\.$/,
    );
    const [shared, beside] = await forecastUsage(
      ctx,
      [large, small].map(({ id }) => ({ cohortId: id, days: 7 })),
    );
    expect(shared).toMatchObject({
      from: '2028-02-27',
      to: '2028-02-27',
      observedDays: 0,
      batches: 0,
      isComplete: false,
    });
    expect(shared?.reasoning).toMatch(/^No whole day can be told\. Days up to 2028-02-27 are left out/);
    expect(beside).toMatchObject({ isComplete: true, batches: 1 });
    now = new Date('2028-02-26T12:00:00.000Z');
    expect(await forecastOf(large)).toMatchObject({ from: '2028-02-25', observedDays: 2, isComplete: true });
  });

  test('looks back on 1 to 366 days', async () => {
    const cohort = await at('2028-02-28T10:00:00.000Z', ['u1']);
    for (const days of [0, -1, 1.5, Number.NaN])
      await expect(forecastOf(cohort, days)).rejects.toMatchObject({ code: 'INVALID_INPUT', path: ['days'] });
    await expect(forecastOf(cohort, 367)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', path: ['days'] });
    expect((await forecastOf(cohort, 366)).batches).toBe(1);
  });
});

/** Who is in at the end of a period and was not at its beginning, or the other way round, for periods of these days. */
function differences(
  history: readonly { readonly minute: number; readonly members: ReadonlySet<string> }[],
  length: number,
  fromDay: number,
  toDay: number,
): number {
  const before = (minute: number) => history.filter((one) => one.minute < minute).at(-1)?.members ?? new Set<string>();
  let sum = 0;
  for (const begin of new Set(history.map(({ minute }) => Math.floor(minute / length) * length))) {
    if (begin < fromDay * DAY_MINUTES || begin >= toDay * DAY_MINUTES) continue;
    const [at, then] = [before(begin), before(begin + length)];
    sum += [...new Set([...at, ...then])].filter((person) => at.has(person) !== then.has(person)).length;
  }
  return sum;
}
