import { sql } from 'drizzle-orm';
import { queryPrepared, textArray } from '../../db/client.ts';
import { lockCohort } from '../cohorts/apply-changes.ts';
import { PATIENCE_MS } from '../cohorts/ensure-cohort.ts';
import { type Ctx, inTransaction } from '../context.ts';
import { fail } from '../errors.ts';
import { parseIntArray, RESERVED } from '../membership/bits.ts';
import { appendBatches } from '../membership/ledger.ts';
import { passGate } from '../users/gate.ts';
import { type LedgerBatch, OPERATOR_DIALECTS, whyIrreversible } from './batch.ts';
import { batchesByIds } from './batches.ts';

// An operator takes a batch back, or has it applied again. What came later stands: whom a later batch has named, in whatever way, is left
// alone. What operators did themselves does not count as later, so that a batch can be undone, replayed and undone again; an undo is a
// batch like any other and can be undone too. Memberships only: identities that the batch left pending stay pending, because the pool does
// not say which batch brought them. Nothing is metered, and the shrink guard does not ask.

export interface ReversalInput {
  readonly batchId: number;
  /** The key that asks, for the ledger. */
  readonly keyId?: string | null | undefined;
}

/** What came of an undo or a replay. */
export interface Reversal {
  /** The row of the ledger that it became. */
  readonly batch: LedgerBatch;
  /** Users who really entered and left. */
  readonly added: number;
  readonly removed: number;
  /** Users who were so already. */
  readonly unchanged: number;
  /** Users left alone, reason to count: `later_batch`, `no_such_user`. */
  readonly skipped: Readonly<Record<string, number>>;
}

/**
 * Takes a batch back: whom it added leaves, whom it removed enters again. One transaction, one row of the ledger.
 * Errors: NOT_FOUND, NOT_RETAINED, INVALID_INPUT (it was written because users changed), LOCKED.
 */
export async function undoBatch(ctx: Ctx, input: ReversalInput): Promise<Reversal> {
  return reverse(ctx, input, 'undo');
}

/** Applies a batch again: whom it added enters, whom it removed leaves. Errors: as `undoBatch`. */
export async function replayBatch(ctx: Ctx, input: ReversalInput): Promise<Reversal> {
  return reverse(ctx, input, 'replay');
}

async function reverse(ctx: Ctx, input: ReversalInput, dialect: (typeof OPERATOR_DIALECTS)[number]): Promise<Reversal> {
  const startedAt = performance.now();
  return inTransaction(ctx, async (tx) => {
    const { cohortId } = await requireReversible(tx, input.batchId);
    await lockWorkspace(tx);
    await lockCohort(tx, cohortId);
    // Again, under the locks: retention may have come between.
    const batch = await requireReversible(tx, input.batchId);
    const { changes, laterBatch, noSuchUser } = await plan(tx, batch, dialect === 'undo');
    const skipped = {
      ...(laterBatch > 0 ? { later_batch: laterBatch } : {}),
      ...(noSuchUser > 0 ? { no_such_user: noSuchUser } : {}),
    };
    const [done] = await appendBatches(tx, [
      {
        cohortId,
        dialect,
        keyId: input.keyId ?? null,
        requestId: null,
        ofBatchId: batch.id,
        durationMs: performance.now() - startedAt,
        received: 0,
        matched: 0,
        held: 0,
        ignored: 0,
        reasons: skipped,
        written: changes.length,
        changes,
      },
    ]);
    const row = done && (await batchesByIds(tx, [done.batchId])).get(done.batchId);
    if (!row) throw new Error('A batch that was appended is in the ledger.');
    const { added, removed } = row;
    return { batch: row, added, removed, unchanged: changes.length - added - removed, skipped };
  });
}

async function requireReversible(tx: Ctx, batchId: number): Promise<LedgerBatch> {
  const batch = (await batchesByIds(tx, [batchId])).get(batchId);
  if (!batch) throw fail('NOT_FOUND', 'There is no such batch in this workspace.', { path: ['batch'] });
  const why = whyIrreversible(batch);
  if (why) throw fail(batch.isForgotten ? 'NOT_RETAINED' : 'INVALID_INPUT', why, { path: ['batch'] });
  return batch;
}

/** As an import does: from here to the commit nobody merges or deletes users. */
async function lockWorkspace(tx: Ctx): Promise<void> {
  await queryPrepared(
    tx.db,
    sql`/* lockWorkspaceToReverse */ select set_config('lock_timeout', ${`${PATIENCE_MS}ms`}, true) as patience, ${passGate(tx.workspaceId)}
      from workspaces where id = ${tx.workspaceId}::int for key share`,
  );
}

/** What to change, signed as the ledger wants it, and how many are left alone. The caller holds the cohort's row. */
async function plan(tx: Ctx, batch: LedgerBatch, isUndo: boolean) {
  const rows = await queryPrepared<{ changes: string; later: number; gone: number }>(
    tx.db,
    sql`/* planReversal */ with t as materialized (
        select u.id, u.sign from batches b
        cross join lateral (select unnest(b.added) as id, 1 as sign union all select unnest(b.removed), -1) u
        where b.workspace_id = ${tx.workspaceId}::int and b.id = ${batch.id}::bigint),
      later as materialized (
        select distinct abs(u.id) as id from (
          select b.added, b.removed, b.unchanged from batches b where b.workspace_id = ${tx.workspaceId}::int
            and b.cohort_id = ${batch.cohortId}::int and b.id > ${batch.id}::bigint and b.dialect <> all(${textArray(OPERATOR_DIALECTS)}) offset 0) b
        cross join lateral (select unnest(b.added) as id union all select unnest(b.removed) union all select unnest(b.unchanged)) u),
      d as materialized (select id >> 13 as block, array_agg(id) as ids, array_agg(sign) as signs from t group by 1),
      live as materialized (
        select u.id, u.sign, coalesce(get_bit(e.bits, u.id & 8191), 0) = 1 as is_live
        from d left join membership_blocks e on e.workspace_id = ${tx.workspaceId}::int and e.cohort_id = ${RESERVED.everyone}::int and e.block = d.block
        cross join lateral unnest(d.ids, d.signs) as u(id, sign)),
      fate as materialized (select l.id, l.sign, l.is_live, s.id is not null as is_later from live l left join later s on s.id = l.id)
      select coalesce(array_agg(f.id * f.sign * ${isUndo ? -1 : 1}::int order by f.id) filter (where f.is_live and not f.is_later), '{}')::text as changes,
        count(*) filter (where f.is_live and f.is_later)::int as later, count(*) filter (where not f.is_live)::int as gone from fate f`,
  );
  const [row] = rows;
  if (!row) throw new Error('An aggregate answers one row.');
  return { changes: parseIntArray(row.changes), laterBatch: row.later, noSuchUser: row.gone };
}
