import { type SQL, sql } from 'drizzle-orm';
import { intArray, numberLiteral, queryPrepared } from '../../db/client.ts';
import type { Ctx } from '../context.ts';
import { fail } from '../errors.ts';
import { RESERVED } from '../membership/bits.ts';
import { type Page, type PageArgs, parsePage, type Slice, toPage } from '../page.ts';
import { type BatchRow, batchColumns, type LedgerBatch, readBatch } from './batch.ts';
import { byList, parsePages, toPages } from './by-list.ts';
import { checkTime } from './instants.ts';

// Batches of the ledger, newest first. They are numbered in the order in which they were applied, cohort by cohort. Lists of several
// cohorts share their statements.

/** Which batches of a list. */
export interface BatchFilter {
  /** Only those that came in this form. */
  readonly dialect?: string | null | undefined;
  /** Only those applied then or later. */
  readonly from?: Date | null | undefined;
  /** Only those applied before then. */
  readonly to?: Date | null | undefined;
}

/** The batches of a cohort, or of one of its syncs. */
export interface BatchList {
  readonly cohortId: number;
  readonly sync?: { readonly number: number; readonly firstBatchId: number; readonly lastBatchId: number } | undefined;
}

/** Batches by number; numbers of none are missing. */
export async function batchesByIds(ctx: Ctx, ids: readonly number[]): Promise<Map<number, LedgerBatch>> {
  if (ids.length === 0) return new Map();
  const rows = await queryPrepared<BatchRow>(
    ctx.db,
    sql`/* batchesByIds */ select ${batchColumns} from batches b
      where b.workspace_id = ${ctx.workspaceId}::int and b.id = any(${bigints(ids)}) and b.cohort_id > 0`,
  );
  return new Map(rows.map((row) => [Number(row.id), readBatch(row)]));
}

/** A page of each list, newest first, all with the same arguments. One statement. Errors: INVALID_INPUT, and as `parsePage`. */
export async function pageBatches(
  ctx: Ctx,
  lists: readonly BatchList[],
  filter: BatchFilter,
  args: PageArgs,
): Promise<Page<LedgerBatch>[]> {
  const chosen = readFilter(filter);
  const names = lists.map((list) =>
    JSON.stringify([ctx.workspaceId, 'batches', list.cohortId, list.sync?.number, chosen]),
  );
  const slice = parsePages(args, names, ['bigint']);
  if (!slice) return [];
  const rows = await queryPrepared<BatchRow & { n: number }>(
    ctx.db,
    sql`/* pageBatches */ select b.* from ${listed(lists)} cross join lateral (
        select l.n, b.id as place, ${batchColumns} from batches b
        where b.workspace_id = ${ctx.workspaceId}::int and b.cohort_id = l.cohort_id and b.id between l.low and l.high
          and ${within(slice)} and (l.sync_no = 0 or b.sync_no = l.sync_no) and ${passing(chosen)}
        order by b.id ${direction(slice)} limit ${slice.limit + 1}::int) b
      order by b.n, b.place ${direction(slice)}`,
  );
  const found = byList(rows, lists.length).map((mine) => mine.map(readBatch));
  return toPages(slice, names, found, (batch) => [batch.id]);
}

/** How many batches each list has, in the order asked. One statement. Errors: INVALID_INPUT. */
export async function countBatches(ctx: Ctx, lists: readonly BatchList[], filter: BatchFilter): Promise<number[]> {
  const chosen = readFilter(filter);
  const rows = await queryPrepared<{ n: number; count: number }>(
    ctx.db,
    sql`/* countBatches */ select l.n, b.count from ${listed(lists)} cross join lateral (
        select count(*)::int as count from batches b
        where b.workspace_id = ${ctx.workspaceId}::int and b.cohort_id = l.cohort_id and b.id between l.low and l.high
          and (l.sync_no = 0 or b.sync_no = l.sync_no) and ${passing(chosen)}) b
      order by l.n`,
  );
  return rows.map((row) => row.count);
}

/**
 * A page of the newest batches of all cohorts, or of those of one partner. Cohorts commit beside each other, so a batch may appear behind
 * one with a higher number a moment later. Errors: INVALID_INPUT, and as `parsePage`.
 */
