import type { CohortRef } from '../cohorts/cohort.ts';
import { fail, type Path } from '../errors.ts';

/**
 * Operators of a `<partner>_cohorts` filter. Source: Braze's segmentation filters, which spell the first two `includes_value` and
 * `does_not_include_value` and the newer ones "includes any of" and "includes none of".
 */
export const OPERATORS = [
  'includes_value',
  'does_not_include_value',
  'includes_any_of',
  'includes_all_of',
  'includes_none_of',
] as const;
export type Operator = (typeof OPERATORS)[number];

/** A filter tree. `Value` is how a cohort is named: by number where it is stored, by reference where somebody asks. */
export type FilterTree<Value> =
  | { readonly type: 'all'; readonly of: readonly FilterTree<Value>[] }
  | { readonly type: 'any'; readonly of: readonly FilterTree<Value>[] }
  | { readonly type: 'not'; readonly of: FilterTree<Value> }
  | {
      readonly type: 'cohorts';
      readonly partner: string;
      readonly operator: Operator;
      readonly values: readonly Value[];
    };

/** A filter over the cohorts of a workspace, by number: a rename breaks nothing. */
export type Filter = FilterTree<number>;

/** A filter as somebody asks it. `path` says where each part stood in what they sent. */
export type FilterDraft = FilterTree<{ readonly ref: CohortRef; readonly path: Path }>;

/** The deepest tree, a leaf alone being 1. */
export const FILTER_MAX_DEPTH = 16;
/** The most groups, negations and leaves of one tree. */
export const FILTER_MAX_NODES = 500;
/** The most cohorts of one leaf. */
export const FILTER_MAX_VALUES = 256;

/**
 * Checks the shape and the limits of a tree that stood at `path`. Errors, with the path of the part: INVALID_INPUT (an empty group, a leaf
 * without values), LIMIT_EXCEEDED.
 */
export function checkFilter(tree: FilterTree<unknown>, path: Path): void {
  let nodes = 0;
  const visit = (node: FilterTree<unknown>, depth: number, at: Path): void => {
    nodes++;
    if (depth > FILTER_MAX_DEPTH)
      throw fail('LIMIT_EXCEEDED', `A filter is at most ${FILTER_MAX_DEPTH} levels deep.`, { path });
    if (nodes > FILTER_MAX_NODES)
      throw fail('LIMIT_EXCEEDED', `A filter has at most ${FILTER_MAX_NODES} parts.`, { path });
    switch (node.type) {
      case 'all':
      case 'any':
        if (node.of.length === 0)
          throw fail(
            'INVALID_INPUT',
            `An empty group \`${node.type}\` says nothing: give it a filter or leave it out.`,
            { path: at },
          );
        node.of.forEach((child, i) => {
          visit(child, depth + 1, [...at, node.type, i]);
        });
        return;
      case 'not':
        visit(node.of, depth + 1, [...at, 'not']);
        return;
      case 'cohorts':
        if (node.values.length === 0)
          throw fail('INVALID_INPUT', 'A cohort filter needs at least one cohort.', { path: at });
        if (node.values.length > FILTER_MAX_VALUES)
          throw fail('LIMIT_EXCEEDED', `A cohort filter names at most ${FILTER_MAX_VALUES} cohorts.`, { path: at });
    }
  };
  visit(tree, 1, path);
}

/** The same tree with every cohort named another way. */
export function mapValues<A, B>(tree: FilterTree<A>, map: (value: A, partner: string) => B): FilterTree<B> {
  switch (tree.type) {
    case 'all':
    case 'any':
      return { type: tree.type, of: tree.of.map((child) => mapValues(child, map)) };
    case 'not':
      return { type: 'not', of: mapValues(tree.of, map) };
    case 'cohorts':
      return { ...tree, values: tree.values.map((value) => map(value, tree.partner)) };
  }
}

/** Every leaf of a tree, from left to right. */
export function leavesOf<Value>(tree: FilterTree<Value>): Extract<FilterTree<Value>, { type: 'cohorts' }>[] {
  switch (tree.type) {
    case 'all':
    case 'any':
      return tree.of.flatMap(leavesOf);
    case 'not':
      return leavesOf(tree.of);
    case 'cohorts':
      return [tree];
  }
}

/** The cohorts a filter mentions, each once, in ascending order. */
export function cohortsOf(filter: Filter): number[] {
  return [...new Set(leavesOf(filter).flatMap((leaf) => leaf.values))].sort((a, b) => a - b);
}

/** The canonical JSON of a filter, with cohorts spelled by `spell`. */
export type FilterJson =
  | { readonly all: readonly FilterJson[] }
  | { readonly any: readonly FilterJson[] }
  | { readonly not: FilterJson }
  | { readonly filter: string; readonly operator: Operator; readonly value: string | readonly string[] };

export function toJson(filter: Filter, spell: (cohortId: number) => string = String): FilterJson {
  switch (filter.type) {
    case 'all':
      return { all: filter.of.map((child) => toJson(child, spell)) };
    case 'any':
      return { any: filter.of.map((child) => toJson(child, spell)) };
    case 'not':
      return { not: toJson(filter.of, spell) };
    case 'cohorts': {
      const values = filter.values.map(spell);
      const [only] = values;
      const isSingle = filter.operator === 'includes_value' || filter.operator === 'does_not_include_value';
      return {
        filter: `${filter.partner}_cohorts`,
        operator: filter.operator,
        value: isSingle && only !== undefined ? only : values,
      };
    }
  }
}

/** Reads canonical JSON that this product stored. What it cannot read is damage, not a caller's mistake. */
export function fromJson(json: unknown): Filter {
  const node = json as Partial<Record<string, unknown>>;
  if (Array.isArray(node.all)) return { type: 'all', of: node.all.map(fromJson) };
  if (Array.isArray(node.any)) return { type: 'any', of: node.any.map(fromJson) };
  if (node.not !== undefined) return { type: 'not', of: fromJson(node.not) };
  const operator = OPERATORS.find((o) => o === node.operator);
  if (typeof node.filter !== 'string' || !node.filter.endsWith('_cohorts') || !operator)
    throw new Error('A stored filter has a node of no known kind.');
  const values = (Array.isArray(node.value) ? node.value : [node.value]).map(Number);
  return { type: 'cohorts', partner: node.filter.slice(0, -'_cohorts'.length), operator, values };
}
