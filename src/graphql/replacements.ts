import type { PageOutcome, Replacement } from '../domain/cohorts/replacement.ts';
import { REPLACEMENT_STATES } from '../domain/cohorts/replacement.ts';
import { CohortChangeInput, readChange } from './apply-changes.ts';
import { builder, WRITTEN } from './builder.ts';
import { resultOf } from './errors.ts';
import { PartnerCohortInput } from './inputs.ts';
import { decodeUuid, isUuid } from './node-id.ts';
import { outcomeType } from './outcome.ts';
import { ReplacementRef } from './refs.ts';

/** Identifiers of one page of a list. */
const PAGE_MAX_IDENTIFIERS = 10_000;

const State = builder.enumType('ReplacementState', {
  description: 'What has become of a whole list.',
  values: Object.fromEntries(
    REPLACEMENT_STATES.map((state) => [
      state,
      {
        value: state,
        description: {
          OPEN: 'Pages may be added.',
          HELD: 'Committing it would remove too much of the cohort: it waits for an operator.',
          COMMITTED: 'The cohort is the list.',
          ABANDONED: 'Thrown away: the cohort is as it was.',
        }[state],
      },
    ]),
  ) as { [S in Replacement['state']]: { value: S; description: string } },
});

const Difference = builder
  .objectRef<{
    readonly size: number;
    readonly willHave: number;
    readonly entering: number;
    readonly leaving: number;
    readonly staying: number;
    readonly pending: number;
    readonly wouldBeHeld: boolean;
  }>('ReplacementDifference')
  .implement({
    description: 'What committing a list would do now.',
    fields: (t) => ({
      size: t.exposeInt('size', { description: 'Members the cohort has now.' }),
      willHave: t.exposeInt('willHave', { description: 'Members it would have.' }),
      entering: t.exposeInt('entering', { description: 'Users who would enter.' }),
      leaving: t.exposeInt('leaving', { description: 'Users who would leave.' }),
      staying: t.exposeInt('staying', { description: 'Members who would stay.' }),
      pending: t.exposeInt('pending', { description: 'Identities of the list that nobody has.' }),
      wouldBeHeld: t.exposeBoolean('wouldBeHeld', {
        description: 'So many would leave that an operator has to approve it.',
      }),
    }),
  });

builder.node(ReplacementRef, {
  description:
    'A whole new list for a cohort while it is being sent: begin it, add pages, look at the difference, commit or abandon. Untouched for a day, it is abandoned.',
  authScopes: { $any: { scope: 'cohorts:write', $granted: WRITTEN } },
  id: { resolve: (replacement) => replacement.id },
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'touchedAt' in value,
  loadOne: (id, { domain }) => (isUuid(id) ? domain.cohorts.findReplacement(id) : null),
  fields: (t) => ({
    partner: t.exposeString('partner', { description: "The cohort's partner." }),
    partnerCohortId: t.exposeString('partnerCohortId', { description: "The partner's id for the cohort." }),
    state: t.field({ type: State, description: 'What has become of it.', resolve: (replacement) => replacement.state }),
    createdAt: t.field({ type: 'DateTime', description: 'When it was begun.', resolve: (r) => r.createdAt }),
    difference: t.field({
      type: Difference,
      nullable: true,
      description: 'What committing it would do now; null when it has ended.',
      resolve: (replacement, _, { domain }) =>
        replacement.state === 'OPEN' || replacement.state === 'HELD'
          ? domain.cohorts.previewReplacement(replacement.id)
          : null,
    }),
  }),
});

const BeginInput = builder.inputType('BeginReplacementInput', {
  description: 'A cohort to send a whole list for.',
  fields: (t) => ({
    cohort: t.field({ type: PartnerCohortInput, required: true, description: 'Which. It need not exist yet.' }),
    name: t.string({ description: 'Names the cohort as well, when the list is committed.' }),
  }),
});

const AddInput = builder.inputType('AddToReplacementInput', {
  description: 'A page of a list.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'The replacement.' }),
    members: t.field({
      type: CohortChangeInput,
      required: true,
      description: `Who is in, at most ${PAGE_MAX_IDENTIFIERS} identifiers a call, as many calls as are needed.`,
    }),
  }),
});

const CommitInput = builder.inputType('CommitReplacementInput', {
  description: 'A list that is complete.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'The replacement.' }),
    approve: t.boolean({
      required: true,
      defaultValue: false,
      description: 'Also where it removes more of the cohort than the workspace lets pass.',
    }),
  }),
});

