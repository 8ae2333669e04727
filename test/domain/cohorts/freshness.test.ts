import { describe, expect, test } from 'vitest';
import { CADENCES, type Cadence } from '../../../src/domain/cohorts/cohort.ts';
import {
  FRESHNESS_STATUSES,
  type FreshnessFacts,
  type FreshnessStatus,
  judgeFreshness,
  observeCadence,
  THRESHOLDS,
  worseOf,
} from '../../../src/domain/cohorts/freshness.ts';
import { fakeClock } from '../../support/context.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../support/syncs.ts';

const clock = fakeClock();
const ago = (ms: number) => new Date(clock.now().getTime() - ms);

const NOTHING: FreshnessFacts = {
  declaredCadence: null,
  reportedCadence: null,
  syncStarts: [],
  lastReceivedAt: null,
  reportedSuccessAt: null,
  reportedFailureAt: null,
};
const judge = (facts: Partial<FreshnessFacts>) => judgeFreshness({ ...NOTHING, ...facts }, clock.now());
const declared = (declaredCadence: Cadence, age: number) => judge({ declaredCadence, lastReceivedAt: ago(age) });

/** Starts of syncs with these gaps between them, the last one now. */
function startsWith(gaps: readonly number[]): Date[] {
  return [...gaps.map((_, i) => ago(gaps.slice(i).reduce((sum, gap) => sum + gap))), ago(0)];
}

describe('the age of the last batch', () => {
  const cases: readonly (readonly [Cadence, number, FreshnessStatus])[] = [
    ['REAL_TIME', 0, 'FRESH'],
    ['REAL_TIME', 5 * MINUTE - 1, 'FRESH'],
    ['REAL_TIME', 5 * MINUTE, 'FRESH'],
    ['REAL_TIME', 5 * MINUTE + 1, 'LATE'],
    ['REAL_TIME', 30 * MINUTE - 1, 'LATE'],
    ['REAL_TIME', 30 * MINUTE, 'LATE'],
    ['REAL_TIME', 30 * MINUTE + 1, 'STALE'],
    ['HOURLY', 2 * HOUR - 1, 'FRESH'],
    ['HOURLY', 2 * HOUR, 'FRESH'],
    ['HOURLY', 2 * HOUR + 1, 'LATE'],
    ['HOURLY', 4 * HOUR - 1, 'LATE'],
    ['HOURLY', 4 * HOUR, 'LATE'],
    ['HOURLY', 4 * HOUR + 1, 'STALE'],
    ['DAILY', 48 * HOUR - 1, 'FRESH'],
    ['DAILY', 48 * HOUR, 'FRESH'],
    ['DAILY', 48 * HOUR + 1, 'LATE'],
    ['DAILY', 96 * HOUR - 1, 'LATE'],
    ['DAILY', 96 * HOUR, 'LATE'],
    ['DAILY', 96 * HOUR + 1, 'STALE'],
    ['ONE_TIME', 0, 'FRESH'],
    ['ONE_TIME', 100 * 365 * DAY, 'FRESH'],
  ];
  test.each(cases)('%s, %i ms ago: %s, whoever says the cadence', (cadence, age, status) => {
    expect(declared(cadence, age)).toMatchObject({ status, cadence, cadenceSource: 'DECLARED', ageMs: age });
    const reported = judge({ reportedCadence: cadence, lastReceivedAt: ago(age) });
    expect(reported).toMatchObject({ status, cadence, cadenceSource: 'REPORTED' });
  });

  test('a clock that runs makes it late, then stale, and the next batch makes it fresh again', () => {
    const running = fakeClock();
    let lastReceivedAt = running.now();
    const seen: FreshnessStatus[] = [];
    for (let minute = 0; minute <= 40; minute++, running.advance(MINUTE)) {
      if (minute === 35) lastReceivedAt = running.now();
      seen.push(judgeFreshness({ ...NOTHING, declaredCadence: 'REAL_TIME', lastReceivedAt }, running.now()).status);
    }
    const of = (status: FreshnessStatus, count: number) => Array.from({ length: count }, () => status);
    expect(seen).toEqual([...of('FRESH', 6), ...of('LATE', 25), ...of('STALE', 4), ...of('FRESH', 6)]);
  });

  test('from the future counts as none', () => {
    expect(declared('REAL_TIME', -MINUTE)).toMatchObject({ status: 'FRESH', ageMs: 0 });
  });

  test('is late exactly after the time by which the next sign of life is expected', () => {
    for (const cadence of ['REAL_TIME', 'HOURLY', 'DAILY'] as const) {
      const { expectedBy } = declared(cadence, 0);
      const facts = { ...NOTHING, declaredCadence: cadence, lastReceivedAt: ago(0) };
      const by = expectedBy?.getTime() ?? 0;
      expect(by - clock.now().getTime()).toBe(THRESHOLDS[cadence].freshForMs);
      expect(judgeFreshness(facts, new Date(by)).status).toBe('FRESH');
      expect(judgeFreshness(facts, new Date(by + 1)).status).toBe('LATE');
    }
    expect(declared('ONE_TIME', 0).expectedBy).toBeNull();
    expect(judge({ declaredCadence: 'DAILY' }).expectedBy).toBeNull();
    expect(judge({ lastReceivedAt: ago(0) }).expectedBy).toBeNull();
  });
});

