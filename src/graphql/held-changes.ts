import type { HeldChanges } from '../domain/cohorts/held-changes.ts';
import { fail } from '../domain/errors.ts';
import { builder, WRITTEN } from './builder.ts';
import { lazyConnection, pageArgs } from './connection.ts';
import { resultOf } from './errors.ts';
import { decodeUuid, isUuid } from './node-id.ts';
import { outcomeType } from './outcome.ts';
import { CohortRef, HeldChangesConnection, HeldChangesRef } from './refs.ts';

builder.node(HeldChangesRef, {
  description:
    'Changes that would have removed more of a cohort than its workspace lets pass: they wait for an operator, who approves or discards them.',
  authScopes: { $any: { scope: 'cohorts:read', $granted: WRITTEN } },
  id: { resolve: (held) => held.id },
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'wouldRemove' in value,
  loadMany: (ids, ctx) => Promise.all(ids.map((id) => (isUuid(id) ? ctx.loaders.heldChanges.load(id) : null))),
  fields: (t) => ({
    cohort: t.field({
      type: CohortRef,
      nullable: true,
      description: 'The cohort they would have shrunk.',
      resolve: (held, _, { loaders }) => loaders.cohort.load(held.cohortId),
    }),
    dialect: t.exposeString('dialect', { description: 'The wire form they came in.' }),
    isReplacement: t.boolean({
      description: 'They are a whole list rather than a request.',
      resolve: (held) => held.replacementId !== null,
    }),
    heldAt: t.field({ type: 'DateTime', description: 'Since when.', resolve: (held) => held.heldAt }),
    size: t.exposeInt('size', { description: 'Members the cohort had then.' }),
    wouldRemove: t.exposeInt('wouldRemove', { description: 'How many of them would have left.' }),
    wouldAdd: t.exposeInt('wouldAdd', { description: 'How many would have entered.' }),
  }),
});

const heldChanges = {
  type: HeldChangesConnection,
  authScopes: { scope: 'cohorts:read' },
  args: pageArgs,
} as const;

builder.objectField(CohortRef, 'heldChanges', (t) =>
  t.field({
    ...heldChanges,
    description: 'What waits for an operator, the oldest first.',
    resolve: (cohort, args, ctx) => {
      const { cohorts } = ctx.domain;
      const which = { cohortId: cohort.id };
      return lazyConnection(
        ctx,
        args,
        () => cohorts.listHeldChanges({ ...which, ...args }),
        () => cohorts.countHeldChanges(which),
      );
    },
  }),
);

builder.queryField('heldChanges', (t) =>
  t.field({
    ...heldChanges,
    description: 'What waits for an operator in the whole workspace, the oldest first.',
    resolve: (_, args, ctx) => {
      const { cohorts } = ctx.domain;
      return lazyConnection(
        ctx,
        args,
        () => cohorts.listHeldChanges(args),
        () => cohorts.countHeldChanges({}),
      );
    },
  }),
);

const heldInput = (name: string, description: string) =>
  builder.inputType(name, {
    description,
    fields: (t) => ({ id: t.id({ required: true, description: 'The held changes.' }) }),
  });

const ApproveSuccess = outcomeType('ApproveHeldChangesSuccess');

const DiscardSuccess = builder.objectRef<{ readonly held: HeldChanges }>('DiscardHeldChangesSuccess').implement({
  description: 'They are gone, and the cohort is as it was.',
  fields: (t) => ({
    heldChanges: t.field({
      type: HeldChangesRef,
      grantScopes: [WRITTEN],
      description: 'What was discarded.',
      resolve: (done) => done.held,
    }),
  }),
});

builder.mutationFields((t) => ({
  approveHeldChanges: t.field({
    type: ApproveSuccess,
    authScopes: { scope: 'cohorts:write' },
    errors: resultOf('ApproveHeldChanges'),
    description:
      'Applies what is held, as its sender sent it. People whom the cohort was told of since then stay as they are.',
    args: {
      input: t.arg({
        type: heldInput('ApproveHeldChangesInput', 'Changes to let pass.'),
        required: true,
        description: 'Which.',
      }),
    },
    resolve: async (_, { input }, { domain }) => {
      const outcome = await domain.cohorts.approveHeldChanges(readHeldId(String(input.id)));
      if (!outcome.cohort) throw new Error('What is held is of a cohort.');
      return { cohort: outcome.cohort, outcome };
    },
  }),
  discardHeldChanges: t.field({
    type: DiscardSuccess,
    authScopes: { scope: 'cohorts:write' },
    errors: resultOf('DiscardHeldChanges'),
    description: 'Drops what is held.',
    args: {
      input: t.arg({
        type: heldInput('DiscardHeldChangesInput', 'Changes to drop.'),
        required: true,
        description: 'Which.',
      }),
    },
    resolve: async (_, { input }, { domain }) => ({
      held: await domain.cohorts.discardHeldChanges(readHeldId(String(input.id))),
    }),
  }),
}));

function readHeldId(nodeId: string): string {
  const id = decodeUuid('HeldChanges', nodeId);
  if (id === null) throw fail('NOT_FOUND', 'Nothing of this id is held in this workspace.', { path: ['id'] });
  return id;
}
