import { HISTORY_MAX_POINTS, type HistoryStep, type SizePoint } from '../domain/history/size-point.ts';
import { builder } from './builder.ts';
import { lazyConnection, mapPage, pageArgs } from './connection.ts';
import { CohortRef, UserConnection } from './refs.ts';
import { userConnection } from './user-connection.ts';

// How cohorts were: their sizes over time, and who was in them.

const HistoryStepEnum = builder.enumType('SizeHistoryStep', {
  description: 'What a point of a size history stands for.',
  values: {
    BATCH: { description: 'A batch.' },
    SYNC: {
      description: 'A sync that ended in that time, or a run of changes between two syncs that no sender sent.',
    },
    DAY: { description: 'A UTC day, also one without a change.' },
  } as const satisfies { readonly [S in HistoryStep]: object },
});

const SizePointRef = builder.objectRef<SizePoint>('SizePoint').implement({
  description: 'How large a cohort was.',
  fields: (t) => ({
    at: t.field({
      type: 'DateTime',
      description: 'When its last batch was applied; of a day, when the day began.',
      resolve: (point) => point.at,
    }),
    size: t.exposeInt('size', {
      description: 'How many users it had then, exactly; of a day, at its end, or now if that is yet to come.',
    }),
    added: t.exposeInt('added', { description: 'How often a user entered since the point before.' }),
    removed: t.exposeInt('removed', { description: 'How often a user left since the point before.' }),
    syncNumber: t.exposeInt('syncNumber', { nullable: true, description: 'The sync that it stands for, if any.' }),
  }),
});

builder.objectFields(CohortRef, (t) => ({
  sizeHistory: t.field({
    type: [SizePointRef],
    authScopes: { scope: 'cohorts:read' },
    description:
      `How its size went, exactly, oldest first; users who joined, merged or were deleted count too. At most ${HISTORY_MAX_POINTS.toLocaleString('en-US')} points. ` +
      'Errors: INVALID_INPUT, LIMIT_EXCEEDED.',
    args: {
      from: t.arg({ type: 'DateTime', required: true, description: 'From when on; by day, from that whole day on.' }),
      to: t.arg({ type: 'DateTime', description: 'Until when; now if nothing is said.' }),
      by: t.arg({ type: HistoryStepEnum, required: true, defaultValue: 'DAY', description: 'A point for what.' }),
    },
    resolve: async (cohort, input, ctx) => {
      ctx.takeItems(await ctx.domain.history.checkHistory(input));
      return ctx.loaders.sizes.load({ cohortId: cohort.id, input });
    },
  }),
  members: t.field({
    type: UserConnection,
    authScopes: { scope: 'users:read' },
    description:
      'Who was in it at a time, of the users there are now, in order of appearance. Who was deleted since is not shown; of merged users ' +
      'the one who stayed is shown if they were in themselves. Errors: INVALID_INPUT (a time to come), NOT_RETAINED (the ledger has ' +
      'forgotten who moved since; the message says how far back it remembers).',
    args: {
      asOf: t.arg({ type: 'DateTime', description: 'When; now if nothing is said.' }),
      ...pageArgs,
    },
    resolve: (cohort, { asOf, ...args }, ctx) => {
      const { loaders } = ctx;
      if (!asOf) return userConnection(ctx, { cohortId: cohort.id }, args, () => loaders.cohortSize.load(cohort.id));
      const list = { cohortId: cohort.id, asOf };
      return lazyConnection(
        ctx,
        args,
        async () =>
          mapPage(await loaders.memberThenPage.load({ list, args }), (ids) =>
            Promise.all(ids.map((id) => loaders.user.load(id))),
          ),
        () => loaders.memberThenCount.load(list),
      );
    },
  }),
}));
