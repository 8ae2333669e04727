import { sql } from 'drizzle-orm';
import { queryRows, textArray } from '../../db/client.ts';
import type { Ctx } from '../context.ts';
import { fail } from '../errors.ts';
import { type Filter, segmentsOf } from './filter.ts';
import { fromJson } from './filter-json.ts';

/** The most groups, negations and leaves of a filter with everything it refers to, as often as it refers to it. */
export const EXPANDED_MAX_NODES = 5_000;

/**
 * Filters with the segments they refer to written out, at any depth: a nested segment is its subtree. One statement, and none where no
 * segment is mentioned. Errors: LIMIT_EXCEEDED when one is larger than can be evaluated.
 */
export async function expandFilters(ctx: Ctx, filters: readonly Filter[]): Promise<readonly Filter[]> {
  const named = [...new Set(filters.flatMap(segmentsOf))];
  if (named.length === 0) return filters;
  const found = await loadWithAll(ctx, named);
  return filters.map((filter) => expand(filter, found));
}

/** The filters of segments and of all that they refer to, by segment. */
export async function loadWithAll(ctx: Ctx, ids: readonly string[]): Promise<Map<string, Filter>> {
  const rows = await queryRows<{ id: string; filter: string }>(
    ctx.db,
    sql`/* loadWithAll */ with recursive need(id) as (
        select unnest(${textArray(ids)}::uuid[])
        union select u.uses_segment_id from need join segment_segments u on u.workspace_id = ${ctx.workspaceId}::int and u.segment_id = need.id)
      select s.id::text as id, s.filter::text as filter from need join segments s on s.workspace_id = ${ctx.workspaceId}::int and s.id = need.id`,
  );
  return new Map(rows.map((row) => [row.id, fromJson(JSON.parse(row.filter))]));
}

/** Writes a filter out. Whoever saves a filter refuses cycles; the limit ends the writing even if there were one. */
export function expand(filter: Filter, segments: ReadonlyMap<string, Filter>): Filter {
  let nodes = 0;
  const visit = (node: Filter): Filter => {
    if (++nodes > EXPANDED_MAX_NODES)
      throw fail(
        'LIMIT_EXCEEDED',
        `With the segments it refers to, a filter has at most ${EXPANDED_MAX_NODES} parts: refer to fewer, or to smaller ones.`,
      );
    switch (node.type) {
      case 'all':
      case 'any':
        return { type: node.type, of: node.of.map(visit) };
      case 'not':
        return { type: 'not', of: visit(node.of) };
      case 'segment': {
        const named = segments.get(node.segment);
        if (!named) throw new Error('A filter refers to a segment that does not exist.');
        return visit(named);
      }
      default:
        return node;
    }
  };
  return visit(filter);
}
