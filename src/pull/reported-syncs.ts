import { COHORT_ID_MAX_CHARACTERS, cohortTextFault } from '../domain/cohorts/change.ts';
import type { ReportedSync } from '../domain/pulls/pull.ts';
import type { RemoteCohort } from './amplitude-api.ts';

type Sync = NonNullable<RemoteCohort['syncMetadata']>[number];

/** From the rarest to the most frequent. Source: Amplitude docs, Behavioral Cohorts API, sync metadata. */
const CADENCES = [
  ['daily', 'DAILY'],
  ['hourly', 'HOURLY'],
  ['minute', 'REAL_TIME'],
] as const;

/**
 * What Amplitude says of how it sends its cohorts to us. Two syncs to one destination, by user id and by device id, count as one: the more
 * frequent cadence, the later times. Of a cohort that goes to several destinations nothing is believed unless `target` says which is ours:
 * a sync that reached somebody else says nothing about us.
 */
export function readReportedSyncs(cohorts: readonly RemoteCohort[], target: string | null): ReportedSync[] {
  const possible = cohorts.filter(({ id }) => cohortTextFault(id, COHORT_ID_MAX_CHARACTERS) === null);
  return possible.map(({ id, syncMetadata }) => {
    const ours = (syncMetadata ?? []).filter((sync) => target === null || sync.target === target);
    const targets = new Set(ours.map((sync) => sync.target));
    return { partnerCohortId: id, ...combine(targets.size === 1 ? ours : []) };
  });
}

function combine(syncs: readonly Sync[]): Omit<ReportedSync, 'partnerCohortId'> {
  const cadence = CADENCES.findLast(([frequency]) => syncs.some((sync) => sync.frequency === frequency));
  return {
    cadence: cadence?.[1] ?? null,
    successAt: latest(syncs.map((sync) => sync.last_successful)),
    failureAt: latest(syncs.map((sync) => sync.last_failure)),
  };
}

function latest(times: readonly (string | number | null | undefined)[]): Date | null {
  const read = times.flatMap((time) => readTime(time) ?? []);
  return read.length === 0 ? null : new Date(Math.max(...read));
}

/** Beyond it PostgreSQL and JavaScript do not write a time the same way. */
const LAST_INSTANT = Date.UTC(10_000, 0);

/** Text with an offset, or seconds since 1970: the documentation has both. */
function readTime(time: string | number | null | undefined): number | null {
  if (time === null || time === undefined) return null;
  const ms = typeof time === 'number' ? time * 1_000 : Date.parse(time);
  return ms > 0 && ms < LAST_INSTANT ? Math.trunc(ms) : null;
}
