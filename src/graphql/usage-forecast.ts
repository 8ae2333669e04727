import {
  type CadenceForecast,
  checkForecastDays,
  FORECAST_MAX_TRANSITIONS,
  type UsageForecast,
} from '../domain/history/usage-forecast.ts';
import { MAX_DAYS } from '../domain/usage/day.ts';
import { builder } from './builder.ts';
import { CadenceEnum } from './freshness.ts';
import { CohortRef } from './refs.ts';

const CadenceForecastRef = builder.objectRef<CadenceForecast>('CadenceForecast').implement({
  description: 'What syncing a cohort at some cadence costs.',
  fields: (t) => ({
    cadence: t.field({ type: CadenceEnum, description: 'How often.', resolve: (one) => one.cadence }),
    dataPoints: t.field({
      type: 'SafeInt',
      description:
        'What a sender of differences would have written in the days observed: a user once for each UTC day, hour or minute that ends otherwise than it began. Of `ONE_TIME`, what sending all members now would write.',
      resolve: (one) => one.dataPoints,
    }),
    perMonth: t.field({
      type: 'SafeInt',
      nullable: true,
      description:
        'What it would write in 30 days like the complete ones; null while there is none. `ONE_TIME` writes no more: 0.',
      resolve: (one) => one.perMonth,
    }),
  }),
});

const UsageForecastRef = builder.objectRef<UsageForecast>('UsageForecast').implement({
  description: 'What syncing a cohort cost, and what each cadence would have cost over the same history.',
  fields: (t) => ({
    from: t.field({ type: 'Date', description: 'The first UTC day that counts.', resolve: (f) => f.from }),
    to: t.field({ type: 'Date', description: 'The last one: today, under way.', resolve: (f) => f.to }),
    observedDays: t.exposeInt('observedDays', {
      description: 'How many days that is. Fewer than asked for where the cohort is younger or days were left out.',
    }),
    completeDays: t.exposeInt('completeDays', {
      description:
        'Of those, the ones that are over and not the day of the first list, which comes once at any cadence.',
    }),
    batches: t.exposeInt('batches', { description: 'Requests that senders sent.' }),
    dataPoints: t.field({ type: 'SafeInt', description: 'What was really written.', resolve: (f) => f.dataPoints }),
    perCadence: t.field({
      type: [CadenceForecastRef],
      description: 'Every cadence, the rarest first.',
      resolve: (f) => f.perCadence,
    }),
    isComplete: t.exposeBoolean('isComplete', {
      description: 'False where older days were left out: retention dropped them, or they are more than is read.',
    }),
    reasoning: t.exposeString('reasoning', { description: 'Where the numbers come from, for people.' }),
  }),
});

builder.objectField(CohortRef, 'usageForecast', (t) =>
  t.field({
    type: UsageForecastRef,
    authScopes: { scope: 'cohorts:read' },
    description: `What syncing it costs, and what other cadences would have cost over its own history. Reads the newest whole days that fit into ${FORECAST_MAX_TRANSITIONS} transitions, shared evenly by the cohorts of a request. Errors: INVALID_INPUT, LIMIT_EXCEEDED.`,
    args: {
      days: t.arg.int({
        required: true,
        defaultValue: 7,
        description: `How many UTC days to look back on, today included: 1 to ${MAX_DAYS}.`,
      }),
    },
    resolve: (cohort, { days }, { loaders }) => {
      checkForecastDays(days);
      return loaders.usageForecast.load({ cohortId: cohort.id, days });
    },
  }),
);
