import type { Cohort } from '../domain/cohorts/cohort.ts';
import { PULL_EVERY_MAX_HOURS } from '../domain/cohorts/update-cohort.ts';
import { fail } from '../domain/errors.ts';
import { builder, WRITTEN } from './builder.ts';
import { loadCohort } from './cohorts.ts';
import { resultOf } from './errors.ts';
import { CadenceEnum } from './freshness.ts';
import { CohortRefInput } from './inputs.ts';
import { CohortRef } from './refs.ts';

const UpdateInput = builder.inputType('UpdateCohortInput', {
  description: 'What an operator says of a cohort; what is left out stays.',
  fields: (t) => ({
    cohort: t.field({ type: CohortRefInput, required: true, description: 'Which.' }),
    cadence: t.field({
      type: CadenceEnum,
      description: 'How often its sender sends; null: nobody says, so that it is reported or observed.',
    }),
    pullEveryHours: t.int({
      description: `Fetch it from its sender this often, the first time at once: 1 to ${PULL_EVERY_MAX_HOURS}; null: only when asked.`,
    }),
  }),
});

const UpdateSuccess = builder.objectRef<{ readonly cohort: Cohort }>('UpdateCohortSuccess').implement({
  description: 'Done.',
  fields: (t) => ({
    cohort: t.field({
      type: CohortRef,
      grantScopes: [WRITTEN],
      description: 'The cohort as it is now.',
      resolve: (done) => done.cohort,
    }),
  }),
});

builder.mutationField('updateCohort', (t) =>
  t.field({
    type: UpdateSuccess,
    authScopes: { scope: 'cohorts:write' },
    errors: resultOf('UpdateCohort'),
    description: 'Declares how often a cohort is sent, or has it fetched regularly.',
    args: { input: t.arg({ type: UpdateInput, required: true, description: 'The changes.' }) },
    resolve: async (_, { input }, ctx) => {
      const { cohort, ...settings } = input;
      const found = await loadCohort(ctx, cohort, ['cohort']);
      if (!found) throw fail('NOT_FOUND', 'There is no such cohort in this workspace.', { path: ['cohort'] });
      return { cohort: await ctx.domain.cohorts.updateCohort({ ...settings, cohortId: found.id }) };
    },
  }),
);
