import type { Cadence } from './cohort.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

interface Thresholds {
  /** Syncs whose starts are this far apart, by the median, are taken for this cadence. Nothing sent once has a rhythm. */
  readonly observedUpToMs: number;
  /** Up to this age of the last sign of life it is fresh, */
  readonly freshForMs: number;
  /** from there up to this age it is late, and from there on stale. */
  readonly lateUntilMs: number;
  readonly inWords: string;
}

/**
 * What each cadence allows, each bound included. A daily sync is queued inside its day, so that two of them may be almost two days apart:
 * hence 48 hours. Source: Amplitude's page on cohort sync cadences.
 */
export const THRESHOLDS: { readonly [K in Cadence]: Thresholds } = {
  REAL_TIME: {
    observedUpToMs: 5 * MINUTE_MS,
    freshForMs: 5 * MINUTE_MS,
    lateUntilMs: 30 * MINUTE_MS,
    inWords: 'each minute',
  },
  HOURLY: {
    observedUpToMs: 3 * HOUR_MS,
    freshForMs: 2 * HOUR_MS,
    lateUntilMs: 4 * HOUR_MS,
    inWords: 'each hour',
  },
  DAILY: {
    observedUpToMs: 36 * HOUR_MS,
    freshForMs: 48 * HOUR_MS,
    lateUntilMs: 96 * HOUR_MS,
    inWords: 'each day',
  },
  ONE_TIME: {
    observedUpToMs: 0,
    freshForMs: Number.POSITIVE_INFINITY,
    lateUntilMs: Number.POSITIVE_INFINITY,
    inWords: 'once',
  },
};

/** How many syncs a cadence is observed from, at most and at least. */
export const OBSERVED_SYNCS = 20;
const OBSERVED_SYNCS_LEAST = 3;
/** A sender's clock may be ahead of ours by this much. What it reports from further in the future is not believed. */
const CLOCK_SKEW_MS = 5 * MINUTE_MS;

/** From the best to the worst. */
export const FRESHNESS_STATUSES = ['FRESH', 'UNKNOWN', 'LATE', 'STALE'] as const;
export type FreshnessStatus = (typeof FRESHNESS_STATUSES)[number];

/** Who says how often syncs come: the operator, the sender, or the ledger. */
export const CADENCE_SOURCES = ['DECLARED', 'REPORTED', 'OBSERVED'] as const;
export type CadenceSource = (typeof CADENCE_SOURCES)[number];

/** What is known of a cohort's syncs. */
export interface FreshnessFacts {
  readonly declaredCadence: Cadence | null;
  readonly reportedCadence: Cadence | null;
  /** When its last syncs began, at most `OBSERVED_SYNCS`, in any order. */
  readonly syncStarts: readonly Date[];
  /** When the sender's last batch was applied. */
  readonly lastReceivedAt: Date | null;
  /** When the sender says that its last successful and its last failed sync were. */
  readonly reportedSuccessAt: Date | null;
  readonly reportedFailureAt: Date | null;
}

/** Whether what is known of a cohort or of a segment is as new as it should be, and why. */
export interface Freshness {
  readonly status: FreshnessStatus;
  /** How often syncs are expected; null: nobody knows. */
  readonly cadence: Cadence | null;
  readonly cadenceSource: CadenceSource | null;
  /** When the sender's last batch came; null: never. */
  readonly lastReceivedAt: Date | null;
  /** The last batch, or the sender's own report of a later successful sync that had nothing to send; null: no batch ever came. */
  readonly lastSignOfLifeAt: Date | null;
  /** Its age when it was asked for; null: never, which is older than anything. */
  readonly ageMs: number | null;
  /** By when the next sign of life is expected: it is late afterwards. Null where none is. */
  readonly expectedBy: Date | null;
  /** A sentence for people. */
  readonly reasoning: string;
}

/**
 * Judges how fresh a cohort is. The cadence is what the operator declared, else what the sender reported, else what its last syncs show;
 * the age is that of the last sign of life. A sender that says that its last sync failed makes it late at best.
 */
export function judgeFreshness(facts: FreshnessFacts, now: Date): Freshness {
  const { lastReceivedAt } = facts;
  const success = believed(facts.reportedSuccessAt, now);
  const failure = believed(facts.reportedFailureAt, now);
  const quietAt = success && isAfter(success, lastReceivedAt) ? success : null;
  // A batch that came since then says more than the report.
  const failedAt = failure && isAfter(failure, success) && isAfter(failure, lastReceivedAt) ? failure : null;
  const { cadence, source } = cadenceOf(facts);
  const lastSignOfLifeAt = lastReceivedAt && (quietAt ?? lastReceivedAt);
  const ageMs = lastSignOfLifeAt && ageOf(lastSignOfLifeAt, now);
  const byAge = statusOf(cadence, ageMs);
  const freshForMs = cadence ? THRESHOLDS[cadence].freshForMs : Number.POSITIVE_INFINITY;
  const ago = (time: Date) => formatAgo(ageOf(time, now));
  const heard = lastReceivedAt
    ? `The last batch came ${ago(lastReceivedAt)}${quietAt ? `, and the sender reports a successful sync ${ago(quietAt)}` : ''}`
    : `No batch ever came${quietAt ? `, although the sender reports a successful sync ${ago(quietAt)}` : ''}`;
  const failed = failedAt ? failureClause(byAge, ago(failedAt)) : '';
  return {
    status: failedAt ? worseOf(byAge, 'LATE') : byAge,
    cadence,
    cadenceSource: source,
    lastReceivedAt,
    lastSignOfLifeAt,
    ageMs,
    expectedBy:
      lastSignOfLifeAt && Number.isFinite(freshForMs) ? new Date(lastSignOfLifeAt.getTime() + freshForMs) : null,
    reasoning: `${heard}${rhythmClause(facts, byAge)}${failed}.`,
  };
}

