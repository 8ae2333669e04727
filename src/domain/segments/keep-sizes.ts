import { sql } from 'drizzle-orm';
import { intArray, queryPrepared, textArray } from '../../db/client.ts';
import type { Ctx } from '../context.ts';
import { countMembers } from './evaluate.ts';
import type { Segment } from './segment.ts';

/** What a point of a segment's size history stands for. */
export const SIZE_REASONS = ['DAY', 'CHANGE'] as const;
export type SizeReason = (typeof SIZE_REASONS)[number];

/** How long sizes are kept, in days. */
export const SIZES_KEPT_DAYS = 400;

/** Keeps how many users each segment has now. What is known of the same millisecond already gives way. */
export async function keepSizes(ctx: Ctx, segments: readonly Segment[], reason: SizeReason): Promise<void> {
  const sizes = await countMembers(
    ctx,
    segments.map(({ filter }) => filter),
  );
  await queryPrepared(
    ctx.db,
    sql`/* keepSizes */ insert into segment_sizes (workspace_id, segment_id, at, size, version, reason)
      select ${ctx.workspaceId}::int, s.id::uuid, ${ctx.now().toISOString()}::timestamptz, s.size, s.version, ${reason}::text
      from unnest(${textArray(segments.map(({ id }) => id))}, ${intArray(sizes)}, ${intArray(segments.map(({ version }) => version))}) as s(id, size, version)
      on conflict (workspace_id, segment_id, at) do update set size = excluded.size, version = excluded.version, reason = excluded.reason`,
  );
}
