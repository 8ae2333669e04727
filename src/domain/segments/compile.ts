import { type SQL, sql } from 'drizzle-orm';
import { RESERVED } from '../membership/bits.ts';
import type { Filter } from './filter.ts';

/**
 * Filters as bits. `blocks(where)` selects `block` and one bit string per filter, `w0`, `w1` ..., for every block in which any of the
 * mentioned cohorts has a row.
 */
export interface Compiled {
  readonly blocks: (where?: SQL) => SQL;
}

/**
 * Compiles filters into one aggregate per set of cohorts that are OR-ed, shared by all filters, and one bit expression per filter.
 * A negation is taken from the reserved set of everyone, and only where no positive neighbour bounds it already.
 */
export function compile(workspaceId: number, filters: readonly Filter[]): Compiled {
  const sources = new Sources();
  const expressions = filters.map((filter) => expression(positive(filter), sources));
  const [only] = sources.sets;
  // One cohort alone needs no grouping: its blocks are its rows.
  const isPlain = sources.sets.length === 1 && only?.length === 1;
  const columns = sources.sets.map((set, i) => {
    const bits = isPlain ? sql`m.bits` : sql`coalesce(bit_or(m.bits) filter (where ${among(set)}), 0::bit(8192))`;
    return sql`${bits} as ${sql.raw(`g${i}`)}`;
  });
  const words = expressions.map((e, i) => sql`${e} as ${sql.raw(`w${i}`)}`);
  const mentioned = [...new Set(sources.sets.flat())];
  return {
    blocks: (where) => sql`select block, ${sql.join(words, sql`, `)} from (
      select m.block, ${sql.join(columns, sql`, `)} from membership_blocks m
      where m.workspace_id = ${int(workspaceId)} and ${among(mentioned)}${where ? sql` and ${where}` : sql``}
      ${isPlain ? sql`` : sql`group by m.block`}) s`,
  };
}

/** Sets of cohorts whose members are OR-ed by one aggregate. */
class Sources {
  readonly sets: number[][] = [];
  readonly #index = new Map<string, number>();

  /** The column of a set. */
  column(cohorts: readonly number[]): SQL {
    const set = [...new Set(cohorts)].sort((a, b) => a - b);
    const key = set.join();
    const at = this.#index.get(key) ?? this.sets.length;
    if (at === this.sets.length) {
      this.#index.set(key, at);
      this.sets.push(set);
    }
    return sql.raw(`g${at}`);
  }
}

/** A filter in four shapes, with the negative operators spelled as negations. */
type Shape =
  | { readonly type: 'in'; readonly cohorts: readonly number[] }
  | { readonly type: 'all' | 'any'; readonly of: readonly Shape[] }
  | { readonly type: 'not'; readonly of: Shape };

function positive(filter: Filter): Shape {
  switch (filter.type) {
    case 'all':
      return { type: 'all', of: filter.of.map(positive) };
    case 'any':
      return anyOf(filter.of.map(positive));
    case 'not':
      return negate(positive(filter.of));
    case 'cohorts':
      switch (filter.operator) {
        case 'includes_value':
        case 'includes_any_of':
          return { type: 'in', cohorts: filter.values };
        case 'includes_all_of':
          return { type: 'all', of: filter.values.map((value): Shape => ({ type: 'in', cohorts: [value] })) };
        case 'does_not_include_value':
        case 'includes_none_of':
          return negate({ type: 'in', cohorts: filter.values });
      }
  }
}

/** Leaves of an OR are one set: one aggregate instead of one each. */
function anyOf(shapes: readonly Shape[]): Shape {
  const flat = shapes.flatMap((s) => (s.type === 'any' ? s.of : [s]));
  const cohorts = flat.flatMap((s) => (s.type === 'in' ? s.cohorts : []));
  const rest = flat.filter((s) => s.type !== 'in');
  const of: Shape[] = cohorts.length > 0 ? [{ type: 'in', cohorts }, ...rest] : rest;
  const [only] = of;
  return of.length === 1 && only ? only : { type: 'any', of };
}

function negate(shape: Shape): Shape {
  return shape.type === 'not' ? shape.of : { type: 'not', of: shape };
}

function expression(shape: Shape, sources: Sources): SQL {
  switch (shape.type) {
    case 'in':
      return sources.column(shape.cohorts);
    case 'any':
      return sql`(${sql.join(
        shape.of.map((child) => expression(child, sources)),
        sql` | `,
      )})`;
    case 'all': {
      const bounds = shape.of.filter((child) => child.type !== 'not').map((child) => expression(child, sources));
      const gone = shape.of.flatMap((child) =>
        child.type === 'not' ? [sql`(~ ${expression(child.of, sources)})`] : [],
      );
      if (bounds.length === 0) bounds.push(sources.column([RESERVED.everyone]));
      return sql`(${sql.join([...bounds, ...gone], sql` & `)})`;
    }
    case 'not':
      return sql`(${sources.column([RESERVED.everyone])} & (~ ${expression(shape.of, sources)}))`;
  }
}

function among(cohorts: readonly number[]): SQL {
  const [only] = cohorts;
  if (cohorts.length === 1 && only !== undefined) return sql`m.cohort_id = ${int(only)}`;
  return sql`m.cohort_id in (${sql.join(cohorts.map(int), sql`, `)})`;
}

/**
 * A number in the text of a statement instead of beside it. A compiled filter is a text of its own each time, so it is not prepared; without
 * parameters it is then sent and answered in one round trip instead of two.
 */
export function int(value: number): SQL {
  if (!Number.isSafeInteger(value)) throw new Error('Only whole numbers are written into a statement.');
  return sql.raw(String(value));
}
