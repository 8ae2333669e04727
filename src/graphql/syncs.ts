import type { Sync } from '../domain/history/syncs.ts';
import { batchConnection, LedgerKey } from './batches.ts';
import { builder } from './builder.ts';
import { connectionOf, lazyConnection, pageArgs } from './connection.ts';
import { BatchConnection, CohortRef } from './refs.ts';

const SyncRef = builder.objectRef<Sync>('Sync').implement({
  description: 'The batches of a cohort that its sender sent without a long pause between them.',
  fields: (t) => ({
    number: t.exposeInt('number', { description: 'Counted from 1 in each cohort.' }),
    startedAt: t.field({
      type: 'DateTime',
      description: 'When its first batch was applied.',
      resolve: (sync) => sync.startedAt,
    }),
    endedAt: t.field({
      type: 'DateTime',
      description: 'When its last batch was applied. Of the newest sync more may be to come.',
      resolve: (sync) => sync.endedAt,
    }),
    batchCount: t.exposeInt('batchCount', { description: 'How many batches it has.' }),
    batches: t.field({
      type: BatchConnection,
      description: 'Its batches, newest first.',
      args: pageArgs,
      resolve: (sync, args, ctx) => batchConnection(ctx, { cohortId: sync.cohortId, sync }, args),
    }),
    received: t.field({
      type: 'SafeInt',
      description: 'Identifiers in its requests, repeats included.',
      resolve: (sync) => sync.received,
    }),
    matched: t.field({
      type: 'SafeInt',
      description: 'Of those, how many named a user.',
      resolve: (sync) => sync.matched,
    }),
    held: t.field({
      type: 'SafeInt',
      description: 'Of those, how many were kept as pending members.',
      resolve: (sync) => sync.held,
    }),
    ignored: t.field({
      type: 'SafeInt',
      description: 'Of those, how many were dropped.',
      resolve: (sync) => sync.ignored,
    }),
    reasons: t.field({
      type: 'JSON',
      description: 'Why identifiers matched nobody, reason to count.',
      resolve: (sync) => sync.reasons,
    }),
    added: t.field({ type: 'SafeInt', description: 'How often a user really entered.', resolve: (sync) => sync.added }),
    removed: t.field({
      type: 'SafeInt',
      description: 'How often a user really left.',
      resolve: (sync) => sync.removed,
    }),
    durationMs: t.field({
      type: 'SafeInt',
      description: 'How long applying its batches took together, in milliseconds.',
      resolve: (sync) => sync.durationMs,
    }),
    dialects: t.stringList({ description: 'The forms it came in.', resolve: (sync) => [...sync.dialects] }),
    keys: t.field({
      type: [LedgerKey],
      description: 'The keys that sent it.',
      resolve: async (sync, _, { loaders }) =>
        (await Promise.all(sync.keyIds.map((id) => loaders.key.load(id)))).filter((key) => key !== null),
    }),
    sizeBefore: t.int({
      description: 'How many users the cohort had before it, exactly.',
      resolve: async ({ cohortId, firstBatchId }, _, { loaders }) =>
        (await loaders.sizesAround.load({ cohortId, batchId: firstBatchId })).before,
    }),
    sizeAfter: t.int({
      description: 'How many users the cohort had after it, exactly.',
      resolve: async ({ cohortId, lastBatchId }, _, { loaders }) =>
        (await loaders.sizesAround.load({ cohortId, batchId: lastBatchId })).after,
    }),
  }),
});

const SyncConnection = connectionOf('Sync', SyncRef);

builder.objectField(CohortRef, 'syncs', (t) =>
  t.field({
    type: SyncConnection,
    authScopes: { scope: 'cohorts:read' },
    description: 'What its sender sent, sync by sync, newest first.',
    args: pageArgs,
    resolve: (cohort, args, ctx) =>
      lazyConnection(
        ctx,
        args,
        () => ctx.loaders.syncPage.load({ list: cohort.id, args }),
        async () => (await ctx.loaders.syncCount.load(cohort.id)) ?? 0,
      ),
  }),
);
