import { type SQL, sql } from 'drizzle-orm';
import { intArray, queryPrepared } from '../../db/client.ts';
import type { Ctx } from '../context.ts';

/** Stands for the library and the command line where a key id is asked for. */
export const NO_KEY = '00000000-0000-0000-0000-000000000000';

/** One row of the ledger before its transitions are known. */
export interface Batch {
  readonly cohortId: number;
  /** The wire form it came in, or `join`, `merge`, `delete`. */
  readonly dialect: string;
  readonly keyId: string | null;
  readonly requestId: string | null;
  /** When the sender computed it, where its form says so. */
  readonly computedAt?: Date | null | undefined;
  /** What a sender sent belongs to a sync: after a pause longer than this, a new one begins. */
  readonly syncPauseSeconds?: number | undefined;
  /** The batch that an `undo` or `replay` is about. */
  readonly ofBatchId?: number | undefined;
  /** Hashes of the identities that nobody had, where the sender's form has a time. */
  readonly unmatchedHashes?: readonly string[] | undefined;
  /** Which kinds of identity it named users by, added up: 1 external id, 2 alias, 4 device id. */
  readonly identityKinds?: number | undefined;
  readonly durationMs: number;
  readonly received: number;
  readonly matched: number;
  readonly held: number;
  readonly ignored: number;
  readonly reasons: Readonly<Record<string, number>>;
  /** Distinct users written, whether that changed anything or not. */
  readonly written: number;
  /** User ids, positive to add and negative to remove, each user once. */
  readonly changes: readonly number[] | Int32Array;
}

/** Users who really entered and left, and the row of the ledger that says so. */
export interface Transitions {
  readonly batchId: number;
  readonly added: number;
  readonly removed: number;
}

/**
 * Applies batches in one statement: finds the bits that really flip, writes them, appends a ledger row each and meters them.
 * Returns the real transitions of each batch, in order.
 *
 * The caller holds the row lock of every cohort named, taken by an EARLIER statement: under READ COMMITTED a statement that takes
 * the lock itself would read blocks older than the lock. No user may occur in two batches of one cohort: each batch's transitions
 * are counted against the state before the statement.
 */
export async function appendBatches(ctx: Ctx, batches: readonly Batch[]): Promise<Transitions[]> {
  const { changes, owners } = flatten(batches);
  const now = ctx.now().toISOString();
  const rows = await queryPrepared<{ batch: number; added: number; removed: number; id: string }>(
    ctx.db,
    sql`/* appendBatches */ with b as materialized (
      select * from jsonb_to_recordset(${JSON.stringify(batches.map(toRow))}::text::jsonb) as b(
        n int, cohort_id int, dialect text, key_id uuid, request_id text, computed_at timestamptz, of_batch_id bigint, sync_pause int,
        unmatched_hashes bigint[], identity_kinds smallint, duration_ms int, received int, matched int, held int, ignored int, reasons jsonb, written int)),
    ${flips(ctx.workspaceId, changes, owners)},
    done as materialized (
      select b.n, count(t.v) filter (where t.v > 0 and t.is_real)::int as added_count, count(t.v) filter (where t.v < 0 and t.is_real)::int as removed_count,
        coalesce(array_agg(t.v) filter (where t.v > 0 and t.is_real), '{}') as added,
        coalesce(array_agg(-t.v) filter (where t.v < 0 and t.is_real), '{}') as removed,
        coalesce(array_agg(t.v) filter (where not t.is_real), '{}') as unchanged
      from b left join t on t.n = b.n group by b.n),
    sync as materialized (
      select p.cohort_id, case when l.sync_no is null then 1
          when ${now}::timestamptz - l.applied_at > make_interval(secs => p.pause) then l.sync_no + 1 else l.sync_no end as sync_no
      from (select cohort_id, min(sync_pause) as pause from b where sync_pause is not null group by cohort_id) p
      left join lateral (select x.sync_no, x.applied_at from batches x where x.workspace_id = ${ctx.workspaceId}::int
        and x.cohort_id = p.cohort_id and x.sync_no is not null order by x.sync_no desc, x.id desc limit 1) l on true),
    ledger as (
      insert into batches (workspace_id, cohort_id, dialect, key_id, request_id, computed_at, of_batch_id, sync_no, identity_kinds, applied_at, duration_ms,
        received_count, matched_count, held_count, ignored_count, reasons, added_count, removed_count, added, removed, unchanged, unmatched_hashes)
      select ${ctx.workspaceId}::int, b.cohort_id, b.dialect, b.key_id, b.request_id, b.computed_at, b.of_batch_id,
        case when b.sync_pause is not null then sync.sync_no end, b.identity_kinds, ${now}::timestamptz, b.duration_ms, b.received, b.matched,
        b.held, b.ignored, b.reasons, done.added_count, done.removed_count, done.added, done.removed, done.unchanged, b.unmatched_hashes
      from b join done on done.n = b.n left join sync on sync.cohort_id = b.cohort_id order by b.n
      returning id),
    metered as (
      insert into usage_daily as u (workspace_id, cohort_id, key_id, day, received, matched, written, changed)
      select ${ctx.workspaceId}::int, b.cohort_id, coalesce(b.key_id, ${NO_KEY}::uuid), (${now}::timestamptz at time zone 'UTC')::date,
        sum(b.received), sum(b.matched), sum(b.written), sum(done.added_count + done.removed_count)
      from b join done on done.n = b.n where (b.received > 0 or (b.written > 0 and b.sync_pause is not null)) and b.cohort_id > 0 group by 2, 3 order by 2, 3
      on conflict (workspace_id, cohort_id, key_id, day) do update set received = u.received + excluded.received,
        matched = u.matched + excluded.matched, written = u.written + excluded.written, changed = u.changed + excluded.changed)
    select done.n as batch, done.added_count as added, done.removed_count as removed, i.id::text as id
    from done join (select id, row_number() over (order by id) - 1 as n from ledger) i on i.n = done.n order by done.n`,
  );
  // Rows are numbered in the order in which they were written, which is the order of the batches.
  return rows.map(({ added, removed, id }) => ({ added, removed, batchId: Number(id) }));
}

