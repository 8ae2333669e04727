import type { FilterTree } from './filter.ts';

/**
 * The tree as every spelling can say it: a group of one part is that part, because text has no way to write such a group. Groups in groups
 * of the same kind stay.
 */
export function normalize<Cohort, Segment>(tree: FilterTree<Cohort, Segment>): FilterTree<Cohort, Segment> {
  switch (tree.type) {
    case 'all':
    case 'any': {
      const [only] = tree.of;
      if (tree.of.length === 1 && only) return normalize(only);
      return { type: tree.type, of: tree.of.map((part) => normalize(part)) };
    }
    case 'not':
      return { type: 'not', of: normalize(tree.of) };
    default:
      return tree;
  }
}
