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

/** How facts are spelled in SQL: each selects `block, bits`, a row a block. */
export function factSources(ctx: Ctx): (fact: Fact) => SQL {
  const { workspaceId } = ctx;
  const now = ctx.now();
  return (fact) => {
    switch (fact.type) {
      case 'alias_label':
        return postings(workspaceId, '', sql`p.kind = ${FACET.aliasLabel}::int and p.value = ${fact.label}`);
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
    (fact, i) => sql`(select array_agg(u.id)::text from users u where u.workspace_id = ${ctx.workspaceId}::int
      and u.id = any(${intArray(userIds)}) and ${predicateOf(fact, ctx.workspaceId, now)}) as ${sql.raw(`f${i}`)}`,
  );
  const [row] = await queryRows<Record<string, string | null>>(
    ctx.db,
    sql`/* factsAmong */ select ${sql.join(columns, sql`, `)}`,
  );
  return new Map(facts.map((fact, i) => [factKey(fact), new Set(parseIntArray(row?.[`f${i}`] ?? null))]));
}

/** From the index where there is one, from every user where there is none: the branch that is not taken is not run. */
function attribute(workspaceId: number, fact: Extract<Fact, { type: 'attribute' }>, now: Date): SQL {
  const isIndexed = sql`exists (select 1 from attribute_indexes x where x.workspace_id = ${workspaceId}::int and x.name = ${fact.name} and x.state = 'READY')`;
  const indexed =
    fact.test.comparison === 'matches_regex'
      ? patterns(workspaceId, fact, fact.test.value, now)
      : postings(workspaceId, fact.name, valueCondition(fact.test, now));
  const scanned = blocksOfIds(
    sql`select u.id from users u where u.workspace_id = ${workspaceId}::int and ${predicateOf(fact, workspaceId, now)}`,
  );
  return sql`select i.block, i.bits from (${indexed}) i where ${isIndexed} union all select s.block, s.bits from (${scanned}) s where not ${isIndexed}`;
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

/** The users of some values of an index. */
function postings(workspaceId: number, name: string, condition: SQL): SQL {
  return sql`select p.block, bit_or(coalesce(p.bits, (select bit_or(set_bit(0::bit(8192), q, 1)) from unnest(p.positions) q))) as bits
    from attribute_blocks p where p.workspace_id = ${workspaceId}::int and p.name = ${name} and ${condition} group by p.block`;
}

/** Values are looked at once, however many users have them; but for long ones, of which an index has the hash only. */
function patterns(workspaceId: number, fact: Fact & { readonly name: string }, pattern: string, now: Date): SQL {
  const isHash = sql`p.value >= ${HASH_MARK} and p.value < ${`${HASH_MARK.slice(0, -1)};`}`;
  const short = postings(
    workspaceId,
    fact.name,
    sql`p.kind = ${FACET.string}::int and not (${isHash}) and p.value ~ ${pattern}::text`,
  );
  const long = blocksOfIds(sql`select u.id from attribute_blocks p
    cross join lateral (select (p.block << 13) + q as id from unnest(p.positions) q
      union all select (p.block << 13) + g from generate_series(0, 8191) g where p.bits is not null and get_bit(p.bits, g) = 1) x
    join users u on u.workspace_id = ${workspaceId}::int and u.id = x.id
    where p.workspace_id = ${workspaceId}::int and p.name = ${fact.name} and p.kind = ${FACET.string}::int and ${isHash} and ${predicateOf(fact, workspaceId, now)}`);
  return sql`${short} union all ${long}`;
}

/** Blocks that lie in the range whole are everybody's bits; users are looked at one by one only in the blocks at its ends. */
function createdAt(workspaceId: number, fact: Extract<Fact, { type: 'created_at' }>, now: Date): SQL {
  const range = rangeOf(fact.test, now);
  const first = inRange(sql`z.first_created_at`, range, moment);
  const last = inRange(sql`z.last_created_at`, range, moment);
  const reaches = inRange(sql`z.last_created_at`, { from: range.from, to: null }, moment);
  const begins = inRange(sql`z.first_created_at`, { from: null, to: range.to }, moment);
  const overlaps = sql`(${range.from ? reaches : sql`true`} and ${range.to ? begins : sql`true`})`;
  const whole = sql`select e.block, e.bits from user_blocks z join membership_blocks e on e.workspace_id = ${workspaceId}::int
    and e.cohort_id = ${RESERVED.everyone}::int and e.block = z.block where z.workspace_id = ${workspaceId}::int and ${first} and ${last}`;
  const edges = blocksOfIds(sql`select u.id from user_blocks z cross join lateral (select u.id from users u
      where u.workspace_id = ${workspaceId}::int and u.id >= z.block << 13 and u.id < (z.block + 1) << 13 and ${predicateOf(fact, workspaceId, now)}) u
    where z.workspace_id = ${workspaceId}::int and ${overlaps} and not (${first} and ${last})`);
  return sql`${whole} union all ${edges}`;
}

/**
 * Ids as blocks of bits, in two steps: 32 users as one number first. Setting the bits of 8,192 users one by one would rewrite a kilobyte
 * for each of them.
 */
function blocksOfIds(ids: SQL): SQL {
  return sql`select g.w >> 8 as block, bit_or(g.m::bit(32)::bit(8192) >> ((g.w & 255) * 32)) as bits from (
    select i.id >> 5 as w, bit_or(1 << (31 - (i.id & 31))) as m from (${ids}) i group by 1) g group by 1`;
}
