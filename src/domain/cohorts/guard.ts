import { sql } from 'drizzle-orm';
import { v7 as newId } from 'uuid';
import { intArray, queryRows } from '../../db/client.ts';
import { heldChanges } from '../../db/tables/cohorts.ts';
import type { Ctx } from '../context.ts';
import type { Cohort } from './cohort.ts';
import { commandToText } from './command-text.ts';
import type { Folded } from './fold.ts';
import type { Prepared } from './look-up.ts';

/** Below this size a cohort is not guarded: of three members one is a third. */
export const GUARD_MIN_MEMBERS = 100;

/** True when so many of so many is more than the guard lets pass. */
export function isTooMany(leaving: number, size: number, percent: number): boolean {
  return size >= GUARD_MIN_MEMBERS && leaving * 100 > size * percent;
}

/**
 * Keeps a request for an operator if it would remove more of the cohort than its workspace lets pass: answers what it is kept as, null
 * when it may pass. The caller holds the cohort's row.
 */
export async function holdIfTooMany(tx: Ctx, cohort: Cohort, p: Prepared, f: Folded): Promise<string | null> {
  const percent = p.guardPercent;
  if (percent === null) return null;
  const { size, leaving, entering, newest } = await weigh(tx, cohort.id, f.changes);
  if (!isTooMany(leaving, size, percent)) return null;
  const id = newId();
  await tx.db.insert(heldChanges).values({
    workspaceId: tx.workspaceId,
    id,
    cohortId: cohort.id,
    command: commandToText(p.command, p.keyId),
    dialect: p.command.source.dialect,
    keyId: p.keyId,
    afterBatchId: newest,
    heldAt: tx.now(),
    size,
    wouldRemove: leaving,
    wouldAdd: entering,
  });
  tx.log.warn(
    { workspaceId: tx.workspaceId, cohortId: cohort.id, dialect: p.command.source.dialect, size, wouldRemove: leaving },
    'changes held: they would remove more of the cohort than the shrink guard lets pass',
  );
  return id;
}

/** The hold is over: its changes are applied in this very transaction, or dropped. Says whether there was one. */
export async function endHold(tx: Ctx, heldChangesId: string): Promise<boolean> {
  const rows = await queryRows(
    tx.db,
    sql`/* endHold */ delete from held_changes where workspace_id = ${tx.workspaceId}::int and id = ${heldChangesId}::uuid returning 1`,
  );
  return rows.length > 0;
}

/** How large the cohort is, how many would really leave and enter, and its newest batch. */
async function weigh(tx: Ctx, cohortId: number, changes: Int32Array) {
  const [row] = await queryRows<{ size: number; leaving: number; entering: number; newest: string }>(
    tx.db,
    sql`/* weigh */ select coalesce((select sum(bit_count(m.bits)) from membership_blocks m
          where m.workspace_id = ${tx.workspaceId}::int and m.cohort_id = ${cohortId}::int), 0)::int as size,
        count(*) filter (where v < 0 and get_bit(m.bits, -v & 8191) = 1)::int as leaving,
        count(*) filter (where v > 0 and coalesce(get_bit(m.bits, v & 8191), 0) = 0)::int as entering,
        (select coalesce(max(b.id), 0) from batches b where b.workspace_id = ${tx.workspaceId}::int and b.cohort_id = ${cohortId}::int)::text as newest
      from unnest(${intArray(changes)}) as c(v)
      left join membership_blocks m on m.workspace_id = ${tx.workspaceId}::int and m.cohort_id = ${cohortId}::int and m.block = abs(v) >> 13`,
  );
  if (!row) throw new Error('An aggregate answers one row.');
  return { ...row, newest: Number(row.newest) };
}
