import { type SQL, sql } from 'drizzle-orm';
import { fail } from '../errors.ts';
import { RESERVED } from '../membership/bits.ts';
import { type Filter, leavesOf } from './filter.ts';

/**
 * Filters as bits. `blocks(where)` selects `block` and one bit string per filter, `w0`, `w1` ..., for every block in which any of the
 * mentioned cohorts has a row.
 */
export interface Compiled {
  readonly blocks: (where?: SQL) => SQL;
}

/**
 * Compiles filters into one aggregate per leaf (leaves of an OR share one, and so do equal leaves of all filters) and one bit expression
 * per filter. A negation is taken from the reserved set of everyone, and only where no positive neighbour bounds it already.
 */
export function compile(workspaceId: number, filters: readonly Filter[]): Compiled {
  const sources = new Sources();
  const expressions = filters.map((filter) => expression(positive(filter), sources));
  const [only] = sources.sets;
  // One cohort alone needs no grouping: its blocks are its rows.
  const isPlain = sources.sets.length === 1 && only?.cohorts.length === 1;
  const columns = sources.sets.map((set, i) => {
    const bits = isPlain ? sql`m.bits` : aggregate(set);
    return sql`${bits} as ${sql.raw(`g${i}`)}`;
  });
  const words = expressions.map((e, i) => sql`${e} as ${sql.raw(`w${i}`)}`);
  const mentioned = [...new Set(sources.sets.flatMap((set) => set.cohorts))];
  return {
    blocks: (where) => sql`select block, ${sql.join(words, sql`, `)} from (
      select m.block, ${sql.join(columns, sql`, `)} from membership_blocks m
      where m.workspace_id = ${int(workspaceId)} and ${among(mentioned)}${where ? sql` and ${where}` : sql``}
      ${isPlain ? sql`` : sql`group by m.block`}) s`,
  };
}

/** PostgreSQL takes at most 1,664 columns in one select. */
const MAX_COLUMNS = 1_600;

/** Cuts filters, in order, into as few runs as one statement each can hold. */
export function compilable<T extends { readonly filter: Filter }>(items: readonly T[]): T[][] {
  const runs: T[][] = [];
  let columns = 0;
  for (const item of items) {
    // A column a leaf, one for everyone, and one for the filter itself.
    const needed = leavesOf(item.filter).length + 2;
    columns += needed;
    const run = runs.at(-1);
    if (run && columns <= MAX_COLUMNS) run.push(item);
    else {
      runs.push([item]);
      columns = needed;
    }
  }
  return runs;
}

/** Cohorts of which a user is in at least one, or in every one. */
interface CohortSet {
  readonly of: 'any' | 'all';
  readonly cohorts: readonly number[];
}

/** The sets of cohorts that a statement aggregates, a column each. */
class Sources {
  readonly sets: CohortSet[] = [];
  readonly #index = new Map<string, number>();

  /** The column of a set. */
  column({ of, cohorts }: CohortSet): SQL {
    const distinct = [...new Set(cohorts)].sort((a, b) => a - b);
    const set: CohortSet = { of: distinct.length === 1 ? 'any' : of, cohorts: distinct };
    const key = `${set.of} ${distinct.join()}`;
    const at = this.#index.get(key) ?? this.sets.length;
    if (at === this.sets.length) {
      this.#index.set(key, at);
      this.sets.push(set);
    }
    return sql.raw(`g${at}`);
  }
}

/**
 * Operands joined as a balanced tree. In a row they would nest once per operand, and where an expression nests a few hundred times deep PGlite
 * answers no rows at all instead of an error.
 */
function joined(operands: readonly SQL[], operator: SQL): SQL {
  const [only] = operands;
  if (operands.length === 1 && only) return only;
  const half = operands.length >> 1;
  return sql`(${joined(operands.slice(0, half), operator)} ${operator} ${joined(operands.slice(half), operator)})`;
}

/** The users of a set in one block. A cohort without a row in the block has nobody there. */
function aggregate(set: CohortSet): SQL {
  const rows = sql`filter (where ${among(set.cohorts)})`;
  return set.of === 'any'
    ? sql`coalesce(bit_or(m.bits) ${rows}, 0::bit(8192))`
    : sql`case when count(*) ${rows} = ${int(set.cohorts.length)} then bit_and(m.bits) ${rows} else 0::bit(8192) end`;
}

/** A filter in four shapes, with the negative operators spelled as negations. */
type Shape =
  | { readonly type: 'in'; readonly set: CohortSet }
  | { readonly type: 'all' | 'any'; readonly of: readonly Shape[] }
  | { readonly type: 'not'; readonly of: Shape };

const EVERYONE: CohortSet = { of: 'any', cohorts: [RESERVED.everyone] };

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
          return { type: 'in', set: { of: 'any', cohorts: filter.values } };
        case 'includes_all_of':
          return { type: 'in', set: { of: 'all', cohorts: filter.values } };
        case 'does_not_include_value':
        case 'includes_none_of':
          return negate({ type: 'in', set: { of: 'any', cohorts: filter.values } });
      }
      break;
    default:
      throw fail('INVALID_INPUT', `Filters of the kind \`${filter.type}\` cannot be evaluated yet.`);
  }
}

/** Leaves of an OR are one set: one aggregate instead of one each. */
function anyOf(shapes: readonly Shape[]): Shape {
  const flat = shapes.flatMap((s) => (s.type === 'any' ? s.of : [s]));
  const isAnyOf = (s: Shape) => s.type === 'in' && (s.set.of === 'any' || s.set.cohorts.length === 1);
  const cohorts = flat.flatMap((s) => (s.type === 'in' && isAnyOf(s) ? s.set.cohorts : []));
  const rest = flat.filter((s) => !isAnyOf(s));
  const of: Shape[] = cohorts.length > 0 ? [{ type: 'in', set: { of: 'any', cohorts } }, ...rest] : rest;
  const [only] = of;
  return of.length === 1 && only ? only : { type: 'any', of };
}

function negate(shape: Shape): Shape {
  return shape.type === 'not' ? shape.of : { type: 'not', of: shape };
}

function expression(shape: Shape, sources: Sources): SQL {
  switch (shape.type) {
    case 'in':
      return sources.column(shape.set);
    case 'any':
      return joined(
        shape.of.map((child) => expression(child, sources)),
        sql`|`,
      );
    case 'all': {
      const bounds = shape.of.filter((child) => child.type !== 'not').map((child) => expression(child, sources));
      const gone = shape.of.flatMap((child) =>
        child.type === 'not' ? [sql`(~ ${expression(child.of, sources)})`] : [],
      );
      if (bounds.length === 0) bounds.push(sources.column(EVERYONE));
      return joined([...bounds, ...gone], sql`&`);
    }
    case 'not':
      return sql`(${sources.column(EVERYONE)} & (~ ${expression(shape.of, sources)}))`;
  }
}

function among(cohorts: readonly number[]): SQL {
  const [only] = cohorts;
  if (cohorts.length === 1 && only !== undefined) return sql`m.cohort_id = ${int(only)}`;
  return sql`m.cohort_id in (${sql.raw(cohorts.map(digits).join(', '))})`;
}

/**
 * A number in the text of a statement instead of beside it. A compiled filter is a text of its own each time, so it is not prepared; without
 * parameters it is then sent and answered in one round trip instead of two.
 */
export function int(value: number): SQL {
  return sql.raw(digits(value));
}

function digits(value: number): string {
  if (!Number.isSafeInteger(value)) throw new Error('Only whole numbers are written into a statement.');
  return String(value);
}
