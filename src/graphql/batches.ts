import { type LedgerBatch, whyIrreversible } from '../domain/history/batch.ts';
import type { BatchFilter, BatchList, BatchUsers } from '../domain/history/batches.ts';
import type { Key } from '../domain/keys/key.ts';
import type { PageArgs } from '../domain/page.ts';
import { builder, WRITTEN } from './builder.ts';
import { lazyConnection, mapPage, pageArgs } from './connection.ts';
import type { RequestContext } from './context.ts';
import { numberedId, readBatchId } from './node-id.ts';
import { BatchConnection, BatchRef, CohortRef, PartnerRef, UserConnection, WorkspaceRef } from './refs.ts';

/** Who sent a batch: a key as anybody who may read cohorts sees it. */
export const LedgerKey = builder.objectRef<Key>('LedgerKey').implement({
  description: 'The key that sent something, to recognise it by.',
  fields: (t) => ({
    name: t.exposeString('name', { nullable: true, description: 'For people.' }),
    prefix: t.exposeString('prefix', { description: 'How its secret begins.' }),
  }),
});

builder.node(BatchRef, {
  description:
    'One row of the ledger: a request that was applied, or what users or an operator changed. Its counts are kept for ever, whom it named as long as the workspace wants to remember.',
  authScopes: { $any: { scope: 'cohorts:read', $granted: WRITTEN } },
  id: { resolve: (batch, _, ctx) => numberedId(ctx, batch.id) },
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'isForgotten' in value,
  loadMany: (ids, ctx) =>
    Promise.all(
      ids.map((id) => {
        const number = readBatchId(ctx, id);
        return number === null ? null : ctx.loaders.batch.load(number);
      }),
    ),
  fields: (t) => ({
    cohort: t.field({
      type: CohortRef,
      nullable: true,
      description: 'The cohort it is of.',
      resolve: (batch, _, { loaders }) => loaders.cohort.load(batch.cohortId),
    }),
    dialect: t.exposeString('dialect', {
      description:
        'The form it came in: `braze`, `graphql`, `file` ...; `join`, `merge`, `delete` where users changed; `undo`, `replay` where an operator said so.',
    }),
    key: t.field({
      type: LedgerKey,
      nullable: true,
      description: 'The key that sent it; null for the library and the command line.',
      resolve: (batch, _, { loaders }) => (batch.keyId === null ? null : loaders.key.load(batch.keyId)),
    }),
    requestId: t.exposeString('requestId', { nullable: true, description: "The sender's name for the request." }),
    computedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the sender computed it, where its form says so.',
      resolve: (batch) => batch.computedAt,
    }),
    appliedAt: t.field({ type: 'DateTime', description: 'When it was applied.', resolve: (batch) => batch.appliedAt }),
    durationMs: t.exposeInt('durationMs', { description: 'How long that took, in milliseconds.' }),
    received: t.exposeInt('received', { description: 'Identifiers in the request, repeats included.' }),
    matched: t.exposeInt('matched', { description: 'Of those, how many named a user.' }),
    held: t.exposeInt('held', { description: 'Of those, how many were kept as pending members.' }),
    ignored: t.exposeInt('ignored', { description: 'Of those, how many were dropped.' }),
    reasons: t.field({
      type: 'JSON',
      description:
        'Why identifiers matched nobody, reason to count; of an undo or a replay, why users were left alone: `later_batch`, `no_such_user`.',
      resolve: (batch) => batch.reasons,
    }),
    added: t.exposeInt('added', { description: 'Users who really entered.' }),
    removed: t.exposeInt('removed', { description: 'Users who really left.' }),
    unchanged: t.int({
      nullable: true,
      description: 'Users named who were so already; null once that is forgotten.',
      resolve: (batch, _, { loaders }) => loaders.batchUnchanged.load(batch.id),
    }),
    addedUsers: t.field({
      type: UserConnection,
      nullable: true,
      authScopes: { scope: 'users:read' },
      description: 'Who entered, of the users there are now, in order of appearance; null once that is forgotten.',
      args: pageArgs,
      resolve: (batch, args, ctx) => batchUsers(ctx, batch, 'added', args),
    }),
    removedUsers: t.field({
      type: UserConnection,
      nullable: true,
      authScopes: { scope: 'users:read' },
      description: 'Who left, of the users there are now, in order of appearance; null once that is forgotten.',
      args: pageArgs,
      resolve: (batch, args, ctx) => batchUsers(ctx, batch, 'removed', args),
    }),
    sizeBefore: t.int({
      description: 'How many users the cohort had before it, exactly.',
      resolve: async ({ id, cohortId }, _, { loaders }) =>
        (await loaders.sizesAround.load({ cohortId, batchId: id })).before,
    }),
    sizeAfter: t.int({
      description: 'How many users the cohort had after it, exactly.',
      resolve: async ({ id, cohortId }, _, { loaders }) =>
        (await loaders.sizesAround.load({ cohortId, batchId: id })).after,
    }),
    syncNumber: t.exposeInt('syncNumber', {
      nullable: true,
      description: 'Which sync of the cohort it belongs to; null where no sender sent it.',
    }),
    ofBatch: t.field({
      type: BatchRef,
      nullable: true,
      description: 'The batch that an undo or a replay is about.',
      resolve: (batch, _, { loaders }) => (batch.ofBatchId === null ? null : loaders.batch.load(batch.ofBatchId)),
    }),
    whyIrreversible: t.string({
      nullable: true,
      description: 'Why it cannot be undone or replayed; null when it can.',
      resolve: (batch) => whyIrreversible(batch)?.message ?? null,
    }),
  }),
});

