import { sql } from 'drizzle-orm';
import type { Ctx } from '../context.ts';

/** Why a pending member was dropped without joining. A remove by the sender is no drop: it is what was asked for. */
export const DROP_REASONS = ['too_old', 'over_limit', 'device_of_identified_user'] as const;
export type DropReason = (typeof DROP_REASONS)[number];

/** Counts pending members that were dropped, by day and reason. */
export async function noteDrops(tx: Ctx, reason: DropReason, members: number): Promise<void> {
  if (members === 0) return;
  await tx.db.execute(sql`/* noteDrops */ insert into pending_drops as d (workspace_id, day, reason, members)
    values (${tx.workspaceId}::int, (${tx.now().toISOString()}::timestamptz at time zone 'UTC')::date, ${reason}, ${members}::bigint)
    on conflict (workspace_id, day, reason) do update set members = d.members + excluded.members`);
}
