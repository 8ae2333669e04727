import { type DomainError, formatPath } from '../../domain/errors.ts';
import type { Domain } from '../../domain/index.ts';
import type { Alias } from '../../domain/users/identity.ts';
import { type Body, isObject } from '../json.ts';
import { type Answer, fatal, success } from './answer.ts';
import { readBrazeId } from './braze-id.ts';
import {
  type Item,
  type ItemFault,
  type Items,
  isGiven,
  malformed,
  readAlias,
  readExternalId,
  readItems,
  readText,
  refusals,
} from './reading.ts';

/** The most objects of each of the three arrays. Source: Braze, /users/track (the older and wider of its limits). */
const MAX_OBJECTS = 75;
const NOTHING_VALID = "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields.";

/**
 * `POST /users/track`. Attribute objects make or update the user whom `external_id`, `user_alias` or `braze_id` names (exactly one of
 * them); null removes an attribute. With `_update_existing_only`, the default beside `user_alias`, nobody is made. One transaction; an
 * object that is refused is told in `errors` and the others are applied. 400 when not one object can be read.
 * Events and purchases are read as far as whom they name, counted as processed, and NOT stored: they make no user.
 */
export async function track(body: Body, domain: Domain): Promise<Answer> {
  const attributes = readOptional(body, 'attributes', readAttributes);
  const events = readOptional(body, 'events', readUser);
  const purchases = readOptional(body, 'purchases', readUser);
  const lists = [attributes, events, purchases].filter((list) => list !== null);
  const unread = lists.flatMap((list) => list.faults);
  if (lists.every((list) => list.items.length === 0)) return fatal(NOTHING_VALID, unread);
  const refused = attributes ? await applyAttributes(attributes.items, domain) : [];
  const leftOut = attributes ? attributes.items.flatMap(tellLeftOut) : [];
  const counts = {
    ...(attributes ? { attributes_processed: attributes.items.length - refused.length } : {}),
    ...(events ? { events_processed: events.items.length } : {}),
    ...(purchases ? { purchases_processed: purchases.items.length } : {}),
  };
  return success(counts, [...refused, ...leftOut, ...unread]);
}

function readOptional<T>(body: Body, field: string, read: (value: Body) => T): Items<T> | null {
  return isGiven(body[field]) ? readItems(body, field, read, MAX_OBJECTS) : null;
}

/** Whom an object names. */
type Named = { readonly externalId: string } | { readonly alias: Alias } | { readonly brazeId: string };

interface AttributesObject {
  readonly user: Named;
  readonly updateOnly: boolean;
  readonly attributes: Body;
  /** Names of attributes whose value is an operation that is not supported. */
  readonly leftOut: readonly string[];
}

/** Fields of an attributes object that are no attributes. */
const RESERVED = new Set(['external_id', 'user_alias', 'braze_id', '_update_existing_only', '_merge_objects']);

function readUser(object: Body): Named {
  const given = ['external_id', 'user_alias', 'braze_id'].filter((field) => isGiven(object[field]));
  if (given.length === 0) throw malformed("'external_id' or 'braze_id' or 'user_alias' is required");
  if (given.length > 1) throw malformed("only one of 'external_id', 'braze_id' and 'user_alias' is allowed");
  if (given[0] === 'external_id') return { externalId: readExternalId(object.external_id) };
  if (given[0] === 'user_alias') return { alias: readAlias(object.user_alias) };
  return { brazeId: readText(object.braze_id, 'braze_id') };
}

function readAttributes(object: Body): AttributesObject {
  const user = readUser(object);
  const flag = object._update_existing_only ?? 'alias' in user;
  if (typeof flag !== 'boolean') throw malformed("'_update_existing_only' must be true or false");
  const entries = Object.entries(object).filter(([name]) => !RESERVED.has(name));
  const isLeftOut = (value: unknown) => isOperation(value) || (object._merge_objects === true && isObject(value));
  return {
    user,
    updateOnly: flag,
    attributes: Object.fromEntries(entries.filter(([, value]) => !isLeftOut(value))),
    leftOut: entries.filter(([, value]) => isLeftOut(value)).map(([name]) => name),
  };
}

const OPERATORS = new Set(['inc', 'add', 'remove', 'update', '$add', '$remove', '$update']);

/** `{"inc": 1}`, `{"add": ["a"], "remove": ["b"]}`: what Braze does to a value. Stored as it is, it would be mistaken for the value. */
function isOperation(value: unknown): boolean {
  if (!isObject(value)) return false;
  const names = Object.keys(value);
  return names.length > 0 && names.every((name) => OPERATORS.has(name));
}

async function applyAttributes(items: readonly Item<AttributesObject>[], domain: Domain): Promise<ItemFault[]> {
  if (items.length === 0) return [];
  const inputs = items.map(({ value }) => toInput(value, domain.workspaceId));
  const { users } = await domain.users.upsertUsers({ users: inputs, perItem: true });
  // Who is not to be made and is not there was asked for: Braze calls that a success.
  const results = users.map((result, i) =>
    'error' in result && result.error.code === 'NOT_FOUND' && items[i]?.value.updateOnly ? { userId: null } : result,
  );
  return refusals(items, results, 'attributes', describe);
}

function toInput({ user, updateOnly, attributes }: AttributesObject, workspaceId: number): object {
  if ('externalId' in user) return { externalId: user.externalId, attributes, updateOnly };
  if ('alias' in user) return { aliases: [user.alias], attributes, updateOnly };
  return { id: readBrazeId(workspaceId, user.brazeId), attributes };
}

/** The domain's path begins with places that mean nothing to whoever wrote the object; behind `attributes` stands what they wrote. */
function describe({ message, path = [] }: DomainError): string {
  const inside = path[2] === 'attributes' ? path.slice(3) : [];
  return inside.length === 0 ? message : `'${formatPath(inside)}': ${message}`;
}

function tellLeftOut({ index, value }: Item<AttributesObject>): ItemFault[] {
  return value.leftOut.map((name) => ({
    type: `'${name}' was left out: operations on values and merging of objects are not supported, send the whole value`,
    input_array: 'attributes',
    index,
  }));
}
