import { fail } from '../errors.ts';
import type { Filter } from './filter.ts';

/**
 * The filter read for one user in memory: `isIn` says which cohorts the user is in. The other reading of the same tree is `compile`;
 * each is the proof of the other.
 */
export function matches(filter: Filter, isIn: (cohortId: number) => boolean): boolean {
  switch (filter.type) {
    case 'all':
      return filter.of.every((child) => matches(child, isIn));
    case 'any':
      return filter.of.some((child) => matches(child, isIn));
    case 'not':
      return !matches(filter.of, isIn);
    case 'cohorts':
      switch (filter.operator) {
        case 'includes_value':
        case 'includes_any_of':
          return filter.values.some(isIn);
        case 'includes_all_of':
          return filter.values.every(isIn);
        case 'does_not_include_value':
        case 'includes_none_of':
          return !filter.values.some(isIn);
      }
      break;
    default:
      throw fail('INVALID_INPUT', `Filters of the kind \`${filter.type}\` cannot be evaluated yet.`);
  }
}
