const TIME = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d)(:\d\d(?:\.\d+)?)?(?:Z|([+-]\d\d)(?::?(\d\d))?)?)?$/;
const ZONED = /T.*(?:Z|[+-]\d\d(?::?\d\d)?)$/;

/**
 * Reads an ISO 8601 date or time; null when it is none, or none that PostgreSQL and JavaScript both know (years 1 to 9999). Without an
 * offset it is UTC: what a sender means must not hang on the time zone of this server.
 */
export function parseIsoTime(value: unknown): Date | null {
  const match = typeof value === 'string' ? TIME.exec(value) : null;
  if (!match) return null;
  const [, day = '', minute = '00:00', second = ':00', hours = '+00', minutes = '00'] = match;
  // JavaScript reads the 30th of February as the 2nd of March.
  if (dayOf(new Date(`${day}T00:00:00Z`)) !== day) return null;
  const time = new Date(`${day}T${minute}${second}${hours}:${minutes}`);
  return /^(?!0000)\d{4}-/.test(dayOf(time) ?? '') ? time : null;
}

/** Reads an ISO 8601 time that means one moment wherever it is read: a date, a time of day and a zone; null when it is none. */
export function parseMoment(value: unknown): Date | null {
  return typeof value === 'string' && ZONED.test(value) ? parseIsoTime(value) : null;
}

function dayOf(time: Date): string | null {
  return Number.isNaN(time.getTime()) ? null : time.toISOString().slice(0, -'T00:00:00.000Z'.length);
}
