import { COHORT_NAME_MAX_CHARACTERS, type CohortChange } from '../domain/cohorts/change.ts';
import { fail } from '../domain/errors.ts';
import { builder } from './builder.ts';
import { loadCohort } from './cohorts.ts';
import { resultOf } from './errors.ts';
import { AliasInput, CohortRefInput } from './inputs.ts';
import { outcomeType } from './outcome.ts';

/** Identifiers of one native call. */
const APPLY_MAX_IDENTIFIERS = 10_000;

export const CohortChangeInput = builder.inputType('CohortChangeInput', {
  description: 'Identities to add to a cohort, or to remove from it.',
  fields: (t) => ({
    externalIds: t.stringList({ description: 'External ids: match identified users.' }),
    aliases: t.field({ type: [AliasInput], description: 'Aliases: match identified and anonymous users.' }),
    deviceIds: t.stringList({ description: 'Device ids: match anonymous users only.' }),
    remove: t.boolean({ required: true, defaultValue: false, description: 'Remove them instead.' }),
  }),
});

const ApplyInput = builder.inputType('ApplyCohortChangesInput', {
  description: 'Changes to one cohort.',
  fields: (t) => ({
    cohort: t.field({
      type: CohortRefInput,
      required: true,
      description: 'Which. One that its partner id names is made if it is unknown.',
    }),
    name: t.string({ description: `Names the cohort as well, at most ${COHORT_NAME_MAX_CHARACTERS} characters.` }),
    changes: t.field({
      type: [CohortChangeInput],
      required: true,
      description: `In order: the last mention of a person wins. At most ${APPLY_MAX_IDENTIFIERS} identifiers in all.`,
    }),
    requestId: t.string({
      description:
        'A name of your own for this request: the same one is applied once a cohort, however often it is sent.',
    }),
    computedAt: t.field({
      type: 'DateTime',
      description: 'When the changes were computed: an older request never undoes a newer one for the same user.',
    }),
  }),
});

const ApplySuccess = outcomeType('ApplyCohortChangesSuccess');

type ChangeShape = typeof CohortChangeInput.$inferInput;

/** A change as the domain takes it. */
export function readChange({ externalIds, aliases, deviceIds, remove }: ChangeShape): CohortChange {
  return { externalIds: externalIds ?? [], aliases: aliases ?? [], deviceIds: deviceIds ?? [], remove };
}

builder.mutationField('applyCohortChanges', (t) =>
  t.field({
    type: ApplySuccess,
    authScopes: { scope: 'cohorts:write' },
    errors: resultOf('ApplyCohortChanges'),
    description: 'Adds and removes members of a cohort: one transaction, one row of the ledger. Idempotent.',
    args: { input: t.arg({ type: ApplyInput, required: true, description: 'The changes.' }) },
    resolve: async (_, { input }, ctx) => {
      const { partnerCohort } = input.cohort;
      const known = partnerCohort ? null : await loadCohort(ctx, input.cohort, ['cohort']);
      const theirs = partnerCohort ?? (known && { partner: known.partner, cohortId: known.partnerCohortId });
      if (!theirs) throw fail('NOT_FOUND', 'There is no such cohort in this workspace.', { path: ['cohort'] });
      const outcome = await ctx.domain.cohorts.applyChanges({
        partner: theirs.partner,
        partnerCohortId: theirs.cohortId,
        name: input.name,
        changes: input.changes.map(readChange),
        maxIdentifiers: APPLY_MAX_IDENTIFIERS,
        source: {
          dialect: 'graphql',
          keyId: ctx.keyId,
          requestId: input.requestId ?? undefined,
          computedAt: input.computedAt ?? undefined,
        },
      });
      const cohort = outcome.cohort;
      if (!cohort)
        throw fail('NOT_FOUND', 'The cohort is unknown, and without a name or a change it is not made.', {
          path: ['cohort'],
        });
      return { cohort, outcome };
    },
  }),
);