function batchUsers(ctx: RequestContext, batch: LedgerBatch, side: BatchUsers['side'], args: PageArgs) {
  if (batch.isForgotten) return null;
  const list = { batchId: batch.id, side };
  return lazyConnection(
    ctx,
    args,
    async () => {
      const page = await ctx.loaders.batchUserPage.load({ list, args });
      return mapPage(page, (ids) => Promise.all(ids.map((id) => ctx.loaders.user.load(id))));
    },
    () => ctx.loaders.batchUserCount.load(list),
  );
}

const batchArgs = builder.args((t) => ({
  dialect: t.string({ description: 'Only those that came in this form.' }),
  from: t.field({ type: 'DateTime', description: 'Only those applied then or later.' }),
  to: t.field({ type: 'DateTime', description: 'Only those applied before then.' }),
}));

/** The batches of a cohort or of a sync. Lists of one request that are asked for alike are read together. */
export function batchConnection(
  ctx: RequestContext,
  of: BatchList,
  { dialect, from, to, ...page }: BatchFilter & PageArgs,
) {
  const list = { of, filter: { dialect, from, to } };
  return lazyConnection(
    ctx,
    page,
    () => ctx.loaders.batchPage.load({ list, args: page }),
    () => ctx.loaders.batchCount.load(list),
  );
}

function recentConnection(ctx: RequestContext, partner: string | null, args: BatchFilter & PageArgs) {
  const { history } = ctx.domain;
  return lazyConnection(
    ctx,
    args,
    () => history.listRecentBatches({ ...args, partner }),
    () => history.countRecentBatches({ ...args, partner }),
  );
}

builder.objectField(CohortRef, 'batches', (t) =>
  t.field({
    type: BatchConnection,
    authScopes: { scope: 'cohorts:read' },
    description: 'What was applied to it, newest first.',
    args: { ...batchArgs, ...pageArgs },
    resolve: (cohort, args, ctx) => batchConnection(ctx, { cohortId: cohort.id }, args),
  }),
);

builder.objectField(WorkspaceRef, 'batches', (t) =>
  t.field({
    type: BatchConnection,
    authScopes: { scope: 'cohorts:read' },
    description: 'What was applied to any cohort, newest first.',
    args: { ...batchArgs, ...pageArgs },
    resolve: (_, args, ctx) => recentConnection(ctx, null, args),
  }),
);

builder.objectField(PartnerRef, 'batches', (t) =>
  t.field({
    type: BatchConnection,
    authScopes: { scope: 'cohorts:read' },
    description: 'What was applied to its cohorts, newest first.',
    args: { ...batchArgs, ...pageArgs },
    resolve: ({ name }, args, ctx) => recentConnection(ctx, name, args),
  }),
);