describe('without a batch or a cadence', () => {
  test.each(CADENCES)('a cohort that never received anything is unknown, also when it is declared %s', (cadence) => {
    expect(judge({ declaredCadence: cadence })).toMatchObject({
      status: 'UNKNOWN',
      cadence,
      lastReceivedAt: null,
      lastSignOfLifeAt: null,
      ageMs: null,
    });
  });

  test('what the sender reports of syncs that never reached us is no sign of life', () => {
    const heard = judge({ declaredCadence: 'HOURLY', reportedSuccessAt: ago(MINUTE) });
    expect(heard).toMatchObject({ status: 'UNKNOWN', lastSignOfLifeAt: null, ageMs: null });
    expect(heard.reasoning).toBe(
      'No batch ever came, although the sender reports a successful sync 1 minute ago, so whether it is fresh is unknown.',
    );
  });

  test('a cohort without a cadence is unknown, however new its batch is', () => {
    expect(judge({ lastReceivedAt: ago(0), syncStarts: [ago(0)] })).toMatchObject({
      status: 'UNKNOWN',
      cadence: null,
      cadenceSource: null,
      lastSignOfLifeAt: ago(0),
    });
  });
});

describe('what the sender reports', () => {
  const hourly = { reportedCadence: 'HOURLY', lastReceivedAt: ago(5 * HOUR) } as const;

  test('a successful sync after our last batch was a quiet one, and counts as a sign of life', () => {
    expect(judge(hourly)).toMatchObject({ status: 'STALE', ageMs: 5 * HOUR });
    const quiet = judge({ ...hourly, reportedSuccessAt: ago(HOUR) });
    expect(quiet).toMatchObject({ status: 'FRESH', lastReceivedAt: ago(5 * HOUR), lastSignOfLifeAt: ago(HOUR) });
    expect(quiet).toMatchObject({ ageMs: HOUR, expectedBy: ago(-HOUR) });
    expect(judge({ ...hourly, reportedSuccessAt: ago(3 * HOUR) })).toMatchObject({ status: 'LATE', ageMs: 3 * HOUR });
  });

  test('a successful sync before our last batch changes nothing', () => {
    for (const age of [5 * HOUR, 6 * HOUR])
      expect(judge({ ...hourly, reportedSuccessAt: ago(age) })).toEqual(judge(hourly));
  });

  test('a failure after the last success makes it late at best, whatever it was', () => {
    const failing = (facts: Partial<FreshnessFacts>) => judge({ ...facts, reportedFailureAt: ago(MINUTE) }).status;
    expect(failing({ declaredCadence: 'HOURLY', lastReceivedAt: ago(2 * MINUTE) })).toBe('LATE');
    expect(
      failing({ declaredCadence: 'HOURLY', lastReceivedAt: ago(2 * MINUTE), reportedSuccessAt: ago(3 * MINUTE) }),
    ).toBe('LATE');
    expect(failing({ declaredCadence: 'ONE_TIME', lastReceivedAt: ago(2 * MINUTE) })).toBe('LATE');
    expect(failing({ lastReceivedAt: ago(2 * MINUTE) })).toBe('LATE');
    expect(failing({})).toBe('LATE');
    expect(failing({ declaredCadence: 'HOURLY', lastReceivedAt: ago(3 * HOUR) })).toBe('LATE');
    expect(failing({ declaredCadence: 'HOURLY', lastReceivedAt: ago(5 * HOUR) })).toBe('STALE');
  });

  test('a failure that a batch followed is forgotten: the batch came', () => {
    const facts = {
      declaredCadence: 'HOURLY',
      lastReceivedAt: ago(MINUTE),
      reportedFailureAt: ago(2 * MINUTE),
    } as const;
    expect(judge(facts)).toMatchObject({ status: 'FRESH' });
  });

  test('a failure that a success followed is forgotten', () => {
    const facts = { declaredCadence: 'HOURLY', lastReceivedAt: ago(0), reportedSuccessAt: ago(MINUTE) } as const;
    for (const age of [MINUTE, HOUR])
      expect(judge({ ...facts, reportedFailureAt: ago(age) })).toMatchObject({ status: 'FRESH' });
  });

  test('is believed when its clock is a little ahead, and not when it speaks of the future', () => {
    expect(judge({ ...hourly, reportedSuccessAt: ago(-5 * MINUTE) })).toMatchObject({ status: 'FRESH', ageMs: 0 });
    expect(judge({ ...hourly, reportedSuccessAt: ago(-5 * MINUTE - 1) })).toEqual(judge(hourly));
    const fresh = { declaredCadence: 'HOURLY', lastReceivedAt: ago(0) } as const;
    expect(judge({ ...fresh, reportedFailureAt: ago(-5 * MINUTE) }).status).toBe('LATE');
    expect(judge({ ...fresh, reportedFailureAt: ago(-DAY) })).toEqual(judge(fresh));
  });
});

