import { type SQL, sql } from 'drizzle-orm';

// When a text among a user's attributes is a time: a date that exists, a time of day and a zone, so that it means one moment wherever it
// is read. Written once, for JavaScript and PostgreSQL alike.

/** Years 0001 to 9999 that have a 29th of February. */
const LEAP_YEAR = '(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)';
const DAY = `(?:(?!0000)[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))|${LEAP_YEAR}-02-29)`;
const TIME_OF_DAY = '(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.][0-9]{1,9})?)?';
/** PostgreSQL knows no zone as far as 16 hours away, and the world none as far as 15. */
const ZONE = '(?:Z|[+-](?:0[0-9]|1[0-5])(?::?[0-5][0-9])?)';
/** Without backslashes and classes such as `\d`, which two engines and their locales read in more than one way. */
const PATTERN = `^${DAY}T${TIME_OF_DAY}${ZONE}$`;
/** What such a text looks like at first sight: PostgreSQL looks at that some times faster. */
const LIKENESS = '____-__-__T__:__%';

const MOMENT = new RegExp(PATTERN);
const PARTS = /^(.{10})T(.{5})(:..)?(?:\.(\d{1,3})\d*)?(?:Z|([+-]..):?(..)?)$/;

/** The moment that a text means, in milliseconds since 1970; null when it is no time. What is finer than that is cut off. */
export function momentOf(text: string): number | null {
  if (text.length < 17 || text.length > 35 || !MOMENT.test(text)) return null;
  const [, day, minute, second = ':00', fraction = '0', hours = '+00', minutes = '00'] = PARTS.exec(text) ?? [];
  return Date.parse(`${day}T${minute}${second}.${fraction.padEnd(3, '0')}${hours}:${minutes}`);
}

/** The same in SQL, as a number; null where `text` is no time. */
export function momentSql(text: SQL): SQL {
  const milliseconds = sql`case when strpos(${text}, '.') > 0 then regexp_replace(${text}, '([.][0-9]{3})[0-9]+', E'\\\\1') else ${text} end`;
  return sql`(case when ${text} like ${sql.raw(`'${LIKENESS}'`)} and ${text} ~ ${sql.raw(`'${PATTERN}'`)}
    then extract(epoch from (${milliseconds})::timestamptz) * 1000 end)`;
}
