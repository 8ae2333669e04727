import type { CohortRef } from '../domain/cohorts/cohort.ts';
import { fail, type Path } from '../domain/errors.ts';
import { AMPLITUDE, parsePartner } from '../domain/keys/partner.ts';
import { FILTER_MAX_DEPTH, type FilterDraft, type Operator } from '../domain/segments/filter.ts';
import { builder } from './builder.ts';
import type { RequestContext } from './context.ts';
import {
  AttributeFilterInput,
  IdentityFilterInput,
  type LeafInput,
  RandomBucketFilterInput,
  readLeafInput,
  TimeConditionInput,
} from './filter-leaf-input.ts';
import { CohortRefInput, type CohortRefShape, parseCohortRef, SegmentRefInput } from './inputs.ts';

interface CohortsInput {
  includesValue?: CohortRefShape | null;
  doesNotIncludeValue?: CohortRefShape | null;
  includesAnyOf?: CohortRefShape[] | null;
  includesAllOf?: CohortRefShape[] | null;
  includesNoneOf?: CohortRefShape[] | null;
}

/** The filter as GraphQL carries it: exactly one field a node. */
export interface FilterInput extends LeafInput {
  all?: FilterInput[] | null;
  any?: FilterInput[] | null;
  not?: FilterInput | null;
  amplitudeCohorts?: CohortsInput | null;
  partnerCohorts?: { partner: string; condition: CohortsInput } | null;
}

const PartnerCohortsFilterInput = builder.inputType('PartnerCohortsFilterInput', {
  description: 'A condition on the cohorts of one partner, in exactly one way.',
  isOneOf: true,
  fields: (t) => ({
    includesValue: t.field({ type: CohortRefInput, description: '`includes_value`: is in this cohort.' }),
    doesNotIncludeValue: t.field({
      type: CohortRefInput,
      description: '`does_not_include_value`: is not in this cohort. Users in no cohort are not.',
    }),
    includesAnyOf: t.field({
      type: [CohortRefInput],
      description: '`includes_any_of`: is in at least one; at most 256.',
    }),
    includesAllOf: t.field({ type: [CohortRefInput], description: '`includes_all_of`: is in every one; at most 256.' }),
    includesNoneOf: t.field({ type: [CohortRefInput], description: '`includes_none_of`: is in none; at most 256.' }),
  }),
});

const OtherPartnerCohortsFilterInput = builder.inputType('OtherPartnerCohortsFilterInput', {
  description: 'A condition on the cohorts of any partner: `{ partner: "mixpanel", ... }` is `mixpanel_cohorts`.',
  fields: (t) => ({
    partner: t.string({ required: true, description: 'Whose cohorts.' }),
    condition: t.field({ type: PartnerCohortsFilterInput, required: true, description: 'The condition.' }),
  }),
});

export const SegmentFilterInput = builder.inputRef<FilterInput>('SegmentFilterInput');
SegmentFilterInput.implement({
  description: 'A filter over users, one field a node. At most 16 levels and 500 parts.',
  isOneOf: true,
  fields: (t) => ({
    all: t.field({ type: [SegmentFilterInput], description: 'Every one of these holds (AND). At least one.' }),
    any: t.field({ type: [SegmentFilterInput], description: 'At least one of these holds (OR). At least one.' }),
    not: t.field({
      type: SegmentFilterInput,
      description: 'This does not hold. Taken from everyone in the workspace.',
    }),
    amplitudeCohorts: t.field({
      type: PartnerCohortsFilterInput,
      description: '`amplitude_cohorts`: cohorts that Amplitude sent.',
    }),
    partnerCohorts: t.field({
      type: OtherPartnerCohortsFilterInput,
      description: '`<partner>_cohorts`: cohorts that another partner sent.',
    }),
    segment: t.field({ type: SegmentRefInput, description: 'Membership in another segment, which must be live.' }),
    identity: t.field({ type: IdentityFilterInput, description: 'What identities a user has.' }),
    attribute: t.field({ type: AttributeFilterInput, description: 'A custom attribute.' }),
    createdAt: t.field({ type: TimeConditionInput, description: '`created_at`: when a user appeared.' }),
    randomBucket: t.field({
      type: RandomBucketFilterInput,
      description: 'Part of all users, drawn by lot once and for all: for holdouts.',
    }),
  }),
});

const OPERATOR_OF_FIELD: { readonly [K in keyof CohortsInput]-?: Operator } = {
  includesValue: 'includes_value',
  doesNotIncludeValue: 'does_not_include_value',
  includesAnyOf: 'includes_any_of',
  includesAllOf: 'includes_all_of',
  includesNoneOf: 'includes_none_of',
};

/** Reads a filter as the domain takes it. Errors, with the path: LIMIT_EXCEEDED, INVALID_INPUT (a name or a value that none can be). */
export function readFilterInput(ctx: RequestContext, input: FilterInput, path: Path = ['filter']): FilterDraft {
  // The domain checks depth as well; this keeps the reading itself from going as deep as the input likes.
  if (path.length > FILTER_MAX_DEPTH * 3)
    throw fail('LIMIT_EXCEEDED', `A filter is at most ${FILTER_MAX_DEPTH} levels deep.`, { path: ['filter'] });
  const group = (type: 'all' | 'any', of: readonly FilterInput[]): FilterDraft => ({
    type,
    of: of.map((child, i) => readFilterInput(ctx, child, [...path, type, i])),
  });
  if (input.all) return group('all', input.all);
  if (input.any) return group('any', input.any);
  if (input.not) return { type: 'not', of: readFilterInput(ctx, input.not, [...path, 'not']) };
  const leaf = readLeafInput(input, path);
  if (leaf) return leaf;
  if (input.partnerCohorts) {
    const { partner, condition } = input.partnerCohorts;
    const at = [...path, 'partnerCohorts'];
    return readCohorts(ctx, parsePartner(partner, [...at, 'partner']), condition, [...at, 'condition']);
  }
  return readCohorts(ctx, AMPLITUDE, input.amplitudeCohorts ?? {}, [...path, 'amplitudeCohorts']);
}

function readCohorts(ctx: RequestContext, partner: string, input: CohortsInput, path: Path): FilterDraft {
  for (const [field, operator] of Object.entries(OPERATOR_OF_FIELD) as [keyof CohortsInput, Operator][]) {
    const value = input[field];
    if (!value) continue;
    const refs = Array.isArray(value) ? value : [value];
    const values = refs.map((ref, i): { ref: CohortRef; path: Path } => {
      const at = Array.isArray(value) ? [...path, field, i] : [...path, field];
      return { ref: parseCohortRef(ctx, ref, at), path: at };
    });
    return { type: 'cohorts', partner, operator, values };
  }
  throw fail('INVALID_INPUT', 'A cohort filter needs a condition.', { path });
}
