import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { updateCohort } from '../../../src/domain/cohorts/cohorts.ts';
import type { CohortFreshness } from '../../../src/domain/cohorts/read-freshness.ts';
import type { Ctx } from '../../../src/domain/context.ts';
import { DomainError, StaleError } from '../../../src/domain/errors.ts';
import { createSegment } from '../../../src/domain/segments/changes.ts';
import type { Filter } from '../../../src/domain/segments/filter.ts';
import { checkMembership, freshnessOfFilters, requireFresh } from '../../../src/domain/segments/members.ts';
import { freshnessOfCohorts, refuseOlder } from '../../../src/domain/segments/segment-freshness.ts';
import { fakeClock, makeContext, otherWorkspace } from '../../support/context.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { recordStatements } from '../../support/statements.ts';
import { DAY, HOUR, MINUTE, namedCohort, SECOND, seedReport, seedSyncs } from '../../support/syncs.ts';

const NOON = new Date('2026-03-01T12:00:00.000Z');
const before = (ms: number) => new Date(NOON.getTime() - ms);

let made = 0;
function cohort(name: string, status: CohortFreshness['status'], ageMs: number | null): CohortFreshness {
  const at = ageMs === null ? null : before(ageMs);
  return {
    cohortId: ++made,
    name,
    status,
    cadence: 'HOURLY',
    cadenceSource: 'DECLARED',
    lastReceivedAt: at,
    lastSignOfLifeAt: at,
    ageMs,
    expectedBy: at && new Date(at.getTime() + 2 * HOUR),
    reasoning: `The reasoning of ${name}.`,
  };
}

describe('a segment', () => {
  const fresh = cohort('fresh', 'FRESH', MINUTE);
  const never = cohort('never', 'UNKNOWN', null);
  const late = cohort('late', 'LATE', 3 * HOUR);
  const stale = cohort('stale', 'STALE', 5 * HOUR);

  test.each([
    ['FRESH', [fresh]],
    ['UNKNOWN', [fresh, never]],
    ['LATE', [never, late, fresh]],
    ['STALE', [late, stale, never, fresh]],
  ] as const)('is %s as the worst of its cohorts, in whatever order they stand', (status, cohorts) => {
    expect(freshnessOfCohorts(cohorts)).toMatchObject({ status });
    expect(freshnessOfCohorts(cohorts.toReversed())).toMatchObject({ status });
  });

  test('is as old as the oldest sign of life, and late when the first of its cohorts is', () => {
    expect(freshnessOfCohorts([fresh, stale, late])).toEqual({
      status: 'STALE',
      cadence: 'HOURLY',
      cadenceSource: 'DECLARED',
      lastReceivedAt: stale.lastReceivedAt,
      lastSignOfLifeAt: stale.lastSignOfLifeAt,
      ageMs: 5 * HOUR,
      expectedBy: stale.expectedBy,
      reasoning: 'It is as fresh as the worst of its 3 cohorts, "stale": the reasoning of stale.',
      cohorts: [fresh, stale, late],
    });
    expect(freshnessOfCohorts([fresh, never])).toMatchObject({
      lastReceivedAt: null,
      lastSignOfLifeAt: null,
      ageMs: null,
      expectedBy: fresh.expectedBy,
    });
  });

  test('of one cohort says so', () => {
    expect(freshnessOfCohorts([late]).reasoning).toBe('It is as fresh as its cohort "late": the reasoning of late.');
  });

  test('of equally bad cohorts names the oldest', () => {
    const older = cohort('older', 'LATE', 3 * HOUR + 1);
    expect(freshnessOfCohorts([late, older]).reasoning).toContain('"older"');
  });

  test('without cohorts is fresh, and young enough for anybody', () => {
    const none = freshnessOfCohorts([]);
    expect(none).toMatchObject({ status: 'FRESH', cadence: null, expectedBy: null });
    refuseOlder([none], 1);
  });
});

