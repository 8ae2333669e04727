import type { Filter, FilterJson } from '../domain/segments/filter.ts';
import { OPERATORS, toJson } from '../domain/segments/filter.ts';
import { builder } from './builder.ts';
import type { RequestContext } from './context.ts';
import { encodeNumbered } from './node-id.ts';
import { CohortRef } from './refs.ts';

type Node<T extends Filter['type']> = Extract<Filter, { type: T }>;

const All = builder.objectRef<Node<'all'>>('AllFilter');
const Any = builder.objectRef<Node<'any'>>('AnyFilter');
const Not = builder.objectRef<Node<'not'>>('NotFilter');
const Cohorts = builder.objectRef<Node<'cohorts'>>('PartnerCohortsFilter');

/** The output twin of `SegmentFilterInput`. */
export const SegmentFilter = builder.unionType('SegmentFilter', {
  description: 'A part of a filter.',
  types: [All, Any, Not, Cohorts],
  resolveType: (filter) => ({ all: All, any: Any, not: Not, cohorts: Cohorts })[filter.type],
});

const FilterOperator = builder.enumType('FilterOperator', {
  description: 'How a cohort filter compares.',
  values: Object.fromEntries(OPERATORS.map((o) => [o.toUpperCase(), { value: o, description: `\`${o}\`` }])),
});

All.implement({
  description: 'Every one of these holds.',
  fields: (t) => ({ all: t.field({ type: [SegmentFilter], description: 'The parts.', resolve: (f) => [...f.of] }) }),
});
Any.implement({
  description: 'At least one of these holds.',
  fields: (t) => ({ any: t.field({ type: [SegmentFilter], description: 'The parts.', resolve: (f) => [...f.of] }) }),
});
Not.implement({
  description: 'This does not hold.',
  fields: (t) => ({ not: t.field({ type: SegmentFilter, description: 'The part.', resolve: (f) => f.of }) }),
});
Cohorts.implement({
  description: 'A condition on the cohorts of one partner.',
  fields: (t) => ({
    partner: t.exposeString('partner', { description: 'Whose cohorts.' }),
    filter: t.string({
      description: 'As people write it: `amplitude_cohorts`.',
      resolve: (f) => `${f.partner}_cohorts`,
    }),
    operator: t.field({ type: FilterOperator, description: 'How it compares.', resolve: (f) => f.operator }),
    cohorts: t.field({
      type: [CohortRef],
      authScopes: { scope: 'cohorts:read' },
      description: 'The cohorts it names.',
      resolve: async (f, _, { loaders }) =>
        (await Promise.all(f.values.map((id) => loaders.cohort.load(id)))).filter((c) => c !== null),
    }),
  }),
});

/** The canonical JSON of a filter; its values are the node ids of cohorts. */
export function filterJson(ctx: RequestContext, filter: Filter): FilterJson {
  return toJson(filter, (id) => encodeNumbered(ctx, 'Cohort', id));
}
