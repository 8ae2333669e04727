import { sql } from 'drizzle-orm';
import { intArray, queryPrepared, queryRows } from '../../db/client.ts';
import type { Ctx } from '../context.ts';
import { BLOCK_SHIFT, parseIntArray, RESERVED, usersOfBlock, usersOfBlockDescending } from '../membership/bits.ts';
import { type Page, type PageArgs, parsePage, toPage } from '../page.ts';
import { type CompileFor, compilable, compile, int } from './compile.ts';
import { expandFilters } from './expand.ts';
import { factSources, factsAmong } from './fact-sources.ts';
import type { Filter } from './filter.ts';
import { asked, factKey, matches } from './matches.ts';
import type { Fact } from './shape.ts';

/** The blocks a page looks at first; four times as many each time it has not found enough. */
const FIRST_WINDOW_BLOCKS = 4;
/** Lists paged by one statement: each brings up to 8 KB a block. */
const LISTS_PER_STATEMENT = 100;

/** Filters with their segments written out, and how what they ask is spelled in SQL. */
export async function prepareFilters(
  ctx: Ctx,
  filters: readonly Filter[],
): Promise<{ readonly filters: readonly Filter[]; readonly how: CompileFor }> {
  const expanded = await expandFilters(ctx, filters);
  return { filters: expanded, how: { workspaceId: ctx.workspaceId, blocksOf: factSources(ctx) } };
}