const AbandonInput = builder.inputType('AbandonReplacementInput', {
  description: 'A list to throw away.',
  fields: (t) => ({ id: t.id({ required: true, description: 'The replacement.' }) }),
});

const replacementSuccess = (name: string) =>
  builder.objectRef<{ readonly replacement: Replacement }>(name).implement({
    description: 'Done.',
    fields: (t) => ({
      replacement: t.field({
        type: ReplacementRef,
        grantScopes: [WRITTEN],
        description: 'The replacement as it is now.',
        resolve: (done) => done.replacement,
      }),
    }),
  });

const BeginSuccess = replacementSuccess('BeginReplacementSuccess');
const AbandonSuccess = replacementSuccess('AbandonReplacementSuccess');
const CommitSuccess = outcomeType('CommitReplacementSuccess');

const AddSuccess = builder.objectRef<PageOutcome>('AddToReplacementSuccess').implement({
  description: 'The page is staged.',
  fields: (t) => ({
    received: t.exposeInt('received', { description: 'Identifiers in the page, repeats included.' }),
    matched: t.exposeInt('matched', { description: 'Of those, how many named a user.' }),
    held: t.exposeInt('held', { description: 'Of those, how many are kept with the list until their user appears.' }),
    ignored: t.exposeInt('ignored', { description: 'Of those, how many were dropped.' }),
    reasons: t.field({ type: 'JSON', description: 'Why identifiers named nobody.', resolve: (page) => page.reasons }),
  }),
});

const NEEDS_WRITE = { authScopes: { scope: 'cohorts:write' } } as const;

builder.mutationFields((t) => ({
  beginReplacement: t.field({
    ...NEEDS_WRITE,
    type: BeginSuccess,
    errors: resultOf('BeginReplacement'),
    description: 'Begins a whole new list for a cohort. Changes of the cohort that come after this win over the list.',
    args: { input: t.arg({ type: BeginInput, required: true, description: 'For which cohort.' }) },
    resolve: async (_, { input }, { domain, keyId }) => ({
      replacement: await domain.cohorts.beginReplacement({
        partner: input.cohort.partner,
        partnerCohortId: input.cohort.cohortId,
        name: input.name,
        source: { dialect: 'graphql', keyId },
      }),
    }),
  }),
  addToReplacement: t.field({
    ...NEEDS_WRITE,
    type: AddSuccess,
    errors: resultOf('AddToReplacement'),
    description: 'Adds a page to a list. Nobody sees it before the list is committed.',
    args: { input: t.arg({ type: AddInput, required: true, description: 'The page.' }) },
    resolve: async (_, { input }, { domain }) =>
      domain.cohorts.addToReplacement({
        id: readReplacementId(String(input.id)),
        change: readChange(input.members),
        maxIdentifiers: PAGE_MAX_IDENTIFIERS,
      }),
  }),
  commitReplacement: t.field({
    ...NEEDS_WRITE,
    type: CommitSuccess,
    errors: resultOf('CommitReplacement'),
    description: 'Makes the cohort the list: the difference is one batch of the ledger. Committing twice is harmless.',
    args: { input: t.arg({ type: CommitInput, required: true, description: 'The list.' }) },
    resolve: async (_, { input }, { domain }) => {
      const { approve } = input;
      const outcome = await domain.cohorts.commitReplacement({ id: readReplacementId(String(input.id)), approve });
      if (!outcome.cohort) throw new Error('A list is for a cohort.');
      return { cohort: outcome.cohort, outcome };
    },
  }),
  abandonReplacement: t.field({
    ...NEEDS_WRITE,
    type: AbandonSuccess,
    errors: resultOf('AbandonReplacement'),
    description: 'Throws a list away.',
    args: { input: t.arg({ type: AbandonInput, required: true, description: 'The list.' }) },
    resolve: async (_, { input }, { domain }) => {
      const id = readReplacementId(String(input.id));
      await domain.cohorts.abandonReplacement(id);
      return { replacement: await domain.cohorts.getReplacement(id) };
    },
  }),
}));

/** An id of nothing: the domain says what is wrong with the rest of the input before it says that there is no such list. */
const NOTHING = '00000000-0000-0000-0000-000000000000';

function readReplacementId(nodeId: string): string {
  return decodeUuid('Replacement', nodeId) ?? NOTHING;
}
