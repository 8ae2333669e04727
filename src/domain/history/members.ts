import { type SQL, sql } from 'drizzle-orm';
import { intArray, queryPrepared } from '../../db/client.ts';
import type { Ctx } from '../context.ts';
import { fail } from '../errors.ts';
import { BLOCK_SHIFT, RESERVED, usersOfBlock, usersOfBlockDescending } from '../membership/bits.ts';
import type { Page, PageArgs } from '../page.ts';
import { readTime } from './batch.ts';
import { byList, parsePages, toPages } from './by-list.ts';
import { checkTime } from './instants.ts';

// Who was in a cohort at a past time, of the users there are now. The bits then are the bits now with every user turned over who has
// entered or left an odd number of times since. Who was deleted since is not shown. Users who were merged were other users then: the one
// who stayed is shown if they were in themselves.
//
// "At a time" is after the last batch applied by then. Errors of both: INVALID_INPUT (a time that is yet to come), NOT_RETAINED (the ledger
// no longer remembers who moved since; the message says how far back it goes).

/** How many users each cohort had then who are users still, exactly, in the order asked. One statement. */
export async function countMembersAsOf(ctx: Ctx, cohortIds: readonly number[], asOf: Date): Promise<number[]> {
  const rows = await queryPrepared<{ gone: string | null; count: number }>(
    ctx.db,
    sql`/* countMembersAsOf */ with ${bitsThen(ctx, cohortIds, readAsOf(ctx, asOf), sql`true`)}
      select k.gone, coalesce((select sum(bit_count(w.bits)) from w where w.n = k.n), 0)::int as count from k order by k.n`,
  );
  requireRetained(rows);
  return rows.map((row) => row.count);
}

/** A page of them for each cohort, by number, all with the same arguments. One statement. Errors: as `parsePage` too. */
export async function pageMembersAsOf(
  ctx: Ctx,
  cohortIds: readonly number[],
  asOf: Date,
  args: PageArgs,
): Promise<Page<number>[]> {
  const at = readAsOf(ctx, asOf);
  const names = cohortIds.map((id) => JSON.stringify([ctx.workspaceId, 'members as of', id, at.toISOString()]));
  const slice = parsePages(args, names, ['number']);
  if (!slice) return [];
  // Users are numbered from 1: forward starts after the edge, backward ends before it.
  const edge = slice.key === null ? (slice.isForward ? 0 : 2 ** 31 - 1) : Number(slice.key[0]);
  const order = slice.isForward ? sql`asc` : sql`desc`;
  const rows = await queryPrepared<{ n: number; gone: string | null; block: number | null; bits: string }>(
    ctx.db,
    // As many blocks as fill the page. The first one may have users beyond the edge, so it is not counted on.
    sql`/* pageMembersAsOf */ with ${bitsThen(ctx, cohortIds, at, slice.isForward ? sql`x.id > ${edge}::int` : sql`x.id < ${edge}::int`)},
      f as materialized (
        select w.n, w.block, w.bits, sum(case when w.block = ${edge >> BLOCK_SHIFT}::int then 0 else bit_count(w.bits) end)
          over (partition by w.n order by w.block ${order} rows between unbounded preceding and 1 preceding) as before
        from w where bit_count(w.bits) > 0
          and ${slice.isForward ? sql`w.block >= ${edge >> BLOCK_SHIFT}::int` : sql`w.block <= ${edge >> BLOCK_SHIFT}::int`})
      select k.n, k.gone, f.block, f.bits::text as bits from k left join f on f.n = k.n and coalesce(f.before, 0) <= ${slice.limit}::int
      order by k.n, f.block ${order}`,
  );
  requireRetained(rows);
  const found = byList(rows, cohortIds.length).map((blocks) => {
    const users: number[] = [];
    for (const { block, bits } of blocks) {
      const left = slice.limit + 1 - users.length;
      if (block === null || left <= 0) break;
      if (slice.isForward) users.push(...usersOfBlock(block, bits, edge + 1, left));
      else users.push(...usersOfBlockDescending(block, bits, edge, left));
    }
    return users;
  });
  return toPages(slice, names, found, (user) => [user]);
}

/**
 * The common table expressions that end in `w(n, block, bits)`, the members then by block. `k(n, id, cut, gone)` are the cohorts: `cut` is
 * the last batch that counts, `gone` when the last one after it was applied whose users the ledger has forgotten. Only users `x` for whom
 * `which` holds are turned over.
 *
 * Odd ones are found by counting numbers, which costs a sixth of an exclusive-or of bits per change.
 */
function bitsThen(ctx: Ctx, cohortIds: readonly number[], asOf: Date, which: SQL): SQL {
  const later = sql`from batches b where b.workspace_id = ${ctx.workspaceId}::int and b.cohort_id = c.id and b.id > c.cut
    and b.added_count + b.removed_count > 0`;
  return sql`c as materialized (
      select l.id, (l.n - 1)::int as n, coalesce((select b.id from batches b
        where b.workspace_id = ${ctx.workspaceId}::int and b.cohort_id = l.id and b.applied_at <= ${asOf.toISOString()}::timestamptz
        order by b.id desc limit 1), 0) as cut
      from unnest(${intArray(cohortIds)}) with ordinality as l(id, n)),
    k as materialized (
      select c.id, c.n, c.cut, (select to_json(b.applied_at)::text ${later} and (b.added is null or b.removed is null)
        order by b.id desc limit 1) as gone from c),
    odd as materialized (
      select c.n, x.id from k c cross join lateral (select b.added, b.removed ${later} offset 0) b
      cross join lateral (select unnest(b.added) as id union all select unnest(b.removed)) x
      where c.gone is null and ${which} group by 1, 2 having count(*) % 2 = 1),
    turned as materialized (
      select n, id >> 13 as block, bit_or(set_bit(0::bit(8192), id & 8191, 1)) as bits from odd group by 1, 2),
    w as materialized (
      select k.n, e.block, (coalesce(m.bits, 0::bit(8192)) # coalesce(t.bits, 0::bit(8192))) & e.bits as bits
      from k join membership_blocks e on e.workspace_id = ${ctx.workspaceId}::int and e.cohort_id = ${RESERVED.everyone}::int
      left join membership_blocks m on m.workspace_id = ${ctx.workspaceId}::int and m.cohort_id = k.id and m.block = e.block
      left join turned t on t.n = k.n and t.block = e.block
      where k.gone is null and (m.bits is not null or t.bits is not null))`;
}

function readAsOf(ctx: Ctx, asOf: Date): Date {
  const at = checkTime(asOf, ['asOf']);
  if (at > ctx.now())
    throw fail('INVALID_INPUT', 'This time is yet to come: ask for one that has been.', { path: ['asOf'] });
  return at;
}

function requireRetained(rows: readonly { readonly gone: string | null }[]): void {
  const since = rows
    .flatMap((row) => (row.gone === null ? [] : [readTime(row.gone)]))
    .sort((a, b) => Number(b) - Number(a))[0];
  if (since)
    throw fail('NOT_RETAINED', `The ledger remembers who moved since ${since.toISOString()}: ask for then or later.`, {
      path: ['asOf'],
    });
}
