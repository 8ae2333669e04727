import DataLoader from 'dataloader';
import type { Activity, Cohort, CohortRef } from '../domain/cohorts/cohort.ts';
import type { HeldChanges } from '../domain/cohorts/held-changes.ts';
import type { CohortFreshness } from '../domain/cohorts/read-freshness.ts';
import { DomainError } from '../domain/errors.ts';
import type { ForecastAsk } from '../domain/history/forecast.ts';
import type { Domain } from '../domain/index.ts';
import type { Key } from '../domain/keys/key.ts';
import type { Page, PageArgs } from '../domain/page.ts';
import type { Filter } from '../domain/segments/filter.ts';
import type { UserList } from '../domain/segments/members.ts';
import type { Segment, SegmentRef } from '../domain/segments/segment.ts';
import type { UserRef } from '../domain/users/identity.ts';
import type { User } from '../domain/users/user.ts';

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
    userPage: new DataLoader<UserPage, Page<number>, string>(
      async (asked) => {
        const pages = new Map<UserPage, Page<number> | Error>();
        const readGroup = async (group: readonly UserPage[], args: PageArgs) => {
          const lists = group.map(({ list }) => list);
          const read = await members.pageUsers(lists, args).catch(asError);
          group.forEach((one, i) => {
            pages.set(one, read instanceof Error ? read : (read[i] ?? new Error('Every list has a page.')));
          });
        };
        await Promise.all(alike(asked).map((group) => readGroup(group, group[0].args)));
        return asked.map((one) => pages.get(one) ?? new Error('Every list is in a group.'));
      },
      { cacheKeyFn: JSON.stringify },
    ),
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
  };
}

export type Loaders = ReturnType<typeof createLoaders>;

/** A page of a list of users. */
interface UserPage {
  readonly list: UserList;
  readonly args: PageArgs;
}

/** Those that ask for the same part of their list, together; a cursor fits one list only, so who has one stays alone. */
function alike(asked: readonly UserPage[]): (readonly [UserPage, ...UserPage[]])[] {
  const groups = new Map<string, [UserPage, ...UserPage[]]>();
  for (const one of asked) {
    const { first, after, last, before } = one.args;
    const key = JSON.stringify([first, after, last, before, after || before ? one.list : null]);
    const group = groups.get(key);
    if (group) group.push(one);
    else groups.set(key, [one]);
  }
  return [...groups.values()];
}

/** A loader over a read that answers a Map; what is missing is null. */
function byId<K extends number | string, V>(read: (ids: readonly K[]) => Promise<Map<K, V>>): DataLoader<K, V | null> {
  return new DataLoader(async (ids) => {
    const found = await read(ids);
    return ids.map((id) => found.get(id) ?? null);
  });
}

/** A loader over a read that answers in the order asked. */
function inOrder<K, V>(
  read: (keys: readonly K[]) => Promise<readonly V[]>,
  cacheKeyFn: (key: K) => string,
): DataLoader<K, V, string> {
  return new DataLoader(async (keys) => read(keys), { cacheKeyFn });
}

/** A loader of (user, thing) pairs over a read that answers a table of both. */
function pairs<T>(
  read: (userIds: readonly number[], things: readonly T[]) => Promise<boolean[][]>,
  nameOf: (thing: T) => string,
): DataLoader<{ userId: number; of: T }, boolean, string> {
  return new DataLoader(
    async (asked) => {
      const users = [...new Set(asked.map((a) => a.userId))];
      const things = [...new Map(asked.map((a) => [nameOf(a.of), a.of])).entries()];
      const table = await read(
        users,
        things.map(([, thing]) => thing),
      );
      const row = new Map(users.map((id, i) => [id, table[i]]));
      const column = new Map(things.map(([name], i) => [name, i]));
      return asked.map((a) => row.get(a.userId)?.[column.get(nameOf(a.of)) ?? -1] ?? false);
    },
    { cacheKeyFn: ({ userId, of }) => `${userId} ${nameOf(of)}` },
  );
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

function memo<T>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | undefined;
  return () => {
    loaded ??= load();
    return loaded;
  };
}
