import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestApp, post, type TestApp, type TestWorkspace } from '../support/app.ts';
import { type FakeClock, fakeClock } from '../support/context.ts';
import { DATABASES } from '../support/database.ts';
import { faultsOf, usageOf } from '../support/members.ts';
import { seedIdentified } from '../support/seed.ts';
import { DAY, MINUTE, SECOND } from '../support/syncs.ts';

// One day of a cohort that is sent in real time: a sync a minute, through the very endpoint a partner calls, on a clock of the test's. Beside
// it sets in memory say what the ledger, the histories, the freshness and the meter must come to.

const SYNCS = 1_440;
const USERS = Array.from({ length: 40 }, (_, i) => `u${i}`);
/** Named from the first minute on, and a user only from the afternoon on. */
const LATECOMER = 'latecomer';
const STRANGERS = ['stranger 1', 'stranger 2'];
/** The day begins at six, so that midnight comes in its middle. */
const START = '2026-03-01T06:00:00.000Z';
/** In the middle of a minute some users appear: no sender sends that. */
const LATECOMER_COMES = 500;

interface Meter {
  received: number;
  matched: number;
  written: number;
  changed: number;
}

interface SyncMade {
  readonly number: number;
  readonly endedAt: string;
  readonly batchCount: number;
  readonly received: number;
  readonly matched: number;
  readonly added: number;
  readonly removed: number;
  readonly sizeAfter: number;
}

/** What becomes of a cohort, in memory. */
class NaiveDay {
  readonly members = new Set<string>();
  readonly pending = new Set<string>();
  readonly known = new Set(USERS);
  readonly meter = new Map<string, Meter>();
  readonly syncs: SyncMade[] = [];
  /** Who was in at which time. */
  readonly moments: { readonly at: number; readonly members: readonly string[] }[] = [];

  apply(day: string, add: readonly string[], remove: readonly string[]) {
    const before = new Set(this.members);
    const last = new Map([...add.map((id) => [id, true] as const), ...remove.map((id) => [id, false] as const)]);
    for (const [id, enters] of last) {
      const set = this.known.has(id) ? this.members : this.pending;
      if (enters) set.add(id);
      else set.delete(id);
    }
    const named = [...add, ...remove];
    const matched = named.filter((id) => this.known.has(id)).length;
    const added = [...this.members].filter((id) => !before.has(id)).length;
    const removed = [...before].filter((id) => !this.members.has(id)).length;
    const meter = this.meter.get(day) ?? { received: 0, matched: 0, written: 0, changed: 0 };
    meter.received += named.length;
    meter.matched += matched;
    meter.written += [...last.keys()].filter((id) => this.known.has(id)).length;
    meter.changed += added + removed;
    this.meter.set(day, meter);
    return { received: named.length, matched, added, removed };
  }
}

