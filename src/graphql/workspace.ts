import { builder } from './builder.ts';
import { numberedId, readNumberedId } from './node-id.ts';
import { WorkspaceRef } from './refs.ts';

export const UnknownIdentityPolicy = builder.enumType('UnknownIdentityPolicy', {
  description: 'What becomes of an identity that a cohort names and no user has.',
  values: {
    HOLD: { description: 'Kept as a pending member, who joins when the user appears.' },
    IGNORE: { description: 'Dropped, as Braze does.' },
    CREATE: { description: 'Made into a user: external ids and aliases only, a device id is held by nobody.' },
  } as const,
});

builder.node(WorkspaceRef, {
  description: 'The tenant: every key, user, cohort and segment belongs to exactly one.',
  id: { resolve: (w, _, ctx) => numberedId(ctx, w.id) },
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'unknownIdentityPolicy' in value,
  loadOne: async (id, ctx) =>
    readNumberedId(ctx, id) === ctx.domain.workspaceId ? ctx.domain.workspaces.getWorkspace() : null,
  fields: (t) => ({
    name: t.exposeString('name', { description: 'For people.' }),
    userCount: t.int({
      description: 'How many users it has, identified and anonymous, exactly.',
      resolve: (_, __, ctx) => ctx.domain.users.countUsers(),
    }),
    unknownIdentityPolicy: t.field({
      type: UnknownIdentityPolicy,
      description: 'What becomes of an identity that a cohort names and no user has.',
      resolve: (w) => w.unknownIdentityPolicy,
    }),
  }),
});

builder.queryField('workspace', (t) =>
  t.field({
    type: WorkspaceRef,
    description: 'The workspace of the key that asks.',
    resolve: (_, __, ctx) => ctx.domain.workspaces.getWorkspace(),
  }),
);
