import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openTestApp, type TestApp, type TestWorkspace } from '../support/app.ts';
import { type FakeClock, fakeClock } from '../support/context.ts';
import { DATABASES } from '../support/database.ts';
import {
  CreateSegmentDocument,
  FreshnessOfDocument,
  MembershipDocument,
  PreviewDocument,
  SegmentByDocument,
  type SegmentFilterInput,
  UpdateCohortDocument,
  type UpdateCohortInput,
} from '../support/gql/graphql.ts';
import { codeOf, dataOf, successOf } from '../support/graphql.ts';
import { adds, seedIdentified, send } from '../support/seed.ts';
import { DAY, HOUR, MINUTE, namedCohort, seedReport, seedSyncs } from '../support/syncs.ts';

describe.each(DATABASES)('freshness on %s', (kind) => {
  const clock: FakeClock = fakeClock();
  let app: TestApp;
  let ws: TestWorkspace;
  let live: number;
  let segment: string;
  beforeAll(async () => {
    app = await openTestApp(kind, { now: clock.now });
  });
  afterAll(() => app.close());
  beforeEach(async () => {
    ws = await app.workspace();
    await seedIdentified(ws.ctx, 'ada');
    live = (await namedCohort(ws.ctx, 'Live')).id;
    await seedSyncs(ws.ctx, live, [ago(HOUR)]);
    const created = await ws.ask(CreateSegmentDocument, { input: { name: 'S', filter: either } });
    segment = successOf(dataOf(created).createSegment).segment.id;
  });

  const ago = (ms: number) => new Date(clock.now().getTime() - ms);
  const isIn = (name: string): SegmentFilterInput => ({ amplitudeCohorts: { includesValue: { name } } });
  const either: SegmentFilterInput = { any: [isIn('Live'), { not: isIn('Live') }] };
  const update = async (input: UpdateCohortInput) => dataOf(await ws.ask(UpdateCohortDocument, { input })).updateCohort;
  const read = async () => {
    const answer = await ws.ask(FreshnessOfDocument, { cohort: { name: 'Live' }, segment: { name: 'S' } });
    const { cohort, segment: found } = dataOf(answer);
    return { cohort, segment: found?.freshness };
  };

  test('a cohort says whether it is fresh and why, and so does a segment over it', async () => {
    expect(await read()).toEqual({
      cohort: {
        cadence: null,
        lastReceivedAt: ago(HOUR).toISOString(),
        freshness: {
          status: 'UNKNOWN',
          cadence: null,
          cadenceSource: null,
          lastReceivedAt: ago(HOUR).toISOString(),
          lastSignOfLifeAt: ago(HOUR).toISOString(),
          expectedBy: null,
          reasoning:
            'The last batch came 1 hour ago; how often syncs are expected is not declared and not to be seen from its only sync, so whether it is fresh is unknown.',
        },
      },
      segment: expect.objectContaining({ status: 'UNKNOWN' }),
    });
    successOf(await update({ cohort: { name: 'Live' }, cadence: 'HOURLY' }));
    clock.advance(2 * HOUR);
    await seedReport(ws.ctx, live, { reportedSuccessAt: ago(MINUTE) });
    const freshness = {
      status: 'FRESH',
      cadence: 'HOURLY',
      cadenceSource: 'DECLARED',
      lastReceivedAt: ago(3 * HOUR).toISOString(),
      lastSignOfLifeAt: ago(MINUTE).toISOString(),
      expectedBy: ago(MINUTE - 2 * HOUR).toISOString(),
    };
    const reasoning =
      'he last batch came 3 hours ago, and the sender reports a successful sync 1 minute ago; syncs are expected each hour (declared), so it is fresh for 2 hours.';
    expect(await read()).toEqual({
      cohort: {
        cadence: 'HOURLY',
        lastReceivedAt: ago(3 * HOUR).toISOString(),
        freshness: { ...freshness, reasoning: `T${reasoning}` },
      },
      segment: { ...freshness, reasoning: `It is as fresh as its cohort "Live": t${reasoning}` },
    });
  });

  test('a cadence is declared by any reference to the cohort, shown at once, and taken back with null', async () => {
    const { cohort } = successOf(await update({ cohort: { name: 'Live' }, cadence: 'DAILY' }));
    expect(cohort).toMatchObject({ name: 'Live', cadence: 'DAILY', freshness: { status: 'FRESH', cadence: 'DAILY' } });
    for (const [ref, cadence, status] of [
      [{ id: cohort.id }, 'REAL_TIME', 'STALE'],
      [{ partnerCohort: { partner: 'amplitude', cohortId: 'id of Live' } }, 'ONE_TIME', 'FRESH'],
      [{ name: 'Live' }, null, 'UNKNOWN'],
    ] as const)
      expect(successOf(await update({ cohort: ref, cadence })).cohort).toMatchObject({
        cadence,
        freshness: { status },
      });
    successOf(await update({ cohort: { name: 'Live' }, cadence: 'HOURLY' }));
    expect(successOf(await update({ cohort: { name: 'Live' }, pullEveryHours: 24 })).cohort.cadence).toBe('HOURLY');
    expect(successOf(await update({ cohort: { name: 'Live' }, pullEveryHours: null })).cohort.cadence).toBe('HOURLY');
  });

  test('what cannot be declared is refused with its path', async () => {
    for (const pullEveryHours of [0, 721])
      expect(await update({ cohort: { name: 'Live' }, pullEveryHours })).toMatchObject({
        __typename: 'InvalidInputError',
        code: 'INVALID_INPUT',
        path: ['pullEveryHours'],
      });
    expect(await update({ cohort: { name: 'None' }, cadence: 'DAILY' })).toMatchObject({
      __typename: 'NotFoundError',
      code: 'NOT_FOUND',
      path: ['cohort'],
    });
    await ws.domain.cohorts.nameCohort({ partner: 'mixpanel', partnerCohortId: '1', name: 'Live' });
    expect(await update({ cohort: { name: 'Live' }, cadence: 'DAILY' })).toMatchObject({
      code: 'AMBIGUOUS',
      path: ['cohort', 'name'],
    });
  });

  /** Asks every question that takes `maxAge`; the code of each, null where it was answered. */
  async function codesOf(maxAge: number | null, filter: SegmentFilterInput = either): Promise<unknown[]> {
    const by = await ws.ask(SegmentByDocument, { by: { id: segment }, maxAge });
    if (codeOf(by)) expect(by).toMatchObject({ data: { segment: null }, errors: [{ path: ['segment'] }] });
    const { previewSegment } = dataOf(await ws.ask(PreviewDocument, { filter, maxAge }));
    const variables = { users: [{ externalId: 'ada' }], segments: [segment], maxAge };
    const { membership } = dataOf(await ws.ask(MembershipDocument, variables));
    return [codeOf(by), ...[previewSegment, membership].map((result) => ('code' in result ? result.code : null))];
  }

  test('an answer older than allowed is the error STALE, to every question about members', async () => {
    expect(await codesOf(null)).toEqual([null, null, null]);
    expect(await codesOf(3_600)).toEqual([null, null, null]);
    expect(await codesOf(3_599)).toEqual(['STALE', 'STALE', 'STALE']);
    clock.advance(1);
    expect(await codesOf(3_600)).toEqual(['STALE', 'STALE', 'STALE']);
    await seedReport(ws.ctx, live, { reportedSuccessAt: ago(0) });
    expect(await codesOf(1)).toEqual([null, null, null]);
  });

  test('a new batch makes an answer young again', async () => {
    clock.advance(DAY);
    expect(await codesOf(60)).toEqual(['STALE', 'STALE', 'STALE']);
    await send(ws.ctx, 'id of Live', adds({ externalIds: ['ada'] }));
    expect(await codesOf(60)).toEqual([null, null, null]);
  });

  test('a cohort that never received anything is older than any age', async () => {
    await namedCohort(ws.ctx, 'Silent');
    const filter = { all: [isIn('Live'), { not: isIn('Silent') }] };
    successOf(dataOf(await ws.ask(CreateSegmentDocument, { input: { name: 'T', filter } })).createSegment);
    const answer = await ws.ask(SegmentByDocument, { by: { name: 'T' }, maxAge: 2 ** 31 - 1 });
    expect(answer.errors?.[0]).toMatchObject({
      message: 'The cohort "Silent" never received anything: start its sync at the sender, or ask without maxAge.',
      extensions: { code: 'STALE', inputPath: ['maxAge'] },
    });
    expect((await codesOf(2 ** 31 - 1, filter))[1]).toBe('STALE');
  });

  test('the refusal is typed where there is a result union, and says which cohort and what to do', async () => {
    const answer = await ws.ask(PreviewDocument, { filter: either, maxAge: 60 });
    expect(dataOf(answer).previewSegment).toEqual({
      __typename: 'StaleError',
      code: 'STALE',
      path: ['maxAge'],
      message: `The cohort "Live" gave its last sign of life 1 hour ago, at ${ago(HOUR).toISOString()}, but at most 60 seconds are allowed: look after its sync at the sender, wait for the next one, or allow more.`,
    });
  });

  test.each([0, -1])('an age of %i seconds is refused', async (maxAge) => {
    expect(await codesOf(maxAge)).toEqual(['INVALID_INPUT', 'INVALID_INPUT', 'INVALID_INPUT']);
  });

  test('a segment there is not is null, whatever age is allowed', async () => {
    expect(dataOf(await ws.ask(SegmentByDocument, { by: { name: 'None' }, maxAge: 1 }))).toEqual({ segment: null });
  });

  test('a stale segment spoils nothing beside it', async () => {
    const answer = await ws.ask(
      '{ a: segment(by: { name: "S" }, maxAge: 60) { name } b: segment(by: { name: "S" }, maxAge: 3600) { name } }',
    );
    expect(answer).toMatchObject({ data: { a: null, b: { name: 'S' } }, errors: [{ path: ['a'] }] });
  });

  test('of cohorts with the same numbers and names in another workspace, none is seen or changed', async () => {
    const other = await app.workspace();
    const theirs = await namedCohort(other.ctx, 'Live');
    expect(theirs.id).toBe(live);
    await seedSyncs(other.ctx, theirs.id, [ago(0)]);
    expect(await codesOf(60)).toEqual(['STALE', 'STALE', 'STALE']);
    successOf(await update({ cohort: { name: 'Live' }, cadence: 'REAL_TIME' }));
    const answer = await other.ask('{ cohort(by: { name: "Live" }) { cadence freshness { status } } }');
    expect(answer).toEqual({ data: { cohort: { cadence: null, freshness: { status: 'UNKNOWN' } } } });
  });
});
