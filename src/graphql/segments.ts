import { MEMBERSHIP_MAX_SEGMENTS, MEMBERSHIP_MAX_USERS } from '../domain/segments/segment.ts';
import { builder, WRITTEN } from './builder.ts';
import { lazyConnection, pageArgs } from './connection.ts';
import { resultOf } from './errors.ts';
import { filterJson, SegmentFilter } from './filter-output.ts';
import { maxAgeArg, requireMaxAge } from './freshness.ts';
import {
  OrderDirection,
  parseSearch,
  parseSegmentRef,
  parseUserRef,
  readSegmentId,
  SegmentRefInput,
  UserRefInput,
} from './inputs.ts';
import { isUuid } from './node-id.ts';
import { SegmentConnection, SegmentRef, UserConnection, UserRef } from './refs.ts';
import { userConnection } from './user-connection.ts';

builder.node(SegmentRef, {
  description:
    'A named filter over users. Its members are evaluated when they are asked for: they are as fresh as its cohorts.',
  authScopes: { $any: { scope: 'segments:read', $granted: WRITTEN } },
  id: { resolve: (segment) => segment.id },
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'archivedAt' in value,
  loadMany: (ids, ctx) => Promise.all(ids.map((id) => (isUuid(id) ? ctx.loaders.segment.load(id) : null))),
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Unique among live segments.' }),
    description: t.exposeString('description', { nullable: true, description: 'For people.' }),
    tags: t.stringList({ description: 'Words to find it by.', resolve: (segment) => [...segment.tags] }),
    version: t.exposeInt('version', { description: 'Grows by one with each change.' }),
    filter: t.field({
      type: SegmentFilter,
      description: 'The filter, as a tree.',
      resolve: (segment) => segment.filter,
    }),
    filterJson: t.field({
      type: 'JSON',
      description:
        'The filter as canonical JSON: `{"filter":"amplitude_cohorts","operator":"includes_value","value":"<cohort id>"}` under `all`, `any` and `not`.',
      resolve: (segment, _, ctx) => filterJson(ctx, segment.filter),
    }),
    filterText: t.string({
      authScopes: { scope: 'cohorts:read' },
      description: 'The filter as text, for people: `amplitude_cohorts includes_value "Power users"`.',
      resolve: (segment, _, { loaders }) => loaders.filterText.load(segment.filter),
    }),
    createdAt: t.field({ type: 'DateTime', description: 'When it was made.', resolve: (segment) => segment.createdAt }),
    updatedAt: t.field({
      type: 'DateTime',
      description: 'When its name, description, tags or filter last changed.',
      resolve: (segment) => segment.updatedAt,
    }),
    archivedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it was put away; null while it is live.',
      resolve: (segment) => segment.archivedAt,
    }),
    size: t.int({
      description: 'How many users are in it, exactly.',
      resolve: (segment, _, { loaders }) => loaders.filterSize.load(segment.filter),
    }),
    users: t.field({
      type: UserConnection,
      authScopes: { scope: 'users:read' },
      description: 'The users in it, in order of appearance in the workspace.',
      args: pageArgs,
      resolve: (segment, args, ctx) =>
        userConnection(ctx, { segment }, args, () => ctx.loaders.filterSize.load(segment.filter)),
    }),
    includes: t.boolean({
      description: 'Whether a user is in it; false where the reference means nobody.',
      args: { user: t.arg({ type: UserRefInput, required: true, description: 'Who.' }) },
      resolve: async (segment, { user }, ctx) => {
        const userId = await ctx.loaders.userIdByRef.load(parseUserRef(ctx, user, ['user']));
        return userId === null ? false : ctx.loaders.isInSegment.load({ userId, of: segment.filter });
      },
    }),
  }),
});

const SegmentOrder = builder.inputType('SegmentOrder', {
  description: 'How a list of segments runs.',
  fields: (t) => ({
    field: t.field({
      type: builder.enumType('SegmentOrderField', {
        description: 'What to order segments by.',
        values: {
          NAME: { description: 'The name.' },
          CREATED_AT: { description: 'The time of making.' },
          UPDATED_AT: { description: 'The time of the last change.' },
        } as const,
      }),
      required: true,
      description: 'By what.',
    }),
    direction: t.field({ type: OrderDirection, required: true, description: 'Which way.' }),
  }),
});

interface MembershipRow {
  readonly userId: number | null;
  readonly segments: readonly boolean[];
}

const Membership = builder.objectRef<MembershipRow>('Membership').implement({
  description: 'One user and the segments asked for.',
  fields: (t) => ({
    user: t.field({
      type: UserRef,
      nullable: true,
      description: 'The user; null where the reference means nobody.',
      resolve: (row, _, { loaders }) => (row.userId === null ? null : loaders.user.load(row.userId)),
    }),
    segments: t.booleanList({
      description: 'In the order of the segments asked for.',
      resolve: (row) => [...row.segments],
    }),
  }),
});

const MembershipSuccess = builder
  .objectRef<{ readonly memberships: readonly MembershipRow[] }>('MembershipSuccess')
  .implement({
    description: 'Who is in which segment.',
    fields: (t) => ({
      memberships: t.field({
        type: [Membership],
        description: 'One per user asked, in order.',
        resolve: (done) => [...done.memberships],
      }),
    }),
  });

builder.queryFields((t) => ({
  segment: t.field({
    type: SegmentRef,
    nullable: true,
    authScopes: { scope: 'segments:read' },
    description: 'One segment; null where there is none. Errors: STALE when it is older than `maxAge`.',
    args: { by: t.arg({ type: SegmentRefInput, required: true, description: 'Which.' }), ...maxAgeArg },
    resolve: async (_, { by, maxAge }, ctx) => {
      const segment = await ctx.loaders.segmentByRef.load(parseSegmentRef(by, ['by']));
      if (segment) await requireMaxAge(ctx, segment.filter, maxAge);
      return segment;
    },
  }),
  segments: t.field({
    type: SegmentConnection,
    authScopes: { scope: 'segments:read' },
    description: 'Segments.',
    args: {
      search: t.arg.string({ description: 'Part of the name, of the description or of a tag, in any case.' }),
      tags: t.arg.stringList({ description: 'Those that have all of these.' }),
      includeArchived: t.arg.boolean({ required: true, defaultValue: false, description: 'Archived ones too.' }),
      orderBy: t.arg({ type: SegmentOrder, description: 'By name if nothing is said.' }),
      ...pageArgs,
    },
    resolve: (_, args, ctx) => {
      const { domain } = ctx;
      const which = { ...args, search: parseSearch(args.search) };
      return lazyConnection(
        ctx,
        args,
        () => domain.segments.listSegments(which),
        () => domain.segments.countSegments(which),
      );
    },
  }),
  membership: t.field({
    type: MembershipSuccess,
    authScopes: { scope: 'segments:read' },
    errors: resultOf('Membership'),
    description: `Which of up to ${MEMBERSHIP_MAX_USERS} users are in which of up to ${MEMBERSHIP_MAX_SEGMENTS} segments, evaluated now.`,
    args: {
      users: t.arg({ type: [UserRefInput], required: true, description: 'Who.' }),
      segments: t.arg.idList({ required: true, description: 'Node ids of segments.' }),
      ...maxAgeArg,
    },
    resolve: async (_, { users, segments, maxAge }, ctx) => ({
      memberships: await ctx.domain.members.checkMembership({
        users: users.map((user, i) => parseUserRef(ctx, user, ['users', i])),
        segments: segments.map((id) => readSegmentId(String(id))),
        maxAge,
      }),
    }),
  }),
}));
