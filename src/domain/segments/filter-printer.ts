import { isTimeComparison } from './comparison.ts';
import type { AttributeTest, Filter, IdentityTest, TimeTest } from './filter.ts';
import { quote } from './filter-quote.ts';
import { normalize } from './normalize.ts';

/** How the cohorts and the segments of a filter are called in its text: names in quotes, or ids. */
export interface Naming {
  readonly cohort: (id: number) => string;
  readonly segment: (id: string) => string;
}

/** How tightly each kind of part holds together. What holds less than its surroundings stands in parentheses, and so does the same. */
const TIGHTNESS: Readonly<Record<string, number>> = { any: 1, all: 2, not: 3 };
const LEAF = 4;

/** The text form of a filter: one line, parentheses only where they are needed, the same every time. A group of one is its part. */
export function printFilter(filter: Filter, naming: Naming): string {
  return print(normalize(filter), naming);
}

function print(filter: Filter, naming: Naming): string {
  const part = (child: Filter, around: number): string => {
    const text = print(child, naming);
    return (TIGHTNESS[child.type] ?? LEAF) > around ? text : `(${text})`;
  };
  switch (filter.type) {
    case 'all':
      return filter.of.map((child) => part(child, 2)).join(' and ');
    case 'any':
      return filter.of.map((child) => part(child, 1)).join(' or ');
    case 'not':
      // A negation of a negation needs no parentheses.
      return `not ${part(filter.of, 2)}`;
    case 'cohorts': {
      const names = filter.values.map(naming.cohort);
      const isSingle = filter.operator === 'includes_value' || filter.operator === 'does_not_include_value';
      return `${filter.partner}_cohorts ${filter.operator} ${isSingle ? names.join() : `(${names.join(', ')})`}`;
    }
    case 'segment':
      return `segment is ${naming.segment(filter.segment)}`;
    case 'identity':
      return `identity ${printIdentity(filter.test)}`;
    case 'attribute':
      return `attribute ${quote(filter.name)} ${printTest(filter.test)}`;
    case 'created_at':
      return `created_at ${printTest(filter.test)}`;
    case 'random_bucket':
      return `random_bucket between ${filter.from} and ${filter.to}`;
  }
}

function printIdentity(test: IdentityTest): string {
  switch (test.has) {
    case 'identified':
    case 'anonymous':
      return `is ${test.has}`;
    case 'device':
      return 'has device';
    case 'alias':
      return test.label === null ? 'has alias' : `has alias ${quote(test.label)}`;
  }
}

function printTest(test: AttributeTest | TimeTest): string {
  if (!('value' in test)) return test.comparison;
  if (typeof test.value !== 'string') return `${test.comparison} ${JSON.stringify(test.value)}`;
  const isMoment = isTimeComparison(test.comparison);
  return `${test.comparison} ${isMoment ? test.value.replace('.000Z', 'Z') : quote(test.value)}`;
}
