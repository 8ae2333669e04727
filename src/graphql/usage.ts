import { encodeGlobalID } from '@pothos/plugin-relay';
import type { Key } from '../domain/keys/key.ts';
import { countDays, dayOf, MAX_DAYS } from '../domain/usage/day.ts';
import { type Meter, USAGE_MAX_ROWS, type Usage, type UsageGroup, type UsageRow } from '../domain/usage/meter.ts';
import { builder } from './builder.ts';
import { CohortRef } from './refs.ts';

const UsageGroupEnum = builder.enumType('UsageGroup', {
  description: 'What usage can be told apart by.',
  values: {
    DAY: { description: 'The UTC day.' },
    MONTH: { description: 'The UTC month.' },
    COHORT: { description: 'The cohort that was written.' },
    KEY: { description: 'The key that wrote.' },
  } as const satisfies { readonly [G in UsageGroup]: object },
});

const UsageMeter = builder.interfaceRef<Meter>('UsageMeter').implement({
  description: 'What was metered.',
  fields: (t) => ({
    received: t.field({
      type: 'SafeInt',
      description: 'Identifiers that senders named, repeats included.',
      resolve: (meter) => meter.received,
    }),
    matched: t.field({
      type: 'SafeInt',
      description: 'Of those, how many named a user.',
      resolve: (meter) => meter.matched,
    }),
    written: t.field({
      type: 'SafeInt',
      description: 'Data points: users added or removed, whether that changed anything or not. What a budget is about.',
      resolve: (meter) => meter.written,
    }),
    changed: t.field({
      type: 'SafeInt',
      description: 'Of those, users who really entered or left.',
      resolve: (meter) => meter.changed,
    }),
    unchanged: t.field({
      type: 'SafeInt',
      description: '`written - changed`: data points spent on users who were so already.',
      resolve: (meter) => meter.unchanged,
    }),
  }),
});

const NEEDS_KEYS = { authScopes: { scope: 'keys:manage' } } as const;

const UsageKey = builder.objectRef<Key>('UsageKey').implement({
  description: 'The key that wrote: as much of it as everybody may see who may see usage.',
  fields: (t) => ({
    id: t.id({
      ...NEEDS_KEYS,
      description: 'The node id of the data import key or API key. Needs `keys:manage`.',
      resolve: (key) => encodeGlobalID(key.kind === 'api' ? 'ApiKey' : 'DataImportKey', key.id),
    }),
    name: t.exposeString('name', { nullable: true, description: 'For people.' }),
    prefix: t.exposeString('prefix', { description: 'How the secret begins, to recognise it by.' }),
    partner: t.string({
      ...NEEDS_KEYS,
      nullable: true,
      description: 'Whose cohorts it may import; null for an API key. Needs `keys:manage`.',
      resolve: (key) => key.partner,
    }),
  }),
});

const UsageRowRef = builder.objectRef<UsageRow>('UsageRow').implement({
  description: 'What one group used. What the question does not group by is null.',
  interfaces: [UsageMeter],
  fields: (t) => ({
    day: t.field({ type: 'Date', nullable: true, description: 'The UTC day.', resolve: (row) => row.day }),
    month: t.exposeString('month', { nullable: true, description: 'The UTC month, as `2026-02`.' }),
    cohort: t.field({
      type: CohortRef,
      nullable: true,
      description: 'The cohort.',
      resolve: (row, _, { loaders }) => (row.cohortId === null ? null : loaders.cohort.load(row.cohortId)),
    }),
    key: t.field({
      type: UsageKey,
      nullable: true,
      description: "The key; null for what came without one: the library, the command line, the host's own login.",
      resolve: (row, _, { loaders }) => (row.keyId === null ? null : loaders.key.load(row.keyId)),
    }),
  }),
});

const UsageTotals = builder.objectRef<Meter>('UsageTotals').implement({
  description: 'What all groups used.',
  interfaces: [UsageMeter],
});

const UsageRef = builder.objectRef<Usage>('Usage').implement({
  description: 'Data points of some UTC days.',
  fields: (t) => ({
    from: t.field({ type: 'Date', description: 'The first day.', resolve: (usage) => usage.from }),
    to: t.field({ type: 'Date', description: 'The last day.', resolve: (usage) => usage.to }),
    rows: t.field({
      type: [UsageRowRef],
      description:
        'The groups, by time, cohort and key; those that used nothing are left out. Exactly one where nothing is grouped by.',
      resolve: (usage) => usage.rows,
    }),
    totals: t.field({ type: UsageTotals, description: 'All of it.', resolve: (usage) => usage.totals }),
  }),
});

builder.queryField('usage', (t) =>
  t.field({
    type: UsageRef,
    authScopes: { scope: 'cohorts:read' },
    description: `Data points by UTC day, month, cohort and key. Errors: INVALID_INPUT, LIMIT_EXCEEDED over ${MAX_DAYS} days or ${USAGE_MAX_ROWS} rows.`,
    args: {
      from: t.arg({ type: 'Date', required: true, description: 'The first UTC day.' }),
      to: t.arg({ type: 'Date', required: true, description: `The last one, at most ${MAX_DAYS} in all.` }),
      groupBy: t.arg({
        type: [UsageGroupEnum],
        required: true,
        defaultValue: [],
        description: 'What to tell apart; nothing for one row of all.',
      }),
    },
    resolve: (_, args, { domain, takeItems }) => {
      const days = { from: dayOf(args.from), to: dayOf(args.to) };
      takeItems(mostRows(args.groupBy, days));
      return domain.usage.listUsage({ ...days, groupBy: args.groupBy });
    },
  }),
);

/** How many rows such a question can have. */
function mostRows(groupBy: readonly UsageGroup[], { from, to }: Pick<Usage, 'from' | 'to'>): number {
  if (groupBy.includes('COHORT') || groupBy.includes('KEY')) return USAGE_MAX_ROWS;
  return groupBy.length === 0 ? 1 : Math.min(Math.max(countDays(from, to), 0), MAX_DAYS);
}
