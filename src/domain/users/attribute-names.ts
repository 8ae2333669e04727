import { sql } from 'drizzle-orm';
import { queryPrepared } from '../../db/client.ts';
import type { Ctx } from '../context.ts';
import { fail } from '../errors.ts';
import { ATTRIBUTE_NAME_MAX, type AttributeName, type AttributeType, SAMPLE_MAX_USERS } from './attribute-index.ts';
import { momentSql } from './moment.ts';

/** Names listed: more than that is a sign of data in the place of names. */
const NAMES_MAX = 1_000;
const EXAMPLES_MAX = 5;
/** Longer values make no example, and a part of one would be none either. */
const EXAMPLE_MAX_BYTES = 100;
/** Elements looked at of one array. */
const ELEMENTS_MAX = 20;

/**
 * The attributes that users have, with the types and the most frequent of their values, as seen in a sample: `sample` users, evenly spread
 * over all numbers ever given. What few users have may be missing. For editors of filters. Errors: LIMIT_EXCEEDED.
 */
export async function sampleAttributes(ctx: Ctx, input: { readonly sample: number }): Promise<AttributeName[]> {
  if (!Number.isInteger(input.sample) || input.sample < 1 || input.sample > SAMPLE_MAX_USERS)
    throw fail('LIMIT_EXCEEDED', `A sample has 1 to ${SAMPLE_MAX_USERS} users.`, { path: ['sample'] });
  const rows = await queryPrepared<{ name: string; users: number; types: string; examples: string | null }>(
    ctx.db,
    sql`/* sampleAttributes */ with ids as materialized (
        select distinct 1 + (n::bigint * (w.next_user_id - 1) / ${input.sample}::int)::int as id
        from workspaces w, generate_series(0, ${input.sample}::int - 1) n where w.id = ${ctx.workspaceId}::int),
      v as materialized (
        select e.key, e.value, case when ${momentSql(sql`(case when jsonb_typeof(e.value) = 'string' then e.value #>> '{}' end)`)} is null
          then jsonb_typeof(e.value) else 'time' end as type
        from ids cross join lateral (select attributes from users u where u.workspace_id = ${ctx.workspaceId}::int and u.id = ids.id offset 0) u
        cross join lateral jsonb_each(u.attributes) e
        where length(e.key) between 1 and ${ATTRIBUTE_NAME_MAX}::int and jsonb_typeof(e.value) <> 'null'),
      k as (
        select key, sum(n)::int as users, jsonb_agg(type order by n desc, type) as types
        from (select key, type, count(*) as n from v group by key, type) t group by key order by users desc, key limit ${NAMES_MAX}::int),
      x as (
        select key, value, row_number() over (partition by key order by count(*) desc, value) as place from (
          select key, value from v where type not in ('object', 'array')
          union all select key, element from v cross join lateral (
            select element from jsonb_array_elements(case type when 'array' then value else '[]' end) element limit ${ELEMENTS_MAX}::int) a
          where jsonb_typeof(element) in ('string', 'number')) y
        where octet_length(value::text) <= ${EXAMPLE_MAX_BYTES}::int group by key, value)
      select k.key as name, k.users, k.types::text as types, (select jsonb_agg(x.value order by x.place) from x
          where x.key = k.key and x.place <= ${EXAMPLES_MAX}::int)::text as examples
      from k order by k.users desc, k.key`,
  );
  return rows.map(({ name, users, types, examples }) => ({
    name,
    users,
    types: JSON.parse(types) as AttributeType[],
    examples: examples === null ? [] : (JSON.parse(examples) as (string | number | boolean)[]),
  }));
}
