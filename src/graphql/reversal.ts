import type { Reversal } from '../domain/history/reversal.ts';
import { builder, WRITTEN } from './builder.ts';
import type { RequestContext } from './context.ts';
import { resultOf } from './errors.ts';
import { decodeNumbered } from './node-id.ts';
import { BatchRef, CohortRef } from './refs.ts';

const NO_BATCH = 0;

const inputOf = (name: string, description: string) =>
  builder.inputType(name, {
    description,
    fields: (t) => ({ batch: t.id({ required: true, description: 'The batch.' }) }),
  });

const successOf = (name: string, description: string) =>
  builder.objectRef<Reversal>(name).implement({
    description,
    fields: (t) => ({
      batch: t.field({
        type: BatchRef,
        grantScopes: [WRITTEN],
        description: 'The row of the ledger that this became.',
        resolve: (done) => done.batch,
      }),
      cohort: t.field({
        type: CohortRef,
        nullable: true,
        grantScopes: [WRITTEN],
        description: 'The cohort as it is now.',
        resolve: (done, _, { loaders }) => loaders.cohort.load(done.batch.cohortId),
      }),
      added: t.exposeInt('added', { description: 'Users who really entered.' }),
      removed: t.exposeInt('removed', { description: 'Users who really left.' }),
      unchanged: t.exposeInt('unchanged', { description: 'Users who were so already.' }),
      skipped: t.int({
        description: 'Users left alone.',
        resolve: ({ skipped }) => Object.values(skipped).reduce((sum, n) => sum + n, 0),
      }),
      reasons: t.field({
        type: 'JSON',
        description: 'Why users were left alone, reason to count: `later_batch`, `no_such_user`.',
        resolve: (done) => done.skipped,
      }),
    }),
  });

const UndoInput = inputOf('UndoBatchInput', 'A batch to take back.');
const ReplayInput = inputOf('ReplayBatchInput', 'A batch to apply again.');
const UndoSuccess = successOf('UndoBatchSuccess', 'The batch is taken back.');
const ReplaySuccess = successOf('ReplayBatchSuccess', 'The batch is applied again.');

const LEAVES_ALONE =
  'Whom a later batch named is left alone, unless that batch was undone itself, and so is whoever is no user any more. Identities that the ' +
  'batch left pending stay pending. Nothing is metered, and the shrink guard does not ask.';

const read = (ctx: RequestContext, { batch }: { batch: string | number }) => ({
  batchId: decodeNumbered(ctx, 'Batch', String(batch)) ?? NO_BATCH,
  keyId: ctx.keyId,
});

builder.mutationFields((t) => ({
  undoBatch: t.field({
    type: UndoSuccess,
    authScopes: { scope: 'cohorts:write' },
    errors: resultOf('UndoBatch'),
    description: `Takes a batch back: whom it added leaves, whom it removed enters again. ${LEAVES_ALONE}`,
    args: { input: t.arg({ type: UndoInput, required: true, description: 'The batch.' }) },
    resolve: (_, { input }, ctx) => ctx.domain.history.undoBatch(read(ctx, input)),
  }),
  replayBatch: t.field({
    type: ReplaySuccess,
    authScopes: { scope: 'cohorts:write' },
    errors: resultOf('ReplayBatch'),
    description: `Applies a batch again: whom it added enters, whom it removed leaves. ${LEAVES_ALONE}`,
    args: { input: t.arg({ type: ReplayInput, required: true, description: 'The batch.' }) },
    resolve: (_, { input }, ctx) => ctx.domain.history.replayBatch(read(ctx, input)),
  }),
}));
