import type { CohortRef } from '../cohorts/cohort.ts';
import type { Path } from '../errors.ts';
import type { SegmentRef } from './segment.ts';

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

/** Which identity a user has. `label` null: an alias of any label. */
export type IdentityTest =
  | { readonly has: 'identified' | 'anonymous' | 'device' }
  | { readonly has: 'alias'; readonly label: string | null };

/** Comparisons that need no value. */
export const PRESENCES = ['exists', 'does_not_exist'] as const;
/** Comparisons of any scalar: string, number or boolean. */
export const EQUALITIES = ['equals', 'not_equal'] as const;
/** Comparisons with a regular expression. */
export const PATTERNS = ['matches_regex', 'does_not_match_regex'] as const;
/** Comparisons of an array with one of its elements. */
export const INCLUSIONS = ['includes_value', 'does_not_include_value'] as const;
/** Comparisons of numbers. */
export const ORDERS = ['greater_than', 'greater_than_or_equal_to', 'less_than', 'less_than_or_equal_to'] as const;
/** Comparisons of times with a time. */
export const MOMENTS = ['before', 'after'] as const;
/** Comparisons of times with now, by a number of days. */
export const DISTANCES = [
  'less_than_x_days_ago',
  'greater_than_x_days_ago',
  'less_than_x_days_in_the_future',
  'greater_than_x_days_in_the_future',
] as const;

/** Every comparison of an attribute. */
export const COMPARISONS = [
  ...PRESENCES,
  ...EQUALITIES,
  ...PATTERNS,
  ...INCLUSIONS,
  ...ORDERS,
  ...MOMENTS,
  ...DISTANCES,
] as const;

/**
 * How an attribute compares. Nothing is converted: a number never equals a string, and a time is a string with a date, a time and a zone.
 * Whatever is negative is the negation of its positive: who lacks the attribute is `not_equal` to everything.
 * Source: Braze's connected audience object, custom attribute filters.
 */
export type AttributeTest =
  | { readonly comparison: (typeof PRESENCES)[number] }
  | { readonly comparison: (typeof EQUALITIES)[number]; readonly value: string | number | boolean }
  | { readonly comparison: (typeof PATTERNS)[number]; readonly value: string }
  | { readonly comparison: (typeof INCLUSIONS)[number]; readonly value: string | number }
  | { readonly comparison: (typeof ORDERS)[number]; readonly value: number }
  | TimeTest;

/** How a time compares: with another one (ISO-8601, canonical UTC), or with now, by days. */
export type TimeTest =
  | { readonly comparison: (typeof MOMENTS)[number]; readonly value: string }
  | { readonly comparison: (typeof DISTANCES)[number]; readonly value: number };

/** A filter tree. `Cohort` and `Segment` are how those are named: by id where it is stored, by reference where somebody asks. */
export type FilterTree<Cohort, Segment> =
  | { readonly type: 'all'; readonly of: readonly FilterTree<Cohort, Segment>[] }
  | { readonly type: 'any'; readonly of: readonly FilterTree<Cohort, Segment>[] }
  | { readonly type: 'not'; readonly of: FilterTree<Cohort, Segment> }
  | {
      readonly type: 'cohorts';
      readonly partner: string;
      readonly operator: Operator;
      readonly values: readonly Cohort[];
    }
  | { readonly type: 'segment'; readonly segment: Segment }
  | { readonly type: 'identity'; readonly test: IdentityTest }
  | { readonly type: 'attribute'; readonly name: string; readonly test: AttributeTest }
  | { readonly type: 'created_at'; readonly test: TimeTest }
  /** Users whose bucket, 0 to 9,999 and the same for ever, is one of these. */
  | { readonly type: 'random_bucket'; readonly from: number; readonly to: number };

/** A filter over a workspace: cohorts by number, segments by UUID. A rename breaks nothing. */
export type Filter = FilterTree<number, string>;

/** A filter as somebody asks it. `path` says where each part stood in what they sent. */
export type FilterDraft = FilterTree<
  { readonly ref: CohortRef; readonly path: Path },
  { readonly ref: SegmentRef; readonly path: Path }
>;

/** A part of a tree that has no parts. */
export type FilterLeaf<Cohort, Segment> = Exclude<FilterTree<Cohort, Segment>, { type: 'all' | 'any' | 'not' }>;

/** The deepest tree, a leaf alone being 1. */
export const FILTER_MAX_DEPTH = 16;
/** The most groups, negations and leaves of one tree. */
export const FILTER_MAX_NODES = 500;
/** The most cohorts of one leaf. */
export const FILTER_MAX_VALUES = 256;
/** The longest filter, as canonical JSON and as text. */
export const FILTER_MAX_BYTES = 10_000;
/** The longest regular expression. */
export const PATTERN_MAX_CHARACTERS = 256;
export const ATTRIBUTE_NAME_MAX_CHARACTERS = 255;
/** The most days of a comparison with now: a century. */
export const DAYS_MAX = 36_500;
/** Buckets are numbered from 0 to here. */
export const LAST_BUCKET = 9_999;

/** The same tree with every cohort and every segment named another way. */
export function mapValues<A, B, S, T>(
  tree: FilterTree<A, S>,
  cohort: (value: A, partner: string) => B,
  segment: (value: S) => T,
): FilterTree<B, T> {
  switch (tree.type) {
    case 'all':
    case 'any':
      return { type: tree.type, of: tree.of.map((child) => mapValues(child, cohort, segment)) };
    case 'not':
      return { type: 'not', of: mapValues(tree.of, cohort, segment) };
    case 'cohorts':
      return { ...tree, values: tree.values.map((value) => cohort(value, tree.partner)) };
    case 'segment':
      return { type: 'segment', segment: segment(tree.segment) };
    default:
      return tree;
  }
}

/** Every leaf of a tree, from left to right. */
export function leavesOf<Cohort, Segment>(tree: FilterTree<Cohort, Segment>): FilterLeaf<Cohort, Segment>[] {
  switch (tree.type) {
    case 'all':
    case 'any':
      return tree.of.flatMap((child) => leavesOf(child));
    case 'not':
      return leavesOf(tree.of);
    default:
      return [tree];
  }
}

/** The cohorts a filter mentions itself, each once, in ascending order. Those of the segments it refers to are theirs. */
export function cohortsOf(filter: Filter): number[] {
  const cohorts = leavesOf(filter).flatMap((leaf) => (leaf.type === 'cohorts' ? leaf.values : []));
  return [...new Set(cohorts)].sort((a, b) => a - b);
}

/** The segments a filter refers to itself, each once, in ascending order. */
export function segmentsOf(filter: Filter): string[] {
  return [...new Set(leavesOf(filter).flatMap((leaf) => (leaf.type === 'segment' ? [leaf.segment] : [])))].sort();
}