/**
 * The common table expressions that flip bits of the sets in `b(n, cohort_id)`: `t(n, v, is_real)` are the changes and whether they changed anything. One exclusive-or writes additions and removals;
 * blocks in which nothing flips are not written, so a repeated request leaves almost no trace in the write-ahead log.
 */
function flips(workspaceId: number, changes: Int32Array, owners: Int32Array): SQL {
  return sql`s as materialized (
      select b.cohort_id, abs(c.v) >> 13 as block, c.v, c.n
      from unnest(${intArray(changes)}, ${intArray(owners)}) as c(v, n) join b on b.n = c.n),
    d as materialized (
      select cohort_id, block, array_agg(v) as vs, array_agg(n) as ns,
        bit_or(set_bit(0::bit(8192), abs(v) & 8191, 1)) filter (where v > 0) as a,
        bit_or(set_bit(0::bit(8192), abs(v) & 8191, 1)) filter (where v < 0) as r
      from s group by cohort_id, block),
    o as materialized (
      select d.cohort_id, d.block, d.vs, d.ns, m.ctid as tid,
        case when m.bits is null then d.a
             when d.r is null then d.a & (~ m.bits)
             when d.a is null then d.r & m.bits
             else (d.a & (~ m.bits)) | (d.r & m.bits) end as x
      from d left join membership_blocks m on m.workspace_id = ${workspaceId}::int and m.cohort_id = d.cohort_id and m.block = d.block),
    c as materialized (select * from o where x is not null and x <> 0::bit(8192)),
    t as materialized (
      select v.v, v.n, coalesce(get_bit(o.x, abs(v.v) & 8191) = 1, false) as is_real from o, unnest(o.vs, o.ns) as v(v, n)),
    changed as (
      update membership_blocks m set bits = m.bits # c.x from c
      where m.ctid = c.tid and m.workspace_id = ${workspaceId}::int and m.cohort_id = c.cohort_id),
    started as (
      insert into membership_blocks (workspace_id, cohort_id, block, bits)
      select ${workspaceId}::int, cohort_id, block, x from c where tid is null)`;
}

function flatten(batches: readonly Batch[]): { changes: Int32Array; owners: Int32Array } {
  const total = batches.reduce((sum, batch) => sum + batch.changes.length, 0);
  const changes = new Int32Array(total);
  const owners = new Int32Array(total);
  let at = 0;
  batches.forEach((batch, n) => {
    changes.set(batch.changes, at);
    owners.fill(n, at, at + batch.changes.length);
    at += batch.changes.length;
  });
  return { changes, owners };
}

function toRow(batch: Batch, n: number): object {
  return {
    n,
    cohort_id: batch.cohortId,
    dialect: batch.dialect,
    key_id: batch.keyId,
    request_id: batch.requestId,
    computed_at: batch.computedAt?.toISOString() ?? null,
    of_batch_id: batch.ofBatchId ?? null,
    sync_pause: batch.syncPauseSeconds ?? null,
    unmatched_hashes: batch.unmatchedHashes ?? null,
    identity_kinds: batch.identityKinds ?? null,
    duration_ms: Math.round(batch.durationMs),
    received: batch.received,
    matched: batch.matched,
    held: batch.held,
    ignored: batch.ignored,
    reasons: batch.reasons,
    written: batch.written,
  };
}
