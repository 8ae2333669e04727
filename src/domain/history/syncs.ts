import { type SQL, sql } from 'drizzle-orm';
import { intArray, queryPrepared } from '../../db/client.ts';
import type { Ctx } from '../context.ts';
import type { Page, PageArgs } from '../page.ts';
import { readTime } from './batch.ts';
import { byList, parsePages, toPages } from './by-list.ts';

// Syncs: the batches of a cohort that its sender sent without a long pause between them. The ledger numbers them from 1 without gaps, so
// a page of them is a range of numbers, and the newest number says how many there are.

export interface Sync {
  readonly cohortId: number;
  readonly number: number;
  /** When its first and its last batch were applied. */
  readonly startedAt: Date;
  readonly endedAt: Date;
  readonly batchCount: number;
  readonly firstBatchId: number;
  readonly lastBatchId: number;
  readonly received: number;
  readonly matched: number;
  readonly held: number;
  readonly ignored: number;
  readonly reasons: Readonly<Record<string, number>>;
  readonly added: number;
  readonly removed: number;
  /** What its batches took together. */
  readonly durationMs: number;
  readonly dialects: readonly string[];
  readonly keyIds: readonly string[];
}

interface Row {
  readonly n: number;
  readonly cohort_id: number;
  readonly sync_no: number;
  readonly started_at: string;
  readonly ended_at: string;
  readonly batch_count: number;
  readonly first_id: string;
  readonly last_id: string;
  readonly received: number;
  readonly matched: number;
  readonly held: number;
  readonly ignored: number;
  readonly reasons: string | null;
  readonly added: number;
  readonly removed: number;
  readonly duration_ms: number;
  readonly dialects: string;
  readonly key_ids: string | null;
}

/** A page of the syncs of each cohort, newest first, all with the same arguments. One statement. Errors: as `parsePage`. */
export async function pageSyncs(ctx: Ctx, cohortIds: readonly number[], args: PageArgs): Promise<Page<Sync>[]> {
  const names = cohortIds.map((id) => JSON.stringify([ctx.workspaceId, 'syncs', id]));
  const slice = parsePages(args, names, ['number']);
  if (!slice) return [];
  const edge = slice.key === null ? null : Number(slice.key[0]);
  // One more than the page has, to see whether more follow.
  const range = slice.isForward
    ? sql`coalesce(${edge}::bigint - 1, t.top) - ${slice.limit}::int and coalesce(${edge}::bigint - 1, t.top)`
    : sql`${edge ?? 0}::bigint + 1 and ${edge ?? 0}::bigint + 1 + ${slice.limit}::int`;
  const rows = await queryPrepared<Row>(
    ctx.db,
    sql`/* pageSyncs */ with t as materialized (select c.id, (c.n - 1)::int as n, ${newestSync(ctx)} as top
        from unnest(${intArray(cohortIds)}) with ordinality as c(id, n)),
      r as materialized (
        select b.* from t cross join lateral (
          select t.n, b.cohort_id, b.sync_no, b.id, b.applied_at, b.received_count, b.matched_count, b.held_count, b.ignored_count, b.reasons,
            b.added_count, b.removed_count, b.duration_ms, b.dialect, b.key_id
          from batches b where b.workspace_id = ${ctx.workspaceId}::int and b.cohort_id = t.id and b.sync_no between ${range} offset 0) b),
      why as materialized (
        select n, sync_no, json_object_agg(reason, total)::text as reasons from (
          select r.n, r.sync_no, e.key as reason, sum(e.value::bigint) as total from r cross join lateral jsonb_each_text(r.reasons) e
          group by 1, 2, 3) e group by 1, 2)
      select s.*, why.reasons from (
        select r.n, min(r.cohort_id) as cohort_id, r.sync_no, to_json(min(r.applied_at))::text as started_at, to_json(max(r.applied_at))::text as ended_at,
          count(*)::int as batch_count, min(r.id)::text as first_id, max(r.id)::text as last_id, ${total('received_count')} as received,
          ${total('matched_count')} as matched, ${total('held_count')} as held, ${total('ignored_count')} as ignored,
          ${total('added_count')} as added, ${total('removed_count')} as removed, ${total('duration_ms')} as duration_ms,
          json_agg(distinct r.dialect)::text as dialects, (json_agg(distinct r.key_id) filter (where r.key_id is not null))::text as key_ids
        from r group by r.n, r.sync_no) s
      left join why on why.n = s.n and why.sync_no = s.sync_no
      order by s.n, s.sync_no ${slice.isForward ? sql`desc` : sql`asc`}`,
  );
  const found = byList(rows, cohortIds.length).map((mine) => mine.map(readSync));
  return toPages(slice, names, found, (sync) => [sync.number]);
}

/** How many syncs each cohort has had. One statement. */
export async function countSyncs(ctx: Ctx, cohortIds: readonly number[]): Promise<Map<number, number>> {
  const rows = await queryPrepared<{ id: number; n: number | null }>(
    ctx.db,
    sql`/* countSyncs */ select c.id, ${newestSync(ctx)} as n from unnest(${intArray(cohortIds)}) as c(id)`,
  );
  return new Map(rows.map((row) => [row.id, row.n ?? 0]));
}

/** The number of the newest sync of the cohort `c`. */
function newestSync(ctx: Ctx): SQL {
  return sql`(select b.sync_no from batches b where b.workspace_id = ${ctx.workspaceId}::int and b.cohort_id = c.id and b.sync_no is not null
    order by b.sync_no desc limit 1)`;
}

/** A sum as a JavaScript number: beyond what an integer holds where a sender never pauses. */
function total(column: string): SQL {
  return sql`sum(${sql.raw(`r.${column}`)})::float8`;
}

function readSync(row: Row): Sync {
  return {
    cohortId: row.cohort_id,
    number: row.sync_no,
    startedAt: readTime(row.started_at),
    endedAt: readTime(row.ended_at),
    batchCount: row.batch_count,
    firstBatchId: Number(row.first_id),
    lastBatchId: Number(row.last_id),
    received: row.received,
    matched: row.matched,
    held: row.held,
    ignored: row.ignored,
    reasons: JSON.parse(row.reasons ?? '{}') as Record<string, number>,
    added: row.added,
    removed: row.removed,
    durationMs: row.duration_ms,
    dialects: JSON.parse(row.dialects) as string[],
    keyIds: JSON.parse(row.key_ids ?? '[]') as string[],
  };
}