describe('the age that a caller allows', () => {
  const refusal = (of: readonly CohortFreshness[], maxAge: number): DomainError | null => {
    try {
      refuseOlder([freshnessOfCohorts(of)], maxAge);
      return null;
    } catch (error) {
      if (error instanceof DomainError) return error;
      throw error;
    }
  };

  test.each([
    [60 * SECOND - 1, 60, false],
    [60 * SECOND, 60, false],
    [60 * SECOND + 1, 60, true],
    [0, 1, false],
    [SECOND + 1, 1, true],
    [DAY, 86_400, false],
    [DAY + 1, 86_400, true],
    [DAY, 2 ** 31 - 1, false],
  ])('a sign of life %i ms ago, when %i s are allowed: refused is %s', (age, maxAge, refused) => {
    expect(refusal([cohort('it', 'FRESH', age)], maxAge) instanceof StaleError).toBe(refused);
  });

  test('is passed by no cohort that never received anything', () => {
    const error = refusal([cohort('VIPs', 'UNKNOWN', null)], 2 ** 31 - 1);
    expect(error).toMatchObject({
      code: 'STALE',
      path: ['maxAge'],
      message: 'The cohort "VIPs" never received anything: start its sync at the sender, or ask without maxAge.',
    });
  });

  test('is refused by name, last sign of life and advice', () => {
    expect(refusal([cohort('VIPs', 'FRESH', 90 * MINUTE)], 3_600)?.message).toBe(
      'The cohort "VIPs" gave its last sign of life 1 hour ago, at 2026-03-01T10:30:00.000Z, but at most 3600 seconds are allowed: look after its sync at the sender, wait for the next one, or allow more.',
    );
    const once: CohortFreshness = { ...cohort('Launch list', 'FRESH', 3 * DAY), cadence: 'ONE_TIME' };
    expect(refusal([once], 3_600)?.message).toBe(
      'The cohort "Launch list" gave its last sign of life 3 days ago, at 2026-02-26T12:00:00.000Z, but at most 3600 seconds are allowed: it is sent once, so allow more or ask without maxAge.',
    );
    const several = [cohort('a', 'FRESH', HOUR), cohort('b', 'LATE', 2 * HOUR), cohort('c', 'FRESH', SECOND)];
    expect(refusal(several, 60)?.message).toMatch(
      /^2 cohorts are too old, of which "b" gave its last sign of life 2 hours ago/,
    );
    expect(refusal([...several, cohort('d', 'UNKNOWN', null)], 60)?.message).toMatch(
      /^3 cohorts are too old, of which "d" never received anything/,
    );
  });

  test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('%d is refused', (maxAge) => {
    expect(refusal([cohort('it', 'FRESH', 0)], maxAge)).toMatchObject({ code: 'INVALID_INPUT', path: ['maxAge'] });
  });
});

