import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Ctx } from '../../../src/domain/context.ts';
import { pageBatches } from '../../../src/domain/history/batches.ts';
import { countMembersAsOf, pageMembersAsOf } from '../../../src/domain/history/members.ts';
import { listSizes, sizesAroundBatches } from '../../../src/domain/history/sizes.ts';
import { pageSyncs } from '../../../src/domain/history/syncs.ts';
import type { Page } from '../../../src/domain/page.ts';
import { type FakeClock, fakeClock, makeContext } from '../../support/context.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { DAY, SECOND } from '../../support/syncs.ts';
import { type Moment, Story, sorted, steps } from './story.ts';

/** Of a sender whose cadence nobody declared. */
const PAUSE = 30 * SECOND;
const RUNS = Number(process.env.MUSTER_MODEL_RUNS ?? 25);

describe.each(DATABASES)('the history of random stories on %s', (kind) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await openTestDatabase(kind);
  });
  afterAll(() => database.close());

  test('agrees with what was seen after every step, and undoing agrees with sets in memory', {
    timeout: 60_000 + RUNS * 2_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (list) => {
        const clock = fakeClock('2026-03-01T22:00:00.000Z');
        const ctx = await makeContext(database, { now: clock.now });
        const story = new Story(ctx, clock);
        await story.begin();
        for (const step of list) await story.tell(step);
        expect(story.faults).toEqual([]);
        await checkMembers(ctx, story);
        await checkSizes(ctx, clock, story);
        await checkSyncs(ctx, story);
      }),
      { numRuns: RUNS },
    );
  });
});

/** At every moment there was, and one millisecond before and after it. */
async function checkMembers(ctx: Ctx, story: Story): Promise<void> {
  const times = new Set(story.moments.flatMap(({ at }) => [at.getTime() - 1, at.getTime(), at.getTime() + 1]));
  for (const time of [...times].filter((t) => t <= ctx.now().getTime())) {
    const asOf = new Date(time);
    const expected = story.cohortIds.map((id) => {
      const then = story.moments.findLast((m) => m.cohortId === id && m.at <= asOf);
      return sorted([...(then?.members ?? [])].filter((user) => story.live.has(user)));
    });
    for (const order of ['first', 'last'] as const) {
      const pages = await pageMembersAsOf(ctx, story.cohortIds, asOf, { [order]: 1_000 });
      expect(pages.map((page) => page.items.map(({ item }) => item).join())).toEqual(expected);
    }
    const counts = await countMembersAsOf(ctx, story.cohortIds, asOf);
    expect(counts).toEqual(expected.map((users) => (users === '' ? 0 : users.split(',').length)));
    // One by one, forward and backward.
    const [id = 0] = story.cohortIds;
    const walk = await walkBoth((args) => pageMembersAsOf(ctx, [id], asOf, args));
    expect(walk.map((users) => users.join())).toEqual([expected[0], expected[0]?.split(',').toReversed().join()]);
  }
}

async function checkSizes(ctx: Ctx, clock: FakeClock, story: Story): Promise<void> {
  const first = story.moments[0]?.at ?? clock.now();
  const from = new Date(first.getTime() - 2 * DAY);
  for (const [n, id] of story.cohortIds.entries()) {
    const mine = story.moments.filter((m) => m.cohortId === id);
    const around = await sizesAroundBatches(
      ctx,
      mine.map((m) => ({ cohortId: id, batchId: m.batchId })),
    );
    expect(mine.map((m) => around.get(m.batchId))).toEqual(
      mine.map((m, i) => ({ before: mine[i - 1]?.members.size ?? 0, after: m.members.size })),
    );

    const byBatch = await listSizes(ctx, story.cohortIds, { from, by: 'BATCH' });
    expect(byBatch[n]?.map(({ at, size }) => ({ at, size }))).toEqual(
      mine.map((m) => ({ at: m.at, size: m.members.size })),
    );

    const byDay = (await listSizes(ctx, story.cohortIds, { from, by: 'DAY' }))[n] ?? [];
    expect(byDay.map(({ at }) => at.getTime() % DAY)).toEqual(byDay.map(() => 0));
    const sizeAt = (time: number) => mine.findLast((m) => m.at.getTime() < time)?.members.size ?? 0;
    expect(byDay.map(({ size }) => size)).toEqual(byDay.map(({ at }) => sizeAt(at.getTime() + DAY)));
    expect(byDay.at(-1)?.at.toISOString().slice(0, 10)).toBe(clock.now().toISOString().slice(0, 10));

    const bySync = (await listSizes(ctx, [id], { from, by: 'SYNC' }))[0] ?? [];
    expect(bySync.map(({ at, size, syncNumber }) => ({ at, size, syncNumber }))).toEqual(pointsBySync(story, mine));
    for (const points of [byBatch[n] ?? [], byDay, bySync]) {
      let size = 0;
      for (const point of points) {
        size += point.added - point.removed;
        expect(point.size).toBe(size);
      }
      expect(size).toBe(mine.at(-1)?.members.size);
    }
    // A history that begins amid things says the same of the time it is about.
    const half = mine[Math.floor(mine.length / 2)]?.at ?? from;
    const [later] = await listSizes(ctx, [id], { from: half, by: 'SYNC' });
    expect(later).toEqual(bySync.filter(({ at }) => at >= half));
  }
}

