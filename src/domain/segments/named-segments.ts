import { sql } from 'drizzle-orm';
import { queryPrepared, textArray } from '../../db/client.ts';
import type { Ctx } from '../context.ts';
import { fail, type Path } from '../errors.ts';
import { loadWithAll } from './expand.ts';
import { type FilterDraft, leavesOf, segmentsOf } from './filter.ts';
import type { SegmentRef } from './segment.ts';

interface Named {
  readonly ref: SegmentRef;
  readonly path: Path;
}

interface Found {
  readonly id: string;
  readonly name: string;
  readonly isArchived: boolean;
}

/**
 * The segments that a draft refers to, by reference. `of` and `allowed`: as `readFilter`. Errors, with the path of the reference: NOT_FOUND,
 * NOT_ACTIVE, INVALID_INPUT (a circle, which is named).
 */
export async function findNamedSegments(
  ctx: Ctx,
  draft: FilterDraft,
  { of, allowed }: { readonly of?: string | undefined; readonly allowed?: ReadonlySet<string> | undefined },
): Promise<ReadonlyMap<object, string>> {
  const named = leavesOf(draft).flatMap((leaf) => (leaf.type === 'segment' ? [leaf.segment] : []));
  if (named.length === 0) return new Map();
  const segmentOf = await lookUp(ctx, named);
  const mayBeArchived = allowed ?? (await usedBy(ctx, of ?? null));
  const found = new Map<Named, Found>();
  for (const value of named) {
    const segment = segmentOf(value.ref);
    if (!segment) throw fail('NOT_FOUND', 'There is no such segment in this workspace.', { path: value.path });
    if (segment.isArchived && !mayBeArchived.has(segment.id))
      throw fail('NOT_ACTIVE', `The segment "${segment.name}" is archived: restore it before referring to it.`, {
        path: value.path,
      });
    found.set(value, segment);
  }
  if (of !== undefined) await refuseCircles(ctx, of, found);
  return new Map([...found].map(([value, { id }]) => [value, id]));
}

async function lookUp(ctx: Ctx, named: readonly Named[]): Promise<(ref: SegmentRef) => Found | null> {
  const ids = new Set(named.flatMap(({ ref }) => ('id' in ref ? [ref.id] : [])));
  const names = new Set(named.flatMap(({ ref }) => ('name' in ref ? [ref.name] : [])));
  const rows = await queryPrepared<{ id: string; name: string; is_archived: boolean }>(
    ctx.db,
    sql`/* findNamedSegments */ select id::text as id, name, archived_at is not null as is_archived from segments
      where workspace_id = ${ctx.workspaceId}::int and id = any(${textArray([...ids])}::uuid[])
      union select id::text, name, false from segments
      where workspace_id = ${ctx.workspaceId}::int and name = any(${textArray([...names])}) and archived_at is null`,
  );
  const all = rows.map(({ id, name, is_archived }): Found => ({ id, name, isArchived: is_archived }));
  const byId = new Map(all.map((segment) => [segment.id, segment]));
  const byName = new Map(all.filter(({ isArchived }) => !isArchived).map((segment) => [segment.name, segment]));
  return (ref) => ('id' in ref ? byId.get(ref.id) : byName.get(ref.name)) ?? null;
}

/** What the filter of a segment refers to as it is stored. */
async function usedBy(ctx: Ctx, segmentId: string | null): Promise<ReadonlySet<string>> {
  if (segmentId === null) return new Set();
  const rows = await queryPrepared<{ id: string }>(
    ctx.db,
    sql`/* usedBy */ select uses_segment_id::text as id from segment_segments
      where workspace_id = ${ctx.workspaceId}::int and segment_id = ${segmentId}::uuid`,
  );
  return new Set(rows.map(({ id }) => id));
}

/** Refuses references that lead back to `of`, through however many segments. */
async function refuseCircles(ctx: Ctx, of: string, found: ReadonlyMap<Named, Found>): Promise<void> {
  const filters = await loadWithAll(ctx, [...new Set([...found.values()].map(({ id }) => id))]);
  const next = (id: string): readonly string[] => {
    const filter = filters.get(id);
    return filter ? segmentsOf(filter) : [];
  };
  for (const [value, { id }] of found) {
    const way = wayTo(of, id, next);
    if (!way) continue;
    const names = await namesOf(ctx, [of, ...way]);
    const circle = [of, ...way].map((one) => `"${names.get(one) ?? one}"`).join(' → ');
    throw fail('INVALID_INPUT', `Segments cannot refer to each other in a circle: ${circle}.`, { path: value.path });
  }
}

/** A shortest way from one segment to another, both included; null where there is none. */
function wayTo(goal: string, from: string, next: (id: string) => readonly string[]): readonly string[] | null {
  const cameFrom = new Map<string, string | null>([[from, null]]);
  // A map hands out what is added to it while it is gone through.
  for (const [id] of cameFrom) {
    if (id === goal) {
      const way: string[] = [];
      for (let at: string | null = id; at !== null; at = cameFrom.get(at) ?? null) way.unshift(at);
      return way;
    }
    for (const other of next(id)) if (!cameFrom.has(other)) cameFrom.set(other, id);
  }
  return null;
}

async function namesOf(ctx: Ctx, ids: readonly string[]): Promise<Map<string, string>> {
  const rows = await queryPrepared<{ id: string; name: string }>(
    ctx.db,
    sql`/* namesOf */ select id::text as id, name from segments
      where workspace_id = ${ctx.workspaceId}::int and id = any(${textArray(ids)}::uuid[])`,
  );
  return new Map(rows.map(({ id, name }) => [id, name]));
}