describe.each(DATABASES)('freshness of segments on %s', (kind) => {
  const statements = recordStatements();
  const clock = fakeClock();
  let database: TestDatabase;
  let ctx: Ctx;
  let hourly: number;
  let daily: number;
  beforeAll(async () => {
    database = await openTestDatabase(kind, { logger: statements.logger });
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    ctx = await makeContext(database, { now: clock.now });
    hourly = (await namedCohort(ctx, 'Hourly')).id;
    daily = (await namedCohort(ctx, 'Daily')).id;
    await updateCohort(ctx, { cohortId: hourly, cadence: 'HOURLY' });
    await updateCohort(ctx, { cohortId: daily, cadence: 'DAILY' });
    await seedSyncs(ctx, hourly, [ago(HOUR)]);
    await seedSyncs(ctx, daily, [ago(30 * HOUR)]);
  });

  const ago = (ms: number) => new Date(clock.now().getTime() - ms);
  const isIn = (...values: number[]): Filter => ({
    type: 'cohorts',
    partner: 'amplitude',
    operator: 'includes_any_of',
    values,
  });
  const either = (): Filter => ({ type: 'any', of: [isIn(hourly), { type: 'not', of: isIn(daily) }] });
  const statusOf = async (filter: Filter) => (await freshnessOfFilters(ctx, [filter]))[0]?.status;

  test('comes from every cohort that its filter mentions, also where it excludes', async () => {
    expect(await freshnessOfFilters(ctx, [isIn(hourly), either()])).toMatchObject([
      { status: 'FRESH', lastSignOfLifeAt: ago(HOUR), cohorts: [{ name: 'Hourly' }] },
      { status: 'FRESH', lastSignOfLifeAt: ago(30 * HOUR), cohorts: [{ name: 'Hourly' }, { name: 'Daily' }] },
    ]);
    await seedReport(ctx, daily, { reportedFailureAt: ago(MINUTE) });
    expect(await statusOf(isIn(hourly))).toBe('FRESH');
    expect(await statusOf(either())).toBe('LATE');
    await updateCohort(ctx, { cohortId: hourly, cadence: 'REAL_TIME' });
    expect(await statusOf(either())).toBe('STALE');
  });

  test('costs one statement for many filters', async () => {
    const filters = Array.from({ length: 40 }, (_, i) => (i % 2 ? isIn(hourly, daily) : either()));
    statements.take();
    expect(await freshnessOfFilters(ctx, filters)).toHaveLength(40);
    expect(statements.take()).toHaveLength(1);
  });

  test('is demanded by callers: the oldest sign of life of all filters decides', async () => {
    await requireFresh(ctx, [isIn(hourly)], 3_600);
    await requireFresh(ctx, [isIn(hourly), either()], 30 * 3_600);
    await requireFresh(ctx, [], 1);
    const refused = { code: 'STALE', path: ['maxAge'], message: expect.stringContaining('"Daily"') };
    await expect(requireFresh(ctx, [isIn(hourly), either()], 30 * 3_600 - 1)).rejects.toMatchObject(refused);
    await seedReport(ctx, daily, { reportedSuccessAt: ago(MINUTE) });
    await requireFresh(ctx, [isIn(hourly), either()], 3_600);
    await expect(requireFresh(ctx, [isIn(hourly)], 0)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  });

  test('of a cohort that another workspace has says nothing of it', async () => {
    const other = await otherWorkspace(ctx);
    for (let i = 0; i < 3; i++) await namedCohort(other, `theirs ${i}`);
    const theirs = await namedCohort(other, 'Theirs');
    await seedSyncs(other, theirs.id, [ago(0)]);
    await requireFresh(other, [isIn(theirs.id)], 1);
    const [found] = await freshnessOfFilters(ctx, [isIn(theirs.id)]);
    expect(found).toMatchObject({ status: 'UNKNOWN', lastSignOfLifeAt: null });
    expect(JSON.stringify(found)).not.toContain('Theirs');
    await expect(requireFresh(ctx, [isIn(theirs.id)], 60)).rejects.toMatchObject({ code: 'STALE' });
  });

  test('can be demanded of a membership question, which costs one statement more', async () => {
    const save = async (name: string, cohortId: number) => {
      const filter = { ...isIn(), values: [{ ref: { id: cohortId }, path: [] }] };
      return (await createSegment(ctx, { name, filter } as Parameters<typeof createSegment>[1])).id;
    };
    const segments = [await save('hourly', hourly), await save('daily', daily)];
    const ask = async (maxAge?: number) => {
      statements.take();
      await checkMembership(ctx, { users: [{ externalId: 'nobody' }], segments, maxAge });
      return statements.take().length;
    };
    expect(await ask(30 * 3_600)).toBe((await ask()) + 1);
    await expect(ask(3_600)).rejects.toMatchObject({ code: 'STALE', message: expect.stringContaining('"Daily"') });
    const unknown = { users: [], segments: ['00000000-0000-0000-0000-000000000000'], maxAge: 1 };
    await expect(checkMembership(ctx, unknown)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
