import { type SQL, sql } from 'drizzle-orm';
import { momentSql } from '../users/moment.ts';
import type { AttributeTest, TimeTest } from './filter.ts';
import type { Fact } from './shape.ts';
import { rangeOf, type TimeRange } from './time-range.ts';

type AttributeFact = Extract<Fact, { type: 'attribute' }>;

/** Whether a fact holds for `u`, a row of users. Nothing is converted, and what is of another type is false rather than an error. */
export function predicateOf(fact: Fact, workspaceId: number, now: Date): SQL {
  switch (fact.type) {
    case 'attribute':
      return attributePredicate(fact, now);
    case 'created_at':
      return inRange(sql`u.created_at`, rangeOf(fact.test, now), moment);
    case 'alias_label':
      return sql`exists (select 1 from identities i where i.workspace_id = ${workspaceId}::int and i.user_id = u.id and i.kind = 2
        and i.label = ${fact.label} and not i.is_deprecated)`;
  }
}

function attributePredicate({ name, test }: AttributeFact, now: Date): SQL {
  const value = sql`(u.attributes -> ${name}::text)`;
  const text = sql`(${value} #>> '{}')`;
  // Only a case keeps PostgreSQL from casting what is of another type.
  const where = (type: string, condition: SQL) =>
    sql`(case when jsonb_typeof(${value}) = ${type} then ${condition} else false end)`;
  switch (test.comparison) {
    case 'exists':
      return sql`coalesce(${value} <> 'null'::jsonb, false)`;
    case 'equals':
      return sql`coalesce(${value} = ${JSON.stringify(test.value)}::text::jsonb, false)`;
    case 'includes_value':
      return where('array', sql`${value} @> ${JSON.stringify(test.value)}::text::jsonb`);
    case 'matches_regex':
      return where('string', sql`${text} ~ ${test.value}::text`);
    case 'greater_than':
    case 'greater_than_or_equal_to':
    case 'less_than':
    case 'less_than_or_equal_to':
      return where('number', sql`${text}::numeric ${ORDER[test.comparison]} ${String(test.value)}::text::numeric`);
    default:
      return where('string', sql`coalesce(${inRange(momentSql(text), rangeOf(timeTest(test), now), String)}, false)`);
  }
}

/** Comparisons of numbers as operators. */
export const ORDER = {
  greater_than: sql`>`,
  greater_than_or_equal_to: sql`>=`,
  less_than: sql`<`,
  less_than_or_equal_to: sql`<=`,
} as const;

/** What is left when every other comparison has been dealt with, the negative ones being no facts. */
export function timeTest(test: AttributeTest): TimeTest {
  if (
    !('value' in test) ||
    !(
      test.comparison.endsWith('ago') ||
      test.comparison.endsWith('future') ||
      test.comparison === 'before' ||
      test.comparison === 'after'
    )
  )
    throw new Error(`${test.comparison} is no comparison of times.`);
  return test as TimeTest;
}

/** Whether an expression lies in a range, its bounds spelled by `spell`. */
export function inRange(expression: SQL, { from, to }: TimeRange, spell: (at: number) => string | SQL): SQL {
  const bounds: SQL[] = [];
  const as = (at: number) => {
    const spelled = spell(at);
    return typeof spelled === 'string' ? sql`${spelled}::text::numeric` : spelled;
  };
  if (from) bounds.push(sql`${expression} ${from.isIn ? sql`>=` : sql`>`} ${as(from.at)}`);
  if (to) bounds.push(sql`${expression} ${to.isIn ? sql`<=` : sql`<`} ${as(to.at)}`);
  return sql`(${sql.join(bounds, sql` and `)})`;
}

/** A moment as PostgreSQL knows one. */
export function moment(at: number): SQL {
  return sql`to_timestamp(${String(at)}::text::numeric / 1000)`;
}
