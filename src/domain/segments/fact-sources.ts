import { type SQL, sql } from 'drizzle-orm';
import { intArray, queryRows } from '../../db/client.ts';
import type { Ctx } from '../context.ts';
import { parseIntArray, RESERVED } from '../membership/bits.ts';
import { FACET, HASH_MARK, numberText, stringText } from '../users/facets.ts';
import { inRange, moment, ORDER, predicateOf, timeTest } from './fact-predicates.ts';
import type { AttributeTest } from './filter.ts';
import { factKey } from './matches.ts';
import type { Fact } from './shape.ts';
import { rangeOf } from './time-range.ts';

/** How facts are spelled in SQL: each selects `block, bits`, for a block one row or several, or one without bits. */
export function factSources(ctx: Ctx): (fact: Fact) => SQL {
  const { workspaceId } = ctx;
  const now = ctx.now();
  return (fact) => {
    switch (fact.type) {
      case 'alias_label':
        return posting(workspaceId, '', sql`p.kind = ${FACET.aliasLabel}::int and p.value = ${fact.label}`);
      case 'created_at':
        return createdAt(workspaceId, fact, now);
      case 'attribute':
        return attribute(workspaceId, fact, now);
    }
  };
}

/** The users for whom each fact holds, among those given, by `factKey`. The very same conditions as those of a filter. One statement. */
export async function factsAmong(
  ctx: Ctx,
  userIds: readonly number[],
  facts: readonly Fact[],
): Promise<Map<string, ReadonlySet<number>>> {
  if (facts.length === 0 || userIds.length === 0) return new Map();
  const now = ctx.now();
  const columns = facts.map(
    (fact, i) =>
      sql`array_agg(u.id) filter (where ${predicateOf(fact, ctx.workspaceId, now)})::text as ${sql.raw(`f${i}`)}`,
  );
  const [row] = await queryRows<Record<string, string | null>>(
    ctx.db,
    // Lateral: by index also where the table has no statistics yet. PGlite never gathers any by itself.
    sql`/* factsAmong */ select ${sql.join(columns, sql`, `)} from unnest(${intArray(userIds)}) as w(id) cross join lateral (
      select u.id, u.attributes, u.created_at from users u where u.workspace_id = ${ctx.workspaceId}::int and u.id = w.id offset 0) u`,
  );
  return new Map(facts.map((fact, i) => [factKey(fact), new Set(parseIntArray(row?.[`f${i}`] ?? null))]));
}

/** From the index where there is one, from every user where there is none: what is not needed is not run. */
function attribute(workspaceId: number, fact: Extract<Fact, { type: 'attribute' }>, now: Date): SQL {
  const isIndexed = sql`exists (select 1 from attribute_indexes x where x.workspace_id = ${workspaceId}::int and x.name = ${fact.name} and x.state = 'READY')`;
  // The blocks as an array, of which the planner expects ten. It would make ready for all the users else, also where none is looked at: that
  // takes longer than an answer from the index, and above 100,000 users PostgreSQL would compile the statement first.
  const blocks = sql`unnest(array(select e.block from membership_blocks e where e.workspace_id = ${workspaceId}::int
    and e.cohort_id = ${RESERVED.everyone}::int and not ${isIndexed})) as b(block)`;
  return sql`select i.block, i.bits from (${indexed(workspaceId, fact, now)}) i where ${isIndexed}
    union all select b.block, s.bits from ${blocks} cross join lateral (${usersOfBlock(workspaceId, sql`b.block`, predicateOf(fact, workspaceId, now))}) s`;
}

function indexed(workspaceId: number, fact: Extract<Fact, { type: 'attribute' }>, now: Date): SQL {
  const { name, test } = fact;
  switch (test.comparison) {
    case 'exists':
    case 'equals':
    case 'includes_value':
      return posting(workspaceId, name, valueCondition(test, now));
    case 'matches_regex':
      return patterns(workspaceId, fact, test.value, now);
    default:
      return postings(
        sql`(select p.block, p.bits, p.positions from attribute_blocks p
          where p.workspace_id = ${workspaceId}::int and p.name = ${name} and ${valueCondition(test, now)})`,
      );
  }
}

/** Which values of an index a test means. */
function valueCondition(test: AttributeTest, now: Date): SQL {
  switch (test.comparison) {
    case 'exists':
      return sql`p.kind = ${FACET.present}::int`;
    case 'equals':
      return valueIs(
        typeof test.value === 'string' ? FACET.string : typeof test.value === 'number' ? FACET.number : FACET.boolean,
        test.value,
      );
    case 'includes_value':
      return valueIs(typeof test.value === 'string' ? FACET.stringElement : FACET.numberElement, test.value);
    case 'greater_than':
    case 'greater_than_or_equal_to':
    case 'less_than':
    case 'less_than_or_equal_to':
      return sql`p.kind = ${FACET.number}::int and p.number ${ORDER[test.comparison]} ${String(test.value)}::text::float8`;
    default:
      return sql`p.kind = ${FACET.string}::int and ${inRange(sql`p.number`, rangeOf(timeTest(test), now), (at) => sql`${String(at)}::text::float8`)}`;
  }
}

