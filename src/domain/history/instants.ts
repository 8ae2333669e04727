import { fail, type Path } from '../errors.ts';

const FIRST = Date.UTC(1970, 0, 1);
const LAST = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** A time of the caller's, within what the database knows as one. Errors: INVALID_INPUT. */
export function checkTime(time: Date, path: Path): Date {
  const at = time.getTime();
  if (Number.isNaN(at)) throw fail('INVALID_INPUT', 'This is no time: give one like 2026-03-01T12:00:00Z.', { path });
  return new Date(Math.min(Math.max(at, FIRST), LAST));
}

const DAY_MS = 86_400_000;

/** The beginning of the UTC day. */
export function dayOf(time: Date): number {
  return Math.floor(time.getTime() / DAY_MS) * DAY_MS;
}

/** The beginnings of the UTC days from the one `from` is in to the one `to` is in. */
export function countDays(from: Date, to: Date): number {
  return Math.max(0, (dayOf(to) - dayOf(from)) / DAY_MS + 1);
}

export function dayAfter(day: number, days: number): Date {
  return new Date(day + days * DAY_MS);
}
