import type { Domain } from '../../domain/index.ts';
import type { UserRef } from '../../domain/users/identity.ts';
import { type Body, isObject } from '../json.ts';
import { type Answer, success } from './answer.ts';
import { MAX_ITEMS, malformed, readAlias, readText, refusals, tooMany } from './reading.ts';

interface Merge {
  readonly user: UserRef;
  readonly into: UserRef;
}

/**
 * `POST /users/merge`. Makes one user of two; the one to keep has every identity and membership of either. A request of the wrong shape is
 * refused as a whole; users who are not there, or are one already, are told in `errors`. 202 as in Braze, although it is done by then: up
 * to 50 merges in one transaction, in order. Source: Braze user docs, merge, whose texts these are.
 */
export async function merge(body: Body, domain: Domain): Promise<Answer> {
  const merges = readMerges(body.merge_updates);
  const results = await domain.identities.mergeUsers({ items: merges });
  const items = merges.map((value, index) => ({ index, value }));
  return success({}, refusals(items, results, 'merge_updates'), 202);
}

function readMerges(list: unknown): Merge[] {
  if (!Array.isArray(list) || list.length === 0 || !list.every(isObject))
    throw malformed("'merge_updates' must be an array of objects");
  if (list.length > MAX_ITEMS) throw tooMany(`a single request may not contain more than ${MAX_ITEMS} merge updates`);
  return list.map(readMerge);
}

const KEYS = new Set(['identifier_to_merge', 'identifier_to_keep']);

function readMerge(object: Body): Merge {
  if (Object.keys(object).some((key) => !KEYS.has(key)))
    throw malformed("'merge_updates' must only have 'identifier_to_merge' and 'identifier_to_keep'");
  return { user: readIdentifier(object.identifier_to_merge), into: readIdentifier(object.identifier_to_keep) };
}

const IDENTIFIER_TEXT =
  "identifiers must be objects with an 'external_id' property that is a string, or 'user_alias' property that is an object";

function readIdentifier(value: unknown): UserRef {
  if (!isObject(value)) throw malformed(IDENTIFIER_TEXT);
  const { external_id, user_alias, ...others } = value;
  if ('email' in others || 'phone' in others) throw malformed(`${IDENTIFIER_TEXT}: email and phone are not supported`);
  const isExternalId = typeof external_id === 'string';
  if (isExternalId === isObject(user_alias)) throw malformed(IDENTIFIER_TEXT);
  return isExternalId ? { externalId: readText(external_id, 'external_id') } : { alias: readAlias(user_alias) };
}
