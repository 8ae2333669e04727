import type { Cadence } from '../domain/cohorts/cohort.ts';
import type { CadenceSource, Freshness, FreshnessStatus } from '../domain/cohorts/freshness.ts';
import type { Filter } from '../domain/segments/filter.ts';
import { refuseOlder } from '../domain/segments/segment-freshness.ts';
import { builder } from './builder.ts';
import type { RequestContext } from './context.ts';
import { CohortRef, SegmentRef } from './refs.ts';

type Described<K extends string> = { readonly [V in K]: { readonly description: string } };

export const CadenceEnum = builder.enumType('Cadence', {
  description: 'How often the sender of a cohort sends.',
  values: {
    ONE_TIME: { description: 'Once.' },
    DAILY: { description: 'Each day, at some time of it.' },
    HOURLY: { description: 'Each hour.' },
    REAL_TIME: { description: 'Each minute.' },
  } as const satisfies Described<Cadence>,
});

const CadenceSourceEnum = builder.enumType('CadenceSource', {
  description: 'Who says how often syncs come.',
  values: {
    DECLARED: { description: 'The operator, with `updateCohort`.' },
    REPORTED: { description: 'The sender, where it can be asked.' },
    OBSERVED: { description: 'The ledger: the median pause between the last 3 to 20 syncs.' },
  } as const satisfies Described<CadenceSource>,
});

const FreshnessStatusEnum = builder.enumType('FreshnessStatus', {
  description: 'How the age of the last sign of life compares with the cadence.',
  values: {
    FRESH: { description: 'As new as can be expected: 5 minutes in real time, 2 hours hourly, 48 hours daily.' },
    LATE: { description: 'A sync is missing, or the sender says that one failed.' },
    STALE: { description: 'Several are: no sign of life for 30 minutes in real time, 4 hours hourly, 96 hours daily.' },
    UNKNOWN: { description: 'Nothing ever came, or nobody knows how often it should.' },
  } as const satisfies Described<FreshnessStatus>,
});

const FreshnessRef = builder.objectRef<Freshness>('Freshness').implement({
  description:
    'Whether members are as new as they should be, and why. Senders are silent when nothing changed, so this goes by the cadence. Of a segment: its worst cohort.',
  fields: (t) => ({
    status: t.field({ type: FreshnessStatusEnum, description: 'The verdict.', resolve: (f) => f.status }),
    cadence: t.field({
      type: CadenceEnum,
      nullable: true,
      description: 'How often syncs are expected; null where nobody knows.',
      resolve: (f) => f.cadence,
    }),
    cadenceSource: t.field({
      type: CadenceSourceEnum,
      nullable: true,
      description: 'Who says so.',
      resolve: (f) => f.cadenceSource,
    }),
    lastReceivedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: "When the sender's last batch came; null: never. Of a segment: the oldest of its cohorts'.",
      resolve: (f) => f.lastReceivedAt,
    }),
    lastSignOfLifeAt: t.field({
      type: 'DateTime',
      nullable: true,
      description:
        "When the last batch came, or the sender reported a later successful sync that had nothing to send. What `maxAge` goes by. Of a segment: the oldest of its cohorts'.",
      resolve: (f) => f.lastSignOfLifeAt,
    }),
    expectedBy: t.field({
      type: 'DateTime',
      nullable: true,
      description:
        "By when the next sign of life is expected: it is late afterwards. Null where none is. Of a segment: the first of its cohorts'.",
      resolve: (f) => f.expectedBy,
    }),
    reasoning: t.exposeString('reasoning', { description: 'The verdict and what led to it, for people.' }),
  }),
});

builder.objectFields(CohortRef, (t) => ({
  cadence: t.field({
    type: CadenceEnum,
    nullable: true,
    description: 'How often the operator says that its sender sends; null where nobody said.',
    resolve: (cohort) => cohort.cadence,
  }),
  freshness: t.field({
    type: FreshnessRef,
    description: 'Whether its members are as new as they should be, and why.',
    resolve: async (cohort, _, { loaders }) => {
      const found = await loaders.cohortFreshness.load(cohort.id);
      if (!found) throw new Error('A cohort that is there has a freshness.');
      return found;
    },
  }),
}));

builder.objectField(SegmentRef, 'freshness', (t) =>
  t.field({
    type: FreshnessRef,
    description: 'Whether its members are as new as they should be, and why: as the worst of its cohorts.',
    resolve: (segment, _, { loaders }) => loaders.filterFreshness.load(segment.filter),
  }),
);

/** The argument of questions whose answer must not be older than that. */
export const maxAgeArg = builder.args((t) => ({
  maxAge: t.int({
    description:
      'In seconds, 1 or more: when the last sign of life of any cohort behind the answer is older, or there never was one, the answer is the error STALE.',
  }),
}));

/** Refuses an answer that is older than the caller allows, if the caller says so. Errors: INVALID_INPUT, STALE. */
export async function requireMaxAge(
  { loaders }: RequestContext,
  filter: Filter,
  maxAge: number | null | undefined,
): Promise<void> {
  if (maxAge === null || maxAge === undefined) return;
  refuseOlder([await loaders.filterFreshness.load(filter)], maxAge);
}
