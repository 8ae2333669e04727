import { createHash } from 'node:crypto';
import { type Body, isObject } from '../json.ts';
import { isMarked, parseCohortLabel } from './cohort-label.ts';
import { malformed, readIdentity, readList, readText } from './fields.ts';
import type { IdChange } from './id-changes.ts';

// The Amplitude list integration. Source: Amplitude docs, receiving behavioral cohorts and create a cohort sync integration.

export interface AmplitudeListName {
  readonly partnerCohortId: string;
  readonly name: string;
}

export interface AmplitudeListChange {
  readonly partnerCohortId: string;
  readonly changes: readonly IdChange[];
}

/** Senders put the id of a list into an address as it is. One of dots only would be taken for a step in the path. */
const SAFE_ID = /^[A-Za-z0-9_-][A-Za-z0-9._~-]{0,255}$/;

/**
 * Reads the request that makes a list. `[Amplitude] <cohort name>: <cohort id>` is that cohort, the same one as in Amplitude's other forms; a
 * list of any other name has an id made of the name. Errors: INVALID_INPUT.
 */
export function parseAmplitudeListName(body: Body): AmplitudeListName {
  const label = typeof body.name === 'string' && isMarked(body.name) ? parseCohortLabel(body.name) : null;
  if (label && SAFE_ID.test(label.cohortId))
    return { partnerCohortId: label.cohortId, name: readText(label.name, ['name']) };
  const name = readText(body.name, ['name']);
  return { partnerCohortId: idOfName(name), name };
}

/** Stable, safe in an address, and still to be recognised. */
function idOfName(name: string): string {
  const words =
    name
      .normalize('NFKD')
      .toLowerCase()
      .match(/[a-z0-9]+/g) ?? [];
  const start = words.join('-').slice(0, 64).replace(/-$/, '');
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 16);
  return start === '' ? hash : `${start}-${hash}`;
}

/** Reads the request that adds to a list or removes from it. The id stands in the address or in the body. Errors: INVALID_INPUT, LIMIT_EXCEEDED. */
export function parseAmplitudeListChange(body: Body, remove: boolean, listIdOfUrl?: string): AmplitudeListChange {
  const partnerCohortId = readText(listIdOfUrl ?? body.listId, ['listId']);
  const ids = readList(body.userIds, ['userIds']).map((user, i) => {
    if (!isObject(user)) return readIdentity(user, ['userIds', i]);
    const field = Object.hasOwn(user, 'user_id') ? 'user_id' : 'userId';
    if (!Object.hasOwn(user, field)) throw malformed(['userIds', i], 'must be a string, or an object with userId');
    return readIdentity(user[field], ['userIds', i, field]);
  });
  return { partnerCohortId, changes: [{ ids, remove }] };
}
