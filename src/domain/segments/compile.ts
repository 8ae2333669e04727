import { type SQL, sql } from 'drizzle-orm';
import { RESERVED } from '../membership/bits.ts';
import { type Filter, leavesOf } from './filter.ts';
import { type Fact, type SetTest, type Shape, shapeOf } from './shape.ts';

/**
 * Filters as bits. `blocks(where)` selects `block` and one bit string per filter, `w0`, `w1` ..., for every block in which any of the
 * mentioned sets has a row.
 */
export interface Compiled {
  readonly blocks: (where?: SQL) => SQL;
}

/** What a statement is compiled for: whose sets, and how facts are spelled as `select block, bits`. */
export interface CompileFor {
  readonly workspaceId: number;
  readonly blocksOf: (fact: Fact) => SQL;
}

/**
 * Compiles filters into one aggregate per leaf (leaves of an OR share one, and so do equal leaves of all filters) and one bit expression
 * per filter. A negation is taken from the reserved set of everyone, and only where no positive neighbour bounds it already. What is no
 * stored set stands beside the stored ones as rows of the same kind, under a number of its own.
 */
export function compile({ workspaceId, blocksOf }: CompileFor, filters: readonly Filter[]): Compiled {
  const sources = new Sources();
  const expressions = filters.map((filter) => expression(merged(shapeOf(filter)), sources));
  const [only] = sources.tests;
  // One stored set alone needs no grouping: its blocks are its rows.
  const isPlain = sources.tests.length === 1 && only?.sets.length === 1 && sources.facts.length === 0;
  const columns = sources.tests.map((test, i) => {
    const bits = isPlain ? sql`m.bits` : aggregate(test);
    return sql`${bits} as ${sql.raw(`g${i}`)}`;
  });
  const words = expressions.map((e, i) => sql`${e} as ${sql.raw(`w${i}`)}`);
  const stored = [...new Set(sources.tests.flatMap((test) => test.sets))].filter((set) => set > FACTS_BELOW);
  const rows = (where: SQL) => {
    const parts = sources.facts.map(
      (fact, i) =>
        sql`select m.block, ${int(factSet(i))} as cohort_id, m.bits from (${blocksOf(fact)}) m where true${where}`,
    );
    if (stored.length > 0)
      parts.unshift(sql`select m.block, m.cohort_id, m.bits from membership_blocks m
        where m.workspace_id = ${int(workspaceId)} and ${among(stored)}${where}`);
    return parts;
  };
  return {
    blocks: (where) => {
      const parts = rows(where ? sql` and ${where}` : sql``);
      return sql`select block, ${sql.join(words, sql`, `)} from (
      select m.block, ${sql.join(columns, sql`, `)} from (${sql.join(parts, sql` union all `)}) m
      ${isPlain ? sql`` : sql`group by m.block`}) s`;
    },
  };
}

/** PostgreSQL takes at most 1,664 columns in one select. */
const MAX_COLUMNS = 1_600;
/** A range of random buckets looks at so many sets. */
const COLUMNS_OF_BUCKETS = 14;

/** Cuts filters, in order, into as few runs as one statement each can hold. */
export function compilable<T extends { readonly filter: Filter }>(items: readonly T[]): T[][] {
  const runs: T[][] = [];
  let columns = 0;
  for (const item of items) {
    const needed = columnsOf(item.filter);
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

/** A column a leaf, one for everyone, and one for the filter itself. Equal leaves share theirs, so it may be fewer. */
function columnsOf(filter: Filter): number {
  return leavesOf(filter).reduce((n, leaf) => n + (leaf.type === 'random_bucket' ? COLUMNS_OF_BUCKETS : 1), 2);
}

/** Facts stand below every stored set. */
const FACTS_BELOW = -1_000_000_000;
const factSet = (index: number) => FACTS_BELOW - 1 - index;

/** What a statement aggregates: the sets, a column a test, and the facts that stand beside them. */
class Sources {
  readonly tests: SetTest[] = [];
  readonly facts: Fact[] = [];
  readonly #columns = new Map<string, number>();
  readonly #facts = new Map<string, number>();

  /** The column of a test. */
  column({ of, sets }: SetTest): SQL {
    const distinct = [...new Set(sets)].sort((a, b) => a - b);
    const test: SetTest = { of: distinct.length === 1 ? 'any' : of, sets: distinct };
    return sql.raw(`g${this.#at(this.#columns, this.tests, `${test.of} ${distinct.join()}`, test)}`);
  }

  /** The set under which a fact stands beside the others. */
  set(fact: Fact): number {
    return factSet(this.#at(this.#facts, this.facts, JSON.stringify(fact), fact));
  }

  #at<T>(index: Map<string, number>, list: T[], key: string, item: T): number {
    const at = index.get(key) ?? list.length;
    if (at === list.length) {
      index.set(key, at);
      list.push(item);
    }
    return at;
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

/** The users of a test in one block. A set without a row in the block has nobody there. */
function aggregate(test: SetTest): SQL {
  const rows = sql`filter (where ${among(test.sets)})`;
  return test.of === 'any'
    ? sql`coalesce(bit_or(m.bits) ${rows}, 0::bit(8192))`
    : sql`case when count(*) ${rows} = ${int(test.sets.length)} then bit_and(m.bits) ${rows} else 0::bit(8192) end`;
}

const EVERYONE: SetTest = { of: 'any', sets: [RESERVED.everyone] };

/** The leaves of an OR as one set: one aggregate instead of one each. */
function merged(shape: Shape): Shape {
  if (shape.type === 'not') return { type: 'not', of: merged(shape.of) };
  if (shape.type === 'all') return { type: 'all', of: shape.of.map(merged) };
  if (shape.type !== 'any') return shape;
  const flat = shape.of.map(merged).flatMap((s) => (s.type === 'any' ? s.of : [s]));
  const isAnyOf = (s: Shape) => s.type === 'in' && (s.test.of === 'any' || s.test.sets.length === 1);
  const sets = flat.flatMap((s) => (s.type === 'in' && isAnyOf(s) ? s.test.sets : []));
  const rest = flat.filter((s) => !isAnyOf(s));
  const of: Shape[] = sets.length > 0 ? [{ type: 'in', test: { of: 'any', sets } }, ...rest] : rest;
  const [only] = of;
  return of.length === 1 && only ? only : { type: 'any', of };
}

function expression(shape: Shape, sources: Sources): SQL {
  switch (shape.type) {
    case 'in':
      return sources.column(shape.test);
    case 'fact':
      return sources.column({ of: 'any', sets: [sources.set(shape.fact)] });
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

function among(sets: readonly number[]): SQL {
  const [only] = sets;
  if (sets.length === 1 && only !== undefined) return sql`m.cohort_id = ${int(only)}`;
  return sql`m.cohort_id in (${sql.raw(sets.map(digits).join(', '))})`;
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
