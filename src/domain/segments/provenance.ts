import { sql } from 'drizzle-orm';
import { intArray, queryRows } from '../../db/client.ts';
import type { Ctx } from '../context.ts';
import { type BatchRow, batchColumns, type LedgerBatch, readBatch } from '../history/batch.ts';

/** What the ledger knows of one user in one cohort up to a moment. */
export interface Trace {
  /** The last batch that moved the user; null when there is none. */
  readonly last: LedgerBatch | null;
  readonly identityKinds: number | null;
  /** In the cohort then; null when the ledger cannot tell, so that now is as good. */
  readonly wasMember: boolean | null;
  readonly isForgotten: boolean;
}

type Row = BatchRow & { readonly identity_kinds: number | null; readonly entered: boolean };

/**
 * The trace of a user in each of some cohorts: the last batch that moved them until `asOf`, and, where a later one moved them, the
 * opposite of what it did. Reads the batches of each cohort from the newest back until it has found it. Two statements.
 */
export async function traceUser(
  ctx: Ctx,
  input: { readonly userId: number; readonly cohortIds: readonly number[]; readonly asOf: Date | null },
): Promise<Map<number, Trace>> {
  const { userId, cohortIds, asOf } = input;
  if (cohortIds.length === 0) return new Map();
  const until = asOf ? sql`and b.applied_at <= ${asOf.toISOString()}::timestamptz` : sql``;
  const moves = sql`(${userId}::int = any(b.added) or ${userId}::int = any(b.removed))`;
  const of = sql`b.workspace_id = ${ctx.workspaceId}::int and b.cohort_id = c.id`;
  const [lasts, laters] = await Promise.all([
    queryRows<Row>(
      ctx.db,
      sql`/* lastMoves */ select ${batchColumns}, b.identity_kinds, ${userId}::int = any(b.added) as entered
        from unnest(${intArray(cohortIds)}) as c(id)
        cross join lateral (select b.* from batches b where ${of} ${until} and ${moves} order by b.id desc limit 1) b`,
    ),
    queryRows<{ id: number; entered: boolean | null; forgotten: boolean }>(
      ctx.db,
      sql`/* laterMoves */ select c.id, later.entered,
          exists (select 1 from batches b where ${of} and b.added is null and b.added_count + b.removed_count > 0) as forgotten
        from unnest(${intArray(cohortIds)}) as c(id)
        left join lateral (select ${userId}::int = any(b.added) as entered from batches b where ${of}
          ${asOf ? sql`and b.applied_at > ${asOf.toISOString()}::timestamptz` : sql`and false`} and ${moves} order by b.id limit 1) later on true`,
    ),
  ]);
  const lastOf = new Map(lasts.map((row) => [row.cohort_id, row]));
  return new Map(
    laters.map(({ id, entered, forgotten }) => {
      const last = lastOf.get(id);
      const wasMember = entered !== null ? !entered : last ? last.entered : null;
      const trace = { last: last ? readBatch(last) : null, identityKinds: last?.identity_kinds ?? null };
      return [id, { ...trace, wasMember, isForgotten: forgotten && !last }];
    }),
  );
}
