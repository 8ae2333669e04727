import { sql } from 'drizzle-orm';
import { numberLiteral, queryPrepared, textArray } from '../../db/client.ts';
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
// alone. What operators did themselves does not count as later, and a batch that was undone does not stand: so a batch can be undone,
// replayed and undone again, several are taken back by undoing the newest first, and an undo is undone like any other batch. Memberships only: identities that the batch left pending stay pending, because the pool does
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
  if (why) throw fail(why.code, why.message, { path: ['batch'] });
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
  const takenBack = takenBackOf(await operations(tx, batch));
  // A later list of everybody is a batch of those who moved: it speaks of all whom no batch had named since it was begun.
  const [row] = await queryPrepared<{ changes: string; later: number; gone: number }>(
    tx.db,
    sql`/* planReversal */ with standing as materialized (
        select b.id, b.added, b.removed, b.unchanged from batches b where b.workspace_id = ${tx.workspaceId}::int
          and b.cohort_id = ${batch.cohortId}::int and b.id > ${batch.id}::bigint and b.dialect <> all(${textArray(OPERATOR_DIALECTS)})
          and b.id <> all(${numberLiteral(takenBack)}::text::bigint[])),
      everybody as materialized (
        select exists (select 1 from replacements r where r.workspace_id = ${tx.workspaceId}::int and r.state = 'COMMITTED'
          and r.after_batch_id >= ${batch.id}::bigint and r.batch_id in (select s.id from standing s)) as is_named),
      later as materialized (
        select distinct abs(u.id) as id from standing s
        cross join lateral (select unnest(s.added) as id union all select unnest(s.removed) union all select unnest(s.unchanged)) u),
      d as materialized (
        select u.id >> 13 as block, array_agg(u.id) as ids, array_agg(u.sign) as signs from batches b
        cross join lateral (select unnest(b.added) as id, 1 as sign union all select unnest(b.removed), -1) u
        where b.workspace_id = ${tx.workspaceId}::int and b.id = ${batch.id}::bigint group by 1),
      fate as materialized (
        select u.id, u.sign, coalesce(get_bit(e.bits, u.id & 8191), 0) = 1 as is_live, y.is_named or l.id is not null as is_later
        from d left join membership_blocks e on e.workspace_id = ${tx.workspaceId}::int and e.cohort_id = ${RESERVED.everyone}::int and e.block = d.block
        cross join lateral unnest(d.ids, d.signs) as u(id, sign) cross join everybody y left join later l on l.id = u.id)
      select coalesce(array_agg(f.id * f.sign * ${isUndo ? -1 : 1}::int order by f.id) filter (where f.is_live and not f.is_later), '{}')::text as changes,
        count(*) filter (where f.is_live and f.is_later)::int as later, count(*) filter (where not f.is_live)::int as gone from fate f`,
  );
  if (!row) throw new Error('An aggregate answers one row.');
  return { changes: parseIntArray(row.changes), laterBatch: row.later, noSuchUser: row.gone };
}

interface Operation {
  readonly id: number;
  readonly dialect: string;
  readonly ofBatchId: number;
}

/** What operators did to the cohort since a batch, in order. */
async function operations(tx: Ctx, batch: LedgerBatch): Promise<Operation[]> {
  const rows = await queryPrepared<{ id: string; dialect: string; of_batch_id: string }>(
    tx.db,
    sql`/* operationsSince */ select b.id::text as id, b.dialect, b.of_batch_id::text as of_batch_id from batches b
      where b.workspace_id = ${tx.workspaceId}::int and b.cohort_id = ${batch.cohortId}::int and b.id > ${batch.id}::bigint
        and b.dialect = any(${textArray(OPERATOR_DIALECTS)}) order by b.id`,
  );
  return rows.map((row) => ({ id: Number(row.id), dialect: row.dialect, ofBatchId: Number(row.of_batch_id) }));
}

/**
 * The batches that do not stand: the last thing that operators did to them was to undo them. What operators did can be undone as well, so
 * the newest is looked at first: by then it is known whether it stands itself.
 */
function takenBackOf(operations: readonly Operation[]): number[] {
  const stands = new Map<number, boolean>();
  for (const { id, dialect, ofBatchId } of operations.toReversed()) {
    if (stands.get(id) === false || stands.has(ofBatchId)) continue;
    stands.set(ofBatchId, dialect === 'replay');
  }
  return [...stands].filter(([, isStanding]) => !isStanding).map(([id]) => id);
}
