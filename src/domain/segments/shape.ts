import { BUCKET_BITS, bucketSet, RESERVED } from '../membership/bits.ts';
import { type AttributeTest, type Filter, type FilterLeaf, LAST_BUCKET } from './filter.ts';

/** Sets of users, stored as bits under a number, of which a user is in at least one, or in every one. */
export interface SetTest {
  readonly of: 'any' | 'all';
  readonly sets: readonly number[];
}

/** What is true of users without being a set: computed when it is asked. Never negative. */
export type Fact =
  | Extract<FilterLeaf<number, string>, { type: 'attribute' | 'created_at' }>
  | { readonly type: 'alias_label'; readonly label: string };

/** A filter in few shapes: what is negative is a negation, and what several spellings mean is one thing. */
export type Shape =
  | { readonly type: 'in'; readonly test: SetTest }
  | { readonly type: 'fact'; readonly fact: Fact }
  | { readonly type: 'all' | 'any'; readonly of: readonly Shape[] }
  | { readonly type: 'not'; readonly of: Shape };

/** The shape of a filter whose segments are written out. */
export function shapeOf(filter: Filter): Shape {
  switch (filter.type) {
    case 'all':
      return { type: 'all', of: filter.of.map(shapeOf) };
    case 'any':
      return { type: 'any', of: filter.of.map(shapeOf) };
    case 'not':
      return not(shapeOf(filter.of));
    case 'cohorts':
      switch (filter.operator) {
        case 'includes_value':
        case 'includes_any_of':
          return anyOf(filter.values);
        case 'includes_all_of':
          return { type: 'in', test: { of: 'all', sets: filter.values } };
        case 'does_not_include_value':
        case 'includes_none_of':
          return not(anyOf(filter.values));
      }
      break;
    case 'identity':
      switch (filter.test.has) {
        case 'identified':
          return anyOf([RESERVED.identified]);
        case 'anonymous':
          return not(anyOf([RESERVED.identified]));
        case 'device':
          return anyOf([RESERVED.deviced]);
        case 'alias':
          return filter.test.label === null
            ? anyOf([RESERVED.aliased])
            : { type: 'fact', fact: { type: 'alias_label', label: filter.test.label } };
      }
      break;
    case 'attribute':
      return attributeShape(filter.name, filter.test);
    case 'created_at':
      return { type: 'fact', fact: filter };
    case 'random_bucket':
      return bucketShape(filter.from, filter.to);
    case 'segment':
      throw new Error('A filter is evaluated with its segments written out.');
  }
}

export function not(shape: Shape): Shape {
  return shape.type === 'not' ? shape.of : { type: 'not', of: shape };
}

function anyOf(sets: readonly number[]): Shape {
  return { type: 'in', test: { of: 'any', sets } };
}

function attributeShape(name: string, test: AttributeTest): Shape {
  const fact = (positive: AttributeTest): Shape => ({
    type: 'fact',
    fact: { type: 'attribute', name, test: positive },
  });
  switch (test.comparison) {
    case 'does_not_exist':
      return not(fact({ comparison: 'exists' }));
    case 'not_equal':
      return not(fact({ comparison: 'equals', value: test.value }));
    case 'does_not_match_regex':
      return not(fact({ comparison: 'matches_regex', value: test.value }));
    case 'does_not_include_value':
      return not(fact({ comparison: 'includes_value', value: test.value }));
    default:
      return fact(test);
  }
}

/** The buckets of a range, from the sets that hold one bit of everybody's bucket each. */
function bucketShape(from: number, to: number): Shape {
  const bounds: Shape[] = [];
  if (from > 0) bounds.push(not(bucketAtMost(from - 1)));
  if (to < LAST_BUCKET) bounds.push(bucketAtMost(to));
  const [only] = bounds;
  if (!only) return anyOf([RESERVED.everyone]);
  return bounds.length === 1 ? only : { type: 'all', of: bounds };
}

/** From the highest bit down: below the limit at the first bit in which they differ. */
function bucketAtMost(limit: number): Shape {
  let shape: Shape | null = null;
  for (let bit = 0; bit < BUCKET_BITS; bit++) {
    const isLess = not(anyOf([bucketSet(bit)]));
    const isSet = (limit >> bit) & 1;
    // Up to here all bits are one, so whatever is below is at most the limit.
    if (shape === null) shape = isSet ? null : isLess;
    else shape = { type: isSet ? 'any' : 'all', of: [isLess, shape] };
  }
  return shape ?? anyOf([RESERVED.everyone]);
}