/** How many users each filter has, exactly, in the order asked. One statement, unless they are hundreds: one snapshot. */
export async function countMembers(ctx: Ctx, filters: readonly Filter[]): Promise<number[]> {
  const prepared = await prepareFilters(ctx, filters);
  const counts: number[] = [];
  for (const run of compilable(prepared.filters.map((filter) => ({ filter })))) {
    const sums = run.map((_, n) => sql`coalesce(sum(bit_count(${sql.raw(`w${n}`)})), 0)::int as ${sql.raw(`c${n}`)}`);
    const { blocks } = compile(
      prepared.how,
      run.map(({ filter }) => filter),
    );
    const [row] = await queryRows<Record<string, number>>(
      ctx.db,
      sql`/* countMembers */ select ${sql.join(sums, sql`, `)} from (${blocks()}) b`,
    );
    counts.push(...run.map((_, n) => row?.[`c${n}`] ?? 0));
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

/** A list of users that can be paged: those a filter has. `name` tells its cursors from those of other lists. */
export interface MemberList {
  readonly name: string;
  readonly filter: Filter;
}

/**
 * A page of the users of each list, by number. Looks at few blocks first and at more only where members are rare, so a page costs the same
 * in a list of any size. The lists share their statements: one is enough for all, unless one of them is thin. Errors: as `parsePage`, of
 * the first list that has any.
 */
export async function pageMembers(ctx: Ctx, lists: readonly MemberList[], args: PageArgs): Promise<Page<number>[]> {
  const { filters, how } = await prepareFilters(
    ctx,
    lists.map(({ filter }) => filter),
  );
  const expanded = lists.map(({ name }, i) => ({ name, filter: filters[i] as Filter }));
  const pages: Page<number>[] = [];
  for (let i = 0; i < lists.length; i += LISTS_PER_STATEMENT)
    for (const run of compilable(expanded.slice(i, i + LISTS_PER_STATEMENT)))
      pages.push(...(await pageRun(ctx, how, run, args)));
  return pages;
}

async function pageRun(
  ctx: Ctx,
  how: CompileFor,
  lists: readonly MemberList[],
  args: PageArgs,
): Promise<Page<number>[]> {
  const all = lists.map(({ name, filter }) => ({
    name,
    filter,
    slice: parsePage(args, name, ['number']),
    found: [] as number[],
  }));
  const [first] = all;
  if (!first) return [];
  // A cursor fits one list only, so all begin at the same place.
  const { limit, isForward, key } = first.slice;
  const from = key === null ? null : Number(key[0]);
  // Users are numbered from 1: forward starts after `from`, backward ends before it.
  let edge = isForward ? (from ?? 0) + 1 : from;
  for (let size = FIRST_WINDOW_BLOCKS; ; size *= 4) {
    const hungry = all.filter(({ found }) => found.length <= limit);
    if (hungry.length === 0) break;
    const window = await readWindow(
      ctx,
      how,
      hungry.map(({ filter }) => filter),
      edge,
      size,
      isForward,
    );
    for (const { block, words } of window.blocks)
      hungry.forEach(({ found }, n) => {
        const bits = words[n] ?? '';
        const left = limit + 1 - found.length;
        if (left <= 0) return;
        if (isForward) found.push(...usersOfBlock(block, bits, edge ?? 0, left));
        else found.push(...usersOfBlockDescending(block, bits, edge ?? Number.MAX_SAFE_INTEGER, left));
      });
    if (window.next === null) break;
    edge = window.next;
  }
  return all.map(({ name, slice, found }) => toPage(slice, name, found, (id) => [id]));
}

interface Window {
  /** The blocks in which any list has users, in order of reading, with the bits of each list; null where a list has none. */
  readonly blocks: readonly { readonly block: number; readonly words: readonly (string | null)[] }[];
  /** Where the next window begins; null when this was the last. */
  readonly next: number | null;
}

type WindowRow = { block: number | null; top: number | null; high: number | null } & {
  readonly [word: `w${number}`]: string | null;
};

async function readWindow(
  ctx: Ctx,
  how: CompileFor,
  filters: readonly Filter[],
  edge: number | null,
  size: number,
  isForward: boolean,
): Promise<Window> {
  const top = sql`(select max(t.block) from membership_blocks t where t.workspace_id = ${int(ctx.workspaceId)} and t.cohort_id = ${int(RESERVED.everyone)})`;
  // Backward from the end, the end is known to the database only.
  const high = edge === null ? top : int((edge - 1) >> BLOCK_SHIFT);
  const low = isForward && edge !== null ? edge >> BLOCK_SHIFT : null;
  const range =
    low !== null
      ? sql`m.block between ${int(low)} and ${int(low + size - 1)}`
      : sql`m.block between ${high} - ${int(size - 1)} and ${high}`;
  const names = filters.map((_, n) => sql.raw(`w${n}`));
  const hasAny = sql.join(
    names.map((w) => sql`bit_count(${w}) > 0`),
    sql` or `,
  );
  const words = sql.join(
    names.map((w) => sql`case when bit_count(b.${w}) > 0 then b.${w}::text end as ${w}`),
    sql`, `,
  );
  const rows = await queryRows<WindowRow>(
    ctx.db,
    sql`/* pageMembers */ select b.block, ${words}, ${top} as top, ${low !== null ? sql`0` : high} as high
      from (select 1) one left join (select * from (${compile(how, filters).blocks(range)} offset 0) p where ${hasAny}) b on true
      order by b.block ${isForward ? sql`` : sql`desc`}`,
  );
  const [first] = rows;
  const blocks = rows.flatMap((row) =>
    row.block === null ? [] : [{ block: row.block, words: filters.map((_, n) => row[`w${n}`] ?? null) }],
  );
  if (low !== null) {
    const next = low + size;
    return { blocks, next: next <= (first?.top ?? -1) ? next << BLOCK_SHIFT : null };
  }
  const next = (first?.high ?? -1) - size;
  return { blocks, next: next >= 0 ? (next + 1) << BLOCK_SHIFT : null };
}

/**
 * Whether each user matches each filter: one row per user, in the order asked. One statement fetches which of the mentioned sets each
 * user is in, another what else is asked of them, if anything is; the trees are read in memory. The users must be live.
 */
export async function matchUsers(
  ctx: Ctx,
  userIds: readonly number[],
  filters: readonly Filter[],
): Promise<boolean[][]> {
  const expanded = await expandFilters(ctx, filters);
  const { sets, facts } = asked(expanded);
  const stored = sets.filter((set) => set !== RESERVED.everyone);
  const [inSets, holding] = await Promise.all([setsAmong(ctx, userIds, stored), factsAmong(ctx, userIds, facts)]);
  return userIds.map((id) => {
    const mine = inSets.get(id);
    const known = {
      isIn: (set: number) => set === RESERVED.everyone || (mine?.has(set) ?? false),
      holds: (fact: Fact) => holding.get(factKey(fact))?.has(id) ?? false,
    };
    return expanded.map((filter) => matches(filter, known));
  });
}

/**
 * Which of the sets each user is in; users in none are missing. Users are gathered by block first: each block of each set is then
 * read once, however many of the users are in it.
 */
export async function setsAmong(
  ctx: Ctx,
  userIds: readonly number[],
  sets: readonly number[],
): Promise<Map<number, Set<number>>> {
  if (userIds.length === 0 || sets.length === 0) return new Map();
  const rows = await queryPrepared<{ cohort_id: number; users: string }>(
    ctx.db,
    sql`/* setsAmong */ with d as materialized (
        select id >> 13 as block, array_agg(id) as ids from unnest(${intArray([...new Set(userIds)])}) as u(id) group by 1)
      select m.cohort_id, array_agg(u.id)::text as users from d
      join membership_blocks m on m.workspace_id = ${ctx.workspaceId}::int and m.cohort_id = any(${intArray(sets)}) and m.block = d.block,
      unnest(d.ids) as u(id) where get_bit(m.bits, u.id & 8191) = 1 group by m.cohort_id`,
  );
  const facts = new Map<number, Set<number>>();
  for (const { cohort_id, users } of rows)
    for (const id of parseIntArray(users)) {
      const mine = facts.get(id);
      if (mine) mine.add(cohort_id);
      else facts.set(id, new Set([cohort_id]));
    }
  return facts;
}
