import { fail } from '../domain/errors.ts';
import { pageOfArray } from '../domain/page.ts';
import type { Upserted } from '../domain/users/user.ts';
import { UPSERT_MAX_USERS } from '../domain/users/user-input.ts';
import { builder, WRITTEN } from './builder.ts';
import { lazyConnection, pageArgs } from './connection.ts';
import { resultOf } from './errors.ts';
import { AliasInput, parseUserRef, UserRefInput } from './inputs.ts';
import { numberedId, readNumberedId } from './node-id.ts';
import { AliasRef, CohortConnection, SegmentRef, UserConnection, UserRef } from './refs.ts';
import { userConnection } from './user-connection.ts';

/** The most users one lookup takes. */
const LOOKUP_MAX_USERS = 1_000;

AliasRef.implement({
  description: 'A name of a user under a label: the pair is unique in the workspace.',
  fields: (t) => ({
    label: t.exposeString('label', { description: 'What kind of name it is.' }),
    name: t.exposeString('name', { description: 'The name.' }),
  }),
});

builder.node(UserRef, {
  description: 'A person. Identified when they have an external id, anonymous when they have not.',
  authScopes: { $any: { scope: 'users:read', $granted: WRITTEN } },
  id: { resolve: (user, _, ctx) => numberedId(ctx, user.id) },
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'isAnonymous' in value,
  loadMany: (ids, ctx) =>
    Promise.all(
      ids.map((id) => {
        const number = readNumberedId(ctx, id);
        return number === null ? null : ctx.loaders.user.load(number);
      }),
    ),
  fields: (t) => ({
    externalId: t.exposeString('externalId', { nullable: true, description: 'The current external id.' }),
    aliases: t.field({
      type: [AliasRef],
      description: 'Current aliases, by label.',
      resolve: (user) => [...user.aliases],
    }),
    deviceIds: t.stringList({ description: 'Devices the user has.', resolve: (user) => [...user.deviceIds] }),
    isAnonymous: t.exposeBoolean('isAnonymous', { description: 'Has no external id.' }),
    attributes: t.field({ type: 'JSON', description: 'Custom attributes.', resolve: (user) => user.attributes }),
    createdAt: t.field({
      type: 'DateTime',
      description: 'When this workspace first knew them.',
      resolve: (user) => user.createdAt,
    }),
    cohorts: t.field({
      type: CohortConnection,
      authScopes: { scope: 'cohorts:read' },
      description: 'The cohorts the user is in, by name.',
      args: pageArgs,
      resolve: async (user, args, ctx) => {
        const { domain, loaders } = ctx;
        const ids = (await loaders.cohortIdsOfUser.load(user.id)) ?? [];
        const list = JSON.stringify([domain.workspaceId, 'cohorts of user', user.id]);
        const found = async () => {
          const cohorts = await Promise.all(ids.map((id) => loaders.cohort.load(id)));
          return cohorts
            .filter((c) => c !== null)
            .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.id - b.id));
        };
        return lazyConnection(
          ctx,
          args,
          async () => pageOfArray(await found(), list, args, (c) => c.id),
          async () => ids.length,
        );
      },
    }),
    segments: t.field({
      type: [SegmentRef],
      authScopes: { scope: 'segments:read' },
      description: 'Every live segment the user is in, by name, evaluated now.',
      resolve: (user, _, { loaders }) => loaders.segmentsOfUser.load(user.id),
    }),
  }),
});

builder.queryFields((t) => ({
  user: t.field({
    type: UserRef,
    nullable: true,
    authScopes: { scope: 'users:read' },
    description: 'One user; null where nobody is meant.',
    args: { by: t.arg({ type: UserRefInput, required: true, description: 'Who.' }) },
    resolve: (_, { by }, ctx) => ctx.loaders.userByRef.load(parseUserRef(ctx, by, ['by'])),
  }),
  users: t.field({
    type: [UserRef],
    nullable: { list: false, items: true },
    authScopes: { scope: 'users:read' },
    description: 'Users by reference, in order; null where nobody is meant. At most 1,000. Errors: LIMIT_EXCEEDED.',
    args: { by: t.arg({ type: [UserRefInput], required: true, description: 'Who, at most 1,000.' }) },
    resolve: async (_, { by }, ctx) => {
      if (by.length > LOOKUP_MAX_USERS)
        throw fail('LIMIT_EXCEEDED', `One call looks up at most ${LOOKUP_MAX_USERS} users.`, { path: ['by'] });
      return Promise.all(by.map((ref, i) => ctx.loaders.userByRef.load(parseUserRef(ctx, ref, ['by', i]))));
    },
  }),
  everyone: t.field({
    type: UserConnection,
    authScopes: { scope: 'users:read' },
    description: 'All users of the workspace, in order of appearance.',
    args: pageArgs,
    resolve: (_, args, ctx) => userConnection(ctx, { everyone: true }, args, () => ctx.domain.users.countUsers()),
  }),
}));

const UserInput = builder.inputType('UserInput', {
  description: 'A user to make or to find, and what to add. At least one identity.',
  fields: (t) => ({
    externalId: t.string({ description: 'The external id, 1 to 512 bytes. It decides who is meant.' }),
    aliases: t.field({ type: [AliasInput], description: 'Aliases to find them by or to add.' }),
    deviceIds: t.stringList({
      description: 'Devices to find them by or to add; a device belongs to whoever named it last.',
    }),
    attributes: t.field({
      type: 'JSON',
      description: 'An object merged into the attributes; null removes one. At most 65,536 bytes.',
    }),
  }),
});

const UpsertUsersInput = builder.inputType('UpsertUsersInput', {
  description: 'Users to make or to update.',
  fields: (t) => ({
    users: t.field({
      type: [UserInput],
      required: true,
      description: `At most ${UPSERT_MAX_USERS}, applied in order.`,
    }),
  }),
});

const UpsertUsersSuccess = builder.objectRef<Upserted>('UpsertUsersSuccess').implement({
  description: 'All of them were applied.',
  fields: (t) => ({
    users: t.field({
      type: [UserRef],
      grantScopes: [WRITTEN],
      description: 'The users as they are now, in the order asked.',
      resolve: async (done, _, { loaders }) => {
        const users = await Promise.all(done.users.map((u) => ('id' in u ? loaders.user.load(u.id) : null)));
        return users.filter((u) => u !== null);
      },
    }),
    created: t.exposeInt('created', { description: 'How many are new.' }),
    updated: t.exposeInt('updated', { description: 'How many existed.' }),
    joined: t.exposeInt('joined', { description: 'Memberships that pending members turned into.' }),
  }),
});

builder.mutationField('upsertUsers', (t) =>
  t.field({
    type: UpsertUsersSuccess,
    authScopes: { scope: 'users:write' },
    errors: resultOf('UpsertUsers'),
    description:
      'Makes or updates up to 10,000 users, all or nothing. The external id decides whom an input means, then an alias, then a device id. ' +
      'An anonymous user named beside a new external id is identified by it and keeps every membership. Pending members join in the same transaction.',
    args: { input: t.arg({ type: UpsertUsersInput, required: true, description: 'The users.' }) },
    resolve: (_, { input }, { domain }) => domain.users.upsertUsers({ users: input.users }),
  }),
);
