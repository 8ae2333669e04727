import type { Cadence } from '../cohorts/cohort.ts';
import { fail } from '../errors.ts';
import { addDays, countDays, type Day, MAX_DAYS } from '../usage/day.ts';
import { type Differences, NO_DIFFERENCES } from './differences.ts';

/** Transitions that are read for all cohorts of one question. */
export const FORECAST_MAX_TRANSITIONS = 2_000_000;
const DAYS_A_MONTH = 30;

/** What syncing a cohort at some cadence costs. */
export interface CadenceForecast {
  readonly cadence: Cadence;
  /** What it would have written in the days observed; of `ONE_TIME`, what sending the whole list now would. */
  readonly dataPoints: number;
  /** What it would write in 30 days like the complete ones; null while there is none. `ONE_TIME` writes no more. */
  readonly perMonth: number | null;
}

/** What syncing a cohort cost, and what other cadences would have cost over the same history. */
export interface UsageForecast {
  /** UTC days, both included; the last one is under way. */
  readonly from: Day;
  readonly to: Day;
  /** How many days that is: from the first one on of which something is known. */
  readonly observedDays: number;
  /** Of those, the ones that are over and are not the day of the first list, which comes once at any cadence. */
  readonly completeDays: number;
  /** Requests that senders sent. */
  readonly batches: number;
  /** What was really written. */
  readonly dataPoints: number;
  readonly perCadence: readonly CadenceForecast[];
  /** False where older days were left out: retention dropped them, or they are more than is read. */
  readonly isComplete: boolean;
  /** Where the numbers come from, as a sentence or two. */
  readonly reasoning: string;
}

/** How many days a forecast may look back on: 1 to 366. Errors: INVALID_INPUT, LIMIT_EXCEEDED. */
export function checkForecastDays(days: number): void {
  if (!Number.isInteger(days) || days < 1)
    throw fail('INVALID_INPUT', 'A forecast looks back on a whole number of days, from 1 on.', { path: ['days'] });
  if (days > MAX_DAYS)
    throw fail('LIMIT_EXCEEDED', `A forecast looks back on at most ${MAX_DAYS} days.`, { path: ['days'] });
}

/** A UTC day in the ledger of a cohort: what senders sent. */
export interface LedgerDay {
  readonly day: Day;
  readonly batches: number;
  readonly transitions: number;
  /** Retention has dropped who moved on it. */
  readonly isForgotten: boolean;
  readonly firstBatchId: string;
  readonly lastBatchId: string;
}

/** Days without holes up to today. */
export interface Stretch {
  /** The oldest first. Days without batches are not among them. */
  readonly days: readonly LedgerDay[];
  /** The newest day that was left out, and why. */
  readonly cut: { readonly day: Day; readonly why: 'forgotten' | 'limit' } | null;
}

/** The newest whole days that are remembered and have at most so many transitions. `days` come the oldest first. */
export function newestDays(days: readonly LedgerDay[], mostTransitions: number): Stretch {
  let left = mostTransitions;
  for (let i = days.length - 1; i >= 0; i--) {
    const { day, isForgotten, transitions } = days[i] as LedgerDay;
    left -= transitions;
    if (isForgotten || left < 0)
      return { days: days.slice(i + 1), cut: { day, why: isForgotten ? 'forgotten' : 'limit' } };
  }
  return { days, cut: null };
}

/** What is known of a cohort before its forecast. */
export interface Observed {
  /** The first day asked for. */
  readonly from: Day;
  readonly today: Day;
  /** When a sender first sent it; null: never. */
  readonly firstDay: Day | null;
  readonly stretch: Stretch;
  readonly differences: ReadonlyMap<Day, Differences>;
  readonly written: ReadonlyMap<Day, number>;
  /** How many members it has now. */
  readonly size: number;
}

/** Puts a forecast together. */
export function forecast(observed: Observed): UsageForecast {
  const { today, firstDay, stretch, size } = observed;
  const days = listDays(observed);
  const isWhole = (day: Day) => day !== today && day !== firstDay;
  const completeDays = days.filter(isWhole).length;
  const known = {
    from: days[0] ?? today,
    to: today,
    observedDays: days.length,
    completeDays,
    batches: stretch.days.reduce((total, { batches }) => total + batches, 0),
    dataPoints: days.reduce((total, day) => total + (observed.written.get(day) ?? 0), 0),
    perCadence: [
      { cadence: 'ONE_TIME', dataPoints: size, perMonth: 0 },
      ...(['DAILY', 'HOURLY', 'REAL_TIME'] as const).map((cadence) => {
        const sum = (of: readonly Day[]) =>
          of.reduce((total, day) => total + (observed.differences.get(day) ?? NO_DIFFERENCES)[cadence], 0);
        const perMonth = Math.round((sum(days.filter(isWhole)) / completeDays) * DAYS_A_MONTH);
        return { cadence, dataPoints: sum(days), perMonth: completeDays === 0 ? null : perMonth };
      }),
    ] satisfies CadenceForecast[],
  };
  return { ...known, isComplete: stretch.cut === null, reasoning: explain(known, firstDay, stretch.cut) };
}

/** Every day of which something is known, the quiet ones too. */
function listDays({ from, today, firstDay, stretch }: Observed): Day[] {
  if (firstDay === null) return [];
  const begin = [from, firstDay, stretch.cut ? addDays(stretch.cut.day, 1) : from].reduce((a, b) => (a > b ? a : b));
  return Array.from({ length: countDays(begin, today) }, (_, i) => addDays(begin, i));
}

type Known = Omit<UsageForecast, 'isComplete' | 'reasoning'>;

const count = (n: number) => n.toLocaleString('en-US');
const plural = (n: number, one: string, many: string) => `${count(n)} ${n === 1 ? one : many}`;

function explain(known: Known, firstDay: Day | null, cut: Stretch['cut']): string {
  if (firstDay === null) return 'No sender has sent this cohort yet.';
  const told = known.observedDays === 0 ? ['No whole day can be told.'] : [tell(known), tellMonth(known, firstDay)];
  return [...told, ...leftOut(cut)].join(' ');
}

function tell({ from, to, batches, dataPoints, perCadence }: Known): string {
  const [, daily, hourly, realTime] = perCadence.map((one) => count(one.dataPoints));
  const wrote = `${plural(batches, 'batch', 'batches')} wrote ${plural(dataPoints, 'data point', 'data points')}`;
  return `From ${from} to ${to} ${wrote}; only what differs would have been ${daily} daily, ${hourly} hourly and ${realTime} each minute.`;
}

function tellMonth({ from, completeDays }: Known, firstDay: Day): string {
  if (completeDays === 0)
    return 'What a month costs cannot be told before a day is over that is not the one of the first list.';
  const days = completeDays === 1 ? 'the one that is over' : `the ${completeDays} that are over`;
  return `A month is ${DAYS_A_MONTH} days like ${days}${firstDay >= from ? ', the day of the first list left out' : ''}.`;
}

function leftOut(cut: Stretch['cut']): string[] {
  if (!cut) return [];
  return [
    cut.why === 'forgotten'
      ? `Days up to ${cut.day} are left out: the ledger no longer knows who moved.`
      : `Days up to ${cut.day} are left out: one question reads at most ${count(FORECAST_MAX_TRANSITIONS)} transitions, shared by its cohorts.`,
  ];
}