describe('the cadence', () => {
  const realTime = startsWith(Array.from({ length: 19 }, () => MINUTE));

  test('is the declared one, else the reported one, else the observed one', () => {
    const facts = { lastReceivedAt: ago(0), syncStarts: realTime };
    expect(judge({ ...facts, declaredCadence: 'DAILY', reportedCadence: 'HOURLY' })).toMatchObject({
      cadence: 'DAILY',
      cadenceSource: 'DECLARED',
    });
    expect(judge({ ...facts, reportedCadence: 'HOURLY' })).toMatchObject({
      cadence: 'HOURLY',
      cadenceSource: 'REPORTED',
    });
    expect(judge(facts)).toMatchObject({ cadence: 'REAL_TIME', cadenceSource: 'OBSERVED', status: 'FRESH' });
  });

  const bounds: readonly (readonly [number, Cadence | null])[] = [
    [0, 'REAL_TIME'],
    [MINUTE, 'REAL_TIME'],
    [5 * MINUTE - 1, 'REAL_TIME'],
    [5 * MINUTE, 'REAL_TIME'],
    [5 * MINUTE + 1, 'HOURLY'],
    [HOUR, 'HOURLY'],
    [3 * HOUR - 1, 'HOURLY'],
    [3 * HOUR, 'HOURLY'],
    [3 * HOUR + 1, 'DAILY'],
    [DAY, 'DAILY'],
    [36 * HOUR - 1, 'DAILY'],
    [36 * HOUR, 'DAILY'],
    [36 * HOUR + 1, null],
    [7 * DAY, null],
  ];
  test.each(bounds)('of syncs every %i ms is %s', (gap, cadence) => {
    for (const count of [2, 3, 19])
      expect(observeCadence(startsWith(Array.from({ length: count }, () => gap)))).toBe(cadence);
  });

  test('needs three syncs', () => {
    expect(observeCadence([])).toBeNull();
    expect(observeCadence(startsWith([]))).toBeNull();
    expect(observeCadence(startsWith([HOUR]))).toBeNull();
    expect(observeCadence(startsWith([HOUR, HOUR]))).toBe('HOURLY');
  });

  test('is that of the middle: neither a weekend without syncs nor a repeated sync changes it', () => {
    expect(observeCadence(startsWith([HOUR, HOUR, 3 * DAY, HOUR, HOUR, SECOND, HOUR]))).toBe('HOURLY');
    expect(observeCadence(startsWith([MINUTE, MINUTE, 9 * HOUR, MINUTE]))).toBe('REAL_TIME');
    // Between two middles the mean counts.
    expect(observeCadence(startsWith([HOUR, 4 * HOUR]))).toBe('HOURLY');
    expect(observeCadence(startsWith([HOUR, 6 * HOUR]))).toBe('DAILY');
  });

  test('is seen through jitter', () => {
    const jitter = (period: number, by: number) =>
      startsWith(Array.from({ length: 19 }, (_, i) => period + Math.round(by * Math.sin(i * 7))));
    expect(observeCadence(jitter(HOUR, 20 * MINUTE))).toBe('HOURLY');
    expect(observeCadence(jitter(DAY, 11 * HOUR))).toBe('DAILY');
    expect(observeCadence(jitter(MINUTE, 20 * SECOND))).toBe('REAL_TIME');
  });

  test('does not depend on the order in which the syncs are told', () => {
    const starts = startsWith([HOUR, 5 * HOUR, HOUR, HOUR]);
    expect(observeCadence(starts.toReversed())).toBe(observeCadence(starts));
  });
});

