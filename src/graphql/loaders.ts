import DataLoader from 'dataloader';
import type { Activity, Cohort, CohortRef } from '../domain/cohorts/cohort.ts';
import type { HeldChanges } from '../domain/cohorts/held-changes.ts';
import type { CohortFreshness } from '../domain/cohorts/read-freshness.ts';
import { DomainError } from '../domain/errors.ts';
import type { ForecastAsk } from '../domain/history/forecast.ts';
import type { Domain } from '../domain/index.ts';
import type { Key } from '../domain/keys/key.ts';
import type { Pull } from '../domain/pulls/pull.ts';
import type { Filter } from '../domain/segments/filter.ts';
import type { UserList } from '../domain/segments/members.ts';
import type { Segment, SegmentRef } from '../domain/segments/segment.ts';
import type { UserRef } from '../domain/users/identity.ts';
import type { User } from '../domain/users/user.ts';
import { alike, asError, byId, inOrder, pages, pairs } from './batching.ts';
import { createLedgerLoaders } from './ledger-loaders.ts';
import { createSegmentLoaders } from './segment-loaders.ts';

/** All batched reads of one request. Each is one line over a domain read that takes many; none outlives the request. */
export function createLoaders(domain: Domain) {
  const { users, cohorts, segments, members, keys, pending } = domain;
  const live = memo(() => segments.liveSegments());
  return {
    user: byId((ids: readonly number[]): Promise<Map<number, User>> => users.usersByIds(ids)),
    cohort: byId((ids: readonly number[]): Promise<Map<number, Cohort>> => cohorts.cohortsByIds(ids)),
    segment: byId((ids: readonly string[]): Promise<Map<string, Segment>> => segments.segmentsByIds(ids)),
    key: byId((ids: readonly string[]): Promise<Map<string, Key>> => keys.keysByIds(ids)),
    userByRef: inOrder((refs: readonly UserRef[]) => users.findUsers(refs), JSON.stringify),
    userIdByRef: inOrder((refs: readonly UserRef[]) => users.userIds(refs), JSON.stringify),
    cohortByRef: new DataLoader<CohortRef, Cohort | null, string>(
      async (refs) => {
        try {
          return await cohorts.findCohorts(refs);
        } catch (error) {
          // A name that fits several fails the read of all: its neighbours are asked for again, each by itself.
          if (!(error instanceof DomainError)) throw error;
          return Promise.all(refs.map((ref) => cohorts.findCohorts([ref]).then(([found]) => found ?? null, asError)));
        }
      },
      { cacheKeyFn: JSON.stringify },
    ),
    segmentByRef: inOrder((refs: readonly SegmentRef[]) => segments.findSegments(refs), JSON.stringify),
    heldChanges: byId((ids: readonly string[]): Promise<Map<string, HeldChanges>> => cohorts.heldChangesByIds(ids)),
    pull: byId((ids: readonly string[]): Promise<Map<string, Pull>> => domain.pulls.pullsByIds(ids)),
    pullsOfCohort: alike(
      ({ limit }: { readonly of: Cohort; readonly limit: number }) => String(limit),
      (asked) =>
        domain.pulls.newestPullsOfCohorts(
          asked.map(({ of }) => of),
          asked[0].limit,
        ),
    ),
    cohortSize: inOrder((ids: readonly number[]) => members.countCohortMembers(ids), String),
    cohortReach: inOrder((ids: readonly number[]) => members.reachOfCohorts(ids), String),
    cohortPending: byId((ids: readonly number[]): Promise<Map<number, number>> => pending.countPendingByCohortIds(ids)),
    cohortActivity: byId((ids: readonly number[]): Promise<Map<number, Activity>> => cohorts.activityByCohortIds(ids)),
    cohortFreshness: byId(
      (ids: readonly number[]): Promise<Map<number, CohortFreshness>> => cohorts.freshnessByCohortIds(ids),
    ),
    filterFreshness: inOrder((filters: readonly Filter[]) => members.freshnessOfFilters(filters), JSON.stringify),
    usageForecast: inOrder((asks: readonly ForecastAsk[]) => domain.forecasts.forecastUsage(asks), JSON.stringify),
    filterSize: inOrder((filters: readonly Filter[]) => members.countMembers(filters), JSON.stringify),
    segmentsOfCohort: byId(
      (ids: readonly number[]): Promise<Map<number, Segment[]>> => segments.segmentsByCohortIds(ids),
    ),
    userPage: pages((lists: readonly UserList[], args) => members.pageUsers(lists, args)),
    cohortIdsOfUser: byId((ids: readonly number[]): Promise<Map<number, number[]>> => cohorts.cohortIdsByUserIds(ids)),
    /** The live segments each user is in. */
    segmentsOfUser: new DataLoader<number, Segment[]>(async (ids) => {
      const all = await live();
      const rows = await members.matchUsers(
        ids,
        all.map((s) => s.filter),
      );
      return rows.map((row) => all.filter((_, i) => row[i]));
    }),
    /** Whether a user is in a segment. */
    isInSegment: pairs((ids, filters: readonly Filter[]) => members.matchUsers(ids, filters), JSON.stringify),
    /** Whether a user is in a cohort. */
    isInCohort: pairs((ids, cohortIds: readonly number[]) => members.matchCohorts(ids, cohortIds), String),
    ...createLedgerLoaders(domain),
    ...createSegmentLoaders(domain),
  };
}

export type Loaders = ReturnType<typeof createLoaders>;

function memo<T>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | undefined;
  return () => {
    loaded ??= load();
    return loaded;
  };
}
