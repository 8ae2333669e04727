import { formatPath } from '../domain/errors.ts';
import type { ExplainedNode, Explanation, NamedBy, Provenance } from '../domain/segments/explanation.ts';
import { builder } from './builder.ts';
import { resultOf } from './errors.ts';
import { filterJson, SegmentFilter } from './filter-output.ts';
import { parseUserRef, readSegmentId, UserRefInput } from './inputs.ts';
import { BatchRef, CohortRef, SegmentRef, UserRef } from './refs.ts';

const Named = builder.objectRef<NamedBy>('NamedBy').implement({
  description: 'An identity of the user that a batch may have named them by.',
  fields: (t) => ({
    kind: t.exposeString('kind', { description: '`external_id`, `alias` or `device_id`.' }),
    label: t.string({
      nullable: true,
      description: 'Of an alias.',
      resolve: (named) => (named.kind === 'alias' ? named.alias.label : null),
    }),
    value: t.string({
      description: 'The external id, the device id, or the name of the alias.',
      resolve: (named) => (named.kind === 'alias' ? named.alias.name : named.value),
    }),
  }),
});

const ProvenanceType = builder.objectRef<Provenance>('Provenance').implement({
  description: 'How a user came to be in a cohort, or not to be in it.',
  fields: (t) => ({
    cohort: t.field({
      type: CohortRef,
      nullable: true,
      authScopes: { scope: 'cohorts:read' },
      description: 'The cohort.',
      resolve: ({ cohortId }, _, { loaders }) => loaders.cohort.load(cohortId),
    }),
    isMember: t.exposeBoolean('isMember', { description: 'The user is in it.' }),
    batch: t.field({
      type: BatchRef,
      nullable: true,
      authScopes: { scope: 'cohorts:read' },
      description:
        'The batch that last moved the user in or out of it: when, which key, which dialect. Null when none did.',
      resolve: ({ batch }) => batch,
    }),
    namedBy: t.field({
      type: [Named],
      authScopes: { scope: 'users:read' },
      description: "The user's identities of the kinds that the batch named users by; mostly one.",
      resolve: ({ namedBy }) => [...namedBy],
    }),
    isForgotten: t.exposeBoolean('isForgotten', {
      description: 'The ledger no longer remembers whom some batches moved, and one of them may have moved the user.',
    }),
  }),
});

interface Row {
  readonly node: ExplainedNode;
  readonly depth: number;
}

const Node = builder.objectRef<Row>('ExplainedNode').implement({
  description: 'A part of a filter, and whether it holds for the user.',
  fields: (t) => ({
    path: t.string({
      description:
        'Where the part stands: `all[0].not`, with `segment` where a segment is gone into. The whole has an empty path.',
      resolve: ({ node }) => formatPath(node.path),
    }),
    depth: t.exposeInt('depth', { description: 'How deep it stands, the whole being 0.' }),
    verdict: t.boolean({ description: 'It holds.', resolve: ({ node }) => node.verdict }),
    filter: t.field({ type: SegmentFilter, description: 'The part.', resolve: ({ node }) => node.filter }),
    filterJson: t.field({
      type: 'JSON',
      description: 'The part as canonical JSON.',
      resolve: ({ node }, _, ctx) => filterJson(ctx, node.filter),
    }),
    provenance: t.field({
      type: [ProvenanceType],
      description: 'For a condition on cohorts: one for each cohort it names.',
      resolve: ({ node }) => [...node.provenance],
    }),
  }),
});

const Explained = builder.objectRef<Explanation>('Explanation').implement({
  description: 'Why a user is in a segment, or not.',
  fields: (t) => ({
    user: t.field({
      type: UserRef,
      nullable: true,
      authScopes: { scope: 'users:read' },
      description: 'The user.',
      resolve: ({ userId }, _, { loaders }) => loaders.user.load(userId),
    }),
    segment: t.field({
      type: SegmentRef,
      nullable: true,
      description: 'The segment.',
      resolve: ({ segmentId }, _, { loaders }) => loaders.segment.load(segmentId),
    }),
    isMember: t.exposeBoolean('isMember', { description: 'The user is in it.' }),
    asOf: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'The moment this is about; null for now.',
      resolve: ({ asOf }) => asOf,
    }),
    asOfNow: t.field({
      type: ['String'],
      description: 'What has no memory and is answered as it is now: `identity`, `attributes`. Empty for now.',
      resolve: ({ asOfNow }) => [...asOfNow],
    }),
    nodes: t.field({
      type: [Node],
      description:
        'The filter part by part, the whole first, each before its parts, the segments it refers to written out.',
      resolve: ({ tree }) => flatten(tree, 0),
    }),
  }),
});

function flatten(node: ExplainedNode, depth: number): Row[] {
  return [{ node, depth }, ...node.parts.flatMap((part) => flatten(part, depth + 1))];
}

builder.queryField('explainMembership', (t) =>
  t.field({
    type: Explained,
    authScopes: { scope: 'segments:read' },
    errors: resultOf('ExplainMembership'),
    description:
      'Why a user is in a segment or not, part by part, with the batch, key and time that put them into each cohort or out of it.',
    args: {
      user: t.arg({ type: UserRefInput, required: true, description: 'Who.' }),
      segment: t.arg.id({ required: true, description: 'Node id of the segment.' }),
      asOf: t.arg({
        type: 'DateTime',
        description: 'A moment within what the ledger remembers: cohorts are answered as they were then.',
      }),
    },
    resolve: (_, { user, segment, asOf }, ctx) =>
      ctx.domain.explanations.explainMembership({
        user: parseUserRef(ctx, user, ['user']),
        segmentId: readSegmentId(String(segment)),
        asOf,
      }),
  }),
);