export async function listRecentBatches(
  ctx: Ctx,
  input: BatchFilter & PageArgs & { readonly partner?: string | null | undefined },
): Promise<Page<LedgerBatch>> {
  const chosen = readFilter(input);
  const list = JSON.stringify([ctx.workspaceId, 'recent batches', input.partner, chosen]);
  const slice = parsePage(input, list, ['bigint']);
  const limit = sql`order by b.id ${direction(slice)} limit ${slice.limit + 1}::int`;
  const batches = (which: SQL) => sql`select b.id as place, ${batchColumns} from batches b
    where b.workspace_id = ${ctx.workspaceId}::int and ${which} and ${within(slice)} and ${passing(chosen)} ${limit}`;
  const rows = await queryPrepared<BatchRow>(
    ctx.db,
    input.partner
      ? // The newest of each cohort, and of those the newest: a partner that is silent among busy ones costs no reading through theirs.
        sql`/* partnerBatches */ select b.* from cohorts c cross join lateral (${batches(sql`b.cohort_id = c.id`)}) b
          where c.workspace_id = ${ctx.workspaceId}::int and c.partner = ${input.partner}
          order by b.place ${direction(slice)} limit ${slice.limit + 1}::int`
      : sql`/* recentBatches */ ${batches(sql`b.cohort_id > 0`)}`,
  );
  return toPage(slice, list, rows.map(readBatch), (batch) => [batch.id]);
}

/** How many batches such a list has in all. Errors: INVALID_INPUT. */
export async function countRecentBatches(
  ctx: Ctx,
  input: BatchFilter & { readonly partner?: string | null | undefined },
): Promise<number> {
  const chosen = readFilter(input);
  const [row] = await queryPrepared<{ n: number }>(
    ctx.db,
    sql`/* countRecentBatches */ select count(*)::int as n from batches b
      where b.workspace_id = ${ctx.workspaceId}::int and b.cohort_id > 0 and ${passing(chosen)}
        and (${input.partner ?? null}::text is null or b.cohort_id in (select c.id from cohorts c
          where c.workspace_id = ${ctx.workspaceId}::int and c.partner = ${input.partner ?? null}::text))`,
  );
  return row?.n ?? 0;
}

/** How many users each batch named who were so already; null where retention has dropped that. One statement. */
export async function unchangedByBatchIds(ctx: Ctx, ids: readonly number[]): Promise<Map<number, number | null>> {
  const rows = await queryPrepared<{ id: string; n: number | null }>(
    ctx.db,
    sql`/* unchangedByBatchIds */ select b.id::text as id, cardinality(b.unchanged) as n from batches b
      where b.workspace_id = ${ctx.workspaceId}::int and b.id = any(${bigints(ids)})`,
  );
  return new Map(rows.map((row) => [Number(row.id), row.n]));
}

/** Who really entered or left with a batch. */
export interface BatchUsers {
  readonly batchId: number;
  readonly side: 'added' | 'removed';
}

/**
 * A page of the users of each list, by number, all with the same arguments. Users who were deleted or merged away since are left out, and
 * so is everybody where retention dropped the list. One statement. Errors: as `parsePage`.
 */
export async function pageBatchUsers(ctx: Ctx, lists: readonly BatchUsers[], args: PageArgs): Promise<Page<number>[]> {
  const names = lists.map((list) => JSON.stringify([ctx.workspaceId, 'users of batch', list.batchId, list.side]));
  const slice = parsePages(args, names, ['number']);
  if (!slice) return [];
  const edge = slice.key === null ? null : Number(slice.key[0]);
  const beyond = slice.isForward ? sql`x.id > ${edge ?? 0}::int` : sql`x.id < ${edge ?? 2 ** 31 - 1}::int`;
  const rows = await queryPrepared<{ n: number; id: number }>(
    ctx.db,
    sql`/* pageBatchUsers */ select l.n, u.id from ${sides(lists)} cross join lateral (
        select u.id ${liveUsers(ctx, beyond)} order by u.id ${direction(slice, 'ascending')} limit ${slice.limit + 1}::int) u
      order by l.n, u.id ${direction(slice, 'ascending')}`,
  );
  const found = byList(rows, lists.length).map((mine) => mine.map((row) => row.id));
  return toPages(slice, names, found, (id) => [id]);
}

