import { and, eq, gt } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { cohorts as cohortTable } from '../../../src/db/tables/cohorts.ts';
import { updateCohort } from '../../../src/domain/cohorts/cohorts.ts';
import type { Ctx } from '../../../src/domain/context.ts';
import type { ClaimedPull, Pull } from '../../../src/domain/pulls/pull.ts';
import {
  admitPull,
  claimDuePull,
  claimSyncReport,
  countPullsThisMonth,
  getPull,
  keepPull,
  listPulls,
  newestPullsOfCohorts,
  notePullAsked,
  notePullEnded,
  noteReportedSyncs,
  postponePull,
  pullsByIds,
  requestPull,
  scheduleDuePulls,
  withdrawPull,
} from '../../../src/domain/pulls/pulls.ts';
import { type FakeClock, fakeClock, makeContext, otherWorkspace } from '../../support/context.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { seedCohort, seedIdentified } from '../../support/seed.ts';

const LEASE = { partner: 'amplitude', leaseMs: 60_000 };
const LIMITS = { partner: 'amplitude', leaseMs: 60_000, perMonth: 500, perTenMinutes: 60, atOnce: 4 };
const DAY_MS = 86_400_000;

describe.each(DATABASES)('pulls on %s', (kind) => {
  let database: TestDatabase;
  let clock: FakeClock;
  let ctx: Ctx;
  beforeAll(async () => {
    database = await openTestDatabase(kind);
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    clock = fakeClock();
    ctx = { ...(await makeContext(database, { now: clock.now })), whyNoPulls: () => null };
  });

  const ask = (partnerCohortId: string) => requestPull(ctx, { partner: 'amplitude', partnerCohortId });
  async function claim(): Promise<ClaimedPull> {
    const pull = await claimDuePull(ctx, LEASE);
    if (!pull) throw new Error('Nothing is due.');
    return pull;
  }
  async function started(partnerCohortId: string): Promise<ClaimedPull> {
    await ask(partnerCohortId);
    const pull = await claim();
    expect(await admitPull(ctx, { ...pull.lease, ...LIMITS })).toMatchObject({ kind: 'admitted' });
    return pull;
  }
  const failed = { state: 'FAILED', error: 'Amplitude failed.' } as const;

  test('a cohort is pulled once at a time: asking again answers the pull under way', async () => {
    const pull = await ask('c1');
    expect(pull).toMatchObject({ state: 'WAITING', askedBy: 'library', startedAt: null, error: null, batchId: null });
    expect(await ask('c1')).toEqual(pull);
    const claimed = await claim();
    await admitPull(ctx, { ...claimed.lease, ...LIMITS });
    expect(await ask('c1')).toMatchObject({ id: pull.id, state: 'RUNNING' });
    expect((await ask('c2')).id).not.toBe(pull.id);
    await notePullEnded(ctx, { ...claimed.lease, end: failed });
    expect((await ask('c1')).id).not.toBe(pull.id);
  });

  test('many who ask in the same moment get the same pull', async () => {
    for (let round = 0; round < 10; round++) {
      const pulls = await Promise.all(Array.from({ length: 8 }, () => ask(`c${round}`)));
      expect(new Set(pulls.map(({ id }) => id)).size).toBe(1);
    }
    expect((await listPulls(ctx)).items).toHaveLength(10);
  });

  test('nothing is asked for where nobody can do it, and the error says what to set', async () => {
    const told = { ...ctx, whyNoPulls: () => 'Set the keys.' };
    const input = { partner: 'amplitude', partnerCohortId: 'c1' };
    await expect(requestPull(told, input)).rejects.toMatchObject({ code: 'NOT_ACTIVE', message: 'Set the keys.' });
    await expect(requestPull({ ...ctx, whyNoPulls: undefined }, input)).rejects.toMatchObject({ code: 'NOT_ACTIVE' });
    for (const [wrong, path] of [
      [{ ...input, partner: 'Amplitude!' }, ['partner']],
      [{ ...input, partnerCohortId: ' ' }, ['partnerCohortId']],
      [{ ...input, partnerCohortId: 'x'.repeat(513) }, ['partnerCohortId']],
      [{ ...input, askedBy: 'nul\u0000' }, ['askedBy']],
    ] as const)
      await expect(requestPull(ctx, wrong)).rejects.toMatchObject({ code: 'INVALID_INPUT', path });
    expect((await listPulls(ctx)).items).toEqual([]);
  });

  test('a pull is given to one of many who ask for work', async () => {
    const first = await ask('c1');
    clock.advance(1);
    const second = await ask('c2');
    const given = await Promise.all(Array.from({ length: 6 }, () => claimDuePull(ctx, LEASE)));
    expect(given.flatMap((pull) => pull?.id ?? []).sort()).toEqual([first.id, second.id].sort());
    expect(await claimDuePull(ctx, LEASE)).toBeNull();
    clock.advance(60_000);
    expect(await claimDuePull(ctx, { ...LEASE, partner: 'mixpanel' })).toBeNull();
    expect([(await claim()).id, (await claim()).id].sort()).toEqual([first.id, second.id].sort());
  });

  test('what has been due for the longest comes first', async () => {
    const first = await ask('c1');
    clock.advance(1);
    await ask('c2');
    expect((await claim()).id).toBe(first.id);
  });

  test('whoever dies with a pull loses it when the lease ends, and can write nothing afterwards', async () => {
    const dead = await started('c1');
    await notePullAsked(ctx, { ...dead.lease, remoteId: 'job-1', until: new Date(clock.now().getTime() + 60_000) });
    clock.advance(59_999);
    expect(await claimDuePull(ctx, LEASE)).toBeNull();
    clock.advance(1);
    const alive = await claim();
    expect(alive).toMatchObject({ id: dead.id, remoteId: 'job-1', startedAt: fakeClock().now() });
    expect(await keepPull(ctx, { ...dead.lease, leaseMs: 1, refusedRows: 9 })).toBe(false);
    expect(await postponePull(ctx, { ...dead.lease, until: clock.now() })).toBe(false);
    expect(await notePullAsked(ctx, { ...dead.lease, remoteId: 'job-2', until: clock.now() })).toBe(false);
    expect(await withdrawPull(ctx, { ...dead.lease, until: clock.now() })).toBe(false);
    expect(await notePullEnded(ctx, { ...dead.lease, end: failed })).toBe(false);
    expect(await admitPull(ctx, { ...dead.lease, ...LIMITS })).toEqual({ kind: 'lost' });
    expect(await keepPull(ctx, { ...alive.lease, leaseMs: 60_000, refusedRows: 3 })).toBe(true);
    clock.advance(59_999);
    expect(await claimDuePull(ctx, LEASE)).toBeNull();
    expect(await notePullEnded(ctx, { ...alive.lease, end: { state: 'DONE', batchId: 7 } })).toBe(true);
    expect(await getPull(ctx, dead.id)).toMatchObject({ state: 'DONE', batchId: 7, refusedRows: 3, error: null });
    clock.advance(DAY_MS);
    expect(await claimDuePull(ctx, LEASE)).toBeNull();
  });

  test('what keeps a pull waiting is shown until it goes on', async () => {
    const pull = await started('c1');
    const until = new Date(clock.now().getTime() + 30_000);
    await postponePull(ctx, { ...pull.lease, until, error: 'Amplitude failed (500).' });
    expect(await getPull(ctx, pull.id)).toMatchObject({ state: 'RUNNING', error: 'Amplitude failed (500).' });
    expect(await claimDuePull(ctx, LEASE)).toBeNull();
    clock.advance(30_000);
    const again = await claim();
    await notePullEnded(ctx, { ...again.lease, end: { state: 'HELD' } });
    expect(await getPull(ctx, pull.id)).toMatchObject({ state: 'HELD', error: null, finishedAt: clock.now() });
  });

  test('the month’s requests are counted by the UTC month, and none is made beyond the cap', async () => {
    clock = fakeClock('2026-01-31T23:59:00.000Z');
    ctx = { ...ctx, now: clock.now };
    const few = { ...LIMITS, perMonth: 2 };
    for (const id of ['c1', 'c2']) {
      const pull = await started(id);
      await notePullEnded(ctx, { ...pull.lease, end: failed });
    }
    await ask('c3');
    const third = await claim();
    expect(await admitPull(ctx, { ...third.lease, ...few })).toEqual({ kind: 'capped', asked: 2 });
    expect(await countPullsThisMonth(ctx, 'amplitude')).toBe(2);
    expect(await countPullsThisMonth(ctx, 'mixpanel')).toBe(0);
    expect(await countPullsThisMonth(await otherWorkspace(ctx), 'amplitude')).toBe(0);
    clock.advance(60_000);
    expect(await countPullsThisMonth(ctx, 'amplitude')).toBe(0);
    expect(await admitPull(ctx, { ...third.lease, ...few })).toMatchObject({ kind: 'admitted' });
    expect(await countPullsThisMonth(ctx, 'amplitude')).toBe(1);
  });

  test('of several who would take the last request of a month one gets it', async () => {
    const pulls: ClaimedPull[] = [];
    for (const id of ['c1', 'c2', 'c3']) {
      await ask(id);
      pulls.push(await claim());
    }
    const last = { ...LIMITS, perMonth: 1 };
    const kinds = await Promise.all(pulls.map(async ({ lease }) => (await admitPull(ctx, { ...lease, ...last })).kind));
    expect(kinds.sort()).toEqual(['admitted', 'capped', 'capped']);
  });

  test('only so many jobs are under way at once, and so many begin in ten minutes', async () => {
    const running = await started('c1');
    await ask('c2');
    const second = await claim();
    const later = { kind: 'later', until: new Date(clock.now().getTime() + 15_000) };
    expect(await admitPull(ctx, { ...second.lease, ...LIMITS, atOnce: 1 })).toEqual(later);
    await notePullEnded(ctx, { ...running.lease, end: failed });
    clock.advance(5_000);
    const inTen = { kind: 'later', until: new Date(clock.now().getTime() - 5_000 + 600_000) };
    expect(await admitPull(ctx, { ...second.lease, ...LIMITS, perTenMinutes: 1 })).toEqual(inTen);
    expect(await admitPull(ctx, { ...second.lease, ...LIMITS, atOnce: 1 })).toMatchObject({ kind: 'admitted' });
  });

  test('a request that the sender did not take does not count', async () => {
    const pull = await started('c1');
    const until = new Date(clock.now().getTime() + 5_000);
    expect(await withdrawPull(ctx, { ...pull.lease, until })).toBe(true);
    expect(await getPull(ctx, pull.id)).toMatchObject({ state: 'WAITING', startedAt: null });
    expect(await countPullsThisMonth(ctx, 'amplitude')).toBe(0);
    clock.advance(5_000);
    expect((await claim()).id).toBe(pull.id);
  });

  test('pulls are listed newest first, page by page both ways, and by cohort', async () => {
    const asked: Pull[] = [];
    for (let i = 0; i < 5; i++) {
      asked.push(await ask(`c${i % 2}-${i}`));
      // Two in the same millisecond: their ids decide.
      if (i !== 2) clock.advance(1);
    }
    const newest = asked.map(({ id }) => id).reverse();
    const ids = (page: Awaited<ReturnType<typeof listPulls>>) => page.items.map(({ item }) => item.id);
    const walked: string[] = [];
    let after: string | undefined;
    for (;;) {
      const page = await listPulls(ctx, { first: 2, after });
      walked.push(...ids(page));
      after = page.items.at(-1)?.cursor;
      if (!page.hasNextPage) break;
    }
    expect(walked).toEqual(newest);
    const last = await listPulls(ctx, { last: 2 });
    expect(ids(last)).toEqual(newest.slice(-2));
    expect(ids(await listPulls(ctx, { last: 2, before: last.items[0]?.cursor }))).toEqual(newest.slice(1, 3));
    expect(ids(await listPulls(ctx, { partner: 'amplitude', partnerCohortId: 'c0-2' }))).toEqual([asked[2]?.id]);
    expect(ids(await listPulls(ctx, { partner: 'mixpanel' }))).toEqual([]);
    await expect(listPulls(ctx, { partner: 'amplitude', after })).rejects.toMatchObject({ code: 'INVALID_CURSOR' });
  });

  test('the newest pulls of many cohorts come in the order asked, and none of another workspace', async () => {
    for (let i = 0; i < 3; i++) {
      const pull = await started('c1');
      await notePullEnded(ctx, { ...pull.lease, end: failed });
      clock.advance(1);
    }
    const only = await ask('c2');
    const cohorts = ['c2', 'none', 'c1'].map((partnerCohortId) => ({ partner: 'amplitude', partnerCohortId }));
    const [c2, none, c1] = await newestPullsOfCohorts(ctx, cohorts, 2);
    expect([c2, none]).toEqual([[only], []]);
    expect(c1?.map(({ askedAt }) => askedAt.getTime() - fakeClock().now().getTime())).toEqual([2, 1]);
    expect(await newestPullsOfCohorts(await otherWorkspace(ctx), cohorts, 2)).toEqual([[], [], []]);
    expect(await pullsByIds(await otherWorkspace(ctx), [only.id, 'no id'])).toEqual(new Map());
    await expect(getPull(ctx, 'no id')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  describe('by the hours of a cohort', () => {
    async function cohortEvery(partnerCohortId: string, pullEveryHours: number | null): Promise<number> {
      await seedIdentified(ctx, 'ada');
      const { id } = await seedCohort(ctx, partnerCohortId, { externalIds: ['ada'] });
      await updateCohort(ctx, { cohortId: id, pullEveryHours });
      return id;
    }

    test('a pull is asked for when they are over, once however many servers look', async () => {
      await cohortEvery('c1', 6);
      await cohortEvery('c2', null);
      const made = await Promise.all(Array.from({ length: 5 }, () => scheduleDuePulls(ctx, 'amplitude')));
      expect(made.reduce((sum, n) => sum + n)).toBe(1);
      const [{ item } = { item: null }] = (await listPulls(ctx)).items;
      expect(item).toMatchObject({ partnerCohortId: 'c1', askedBy: 'schedule', state: 'WAITING' });
      const { lease } = await claim();
      await notePullEnded(ctx, { ...lease, end: failed });
      clock.advance(6 * 3_600_000 - 1);
      expect(await scheduleDuePulls(ctx, 'amplitude')).toBe(0);
      clock.advance(1);
      expect(await scheduleDuePulls(ctx, 'mixpanel')).toBe(0);
      expect(await scheduleDuePulls(ctx, 'amplitude')).toBe(1);
    });

    test('hours in which no server ran are not caught up with, and a pull under way is enough', async () => {
      await cohortEvery('c1', 1);
      expect(await scheduleDuePulls(ctx, 'amplitude')).toBe(1);
      clock.advance(10 * 3_600_000);
      expect(await scheduleDuePulls(ctx, 'amplitude')).toBe(0);
      const { lease } = await claim();
      await notePullEnded(ctx, { ...lease, end: failed });
      expect(await scheduleDuePulls(ctx, 'amplitude')).toBe(0);
      clock.advance(3_600_000);
      expect(await scheduleDuePulls(ctx, 'amplitude')).toBe(1);
    });

    test('whoever asks in the same moment gets the pull of the schedule, or the schedule theirs', async () => {
      for (let round = 0; round < 10; round++) {
        await cohortEvery(`c${round}`, 1);
        await Promise.all([ask(`c${round}`), scheduleDuePulls(ctx, 'amplitude'), ask(`c${round}`)]);
      }
      expect((await listPulls(ctx)).items).toHaveLength(10);
    });

    test('nothing more is asked for when they are taken away', async () => {
      const cohortId = await cohortEvery('c1', 1);
      await updateCohort(ctx, { cohortId, pullEveryHours: null });
      clock.advance(DAY_MS);
      expect(await scheduleDuePulls(ctx, 'amplitude')).toBe(0);
    });
  });

  test('what the sender says of its syncs is kept for known cohorts, and forgotten when it says it no more', async () => {
    await seedIdentified(ctx, 'ada');
    for (const id of ['c1', 'c2']) await seedCohort(ctx, id, { externalIds: ['ada'] });
    const sync = {
      partnerCohortId: 'c1',
      cadence: 'HOURLY',
      successAt: new Date('2026-03-01T11:59:00.123Z'),
      failureAt: null,
    } as const;
    const none = { cadence: null, successAt: null, failureAt: null };
    const syncs = [sync, { ...sync, partnerCohortId: 'unknown, "here"' }, { partnerCohortId: 'c2', ...none }];
    expect(await noteReportedSyncs(ctx, { partner: 'amplitude', syncs })).toBe(1);
    expect(await noteReportedSyncs(ctx, { partner: 'amplitude', syncs })).toBe(0);
    expect(await reported()).toEqual({ c1: ['HOURLY', sync.successAt, null], c2: [null, null, null] });
    expect(await noteReportedSyncs(ctx, { partner: 'mixpanel', syncs: [] })).toBe(0);
    expect(await noteReportedSyncs(ctx, { partner: 'amplitude', syncs: [] })).toBe(1);
    expect(await reported()).toEqual({ c1: [null, null, null], c2: [null, null, null] });
  });

  async function reported(): Promise<Record<string, unknown[]>> {
    const rows = await ctx.db
      .select()
      .from(cohortTable)
      .where(and(eq(cohortTable.workspaceId, ctx.workspaceId), gt(cohortTable.id, 0)));
    return Object.fromEntries(
      rows.map((row) => [row.partnerCohortId, [row.reportedCadence, row.reportedSuccessAt, row.reportedFailureAt]]),
    );
  }

  test('one server at a time asks what the sender says', async () => {
    const report = { partner: 'amplitude', everyMs: 60_000 };
    const claims = await Promise.all(Array.from({ length: 5 }, () => claimSyncReport(ctx, report)));
    expect(claims.filter(Boolean)).toHaveLength(1);
    clock.advance(59_999);
    expect(await claimSyncReport(ctx, report)).toBe(false);
    clock.advance(1);
    expect(await claimSyncReport(ctx, report)).toBe(true);
  });
});
