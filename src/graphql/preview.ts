import { formatPath } from '../domain/errors.ts';
import type { NodeCount } from '../domain/segments/count-nodes.ts';
import type { Filter } from '../domain/segments/filter.ts';
import type { Reach } from '../domain/segments/reach.ts';
import { builder } from './builder.ts';
import { pageArgs } from './connection.ts';
import { resultOf } from './errors.ts';
import { filterJson } from './filter-output.ts';
import { filterArgs, readSpelledFilter } from './filter-spellings.ts';
import { maxAgeArg, requireMaxAge } from './freshness.ts';
import { UserConnection } from './refs.ts';
import { userConnection } from './user-connection.ts';

const NodeSize = builder.objectRef<NodeCount>('FilterNodeSize').implement({
  description: 'How many users one part of a filter has, exactly.',
  fields: (t) => ({
    path: t.string({
      description: 'Where the part stands: `all[0].not`. The whole has an empty path.',
      resolve: ({ path }) => formatPath(path),
    }),
    size: t.exposeInt('size', { description: 'Users of this part alone.' }),
    running: t.exposeInt('running', {
      nullable: true,
      description:
        'Inside a group: users of this part and the ones before it together, as the group joins them. Falls in `all`, rises in `any`. Null outside of groups.',
    }),
  }),
});

const SegmentReach = builder.objectRef<Reach>('SegmentReach').implement({
  description: 'Users by the best identity they have. The three add up to the size.',
  fields: (t) => ({
    identified: t.exposeInt('identified', { description: 'Have an external id.' }),
    aliasOnly: t.exposeInt('aliasOnly', { description: 'Have no external id, but an alias.' }),
    deviceOnly: t.exposeInt('deviceOnly', { description: 'Have nothing but devices.' }),
  }),
});

const SegmentPreview = builder.objectRef<{ readonly filter: Filter }>('SegmentPreview').implement({
  description: 'What a filter would give, without saving it.',
  fields: (t) => ({
    filterJson: t.field({
      type: 'JSON',
      description: 'The filter as canonical JSON.',
      resolve: ({ filter }, _, ctx) => filterJson(ctx, filter),
    }),
    filterText: t.string({
      authScopes: { scope: 'cohorts:read' },
      description: 'The filter as text.',
      resolve: ({ filter }, _, { loaders }) => loaders.filterText.load(filter),
    }),
    size: t.int({
      description: 'How many users it has, exactly.',
      resolve: ({ filter }, _, { loaders }) => loaders.filterSize.load(filter),
    }),
    nodes: t.field({
      type: [NodeSize],
      description:
        'The exact size of the whole and of every part of it, the whole first, each before its parts; all of one moment. A segment it refers to is one part.',
      resolve: ({ filter }, _, { domain }) => domain.members.countParts(filter),
    }),
    reach: t.field({
      type: SegmentReach,
      authScopes: { scope: 'users:read' },
      description: 'How its users can be reached.',
      resolve: async ({ filter }, _, { domain }) => {
        const [reach] = await domain.members.reachOfFilters([filter]);
        if (!reach) throw new Error('Every filter has a reach.');
        return reach;
      },
    }),
    users: t.field({
      type: UserConnection,
      authScopes: { scope: 'users:read' },
      description: 'The users it has, in order of appearance in the workspace.',
      args: pageArgs,
      resolve: ({ filter }, args, ctx) =>
        userConnection(ctx, { filter }, args, () => ctx.loaders.filterSize.load(filter)),
    }),
  }),
});

builder.queryField('previewSegment', (t) =>
  t.field({
    type: SegmentPreview,
    authScopes: { scope: 'segments:read' },
    errors: resultOf('PreviewSegment'),
    description: 'What a filter would give now, exactly, without saving it.',
    args: { ...filterArgs, ...maxAgeArg },
    resolve: async (_, { maxAge, ...spelled }, ctx) => {
      const read = await ctx.domain.members.previewFilter(readSpelledFilter(ctx, spelled));
      await requireMaxAge(ctx, read, maxAge);
      return { filter: read };
    },
  }),
);
