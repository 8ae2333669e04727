import type { AttributeTest, Filter, TimeTest } from '../../src/domain/segments/filter.ts';
import type {
  AttributeConditionInput,
  IdentityKind,
  PartnerCohortsFilterInput,
  SegmentFilterInput,
  TimeConditionInput,
} from './gql/graphql.ts';

/** How a test spells ids. */
interface Spelling {
  readonly cohort: (id: number) => string;
  readonly segment: (id: string) => string;
}

const camel = (name: string) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** A filter as the variables of a GraphQL request carry it. */
export function filterInput(filter: Filter, ids: Spelling): SegmentFilterInput {
  switch (filter.type) {
    case 'all':
      return { all: filter.of.map((part) => filterInput(part, ids)) };
    case 'any':
      return { any: filter.of.map((part) => filterInput(part, ids)) };
    case 'not':
      return { not: filterInput(filter.of, ids) };
    case 'cohorts': {
      const refs = filter.values.map((id) => ({ id: ids.cohort(id) }));
      const takesOne = filter.operator === 'includes_value' || filter.operator === 'does_not_include_value';
      const condition = { [camel(filter.operator)]: takesOne ? refs[0] : refs } as PartnerCohortsFilterInput;
      if (filter.partner === 'amplitude') return { amplitudeCohorts: condition };
      return { partnerCohorts: { partner: filter.partner, condition } };
    }
    case 'segment':
      return { segment: { id: ids.segment(filter.segment) } };
    case 'identity': {
      const has = filter.test.has.toUpperCase() as IdentityKind;
      return { identity: filter.test.has === 'alias' ? { has, label: filter.test.label } : { has } };
    }
    case 'attribute':
      return { attribute: { name: filter.name, condition: condition(filter.test) as AttributeConditionInput } };
    case 'created_at':
      return { createdAt: condition(filter.test) as TimeConditionInput };
    case 'random_bucket':
      return { randomBucket: { from: filter.from, to: filter.to } };
  }
}

function condition(test: AttributeTest | TimeTest): object {
  if (!('value' in test)) return { exists: test.comparison === 'exists' };
  return { [camel(test.comparison)]: test.value };
}
