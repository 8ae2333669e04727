import type { Ctx } from '../context.ts';
import { fail } from '../errors.ts';
import type { Page, PageArgs } from '../page.ts';
import type { UserRef } from '../users/identity.ts';
import { findUserIds } from '../users/resolve.ts';
import { countNodes, type NodeCount } from './count-nodes.ts';
import * as evaluate from './evaluate.ts';
import type { Filter, FilterDraft } from './filter.ts';
import { cohortFilter, memberList, type UserList } from './member-list.ts';
import { type Reach, reachOf } from './reach.ts';
import { readFilter } from './read-filter.ts';
import { MEMBERSHIP_MAX_SEGMENTS, MEMBERSHIP_MAX_USERS } from './segment.ts';
import * as freshness from './segment-freshness.ts';
import { segmentsByIds } from './segments.ts';

export type { UserList } from './member-list.ts';

/** How many users each filter has, exactly, in the order asked. One statement. */
export async function countMembers(ctx: Ctx, filters: readonly Filter[]): Promise<number[]> {
  return evaluate.countMembers(ctx, filters);
}

/** The exact size of a filter and of every part of it: see `count-nodes.ts`. */
export async function countParts(ctx: Ctx, filter: Filter): Promise<NodeCount[]> {
  return countNodes(ctx, filter);
}

/** How many users each cohort has, exactly, in the order asked. One statement. */
export async function countCohortMembers(ctx: Ctx, cohortIds: readonly number[]): Promise<number[]> {
  const counts = await evaluate.countCohortMembers(ctx, cohortIds);
  return cohortIds.map((id) => counts.get(id) ?? 0);
}

/** How many of each filter's users are reached by which identity, in the order asked. One statement. */
export async function reachOfFilters(ctx: Ctx, filters: readonly Filter[]): Promise<Reach[]> {
  return reachOf(ctx, filters);
}

/** How many of each cohort's users are reached by which identity, in the order asked. One statement. */
export async function reachOfCohorts(ctx: Ctx, cohortIds: readonly number[]): Promise<Reach[]> {
  return reachOf(ctx, cohortIds.map(cohortFilter));
}

/** A page of the users of each list, by number, all with the same arguments. Errors: as `parsePage`. */
export async function pageUsers(ctx: Ctx, lists: readonly UserList[], args: PageArgs): Promise<Page<number>[]> {
  return evaluate.pageMembers(
    ctx,
    lists.map((list) => memberList(ctx.workspaceId, list)),
    args,
  );
}

/** Reads a filter that is not saved. Errors: as `readFilter`. */
export async function previewFilter(ctx: Ctx, draft: FilterDraft): Promise<Filter> {
  return readFilter(ctx, draft);
}

/** Whether each user matches each filter: a row per user. The users must be live. One statement. */
export async function matchUsers(
  ctx: Ctx,
  userIds: readonly number[],
  filters: readonly Filter[],
): Promise<boolean[][]> {
  return evaluate.matchUsers(ctx, userIds, filters);
}

/** Whether each user is in each cohort: a row per user. One statement. */
export async function matchCohorts(
  ctx: Ctx,
  userIds: readonly number[],
  cohortIds: readonly number[],
): Promise<boolean[][]> {
  return evaluate.matchUsers(ctx, userIds, cohortIds.map(cohortFilter));
}

/** How fresh each filter is: as its worst cohort, in the order asked. One statement. */
export async function freshnessOfFilters(ctx: Ctx, filters: readonly Filter[]): Promise<freshness.SegmentFreshness[]> {
  return freshness.freshnessOfFilters(ctx, filters);
}

/**
 * Refuses when a cohort that any of the filters mentions gave its last sign of life more than `maxAgeSeconds` (1 or more) ago, or none
 * ever: for whoever would rather have no members than old ones. One statement. Errors: INVALID_INPUT, STALE.
 */
export async function requireFresh(ctx: Ctx, filters: readonly Filter[], maxAgeSeconds: number): Promise<void> {
  const all = await freshness.freshnessOfFilters(ctx, filters);
  freshness.refuseOlder(all, maxAgeSeconds);
}

/**
 * Which of up to 1,000 users are in which of up to 100 segments: a row per user in the caller's order, its user null where the reference
 * means nobody (who is in no segment). Three statements, whatever the numbers. Archived segments are answered as they would be.
 * `maxAge`: as `requireFresh`, in one statement more. Errors: LIMIT_EXCEEDED, NOT_FOUND (an unknown segment, with its path), STALE.
 */
export async function checkMembership(
  ctx: Ctx,
  input: {
    readonly users: readonly UserRef[];
    readonly segments: readonly string[];
    readonly maxAge?: number | null | undefined;
  },
): Promise<{ readonly userId: number | null; readonly segments: readonly boolean[] }[]> {
  if (input.users.length > MEMBERSHIP_MAX_USERS)
    throw fail('LIMIT_EXCEEDED', `One call asks for at most ${MEMBERSHIP_MAX_USERS} users.`, { path: ['users'] });
  if (input.segments.length > MEMBERSHIP_MAX_SEGMENTS)
    throw fail('LIMIT_EXCEEDED', `One call asks for at most ${MEMBERSHIP_MAX_SEGMENTS} segments.`, {
      path: ['segments'],
    });
  const [userIds, found] = await Promise.all([findUserIds(ctx, input.users), segmentsByIds(ctx, input.segments)]);
  const filters = input.segments.map((id, i) => {
    const segment = found.get(id);
    if (!segment) throw fail('NOT_FOUND', 'There is no such segment in this workspace.', { path: ['segments', i] });
    return segment.filter;
  });
  if (input.maxAge !== null && input.maxAge !== undefined) await requireFresh(ctx, filters, input.maxAge);
  const known = userIds.filter((id) => id !== null);
  const rows = await evaluate.matchUsers(ctx, known, filters);
  let at = 0;
  return userIds.map((userId) =>
    userId === null ? { userId, segments: filters.map(() => false) } : { userId, segments: rows[at++] ?? [] },
  );
}