/** How many users each such list has, in the order asked. One statement. */
export async function countBatchUsers(ctx: Ctx, lists: readonly BatchUsers[]): Promise<number[]> {
  const rows = await queryPrepared<{ count: number }>(
    ctx.db,
    sql`/* countBatchUsers */ select u.count from ${sides(lists)} cross join lateral (
      select count(*)::int as count ${liveUsers(ctx, sql`true`)}) u order by l.n`,
  );
  return rows.map((row) => row.count);
}

/** From the users `u(id)` of the list `l` who are still there. By blocks: each block of everyone is looked at once. */
function liveUsers(ctx: Ctx, which: SQL): SQL {
  return sql`from (
      select x.id >> 13 as block, array_agg(x.id) as ids
      from batches b cross join lateral unnest(case when l.is_added then b.added else b.removed end) as x(id)
      where b.workspace_id = ${ctx.workspaceId}::int and b.id = l.batch_id and b.cohort_id > 0 and ${which} group by 1) a
    join membership_blocks e on e.workspace_id = ${ctx.workspaceId}::int and e.cohort_id = ${RESERVED.everyone}::int and e.block = a.block
    cross join lateral unnest(a.ids) as u(id) where get_bit(e.bits, u.id & 8191) = 1`;
}

function sides(lists: readonly BatchUsers[]): SQL {
  return sql`(select batch_id, is_added = 1 as is_added, (n - 1)::int as n from unnest(${bigints(lists.map((l) => l.batchId))},
    ${intArray(lists.map((l) => (l.side === 'added' ? 1 : 0)))}) with ordinality as l(batch_id, is_added, n)) l`;
}

function listed(lists: readonly BatchList[]): SQL {
  return sql`(select cohort_id, sync_no, low, high, (n - 1)::int as n from unnest(${intArray(lists.map((l) => l.cohortId))},
    ${intArray(lists.map((l) => l.sync?.number ?? 0))}, ${bigints(lists.map((l) => l.sync?.firstBatchId ?? 0))},
    ${bigints(lists.map((l) => l.sync?.lastBatchId ?? Number.MAX_SAFE_INTEGER))}) with ordinality as l(cohort_id, sync_no, low, high, n)) l`;
}

/** The part of a list that a page begins with: newest first, so what comes after is older. */
function within(slice: Slice): SQL {
  const edge = slice.key === null ? null : Number(slice.key[0]);
  return slice.isForward ? sql`b.id < ${edge ?? Number.MAX_SAFE_INTEGER}::bigint` : sql`b.id > ${edge ?? 0}::bigint`;
}

function direction(slice: Slice, order: 'ascending' | 'descending' = 'descending'): SQL {
  return slice.isForward === (order === 'ascending') ? sql`asc` : sql`desc`;
}

interface Chosen {
  readonly dialect: string | null;
  readonly from: string | null;
  readonly to: string | null;
}

function readFilter({ dialect, from, to }: BatchFilter): Chosen {
  if (dialect !== null && dialect !== undefined && !/^[\w.-]{1,64}$/.test(dialect))
    throw fail('INVALID_INPUT', 'A dialect is a word like `braze`, `graphql`, `file` or `undo`.', {
      path: ['dialect'],
    });
  return {
    dialect: dialect ?? null,
    from: from ? checkTime(from, ['from']).toISOString() : null,
    to: to ? checkTime(to, ['to']).toISOString() : null,
  };
}

/** One text whatever is asked for, so that it stays prepared. */
function passing({ dialect, from, to }: Chosen): SQL {
  return sql`(${dialect}::text is null or b.dialect = ${dialect}::text)
    and (${from}::timestamptz is null or b.applied_at >= ${from}::timestamptz)
    and (${to}::timestamptz is null or b.applied_at < ${to}::timestamptz)`;
}

function bigints(values: readonly number[]): SQL {
  return sql`${numberLiteral(values)}::text::bigint[]`;
}