/** The worse of two. */
export function worseOf(a: FreshnessStatus, b: FreshnessStatus): FreshnessStatus {
  return FRESHNESS_STATUSES.indexOf(a) >= FRESHNESS_STATUSES.indexOf(b) ? a : b;
}

/**
 * The cadence that syncs show: the median of the gaps between their starts, so that a pause or a repeat among many does not count. Null
 * when there are fewer than three syncs, or they are further apart than any cadence.
 */
export function observeCadence(syncStarts: readonly Date[]): Cadence | null {
  if (syncStarts.length < OBSERVED_SYNCS_LEAST) return null;
  const times = syncStarts.map((start) => start.getTime()).sort((a, b) => a - b);
  const gaps = times
    .slice(1)
    .map((time, i) => time - (times[i] ?? time))
    .sort((a, b) => a - b);
  const middle = (gaps.length - 1) / 2;
  const median = ((gaps[Math.floor(middle)] ?? 0) + (gaps[Math.ceil(middle)] ?? 0)) / 2;
  const fits = (cadence: Cadence) => median <= THRESHOLDS[cadence].observedUpToMs;
  return (['REAL_TIME', 'HOURLY', 'DAILY'] as const).find(fits) ?? null;
}

function cadenceOf(facts: FreshnessFacts): { cadence: Cadence | null; source: CadenceSource | null } {
  if (facts.declaredCadence) return { cadence: facts.declaredCadence, source: 'DECLARED' };
  if (facts.reportedCadence) return { cadence: facts.reportedCadence, source: 'REPORTED' };
  const observed = observeCadence(facts.syncStarts);
  return { cadence: observed, source: observed && 'OBSERVED' };
}

function statusOf(cadence: Cadence | null, ageMs: number | null): FreshnessStatus {
  if (cadence === null || ageMs === null) return 'UNKNOWN';
  const { freshForMs, lateUntilMs } = THRESHOLDS[cadence];
  return ageMs <= freshForMs ? 'FRESH' : ageMs <= lateUntilMs ? 'LATE' : 'STALE';
}

/** What follows from the cadence, in words. */
function rhythmClause(facts: FreshnessFacts, status: FreshnessStatus): string {
  if (!facts.lastReceivedAt) return ', so whether it is fresh is unknown';
  const { cadence, source } = cadenceOf(facts);
  const seen = facts.syncStarts.length === 1 ? 'its only sync' : `its last ${facts.syncStarts.length} syncs`;
  if (!cadence || !source)
    return `; how often syncs are expected is not declared and not to be seen from ${seen}, so whether it is fresh is unknown`;
  const says = { DECLARED: 'declared', REPORTED: 'as the sender reports', OBSERVED: `observed in ${seen}` }[source];
  const { freshForMs, lateUntilMs, inWords } = THRESHOLDS[cadence];
  if (cadence === 'ONE_TIME') return `; it is sent ${inWords} (${says}), so it stays fresh`;
  const verdict =
    status === 'FRESH'
      ? `fresh for ${formatSpan(freshForMs)}`
      : status === 'LATE'
        ? `late after ${formatSpan(freshForMs)}`
        : `stale after ${formatSpan(lateUntilMs)}`;
  return `; syncs are expected ${inWords} (${says}), so it is ${verdict}`;
}

function failureClause(byAge: FreshnessStatus, ago: string): string {
  return worseOf(byAge, 'LATE') === byAge
    ? `, and the sender reports a failed sync ${ago}`
    : `, but the sender reports a failed sync ${ago}, which makes it late`;
}

/** A time that the sender says; null when it cannot be. */
function believed(time: Date | null, now: Date): Date | null {
  return time && time.getTime() <= now.getTime() + CLOCK_SKEW_MS ? time : null;
}

function isAfter(time: Date, other: Date | null): boolean {
  return other === null || time > other;
}

function ageOf(time: Date, now: Date): number {
  return Math.max(0, now.getTime() - time.getTime());
}

/** `3 minutes ago`. */
export function formatAgo(ms: number): string {
  return ms < SECOND_MS ? 'just now' : `${formatSpan(ms)} ago`;
}

function formatSpan(ms: number): string {
  const [size, unit] =
    ms < MINUTE_MS
      ? [SECOND_MS, 'second']
      : ms < HOUR_MS
        ? [MINUTE_MS, 'minute']
        : ms < 2 * DAY_MS
          ? [HOUR_MS, 'hour']
          : [DAY_MS, 'day'];
  const count = Math.floor(ms / size);
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}
