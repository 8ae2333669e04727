import type { Cadence } from '../cohorts/cohort.ts';

/** How often a sender of differences may send. */
export type Rhythm = Exclude<Cadence, 'ONE_TIME'>;

/** How many users a sender of differences would have named in one UTC day: a user once for each period that ends otherwise than it began. */
export type Differences = { readonly [R in Rhythm]: number };

export const NO_DIFFERENCES: Differences = { DAILY: 0, HOURLY: 0, REAL_TIME: 0 };

/** User numbers are below this. */
const USERS = 2 ** 31;
const MINUTES_AN_HOUR = 60;
const MINUTES_A_DAY = 1_440;

/** The users who entered or left in one minute of a day. */
export interface Movement {
  /** From 0 on. */
  readonly minute: number;
  readonly users: readonly number[];
}

/**
 * What the movements of one day come to. Whoever moved an even number of times within a period is at its end where they were at its
 * beginning, and need not be sent. Periods nest, so that who is left of the minutes makes the hours, and who is left of those the day.
 */
export function countDifferences(movements: readonly Movement[]): Differences {
  const total = movements.reduce((sum, { users }) => sum + users.length, 0);
  const pairs = new Float64Array(total);
  let at = 0;
  for (const { minute, users } of movements) for (const user of users) pairs[at++] = minute * USERS + user;
  const minutes = leaveOdd(pairs);
  const hours = leaveOdd(minutes.map(coarser(MINUTES_AN_HOUR)));
  // Hours are numbered from 0 to 23 by now.
  const days = leaveOdd(hours.map(coarser(MINUTES_A_DAY / MINUTES_AN_HOUR)));
  return { DAILY: days.length, HOURLY: hours.length, REAL_TIME: minutes.length };
}

/** Pairs of a period and a user as pairs of the longer period. */
function coarser(times: number): (pair: number) => number {
  return (pair) => {
    const user = pair % USERS;
    return Math.floor((pair - user) / USERS / times) * USERS + user;
  };
}

/** Those that are there an odd number of times, once each. Sorts what it is given. */
function leaveOdd(pairs: Float64Array): Float64Array {
  pairs.sort();
  let kept = 0;
  for (let from = 0; from < pairs.length; ) {
    let to = from + 1;
    while (to < pairs.length && pairs[to] === pairs[from]) to++;
    if ((to - from) % 2 === 1) pairs[kept++] = pairs[from] ?? 0;
    from = to;
  }
  return pairs.subarray(0, kept);
}
