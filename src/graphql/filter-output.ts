import { COMPARISONS, DISTANCES, type Filter, MOMENTS, OPERATORS } from '../domain/segments/filter.ts';
import { type FilterJson, toJson } from '../domain/segments/filter-json.ts';
import { builder } from './builder.ts';
import type { RequestContext } from './context.ts';
import { filterIds } from './filter-ids.ts';
import { CohortRef, SegmentRef } from './refs.ts';

type Node<T extends Filter['type']> = Extract<Filter, { type: T }>;

const All = builder.objectRef<Node<'all'>>('AllFilter');
const Any = builder.objectRef<Node<'any'>>('AnyFilter');
const Not = builder.objectRef<Node<'not'>>('NotFilter');
const Cohorts = builder.objectRef<Node<'cohorts'>>('PartnerCohortsFilter');
const Segment = builder.objectRef<Node<'segment'>>('SegmentMembershipFilter');
const Identity = builder.objectRef<Node<'identity'>>('IdentityFilter');
const Attribute = builder.objectRef<Node<'attribute'>>('AttributeFilter');
const CreatedAt = builder.objectRef<Node<'created_at'>>('CreatedAtFilter');
const RandomBucket = builder.objectRef<Node<'random_bucket'>>('RandomBucketFilter');

const TYPES = {
  all: All,
  any: Any,
  not: Not,
  cohorts: Cohorts,
  segment: Segment,
  identity: Identity,
  attribute: Attribute,
  created_at: CreatedAt,
  random_bucket: RandomBucket,
};

/** The output twin of `SegmentFilterInput`. */
export const SegmentFilter = builder.unionType('SegmentFilter', {
  description: 'A part of a filter.',
  types: Object.values(TYPES),
  resolveType: (filter) => TYPES[filter.type],
});

const spelled = <Name extends string>(names: readonly Name[]) =>
  Object.fromEntries(names.map((name) => [name.toUpperCase(), { value: name, description: `\`${name}\`` }]));

const FilterOperator = builder.enumType('FilterOperator', {
  description: 'How a cohort filter compares.',
  values: spelled(OPERATORS),
});

const AttributeComparison = builder.enumType('AttributeComparison', {
  description: 'How an attribute compares.',
  values: spelled(COMPARISONS),
});

const TimeComparison = builder.enumType('TimeComparison', {
  description: 'How a time compares: with another one, or with now by a number of days.',
  values: spelled([...MOMENTS, ...DISTANCES]),
});

export const IdentityKind = builder.enumType('IdentityKind', {
  description: 'What identities a user has.',
  values: {
    IDENTIFIED: { value: 'identified', description: 'Has an external id.' },
    ANONYMOUS: { value: 'anonymous', description: 'Has no external id.' },
    ALIAS: { value: 'alias', description: 'Has an alias.' },
    DEVICE: { value: 'device', description: 'Has a device.' },
  } as const,
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

Segment.implement({
  description: 'Membership in another segment.',
  fields: (t) => ({
    segment: t.field({
      type: SegmentRef,
      description: 'The segment, even if it was archived since.',
      resolve: async (f, _, { loaders }) => {
        const segment = await loaders.segment.load(f.segment);
        if (!segment) throw new Error('A segment that a filter refers to stays.');
        return segment;
      },
    }),
  }),
});
Identity.implement({
  description: 'A condition on the identities of a user.',
  fields: (t) => ({
    has: t.field({ type: IdentityKind, description: 'What a user has.', resolve: (f) => f.test.has }),
    label: t.string({
      nullable: true,
      description: 'The label of the alias; null: of any label.',
      resolve: ({ test }) => (test.has === 'alias' ? test.label : null),
    }),
  }),
});
Attribute.implement({
  description: 'A condition on a custom attribute.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'The name of the attribute.' }),
    comparison: t.field({
      type: AttributeComparison,
      description: 'How it compares.',
      resolve: (f) => f.test.comparison,
    }),
    value: t.field({
      type: 'JSON',
      nullable: true,
      description: 'With what: a text, a number, a boolean, a time, a number of days. Null where it takes none.',
      resolve: ({ test }) => ('value' in test ? test.value : null),
    }),
  }),
});
CreatedAt.implement({
  description: 'A condition on the time at which a user appeared.',
  fields: (t) => ({
    comparison: t.field({ type: TimeComparison, description: 'How it compares.', resolve: (f) => f.test.comparison }),
    value: t.field({
      type: 'JSON',
      description: 'With what: a time, or a number of days.',
      resolve: (f) => f.test.value,
    }),
  }),
});
RandomBucket.implement({
  description: 'Users whose bucket, 0 to 9,999 and the same for ever, is one of these.',
  fields: (t) => ({
    from: t.exposeInt('from', { description: 'The lowest bucket.' }),
    to: t.exposeInt('to', { description: 'The highest bucket, included.' }),
  }),
});

/** The canonical JSON of a filter; its values are the node ids of cohorts and segments. */
export function filterJson(ctx: RequestContext, filter: Filter): FilterJson {
  return toJson(filter, filterIds(ctx));
}
