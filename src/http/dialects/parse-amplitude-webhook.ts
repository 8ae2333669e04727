import { fail } from '../../domain/errors.ts';
import { type Body, isAbsent, isObject } from '../json.ts';
import { checkLength, malformed, readIdentity, readList, readText } from './fields.ts';
import { type IdChange, IdRuns } from './id-changes.ts';

// The Amplitude cohort webhook. Source: Amplitude docs, destination catalog, cohort webhooks.

export interface AmplitudeMessage {
  readonly partnerCohortId: string;
  readonly name: string | null;
  /** The same one on every retry; null in the form per user. */
  readonly messageId: string | null;
  readonly computedAt: Date | null;
  readonly changes: readonly IdChange[];
}

/** How far a sender's clock may be ahead. A time further ahead would make every later message look too old. */
const MAX_SKEW_MS = 24 * 60 * 60 * 1000;

/** Reads either form: the object of the default payload, or the array with one object per user. Errors: INVALID_INPUT, LIMIT_EXCEEDED. */
export function parseAmplitudeWebhook(body: unknown, now: Date): AmplitudeMessage {
  if (Array.isArray(body)) return parsePerUser(body);
  if (isObject(body)) return parseDefault(body, now);
  throw fail('INVALID_INPUT', 'The request body must be a JSON object, or an array of users.');
}

function parseDefault(body: Body, now: Date): AmplitudeMessage {
  const partnerCohortId = readText(body.cohort_id, ['cohort_id']);
  if (typeof body.in_cohort !== 'boolean') throw malformed(['in_cohort'], 'must be true or false');
  const ids = readList(body.users, ['users']).map((user, i) => {
    if (!isObject(user)) throw malformed(['users', i], 'must be an object');
    return readIdentity(user.user_id, ['users', i, 'user_id']);
  });
  return {
    partnerCohortId,
    name: isAbsent(body.cohort_name) ? null : readText(body.cohort_name, ['cohort_name']),
    messageId: isAbsent(body.message_id) ? null : readText(body.message_id, ['message_id']),
    computedAt: isAbsent(body.computed_time) ? null : parseComputedTime(body.computed_time, now),
    changes: [{ ids, remove: !body.in_cohort }],
  };
}

function parseComputedTime(value: unknown, now: Date): Date {
  const seconds = typeof value === 'string' && /^\d{1,20}(\.\d{1,9})?$/.test(value) ? Number(value) : value;
  if (typeof seconds !== 'number' || seconds < 0)
    throw malformed(['computed_time'], 'must be epoch seconds, as a number or as a string of digits');
  const milliseconds = Math.floor(seconds * 1000);
  if (milliseconds - now.getTime() > MAX_SKEW_MS)
    throw malformed(
      ['computed_time'],
      "is more than 24 hours ahead of this server's clock: it must be epoch seconds, and both clocks right",
    );
  return new Date(milliseconds);
}

const USER_MARK = 'amplitude_';

function parsePerUser(users: readonly unknown[]): AmplitudeMessage {
  checkLength(users, []);
  const runs = new IdRuns();
  let cohort: UserField | null = null;
  for (const [i, user] of users.entries()) {
    if (!isObject(user)) throw malformed([i], 'must be an object');
    const id = readIdentity(user.user_id, [i, 'user_id']);
    const [field, ...more] = Object.keys(user).filter((key) => key.startsWith(USER_MARK));
    if (field === undefined)
      throw malformed(
        [i],
        'names no cohort: it needs a field amplitude_<cohort name>_<cohort id> that is true or false',
      );
    cohort ??= parseUserField(field, i);
    if (more.length > 0 || field !== cohort.field)
      throw malformed([i], 'names another cohort than the first user: send one cohort per request');
    const isIn = user[field];
    if (typeof isIn !== 'boolean') throw malformed([i], 'must say of its cohort true or false');
    runs.add(id, !isIn);
  }
  if (cohort === null)
    throw fail('INVALID_INPUT', 'The list of users must not be empty: nothing else names the cohort.');
  const { cohortId, name } = cohort;
  return { partnerCohortId: cohortId, name, messageId: null, computedAt: null, changes: runs.changes };
}

interface UserField {
  readonly field: string;
  readonly name: string;
  readonly cohortId: string;
}

/** A name may contain underscores, an id may not. */
function parseUserField(field: string, i: number): UserField {
  const rest = field.slice(USER_MARK.length);
  const split = rest.lastIndexOf('_');
  const name = rest.slice(0, Math.max(split, 0));
  const cohortId = rest.slice(split + 1);
  if (name.trim() === '' || cohortId.trim() === '')
    throw malformed([i], 'must name its cohort as amplitude_<cohort name>_<cohort id>');
  return { field, name: readText(name, [i]), cohortId: readText(cohortId, [i]) };
}