describe('the reasoning', () => {
  const sentences: readonly (readonly [string, Partial<FreshnessFacts>])[] = [
    [
      'The last batch came 3 minutes ago; syncs are expected each minute (declared), so it is fresh for 5 minutes.',
      { declaredCadence: 'REAL_TIME', lastReceivedAt: ago(3 * MINUTE + 59 * SECOND) },
    ],
    [
      'The last batch came just now; syncs are expected each day (as the sender reports), so it is fresh for 2 days.',
      { reportedCadence: 'DAILY', lastReceivedAt: ago(999) },
    ],
    [
      'The last batch came 1 second ago; syncs are expected each minute (observed in its last 3 syncs), so it is fresh for 5 minutes.',
      { lastReceivedAt: ago(SECOND), syncStarts: startsWith([MINUTE, MINUTE]) },
    ],
    [
      'The last batch came 3 hours ago; syncs are expected each hour (declared), so it is late after 2 hours.',
      { declaredCadence: 'HOURLY', lastReceivedAt: ago(3 * HOUR) },
    ],
    [
      'The last batch came 5 days ago; syncs are expected each day (declared), so it is stale after 4 days.',
      { declaredCadence: 'DAILY', lastReceivedAt: ago(5 * DAY) },
    ],
    [
      'The last batch came 40 days ago; it is sent once (declared), so it stays fresh.',
      { declaredCadence: 'ONE_TIME', lastReceivedAt: ago(40 * DAY) },
    ],
    [
      'The last batch came 30 hours ago, and the sender reports a successful sync 10 minutes ago; syncs are expected each hour (as the sender reports), so it is fresh for 2 hours.',
      { reportedCadence: 'HOURLY', lastReceivedAt: ago(30 * HOUR), reportedSuccessAt: ago(10 * MINUTE) },
    ],
    [
      'The last batch came 3 minutes ago; syncs are expected each minute (declared), so it is fresh for 5 minutes, but the sender reports a failed sync 2 minutes ago, which makes it late.',
      { declaredCadence: 'REAL_TIME', lastReceivedAt: ago(3 * MINUTE), reportedFailureAt: ago(2 * MINUTE) },
    ],
    [
      'The last batch came 1 hour ago; syncs are expected each minute (declared), so it is stale after 30 minutes, and the sender reports a failed sync 2 minutes ago.',
      { declaredCadence: 'REAL_TIME', lastReceivedAt: ago(HOUR), reportedFailureAt: ago(2 * MINUTE) },
    ],
    [
      'The last batch came 2 days ago; how often syncs are expected is not declared and not to be seen from its only sync, so whether it is fresh is unknown.',
      { lastReceivedAt: ago(2 * DAY), syncStarts: [ago(2 * DAY)] },
    ],
    [
      'The last batch came just now; how often syncs are expected is not declared and not to be seen from its last 4 syncs, so whether it is fresh is unknown.',
      { lastReceivedAt: ago(0), syncStarts: startsWith([9 * DAY, DAY, 9 * DAY]) },
    ],
    ['No batch ever came, so whether it is fresh is unknown.', { declaredCadence: 'DAILY' }],
    [
      'No batch ever came, so whether it is fresh is unknown, but the sender reports a failed sync 24 hours ago, which makes it late.',
      { reportedFailureAt: ago(DAY) },
    ],
  ];
  test.each(sentences)('%s', (sentence, facts) => {
    expect(judge(facts).reasoning).toBe(sentence);
  });
});

test('stale is worse than late, late than unknown, and unknown than fresh', () => {
  const order = ['FRESH', 'UNKNOWN', 'LATE', 'STALE'] as const;
  expect([...FRESHNESS_STATUSES].sort()).toEqual([...order].sort());
  order.forEach((worse, i) => {
    for (const better of order.slice(0, i + 1)) {
      expect(worseOf(worse, better)).toBe(worse);
      expect(worseOf(better, worse)).toBe(worse);
    }
  });
});
