import type { Workspace } from '../domain/workspaces/workspaces.ts';
import { OverBudgetEnum } from './budget.ts';
import { builder } from './builder.ts';
import { pageArgs } from './connection.ts';
import { resultOf } from './errors.ts';
import { numberedId, readNumberedId } from './node-id.ts';
import { PendingMemberConnection, PendingPool, pendingArgs, pendingConnection } from './pending.ts';
import { WorkspaceRef } from './refs.ts';

const UnknownIdentityPolicy = builder.enumType('UnknownIdentityPolicy', {
  description: 'What becomes of an identity that a cohort names and no user has.',
  values: {
    HOLD: { description: 'Kept as a pending member, who joins when the user appears.' },
    IGNORE: { description: 'Dropped, as Braze does.' },
    CREATE: { description: 'Made into a user: external ids and aliases only. A device id alone makes nobody.' },
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
    pendingMaxMembers: t.exposeInt('pendingMaxMembers', {
      nullable: true,
      description: 'The most pending members kept; null: no limit.',
    }),
    pendingMaxAgeDays: t.exposeInt('pendingMaxAgeDays', {
      nullable: true,
      description: 'How long pending members are kept, in days; null: for ever.',
    }),
    shrinkGuardPercent: t.exposeInt('shrinkGuardPercent', {
      nullable: true,
      description:
        'A request that would remove more than this share of a cohort waits for an operator; null: none does.',
    }),
    ledgerRetentionDays: t.exposeInt('ledgerRetentionDays', {
      nullable: true,
      description: 'How long the ledger remembers which users a batch moved, in days; null: for ever. Counts are kept.',
    }),
    monthlyBudget: t.field({
      type: 'SafeInt',
      nullable: true,
      description: 'Data points (`written`) a UTC month may cost; null: no budget.',
      resolve: (w) => w.monthlyBudget,
    }),
    overBudget: t.field({
      type: OverBudgetEnum,
      description: 'What a month over its budget does to further requests.',
      resolve: (w) => w.overBudget,
    }),
    pending: t.field({
      type: PendingPool,
      authScopes: { scope: 'users:read' },
      description: 'The pending pool: how many wait, why, where most wait, and what was dropped.',
      resolve: (_, __, { domain }) => domain.pending.summarizePending(),
    }),
    pendingMembers: t.field({
      type: PendingMemberConnection,
      authScopes: { scope: 'users:read' },
      description: 'Who waits, by kind and identity.',
      args: { ...pendingArgs, ...pageArgs },
      resolve: (_, args, ctx) => pendingConnection(ctx, null, args),
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

const UpdateInput = builder.inputType('UpdateWorkspaceInput', {
  description: 'Settings to change; what is left out stays.',
  fields: (t) => ({
    unknownIdentityPolicy: t.field({ type: UnknownIdentityPolicy, description: 'For requests from now on.' }),
    pendingMaxMembers: t.int({ description: '0 or more; null for no limit. The oldest go first.' }),
    pendingMaxAgeDays: t.int({ description: '1 or more; null for ever.' }),
    shrinkGuardPercent: t.int({ description: '1 to 100; null: nothing is held.' }),
    ledgerRetentionDays: t.int({ description: '1 to 36,500; null for ever.' }),
    monthlyBudget: t.field({ type: 'SafeInt', description: 'Data points, 1 or more; null for no budget.' }),
    overBudget: t.field({ type: OverBudgetEnum, description: 'For requests from now on.' }),
  }),
});

const UpdateSuccess = builder.objectRef<{ readonly workspace: Workspace }>('UpdateWorkspaceSuccess').implement({
  description: 'Done.',
  fields: (t) => ({
    workspace: t.field({
      type: WorkspaceRef,
      description: 'The workspace as it is now.',
      resolve: (done) => done.workspace,
    }),
  }),
});

builder.mutationField('updateWorkspace', (t) =>
  t.field({
    type: UpdateSuccess,
    authScopes: { scope: 'users:write' },
    errors: resultOf('UpdateWorkspace'),
    description: 'Changes settings of the workspace.',
    args: { input: t.arg({ type: UpdateInput, required: true, description: 'The settings.' }) },
    resolve: async (_, { input }, { domain }) => ({ workspace: await domain.workspaces.updateWorkspace(input) }),
  }),
);
