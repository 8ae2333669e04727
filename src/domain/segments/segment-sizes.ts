import { sql } from 'drizzle-orm';
import { queryPrepared, queryRows, textArray } from '../../db/client.ts';
import type { Ctx } from '../context.ts';
import { fail } from '../errors.ts';
import { byList } from '../history/by-list.ts';
import { checkTime, dayAfter, dayOf } from '../history/instants.ts';
import { HISTORY_MAX_POINTS } from '../history/size-point.ts';
import { keepSizes, SIZES_KEPT_DAYS, type SizeReason } from './keep-sizes.ts';
import type { Segment } from './segment.ts';
import { segmentsByIds } from './segments.ts';

// How large segments were. A segment is evaluated when it is asked for, so that its past sizes are known only where somebody counted: once
// a day, and at each change of it.

/** How many users a segment had. */
export interface SegmentSizePoint {
  readonly at: Date;
  readonly size: number;
  /** The version that was counted. */
  readonly version: number;
  readonly reason: SizeReason;
}

/**
 * How large each segment was when it was counted, the oldest point first, in the order asked. One statement. Errors: INVALID_INPUT (the end
 * lies before the beginning), LIMIT_EXCEEDED (more than 2,000 points).
 */
export async function listSegmentSizes(
  ctx: Ctx,
  segmentIds: readonly string[],
  input: { readonly from: Date; readonly to?: Date | null | undefined },
): Promise<SegmentSizePoint[][]> {
  const from = checkTime(input.from, ['from']);
  const to = input.to ? checkTime(input.to, ['to']) : ctx.now();
  if (to < from) throw fail('INVALID_INPUT', 'A history ends after it begins.', { path: [input.to ? 'to' : 'from'] });
  const rows = await queryPrepared<{ n: number; at: string; size: number; version: number; reason: SizeReason }>(
    ctx.db,
    sql`/* listSegmentSizes */ select (l.n - 1)::int as n, to_json(p.at)::text as at, p.size, p.version, p.reason
      from unnest(${textArray(segmentIds)}::uuid[]) with ordinality as l(id, n) cross join lateral (
        select p.* from segment_sizes p where p.workspace_id = ${ctx.workspaceId}::int and p.segment_id = l.id
          and p.at between ${from.toISOString()}::timestamptz and ${to.toISOString()}::timestamptz
        order by p.at limit ${HISTORY_MAX_POINTS + 1}::int) p
      order by l.n, p.at`,
  );
  return byList(rows, segmentIds.length).map((mine) => {
    if (mine.length > HISTORY_MAX_POINTS)
      throw fail('LIMIT_EXCEEDED', `A size history has at most ${HISTORY_MAX_POINTS} points: ask for a shorter time.`, {
        path: ['from'],
      });
    return mine.map(({ at, size, version, reason }) => ({
      at: new Date(JSON.parse(at) as string),
      size,
      version,
      reason,
    }));
  });
}

/** Segments counted together: a statement holds the sources of all of them. */
const COUNTED_AT_ONCE = 50;

/**
 * Counts the live segments that were not counted yet in this UTC day, and forgets sizes older than 400 days. A segment that cannot be
 * counted is logged and passed over. Answers how many were counted.
 */
export async function noteSegmentSizes(ctx: Ctx): Promise<number> {
  const today = new Date(dayOf(ctx.now())).toISOString();
  const rows = await queryRows<{ id: string }>(
    ctx.db,
    sql`/* uncounted */ select s.id::text as id from segments s where s.workspace_id = ${ctx.workspaceId}::int and s.archived_at is null
      and not exists (select 1 from segment_sizes p where p.workspace_id = ${ctx.workspaceId}::int and p.segment_id = s.id
        and p.at >= ${today}::timestamptz and p.reason = 'DAY') order by s.id`,
  );
  let counted = 0;
  for (let i = 0; i < rows.length; i += COUNTED_AT_ONCE) {
    const found = await segmentsByIds(
      ctx,
      rows.slice(i, i + COUNTED_AT_ONCE).map(({ id }) => id),
    );
    counted += await countAll(ctx, [...found.values()]);
  }
  if (counted > 0) await forgetSizes(ctx);
  return counted;
}

/** Counts segments together, and one by one where that fails: a filter that takes too long must not cost the others their day. */
async function countAll(ctx: Ctx, segments: readonly Segment[]): Promise<number> {
  try {
    await keepSizes(ctx, segments, 'DAY');
    return segments.length;
  } catch (error) {
    const [only] = segments;
    if (segments.length > 1) {
      let counted = 0;
      for (const segment of segments) counted += await countAll(ctx, [segment]);
      return counted;
    }
    const fault = error instanceof Error ? error.name : typeof error;
    ctx.log.warn({ workspaceId: ctx.workspaceId, segment: only?.id, error: fault }, 'a segment could not be counted');
    return 0;
  }
}

async function forgetSizes(ctx: Ctx): Promise<void> {
  const before = dayAfter(ctx.now().getTime(), -SIZES_KEPT_DAYS).toISOString();
  await queryRows(
    ctx.db,
    sql`/* forgetSizes */ delete from segment_sizes where workspace_id = ${ctx.workspaceId}::int and at < ${before}::timestamptz`,
  );
}
