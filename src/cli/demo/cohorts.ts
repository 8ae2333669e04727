import { dice, personOf } from './people.ts';

/** A cohort of the demo: how large it is as a share of the users, and what it is called. */
export interface DemoCohort {
  readonly id: string;
  readonly name: string;
  readonly share: number;
}

/** The cohort of the segment that the demo saves. */
export const STORY_COHORT = 'Amplitude cohort test';

const SHARES: Readonly<Record<string, number>> = {
  [STORY_COHORT]: 0.12,
  'Power users': 0.05,
  'Trial ends this week': 0.02,
  'Abandoned cart, last 24 hours': 0.03,
  'Finished onboarding': 0.31,
  'Likely to churn': 0.08,
  'High lifetime value': 0.04,
  'Searched three times or more': 0.17,
  'Invited a teammate': 0.06,
  'Push notifications on': 0.36,
  'Black Friday shoppers': 0.14,
  'Silent for 30 days': 0.21,
};

export const DEMO_COHORTS: readonly DemoCohort[] = Object.entries(SHARES).map(([name, share], i) => ({
  id: `demo${String(i + 1).padStart(2, '0')}`,
  name,
  share,
}));

/** Identifiers of one request: the most that the Braze dialect takes. */
const REQUEST_IDENTIFIERS = 1_000;
/** Of those sent, how many nobody has, and how many leave again with the last request. */
const STRANGERS = 0.02;
const LEAVERS = 0.03;

interface Named {
  user_ids: string[];
  aliases: { alias_label: string; alias_name: string }[];
  device_ids: string[];
}

/** Who enters a cohort and who leaves it again, as numbers of people. */
export interface Movement {
  readonly cohort: DemoCohort;
  readonly joining: readonly number[];
  readonly leaving: readonly number[];
}

/** What happens in every cohort of the demo, always the same. A few of those who join are people nobody knows. */
export function movementsOf(population: number): Movement[] {
  return DEMO_COHORTS.map((cohort, number) => {
    const joining: number[] = [];
    for (let i = 0; i < population; i++) {
      const roll = dice(number, i);
      if (roll() < cohort.share) joining.push(roll() < STRANGERS ? population + i : i);
    }
    const roll = dice(number);
    return { cohort, joining, leaving: joining.filter(() => roll() < LEAVERS) };
  });
}

/** One element of `cohort_changes`, and how many identifiers it has. */
export interface DemoChange {
  readonly change: Named & { readonly should_remove: boolean };
  readonly count: number;
}

/** Changes that name people, 1,000 a request. */
export function* changesOf(people: readonly number[], should_remove: boolean): Generator<DemoChange> {
  for (let from = 0; from < people.length; from += REQUEST_IDENTIFIERS) {
    const some = people.slice(from, from + REQUEST_IDENTIFIERS);
    const named: Named = { user_ids: [], aliases: [], device_ids: [] };
    for (const number of some) name(named, number);
    yield { change: { ...named, should_remove }, count: some.length };
  }
}

/** Names a person the way Amplitude may know them: by external id or alias, by device where there is nothing better, and sometimes though there is. */
function name(named: Named, number: number): void {
  const { externalId, aliases, deviceIds } = personOf(number);
  const [alias] = aliases;
  const [device] = deviceIds;
  const roll = dice(number, 7)();
  if (externalId !== null && device !== undefined && roll < 0.02) named.device_ids.push(device);
  else if (alias && (externalId === null || roll < 0.3))
    named.aliases.push({ alias_label: alias.label, alias_name: alias.name });
  else if (externalId !== null) named.user_ids.push(externalId);
  else if (device !== undefined) named.device_ids.push(device);
}