function valueIs(kind: number, value: string | number | boolean): SQL {
  const text =
    typeof value === 'string' ? stringText(value) : typeof value === 'number' ? numberText(value) : String(value);
  return sql`p.kind = ${kind}::int and p.value = ${text}`;
}

/** The users of one value of an index: it has a row a block. */
function posting(workspaceId: number, name: string, condition: SQL): SQL {
  return sql`select p.block, coalesce(p.bits, (select bit_or(set_bit(0::bit(8192), q, 1)) from unnest(p.positions) q)) as bits
    from attribute_blocks p where p.workspace_id = ${workspaceId}::int and p.name = ${name} and ${condition}`;
}

/**
 * The users of many values of an index, from rows of it. Where nearly every user has a value of their own, it is positions that are
 * gathered.
 */
function postings(rows: SQL): SQL {
  return sql`select p.block, bit_or(p.bits) as bits from ${rows} p where p.bits is not null group by p.block
    union all ${blocksOfIds(sql`select p.block * 8192 + q as id from ${rows} p cross join unnest(p.positions) q where p.positions is not null`)}`;
}

/** Values are looked at once, however many users have them; but for long ones, of which an index has the hash only. */
function patterns(workspaceId: number, fact: Fact & { readonly name: string }, pattern: string, now: Date): SQL {
  const isHash = sql`p.value >= ${HASH_MARK} and p.value < ${`${HASH_MARK.slice(0, -1)};`}`;
  // Apart: the planner would look at the values of other attributes and other workspaces first. And once.
  const matching = sql`with matching as materialized (select v.block, v.bits, v.positions from (
      select p.block, p.bits, p.positions, p.value from attribute_blocks p where p.workspace_id = ${workspaceId}::int
        and p.name = ${fact.name} and p.kind = ${FACET.string}::int and not (${isHash}) offset 0) v where v.value ~ ${pattern}::text)`;
  const long = blocksOfIds(sql`select u.id from attribute_blocks p
    cross join lateral (select (p.block << 13) + q as id from unnest(p.positions) q
      union all select (p.block << 13) + g from generate_series(0, 8191) g where p.bits is not null and get_bit(p.bits, g) = 1) x
    join users u on u.workspace_id = ${workspaceId}::int and u.id = x.id
    where p.workspace_id = ${workspaceId}::int and p.name = ${fact.name} and p.kind = ${FACET.string}::int and ${isHash} and ${predicateOf(fact, workspaceId, now)}`);
  return sql`${matching} ${postings(sql`matching`)} union all ${long}`;
}

/** Blocks that lie in the range whole are everybody's bits; users are looked at one by one only in the blocks at its ends. */
function createdAt(workspaceId: number, fact: Extract<Fact, { type: 'created_at' }>, now: Date): SQL {
  const range = rangeOf(fact.test, now);
  const isWhole = sql`(${inRange(sql`z.first_created_at`, range, moment)} and ${inRange(sql`z.last_created_at`, range, moment)})`;
  const reaches = inRange(sql`z.last_created_at`, { from: range.from, to: null }, moment);
  const begins = inRange(sql`z.first_created_at`, { from: null, to: range.to }, moment);
  const overlaps = sql`(${range.from ? reaches : sql`true`} and ${range.to ? begins : sql`true`})`;
  return sql`select e.block, e.bits from user_blocks z join membership_blocks e on e.workspace_id = ${workspaceId}::int
      and e.cohort_id = ${RESERVED.everyone}::int and e.block = z.block where z.workspace_id = ${workspaceId}::int and ${isWhole}
    union all select z.block, s.bits from user_blocks z cross join lateral (${usersOfBlock(workspaceId, sql`z.block`, predicateOf(fact, workspaceId, now))}) s
    where z.workspace_id = ${workspaceId}::int and ${overlaps} and not ${isWhole}`;
}

// Users become bits in two steps, 64 of them as one number first. Setting the bits of 8,192 users one by one would rewrite a kilobyte for
// each of them.

/** The users of one block for whom a condition on `u` holds, as `bits`: null where there is none. */
function usersOfBlock(workspaceId: number, block: SQL, condition: SQL): SQL {
  return sql`select bit_or(g.m::bit(64)::bit(8192) >> (g.w * 64)) as bits from (
    select (u.id & 8191) >> 6 as w, bit_or(1::bigint << (63 - (u.id & 63))) as m from users u where u.workspace_id = ${workspaceId}::int
      and u.id between ${block} << 13 and (${block} << 13) + 8191 and ${condition} group by 1) g`;
}

/** Ids as blocks of bits. */
function blocksOfIds(ids: SQL): SQL {
  return sql`select g.w >> 7 as block, bit_or(g.m::bit(64)::bit(8192) >> ((g.w & 127) * 64)) as bits from (
    select i.id >> 6 as w, bit_or(1::bigint << (63 - (i.id & 63))) as m from (${ids}) i group by 1) g group by 1`;
}
