import { SEGMENT_CHANGES, type SegmentVersion } from '../domain/segments/version.ts';
import { ActorRef, FieldChangeRef, showChanges } from './audit.ts';
import { builder } from './builder.ts';
import { connectionOf, lazyConnection, pageArgs } from './connection.ts';
import { filterJson, SegmentFilter } from './filter-output.ts';
import { SegmentRef } from './refs.ts';

// What segments were.

const CHANGE_DESCRIPTIONS: { readonly [C in (typeof SEGMENT_CHANGES)[number]]: string } = {
  created: 'It was made.',
  updated: 'Its name, description, tags or filter were changed.',
  archived: 'It was put away.',
  restored: 'It was brought back.',
  rolled_back: 'It became again what it was in an older version.',
  duplicated: 'It was made as a copy of another.',
};

const SegmentChangeEnum = builder.enumType('SegmentChange', {
  description: 'What made a version of a segment.',
  values: Object.fromEntries(
    SEGMENT_CHANGES.map((change) => [
      change.toUpperCase(),
      { value: change, description: CHANGE_DESCRIPTIONS[change] },
    ]),
  ),
});

const SegmentVersionRef = builder.objectRef<SegmentVersion>('SegmentVersion').implement({
  description: 'A segment as it was from one change to the next.',
  fields: (t) => ({
    version: t.exposeInt('version', { description: 'Counted from 1 in each segment.' }),
    name: t.exposeString('name', { description: 'Its name then.' }),
    description: t.exposeString('description', { nullable: true, description: 'Its description then.' }),
    tags: t.stringList({ description: 'Its tags then.', resolve: (version) => [...version.tags] }),
    filter: t.field({
      type: SegmentFilter,
      description: 'Its filter then, as a tree.',
      resolve: (version) => version.filter,
    }),
    filterJson: t.field({
      type: 'JSON',
      description: 'Its filter then, as canonical JSON.',
      resolve: (version, _, ctx) => filterJson(ctx, version.filter),
    }),
    filterText: t.string({
      authScopes: { scope: 'cohorts:read' },
      description: 'Its filter then, as text for people: cohorts and segments by the names they have now.',
      resolve: (version, _, { loaders }) => loaders.filterText.load(version.filter),
    }),
    archivedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it had been put away; null while it was live.',
      resolve: (version) => version.archivedAt,
    }),
    change: t.field({ type: SegmentChangeEnum, description: 'What made it so.', resolve: (version) => version.change }),
    ofVersion: t.exposeInt('ofVersion', { nullable: true, description: 'The version that a roll back went to.' }),
    author: t.field({ type: ActorRef, description: 'Who made it so.', resolve: (version) => version.author }),
    at: t.field({ type: 'DateTime', description: 'Since when.', resolve: (version) => version.at }),
    reason: t.exposeString('reason', { nullable: true, description: 'Why, where somebody said so.' }),
    diff: t.field({
      type: [FieldChangeRef],
      description: 'What is not as it was in the version before; of the first one, nothing.',
      resolve: (version, _, ctx) => showChanges(ctx, version.diff),
    }),
  }),
});

const SegmentVersionConnection = connectionOf('SegmentVersion', SegmentVersionRef);

builder.objectField(SegmentRef, 'versions', (t) =>
  t.field({
    type: SegmentVersionConnection,
    authScopes: { scope: 'segments:read' },
    description: 'What it was, the newest version first.',
    args: pageArgs,
    resolve: (segment, args, ctx) =>
      lazyConnection(
        ctx,
        args,
        () => ctx.loaders.versionPage.load({ list: segment.id, args }),
        async () => (await ctx.loaders.versionCount.load(segment.id)) ?? 0,
      ),
  }),
);
