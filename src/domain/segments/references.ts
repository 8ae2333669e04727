import { and, eq, sql } from 'drizzle-orm';
import { intArray, queryPrepared, queryRows, textArray } from '../../db/client.ts';
import { segmentCohorts, segmentSegments } from '../../db/tables/segments.ts';
import type { Ctx } from '../context.ts';
import { fail } from '../errors.ts';
import { EXPANDED_MAX_NODES, loadWithAll } from './expand.ts';
import { cohortsOf, type Filter, leavesOf, segmentsOf } from './filter.ts';

// Which cohorts and segments a segment refers to, and what that keeps whom from doing.

/** Any constant, beside the workspace's number: advisory locks of Muster that are of this kind. */
const SEGMENTS = 731_621;

/**
 * Makes changes of the workspace's segments take turns until the transaction ends. Whether a filter closes a circle, or refers to what is
 * being archived, depends on other segments than the one that changes: with a lock of rows, whoever adds a reference would have to lock all
 * that it leads to, in an order that nobody knows before having read them. People change segments, so that turns cost nothing; and the row
 * of the workspace would do, but new users take it, who are many.
 */
export async function lockSegments(tx: Ctx): Promise<void> {
  await queryPrepared(
    tx.db,
    // From the workspace's row: on a cluster all must meet on the node that has the workspace.
    sql`/* lockSegments */ select pg_advisory_xact_lock(${SEGMENTS}::int, id)::text as gate from workspaces where id = ${tx.workspaceId}::int`,
  );
}

/** Notes what the filter of a segment refers to, instead of what was noted before. */
export async function writeReferences(tx: Ctx, segmentId: string, filter: Filter): Promise<void> {
  const of = { workspaceId: tx.workspaceId, segmentId };
  await tx.db
    .delete(segmentCohorts)
    .where(and(eq(segmentCohorts.workspaceId, of.workspaceId), eq(segmentCohorts.segmentId, of.segmentId)));
  await tx.db
    .delete(segmentSegments)
    .where(and(eq(segmentSegments.workspaceId, of.workspaceId), eq(segmentSegments.segmentId, of.segmentId)));
  const cohorts = cohortsOf(filter);
  if (cohorts.length > 0)
    await tx.db.execute(sql`insert into segment_cohorts (workspace_id, segment_id, cohort_id)
      select ${tx.workspaceId}::int, ${segmentId}::uuid, c from unnest(${intArray(cohorts)}) as u(c)`);
  const uses = segmentsOf(filter);
  if (uses.length > 0)
    await tx.db.execute(sql`insert into segment_segments (workspace_id, segment_id, uses_segment_id)
      select ${tx.workspaceId}::int, ${segmentId}::uuid, s::uuid from unnest(${textArray(uses)}) as u(s)`);
}

interface Dependent {
  readonly id: string;
  readonly name: string;
}

/** The live segments that refer to one, through however many others, each after those it refers to only where names say so. By name. */
async function allDependents(tx: Ctx, segmentId: string): Promise<Dependent[]> {
  return queryRows<Dependent>(
    tx.db,
    sql`/* allDependents */ with recursive up(id) as (
        select u.segment_id from segment_segments u where u.workspace_id = ${tx.workspaceId}::int and u.uses_segment_id = ${segmentId}::uuid
        union select u.segment_id from up join segment_segments u on u.workspace_id = ${tx.workspaceId}::int and u.uses_segment_id = up.id)
      select s.id::text as id, s.name from up join segments s on s.workspace_id = ${tx.workspaceId}::int and s.id = up.id
      where s.archived_at is null order by s.name, s.id`,
  );
}

/**
 * Refuses a filter with which the segment, or one that refers to it, would be larger than can be evaluated. `segmentId` is null for one
 * that is being made. Errors: LIMIT_EXCEEDED, naming who would be too large.
 */
export async function checkExpandedSizes(tx: Ctx, segmentId: string | null, filter: Filter): Promise<void> {
  const dependents = segmentId === null ? [] : await allDependents(tx, segmentId);
  const named = [...new Set([...segmentsOf(filter), ...dependents.map(({ id }) => id)])];
  const filters = named.length === 0 ? new Map<string, Filter>() : await loadWithAll(tx, named);
  if (segmentId !== null) filters.set(segmentId, filter);
  const sizeOf = sizes(filters);
  const path = ['filter'];
  if (sizeOf(filter) > EXPANDED_MAX_NODES)
    throw fail(
      'LIMIT_EXCEEDED',
      `With the segments it refers to, a filter has at most ${EXPANDED_MAX_NODES} parts: refer to fewer, or to smaller ones.`,
      { path },
    );
  const tooLarge = dependents.find(({ id }) => sizeOf({ type: 'segment', segment: id }) - 1 > EXPANDED_MAX_NODES);
  if (tooLarge)
    throw fail(
      'LIMIT_EXCEEDED',
      `The segment "${tooLarge.name}" refers to this one and would have more than ${EXPANDED_MAX_NODES} parts with it: make this one smaller, or change that one first.`,
      { path },
    );
}

/** How many parts a filter has when the segments it refers to are written out, as `expand` counts them. */
function sizes(filters: ReadonlyMap<string, Filter>): (filter: Filter) => number {
  const known = new Map<string, number>();
  const ofSegment = (id: string): number => {
    const size = known.get(id);
    if (size !== undefined) return size;
    const filter = filters.get(id);
    if (!filter) throw new Error('A filter refers to a segment that does not exist.');
    // Ends the counting even if there were a circle, which is refused before.
    known.set(id, Number.POSITIVE_INFINITY);
    const counted = ofFilter(filter);
    known.set(id, counted);
    return counted;
  };
  const ofFilter = (filter: Filter): number =>
    ownNodes(filter) +
    leavesOf(filter).reduce((sum, leaf) => sum + (leaf.type === 'segment' ? ofSegment(leaf.segment) : 0), 0);
  return ofFilter;
}

function ownNodes(filter: Filter): number {
  if (filter.type === 'not') return 1 + ownNodes(filter.of);
  if (filter.type === 'all' || filter.type === 'any') return filter.of.reduce((sum, part) => sum + ownNodes(part), 1);
  return 1;
}
