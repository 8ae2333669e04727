import { freshnessByCohortIds } from '../cohorts/cohorts.ts';
import { type Freshness, formatAgo, worseOf } from '../cohorts/freshness.ts';
import type { CohortFreshness } from '../cohorts/read-freshness.ts';
import type { Ctx } from '../context.ts';
import { fail } from '../errors.ts';
import { cohortsOf, type Filter } from './filter.ts';

/** How fresh a segment is: as its worst cohort. Its age is the oldest sign of life among them. */
export interface SegmentFreshness extends Freshness {
  /** Those that its filter mentions, by number. */
  readonly cohorts: readonly CohortFreshness[];
}

/** How fresh each filter is, in the order asked. One statement. */
export async function freshnessOfFilters(ctx: Ctx, filters: readonly Filter[]): Promise<SegmentFreshness[]> {
  // Numbers below 1 are no partner's sets: they are as new as the users are.
  const ids = filters.map((filter) => cohortsOf(filter).filter((id) => id > 0));
  const known = await freshnessByCohortIds(ctx, [...new Set(ids.flat())]);
  return ids.map((mine) => freshnessOfCohorts(mine.map((id) => known.get(id) ?? unknownCohort(id))));
}

/** How fresh all of these cohorts together are. */
export function freshnessOfCohorts(cohorts: readonly CohortFreshness[]): SegmentFreshness {
  const [worst] = cohorts.toSorted(worstFirst);
  const [oldest] = cohorts.toSorted(oldestFirst);
  if (!worst || !oldest) return { ...ALWAYS_FRESH, cohorts };
  const expected = cohorts.flatMap(({ expectedBy }) => (expectedBy ? [expectedBy.getTime()] : []));
  const received = cohorts.map(({ lastReceivedAt }) => lastReceivedAt?.getTime() ?? null);
  const decides = cohorts.length === 1 ? 'its cohort' : `the worst of its ${cohorts.length} cohorts,`;
  return {
    status: worst.status,
    cadence: worst.cadence,
    cadenceSource: worst.cadenceSource,
    lastReceivedAt: received.includes(null) ? null : new Date(Math.min(...received.map(Number))),
    lastSignOfLifeAt: oldest.lastSignOfLifeAt,
    ageMs: oldest.ageMs,
    expectedBy: expected.length > 0 ? new Date(Math.min(...expected)) : null,
    reasoning: `It is as fresh as ${decides} "${worst.name}": ${worst.reasoning.charAt(0).toLowerCase()}${worst.reasoning.slice(1)}`,
    cohorts,
  };
}

/**
 * Refuses a caller who allows an age of at most `maxAgeSeconds` when the last sign of life of any of their cohorts is older, or never was.
 * Errors: INVALID_INPUT (less than a second), STALE.
 */
export function refuseOlder(of: readonly SegmentFreshness[], maxAgeSeconds: number): void {
  const path = ['maxAge'];
  if (!Number.isInteger(maxAgeSeconds) || maxAgeSeconds < 1)
    throw fail('INVALID_INPUT', 'The age allowed is a whole number of seconds from 1 on.', { path });
  const cohorts = [...new Map(of.flatMap((one) => one.cohorts).map((cohort) => [cohort.cohortId, cohort])).values()];
  const tooOld = cohorts.filter(({ ageMs }) => ageMs === null || ageMs > maxAgeSeconds * 1_000);
  const [oldest] = tooOld.toSorted(oldestFirst);
  if (!oldest) return;
  const which =
    tooOld.length === 1
      ? `The cohort "${oldest.name}"`
      : `${tooOld.length} cohorts are too old, of which "${oldest.name}"`;
  const fault =
    oldest.ageMs === null || oldest.lastSignOfLifeAt === null
      ? `${which} never received anything: start its sync at the sender, or ask without maxAge.`
      : `${which} gave its last sign of life ${formatAgo(oldest.ageMs)}, at ${oldest.lastSignOfLifeAt.toISOString()}, but at most ${maxAgeSeconds} seconds are allowed: ${
          oldest.cadence === 'ONE_TIME'
            ? 'it is sent once, so allow more or ask without maxAge.'
            : 'look after its sync at the sender, wait for the next one, or allow more.'
        }`;
  throw fail('STALE', fault, { path });
}

const ALWAYS_FRESH: Freshness = {
  status: 'FRESH',
  cadence: null,
  cadenceSource: null,
  lastReceivedAt: null,
  lastSignOfLifeAt: null,
  ageMs: 0,
  expectedBy: null,
  reasoning: 'It mentions no cohort, so it is always fresh.',
};

/** A filter of a caller's own making can name anything. */
function unknownCohort(cohortId: number): CohortFreshness {
  return {
    ...ALWAYS_FRESH,
    cohortId,
    name: `number ${cohortId}`,
    status: 'UNKNOWN',
    ageMs: null,
    reasoning: 'There is no such cohort, so whether it is fresh is unknown.',
  };
}

function worstFirst(a: CohortFreshness, b: CohortFreshness): number {
  if (a.status !== b.status) return worseOf(a.status, b.status) === a.status ? -1 : 1;
  return oldestFirst(a, b);
}

function oldestFirst(a: CohortFreshness, b: CohortFreshness): number {
  const age = (of: CohortFreshness) => of.ageMs ?? Number.MAX_VALUE;
  return age(b) - age(a) || a.cohortId - b.cohortId;
}
