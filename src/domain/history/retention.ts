import { sql } from 'drizzle-orm';
import { queryPrepared } from '../../db/client.ts';
import { type Ctx, inTransaction } from '../context.ts';

/** Rows of one short transaction. */
const SLICE = 1_000;
const DAY_MS = 86_400_000;

/**
 * Makes the ledger forget whom batches named that are older than the workspace wants to remember: their counts stay. Goes on where it
 * stopped, a slice of the ledger a call, and answers how many rows it went past; call again while that is not 0.
 */
export async function trimLedger(ctx: Ctx): Promise<number> {
  return inTransaction(ctx, async (tx) => {
    // The row also says how far it went: of two servers one waits here, and goes on behind the other.
    const [workspace] = await queryPrepared<{ days: number | null; swept: string }>(
      tx.db,
      sql`/* lockLedgerSweep */ select ledger_retention_days as days, ledger_swept_to::text as swept from workspaces
        where id = ${tx.workspaceId}::int for no key update`,
    );
    if (!workspace || workspace.days === null) return 0;
    const old = new Date(tx.now().getTime() - workspace.days * DAY_MS).toISOString();
    const [slice] = await queryPrepared<{ last: string | null; rows: number }>(
      tx.db,
      // Up to the first that is not old enough: whatever comes behind it has its turn later.
      sql`/* nextLedgerSlice */ with s as materialized (
          select b.id, b.applied_at from batches b where b.workspace_id = ${tx.workspaceId}::int and b.id > ${workspace.swept}::bigint
          order by b.id limit ${SLICE}::int)
        select max(s.id)::text as last, count(*)::int as rows from s
        where s.id < coalesce((select min(n.id) from s n where n.applied_at >= ${old}::timestamptz), 9223372036854775807)`,
    );
    if (!slice || slice.last === null) return 0;
    await queryPrepared(
      tx.db,
      sql`/* forgetUsers */ update batches b set added = null, removed = null, unchanged = null, unmatched_hashes = null
        where b.workspace_id = ${tx.workspaceId}::int and b.id > ${workspace.swept}::bigint and b.id <= ${slice.last}::bigint`,
    );
    await queryPrepared(
      tx.db,
      sql`/* ledgerSweptTo */ update workspaces set ledger_swept_to = ${slice.last}::bigint where id = ${tx.workspaceId}::int`,
    );
    return slice.rows;
  });
}