/** Numbers that look random and are the same every time. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

describe.each(DATABASES)('one real-time day on %s', (kind) => {
  const clock: FakeClock = fakeClock(START);
  const model = new NaiveDay();
  const verdicts: string[] = [];
  let app: TestApp;
  let ws: TestWorkspace;

  beforeAll(async () => {
    app = await openTestApp(kind, { now: clock.now, background: false });
    ws = await app.workspace();
    await seedIdentified(ws.ctx, ...USERS);
    const key = await ws.importKey();
    const random = randomNumbers(kind.length);
    const pick = (count: number) =>
      Array.from({ length: count }, () => [...USERS, LATECOMER, ...STRANGERS][random(USERS.length + 3)] ?? '');
    const send = async () => {
      const [add, remove] = [pick(random(5)), pick(random(5))];
      const answer = await post(app.muster.fetch, '/partners/amplitude/cohorts/users', {
        client_secret: key,
        cohort_id: 'live',
        cohort_changes: [{ user_ids: add }, { user_ids: remove, should_remove: true }],
      });
      if (answer.status !== 201) throw new Error(`Answered ${answer.status}: ${JSON.stringify(answer.body)}`);
      const counts = model.apply(clock.now().toISOString().slice(0, 10), add, remove);
      model.moments.push({ at: clock.now().getTime(), members: [...model.members] });
      return counts;
    };
    for (let minute = 0; minute < SYNCS; minute++) {
      const counts = [await send()];
      // Now and then a sync is two requests.
      if (minute % 60 === 30) {
        clock.advance(15 * SECOND);
        counts.push(await send());
      }
      const sum = (of: 'received' | 'matched' | 'added' | 'removed') => counts.reduce((n, c) => n + c[of], 0);
      model.syncs.push({
        number: minute + 1,
        endedAt: clock.now().toISOString(),
        batchCount: counts.length,
        received: sum('received'),
        matched: sum('matched'),
        added: sum('added'),
        removed: sum('removed'),
        sizeAfter: model.members.size,
      });
      clock.advance(30 * SECOND - (counts.length - 1) * 15 * SECOND);
      if (minute === LATECOMER_COMES) await latecomer();
      clock.advance(30 * SECOND);
      if (minute >= 10 && minute % 120 === 0) verdicts.push(await verdict());
    }
    clock.advance(-MINUTE);
  }, 120_000);
  afterAll(() => app.close());

  async function latecomer() {
    await seedIdentified(ws.ctx, LATECOMER);
    model.known.add(LATECOMER);
    if (model.pending.delete(LATECOMER)) model.members.add(LATECOMER);
    model.moments.push({ at: clock.now().getTime(), members: [...model.members] });
  }

  const ask = async <T>(query: string): Promise<T> => {
    const { data, errors } = await ws.ask(query);
    expect(errors).toBeUndefined();
    return (data as { cohort: T }).cohort;
  };
  const ofCohort = <T>(fields: string) => ask<T>(`{ cohort(by: { name: "live" }) { ${fields} } }`);
  const verdict = async () => {
    const { freshness } = await ofCohort<{ freshness: { status: string; cadence: string; cadenceSource: string } }>(
      'freshness { status cadence cadenceSource }',
    );
    return `${freshness.status} ${freshness.cadence} ${freshness.cadenceSource}`;
  };

  test('the list of syncs has each of them, with its counts and the size after it', async () => {
    const seen: SyncMade[] = [];
    for (let after: string | null = null; ; ) {
      const {
        syncs,
      }: { syncs: { totalCount: number; nodes: SyncMade[]; pageInfo: { endCursor: string; hasNextPage: boolean } } } =
        await ofCohort(
          `syncs(first: 500${after ? `, after: "${after}"` : ''}) { totalCount pageInfo { endCursor hasNextPage }
            nodes { number endedAt batchCount received matched added removed sizeAfter } }`,
        );
      expect(syncs.totalCount).toBe(SYNCS);
      seen.push(...syncs.nodes);
      after = syncs.pageInfo.endCursor;
      if (!syncs.pageInfo.hasNextPage) break;
    }
    expect(seen.toReversed()).toEqual(model.syncs);
  });

  test('the size history has a point a sync, and one for who came between two of them', async () => {
    const { sizeHistory } = await ofCohort<{ sizeHistory: { at: string; size: number; syncNumber: number | null }[] }>(
      `sizeHistory(from: "${START}", by: SYNC) { at size syncNumber }`,
    );
    expect(sizeHistory.filter((point) => point.syncNumber !== null)).toEqual(
      model.syncs.map(({ endedAt, sizeAfter, number }) => ({ at: endedAt, size: sizeAfter, syncNumber: number })),
    );
    const between = sizeHistory.filter((point) => point.syncNumber === null);
    expect(between).toEqual([
      {
        at: new Date(Date.parse(START) + LATECOMER_COMES * MINUTE + 30 * SECOND).toISOString(),
        size: (model.syncs[LATECOMER_COMES]?.sizeAfter ?? 0) + 1,
        syncNumber: null,
      },
    ]);
  });

  test('the size history by day has the size at midnight and the one of now', async () => {
    const { sizeHistory } = await ofCohort<{ sizeHistory: object[] }>(
      `sizeHistory(from: "${START}") { at size added removed }`,
    );
    const midnight = Date.parse('2026-03-02T00:00:00.000Z');
    const dayOf = (isFirst: boolean) => {
      const syncs = model.syncs.filter(({ endedAt }) => Date.parse(endedAt) < midnight === isFirst);
      const joined = isFirst ? 1 : 0;
      return {
        at: isFirst ? '2026-03-01T00:00:00.000Z' : '2026-03-02T00:00:00.000Z',
        size: syncs.at(-1)?.sizeAfter,
        added: syncs.reduce((n, s) => n + s.added, joined),
        removed: syncs.reduce((n, s) => n + s.removed, 0),
      };
    };
    expect(sizeHistory).toEqual([dayOf(true), dayOf(false)]);
  });

  test('members as of any minute are those who were in then', async () => {
    const random = randomNumbers(7);
    for (let i = 0; i < 25; i++) {
      const at = Date.parse(START) + random(DAY);
      const { members } = await ofCohort<{ members: { totalCount: number; nodes: { externalId: string }[] } }>(
        `members(asOf: "${new Date(Math.min(at, clock.now().getTime())).toISOString()}", first: 1000) { totalCount nodes { externalId } }`,
      );
      const then = model.moments.findLast((moment) => moment.at <= at)?.members ?? [];
      expect(members.nodes.map((user) => user.externalId).sort()).toEqual([...then].sort());
      expect(members.totalCount).toBe(then.length);
    }
  });

  test('the meter has counted every identifier, by day', async () => {
    const rows = await usageOf(ws.ctx);
    expect(
      rows.map(({ day, received, matched, written, changed }) => [day, { received, matched, written, changed }]),
    ).toEqual([...model.meter]);
    expect(rows).toHaveLength(2);
  });

  test('the cohort was fresh all day; in silence it becomes late, then stale', async () => {
    expect(verdicts).toEqual(Array(11).fill('FRESH REAL_TIME OBSERVED'));
    expect(await verdict()).toBe('FRESH REAL_TIME OBSERVED');
    clock.advance(6 * MINUTE);
    expect(await verdict()).toBe('LATE REAL_TIME OBSERVED');
    clock.advance(25 * MINUTE);
    expect(await verdict()).toBe('STALE REAL_TIME OBSERVED');
  });

  test('the ledger replays to the bits', async () => {
    expect(await faultsOf(ws.ctx)).toEqual([]);
  });
});
