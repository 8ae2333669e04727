import { sql } from 'drizzle-orm';
import { intArray, queryPrepared, queryRows } from '../../db/client.ts';
import type { Ctx } from '../context.ts';
import { BLOCK_SHIFT, parseIntArray, RESERVED, usersOfBlock, usersOfBlockDescending } from '../membership/bits.ts';
import { type Page, type PageArgs, parsePage, toPage } from '../page.ts';
import { compile, int } from './compile.ts';
import { cohortsOf, type Filter } from './filter.ts';
import { matches } from './matches.ts';

/** The blocks a page looks at first; four times as many each time it has not found enough. */
const FIRST_WINDOW_BLOCKS = 4;
/** PostgreSQL takes at most 1,664 columns in one select. */
const FILTERS_PER_STATEMENT = 200;

/** How many users each filter has, exactly, in the order asked. One statement for up to 200 filters: one snapshot. */
export async function countMembers(ctx: Ctx, filters: readonly Filter[]): Promise<number[]> {
  const counts: number[] = [];
  for (let i = 0; i < filters.length; i += FILTERS_PER_STATEMENT) {
    const some = filters.slice(i, i + FILTERS_PER_STATEMENT);
    const sums = some.map((_, n) => sql`coalesce(sum(bit_count(${sql.raw(`w${n}`)})), 0)::int as ${sql.raw(`c${n}`)}`);
    const [row] = await queryRows<Record<string, number>>(
      ctx.db,
      sql`/* countMembers */ select ${sql.join(sums, sql`, `)} from (${compile(ctx.workspaceId, some).blocks()}) b`,
    );
    counts.push(...some.map((_, n) => row?.[`c${n}`] ?? 0));
  }
  return counts;
}

/** How many users each cohort has, exactly; cohorts without members are missing. One statement. */
export async function countCohortMembers(ctx: Ctx, cohortIds: readonly number[]): Promise<Map<number, number>> {
  const rows = await queryPrepared<{ id: number; n: number }>(
    ctx.db,
    sql`/* countCohortMembers */ select cohort_id as id, sum(bit_count(bits))::int as n from membership_blocks
      where workspace_id = ${ctx.workspaceId}::int and cohort_id = any(${intArray(cohortIds)}) group by cohort_id`,
  );
  return new Map(rows.map((row) => [row.id, row.n]));
}

/**
 * A page of the users a filter has, by number. `list` names the list, so that a cursor of another is refused. Looks at few blocks first
 * and at more only where members are rare, so a page costs the same in a segment of any size.
 * Errors: as `parsePage`.
 */
export async function pageMembers(ctx: Ctx, filter: Filter, list: string, args: PageArgs): Promise<Page<number>> {
  const slice = parsePage(args, list);
  const compiled = compile(ctx.workspaceId, [filter]);
  const from = slice.key === null ? null : Number(slice.key[0]);
  const wanted = slice.limit + 1;
  const found: number[] = [];
  // Users are numbered from 1: forward starts after `from`, backward ends before it.
  let edge = slice.isForward ? (from ?? 0) + 1 : from;
  for (let size = FIRST_WINDOW_BLOCKS; found.length < wanted; size *= 4) {
    const window = await readWindow(ctx, compiled.blocks, edge, size, slice.isForward);
    for (const { block, bits } of window.blocks) {
      const left = wanted - found.length;
      if (left <= 0) break;
      if (slice.isForward) found.push(...usersOfBlock(block, bits, edge ?? 0, left));
      else found.push(...usersOfBlockDescending(block, bits, edge ?? Number.MAX_SAFE_INTEGER, left));
    }
    if (window.next === null) break;
    edge = window.next;
  }
  return toPage(slice, list, found, (id) => [id]);
}

interface Window {
  readonly blocks: readonly { block: number; bits: string }[];
  /** Where the next window begins; null when this was the last. */
  readonly next: number | null;
}

async function readWindow(
  ctx: Ctx,
  blocks: ReturnType<typeof compile>['blocks'],
  edge: number | null,
  size: number,
  isForward: boolean,
): Promise<Window> {
  const top = sql`(select max(t.block) from membership_blocks t where t.workspace_id = ${int(ctx.workspaceId)} and t.cohort_id = ${int(RESERVED.everyone)})`;
  // Backward from the end, the end is known to the database only.
  const high = edge === null ? top : sql`${int((edge - 1) >> BLOCK_SHIFT)}`;
  const low = isForward && edge !== null ? edge >> BLOCK_SHIFT : null;
  const range =
    low !== null
      ? sql`m.block between ${int(low)} and ${int(low + size - 1)}`
      : sql`m.block between ${high} - ${int(size - 1)} and ${high}`;
  const rows = await queryRows<{ block: number | null; bits: string | null; top: number | null; high: number | null }>(
    ctx.db,
    sql`/* pageMembers */ select b.block, b.w0::text as bits, ${top} as top, ${low !== null ? sql`0` : high} as high
      from (select 1) one left join (select block, w0 from (${blocks(range)} offset 0) p where bit_count(w0) > 0) b on true
      order by b.block ${isForward ? sql`` : sql`desc`}`,
  );
  const [first] = rows;
  const filled = rows.flatMap(({ block, bits }) => (block === null || bits === null ? [] : [{ block, bits }]));
  if (low !== null) {
    const next = low + size;
    return { blocks: filled, next: next <= (first?.top ?? -1) ? next << BLOCK_SHIFT : null };
  }
  const next = (first?.high ?? -1) - size;
  return { blocks: filled, next: next >= 0 ? (next + 1) << BLOCK_SHIFT : null };
}

/**
 * Whether each user matches each filter: one row per user, in the order asked. One statement fetches which of the mentioned cohorts each
 * user is in; the trees are read in memory. The users must be live.
 */
export async function matchUsers(
  ctx: Ctx,
  userIds: readonly number[],
  filters: readonly Filter[],
): Promise<boolean[][]> {
  const cohorts = [...new Set(filters.flatMap(cohortsOf))];
  const facts = await cohortsAmong(ctx, userIds, cohorts);
  return userIds.map((id) => {
    const mine = facts.get(id);
    return filters.map((filter) => matches(filter, (cohort) => mine?.has(cohort) ?? false));
  });
}

async function cohortsAmong(
  ctx: Ctx,
  userIds: readonly number[],
  cohorts: readonly number[],
): Promise<Map<number, Set<number>>> {
  if (userIds.length === 0 || cohorts.length === 0) return new Map();
  const rows = await queryPrepared<{ id: number; cohorts: string }>(
    ctx.db,
    sql`/* cohortsAmong */ select u.id, array_agg(m.cohort_id)::text as cohorts from unnest(${intArray([...new Set(userIds)])}) as u(id)
      join membership_blocks m on m.workspace_id = ${ctx.workspaceId}::int and m.cohort_id = any(${intArray(cohorts)})
        and m.block = u.id >> 13 and get_bit(m.bits, u.id & 8191) = 1
      group by u.id`,
  );
  return new Map(rows.map((row) => [row.id, new Set(parseIntArray(row.cohorts))]));
}