/** A point a sync, and one for what happened between two syncs, told from the moments. */
function pointsBySync(story: Story, mine: readonly Moment[]) {
  const isSent = (m: Moment) => story.told.find((batch) => batch.id === m.batchId)?.dialect === 'braze';
  let sync = 0;
  let lastSent: Moment | undefined;
  const numbers = mine.map((m) => {
    if (!isSent(m)) return null;
    if (!lastSent || m.at.getTime() - lastSent.at.getTime() > PAUSE) sync++;
    lastSent = m;
    return sync;
  });
  const points: { at: Date; size: number; syncNumber: number | null; key: string }[] = [];
  mine.forEach((m, i) => {
    const past = numbers.slice(0, i + 1).findLast((n) => n !== null) ?? null;
    const next = numbers.slice(i).find((n) => n !== null) ?? null;
    const key = JSON.stringify([past, past === next]);
    if (points.at(-1)?.key === key) points.pop();
    points.push({ at: m.at, size: m.members.size, syncNumber: past === next ? past : null, key });
  });
  return points.map(({ at, size, syncNumber }) => ({ at, size, syncNumber }));
}

async function checkSyncs(ctx: Ctx, story: Story): Promise<void> {
  const pages = await pageSyncs(ctx, story.cohortIds, { first: 1_000 });
  for (const [n, id] of story.cohortIds.entries()) {
    const batches = await pageBatches(ctx, [{ cohortId: id }], {}, { last: 1_000 });
    const sent = (batches[0]?.items ?? [])
      .map(({ item }) => item)
      .filter((b) => b.dialect === 'braze')
      .toReversed();
    const groups: (typeof sent)[] = [];
    for (const batch of sent) {
      const last = groups.at(-1);
      const before = last?.at(-1)?.appliedAt.getTime();
      if (last && before !== undefined && batch.appliedAt.getTime() - before <= PAUSE) last.push(batch);
      else groups.push([batch]);
    }
    const sum = (list: typeof sent, of: 'received' | 'matched' | 'held' | 'added' | 'removed') =>
      list.reduce((total, batch) => total + batch[of], 0);
    const syncs = (pages[n]?.items ?? []).map(({ item }) => item).toReversed();
    expect(
      syncs.map((s) => [
        s.number,
        s.startedAt,
        s.endedAt,
        s.batchCount,
        s.received,
        s.matched,
        s.held,
        s.added,
        s.removed,
      ]),
    ).toEqual(
      groups.map((g, i) => [
        i + 1,
        g[0]?.appliedAt,
        g.at(-1)?.appliedAt,
        g.length,
        sum(g, 'received'),
        sum(g, 'matched'),
        sum(g, 'held'),
        sum(g, 'added'),
        sum(g, 'removed'),
      ]),
    );
    const [forward, backward] = await walkBoth(async (args) => pageSyncs(ctx, [id], args));
    expect(forward?.map((s) => s.number)).toEqual(syncs.map((s) => s.number).toReversed());
    expect(backward?.map((s) => s.number)).toEqual(syncs.map((s) => s.number));
  }
}

/** A list read one by one from its beginning, and from its end. */
async function walkBoth<T>(
  read: (args: { first?: number; after?: string; last?: number; before?: string }) => Promise<Page<T>[]>,
): Promise<T[][]> {
  const walk = async (isForward: boolean) => {
    const out: T[] = [];
    for (let cursor: string | undefined; ; ) {
      const [page] = await read(
        isForward
          ? { first: 1, ...(cursor ? { after: cursor } : {}) }
          : { last: 1, ...(cursor ? { before: cursor } : {}) },
      );
      const [one] = page?.items ?? [];
      if (one) out.push(one.item);
      cursor = one?.cursor;
      if (!one || !(isForward ? page?.hasNextPage : page?.hasPreviousPage)) return out;
    }
  };
  return [await walk(true), await walk(false)];
}
