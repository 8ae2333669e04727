import { fail } from '../domain/errors.ts';
import type { Pull, PullState } from '../domain/pulls/pull.ts';
import { builder, WRITTEN } from './builder.ts';
import { loadCohort } from './cohorts.ts';
import { resultOf } from './errors.ts';
import { CohortRefInput, parseCohortRef } from './inputs.ts';
import { isUuid } from './node-id.ts';
import { BatchRef, CohortRef } from './refs.ts';

/** The most pulls of one cohort in an answer. */
const NEWEST_MAX = 50;
const NEWEST_DEFAULT = 5;

const State = builder.enumType('PullState', {
  description: 'How far a pull is.',
  values: {
    WAITING: { description: 'Its sender will be asked as soon as its limits allow it.' },
    RUNNING: { description: 'Its sender was asked, and prepares the list or sends it.' },
    DONE: { description: 'The cohort is the list.' },
    HELD: { description: 'The list would remove too much of the cohort: it waits for an operator, see `heldChanges`.' },
    FAILED: { description: 'It came to nothing: the cohort is as it was, and `error` says why.' },
  } as const satisfies { readonly [S in PullState]: object },
});

const PullRef = builder.objectRef<Pull>('Pull');

builder.node(PullRef, {
  description: 'One fetching of a whole cohort from its sender. The difference to what was known is one batch.',
  authScopes: { $any: { scope: 'cohorts:read', $granted: WRITTEN } },
  id: { resolve: (pull) => pull.id },
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'askedBy' in value,
  loadMany: (ids, ctx) => Promise.all(ids.map((id) => (isUuid(id) ? ctx.loaders.pull.load(id) : null))),
  fields: (t) => ({
    partner: t.exposeString('partner', { description: "The cohort's partner." }),
    partnerCohortId: t.exposeString('partnerCohortId', { description: "The partner's id for the cohort." }),
    state: t.field({ type: State, description: 'How far it is.', resolve: (pull) => pull.state }),
    askedBy: t.exposeString('askedBy', { description: '`schedule`, or who asked.' }),
    askedAt: t.field({ type: 'DateTime', description: 'When it was asked for.', resolve: (pull) => pull.askedAt }),
    startedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the sender was asked, which counts against what it allows a month.',
      resolve: (pull) => pull.startedAt,
    }),
    finishedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it ended.',
      resolve: (pull) => pull.finishedAt,
    }),
    error: t.exposeString('error', {
      nullable: true,
      description: 'Why it failed, or what it has to wait for, and what to do about it.',
    }),
    refusedRows: t.exposeInt('refusedRows', {
      description: 'Rows of the list that name nobody: without a user id, or with one that no user can have.',
    }),
    batch: t.field({
      type: BatchRef,
      nullable: true,
      description: 'The row of the ledger it became.',
      resolve: (pull, _, { loaders }) => (pull.batchId === null ? null : loaders.batch.load(pull.batchId)),
    }),
  }),
});

builder.objectField(CohortRef, 'pulls', (t) =>
  t.field({
    type: [PullRef],
    authScopes: { scope: 'cohorts:read' },
    description: 'Its newest pulls, the newest first.',
    args: {
      first: t.arg.int({
        required: true,
        defaultValue: NEWEST_DEFAULT,
        description: `How many, at most ${NEWEST_MAX}.`,
      }),
    },
    resolve: (cohort, { first }, ctx) => {
      if (first < 0 || first > NEWEST_MAX)
        throw fail('LIMIT_EXCEEDED', `A cohort shows at most ${NEWEST_MAX} pulls.`, { path: ['first'] });
      ctx.takeItems(first);
      return ctx.loaders.pullsOfCohort.load({ of: cohort, limit: first });
    },
  }),
);

const PullInput = builder.inputType('PullCohortInput', {
  description: 'A cohort to fetch.',
  fields: (t) => ({
    cohort: t.field({
      type: CohortRefInput,
      required: true,
      description: 'Which. One that its partner id names need not be known: it is made when its members come.',
    }),
  }),
});

const PullSuccess = builder.objectRef<{ readonly pull: Pull }>('PullCohortSuccess').implement({
  description: 'It is asked for, and done in the background: look at it again to see what came of it.',
  fields: (t) => ({
    pull: t.field({
      type: PullRef,
      grantScopes: [WRITTEN],
      description: 'The pull, or the one that was under way already.',
      resolve: (done) => done.pull,
    }),
  }),
});

builder.mutationField('pullCohort', (t) =>
  t.field({
    type: PullSuccess,
    authScopes: { scope: 'cohorts:write' },
    errors: resultOf('PullCohort'),
    description:
      'Asks for a whole cohort to be fetched from its sender and made what the cohort is. Errors: NOT_ACTIVE where the server was not told how.',
    args: { input: t.arg({ type: PullInput, required: true, description: 'Which cohort.' }) },
    resolve: async (_, { input }, ctx) => {
      const { partnerCohort } = input.cohort;
      if (partnerCohort) parseCohortRef(ctx, input.cohort, ['cohort']);
      const known = partnerCohort ? null : await loadCohort(ctx, input.cohort, ['cohort']);
      const theirs = partnerCohort ?? (known && { partner: known.partner, cohortId: known.partnerCohortId });
      if (!theirs) throw fail('NOT_FOUND', 'There is no such cohort in this workspace.', { path: ['cohort'] });
      const pull = await ctx.domain.pulls.requestPull({
        partner: theirs.partner,
        partnerCohortId: theirs.cohortId,
        askedBy: ctx.keyId === null ? 'graphql' : `api key ${ctx.keyId}`,
      });
      return { pull };
    },
  }),
);
