import { DomainError, fail } from '../../domain/errors.ts';
import { type Alias, identityFault } from '../../domain/users/identity.ts';
import type { ItemResult } from '../../domain/users/item-result.ts';
import type { UpsertedUser } from '../../domain/users/user.ts';
import { type Body, isObject } from '../json.ts';

/** The most objects of one request, except where an endpoint says otherwise. Source: Braze API limits. */
export const MAX_ITEMS = 50;

/** An object that could be read, and where it stood in its array. */
export interface Item<T> {
  readonly index: number;
  readonly value: T;
}

/** Why one object was refused, as Braze says it. `type` is a sentence. */
export interface ItemFault {
  readonly type: string;
  readonly input_array: string;
  readonly index: number;
}

export interface Items<T> {
  readonly items: readonly Item<T>[];
  readonly faults: readonly ItemFault[];
}

/**
 * Reads the elements of an array one by one; what cannot be read becomes a fault in its place.
 * Errors: INVALID_INPUT (no array, or an empty one), LIMIT_EXCEEDED.
 */
export function readEach<T>(body: Body, field: string, read: (value: unknown) => T, max = MAX_ITEMS): Items<T> {
  const items: Item<T>[] = [];
  const faults: ItemFault[] = [];
  readArray(body, field, max).forEach((value, index) => {
    try {
      items.push({ index, value: read(value) });
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      faults.push({ type: error.message, input_array: field, index });
    }
  });
  return { items, faults };
}

/** The same for an array of objects. */
export function readItems<T>(body: Body, field: string, read: (value: Body) => T, max = MAX_ITEMS): Items<T> {
  const readObject = (value: unknown) => {
    if (!isObject(value)) throw malformed(`'${field}' must be an array of objects`);
    return read(value);
  };
  return readEach(body, field, readObject, max);
}

/** Errors: INVALID_INPUT, LIMIT_EXCEEDED. */
function readArray(body: Body, field: string, max: number): readonly unknown[] {
  const list = body[field];
  if (!Array.isArray(list) || list.length === 0) throw malformed(`'${field}' must be an array that is not empty`);
  if (list.length > max) throw tooMany(`a single request may not contain more than ${max} '${field}'`);
  return list;
}

/** False for a field that says nothing; clients send null and empty arrays for what they leave out. */
export function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0);
}

/** Errors: INVALID_INPUT where a request names users in a way that Muster does not know. */
export function refuseUnsupported(body: Body, fields: readonly string[]): void {
  const field = fields.find((f) => isGiven(body[f]));
  if (field !== undefined)
    throw malformed(`'${field}' is not supported: name users by 'external_id', 'user_alias' or 'braze_id'`);
}

/**
 * An external id. Braze takes whole numbers for their digits, and so do we; one that JSON does not carry exactly is refused.
 * Errors: INVALID_INPUT.
 */
export function readExternalId(value: unknown, field = 'external_id'): string {
  return readText(Number.isSafeInteger(value) ? String(value) : value, field);
}

/** Text that can be an identity. Errors: INVALID_INPUT. */
export function readText(value: unknown, field: string): string {
  const fault = identityFault(value);
  if (fault !== null) throw malformed(`'${field}' ${fault}`);
  return value as string;
}

/** A user alias object. Errors: INVALID_INPUT. */
export function readAlias(value: unknown): Alias {
  if (!isObject(value)) throw malformed("'user_alias' must be an object with 'alias_name' and 'alias_label'");
  return { label: readText(value.alias_label, 'alias_label'), name: readText(value.alias_name, 'alias_name') };
}

export function malformed(message: string): DomainError {
  return fail('INVALID_INPUT', message);
}

export function tooMany(message: string): DomainError {
  return fail('LIMIT_EXCEEDED', message);
}

/** What the domain refused, at the places where the objects stood in the request. */
export function refusals(
  items: readonly Item<unknown>[],
  results: readonly (ItemResult | UpsertedUser)[],
  field: string,
  describe: (error: DomainError) => string = (error) => error.message,
): ItemFault[] {
  return items.flatMap(({ index }, i) => {
    const result = results[i];
    return result && 'error' in result ? [{ type: describe(result.error), input_array: field, index }] : [];
  });
}
