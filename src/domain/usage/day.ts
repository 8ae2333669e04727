import { fail, type Path } from '../errors.ts';

/** A UTC day as `2026-02-28`. Written so, days compare as text. */
export type Day = string;

export const DAY_MS = 86_400_000;
/** The most days one question about usage may span: a year, leap years too. */
export const MAX_DAYS = 366;

/** The UTC day of a moment. */
export function dayOf(time: Date): Day {
  return time.toISOString().slice(0, 10);
}

/** When a day begins. */
export function startOf(day: Day): Date {
  return new Date(`${day}T00:00:00.000Z`);
}

/** The day so many days later, or earlier where `count` is negative. */
export function addDays(day: Day, count: number): Day {
  return dayOf(new Date(startOf(day).getTime() + count * DAY_MS));
}

/** How many days there are from one day to another, both included. */
export function countDays(from: Day, to: Day): number {
  return (startOf(to).getTime() - startOf(from).getTime()) / DAY_MS + 1;
}

/** A UTC month. */
export interface Month {
  /** As `2026-02`. */
  readonly name: string;
  readonly first: Day;
  /** The first day of the month after it. */
  readonly next: Day;
  readonly days: number;
}

/** The UTC month of a moment. */
export function monthOf(time: Date): Month {
  const first = dayOf(new Date(Date.UTC(time.getUTCFullYear(), time.getUTCMonth(), 1)));
  const next = dayOf(new Date(Date.UTC(time.getUTCFullYear(), time.getUTCMonth() + 1, 1)));
  return { name: first.slice(0, 7), first, next, days: countDays(first, next) - 1 };
}

/** A day of the calendar, from the year 1 to the year 9999. Errors: INVALID_INPUT. */
export function parseDay(text: string, path: Path): Day {
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(text) && !text.startsWith('0000') && isInCalendar(text);
  if (!isDay) throw fail('INVALID_INPUT', 'A day is written as 2026-02-28 and must be in the calendar.', { path });
  return text;
}

/** JavaScript reads the 30th of February as a day of March. */
function isInCalendar(text: string): boolean {
  const time = startOf(text);
  return !Number.isNaN(time.getTime()) && dayOf(time) === text;
}

/** Days from one to another, both included. Errors: INVALID_INPUT when they run backwards, LIMIT_EXCEEDED over 366 of them. */
export function parseDays(input: { readonly from: string; readonly to: string }): { from: Day; to: Day } {
  const from = parseDay(input.from, ['from']);
  const to = parseDay(input.to, ['to']);
  if (to < from) throw fail('INVALID_INPUT', 'The last day comes before the first one.', { path: ['to'] });
  if (countDays(from, to) > MAX_DAYS)
    throw fail('LIMIT_EXCEEDED', `One question spans at most ${MAX_DAYS} days: ask for fewer.`, { path: ['to'] });
  return { from, to };
}
