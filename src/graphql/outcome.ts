import type { Cohort, Outcome } from '../domain/cohorts/cohort.ts';
import { builder, WRITTEN } from './builder.ts';
import { CohortRef, HeldChangesRef } from './refs.ts';

/** What became of changes, and the cohort they are about. */
export interface Applied {
  readonly cohort: Cohort;
  readonly outcome: Outcome;
}

/** Defines a success type that says what became of changes to a cohort. */
export function outcomeType(name: string) {
  return builder.objectRef<Applied>(name).implement({
    description:
      'The changes are committed, or held for an operator: then `heldChanges` says so and nothing was applied.',
    fields: (t) => ({
      cohort: t.field({
        type: CohortRef,
        grantScopes: [WRITTEN],
        description: 'The cohort.',
        resolve: (done) => done.cohort,
      }),
      received: t.int({
        description: 'Identifiers in the request, repeats included.',
        resolve: (done) => done.outcome.received,
      }),
      matched: t.int({ description: 'Of those, how many named a user.', resolve: (done) => done.outcome.matched }),
      added: t.int({ description: 'Users who really entered.', resolve: (done) => done.outcome.added }),
      removed: t.int({ description: 'Users who really left.', resolve: (done) => done.outcome.removed }),
      unchanged: t.int({
        description: 'Users who were so already.',
        resolve: ({ outcome }) => outcome.written - outcome.added - outcome.removed,
      }),
      unmatched: t.int({
        description: 'Identifiers that named nobody.',
        resolve: ({ outcome }) => outcome.received - outcome.matched,
      }),
      held: t.int({
        description: 'Of those, how many are kept as pending members.',
        resolve: (done) => done.outcome.held,
      }),
      ignored: t.int({ description: 'Of those, how many were dropped.', resolve: (done) => done.outcome.ignored }),
      reasons: t.field({
        type: 'JSON',
        description:
          'Why identifiers named nobody, reason to count: `unknown_external_id`, `unknown_alias`, `unknown_device_id`, `device_of_identified_user`, `superseded` (something newer has spoken of them).',
        resolve: (done) => done.outcome.reasons,
      }),
      isDuplicate: t.boolean({
        description: 'This very request had been applied before: these are the counts of then.',
        resolve: (done) => done.outcome.isDuplicate,
      }),
      heldChanges: t.field({
        type: HeldChangesRef,
        nullable: true,
        grantScopes: [WRITTEN],
        description: 'What waits for an operator, because it would remove too much of the cohort.',
        resolve: ({ outcome }, _, { loaders }) =>
          outcome.heldChangesId === null ? null : loaders.heldChanges.load(outcome.heldChangesId),
      }),
    }),
  });
}
