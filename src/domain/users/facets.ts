import { createHash } from 'node:crypto';
import { type SQL, sql } from 'drizzle-orm';
import { momentOf } from './moment.ts';

/** What can be said of the value of an attribute, as stored in `attribute_blocks`. */
export const FACET = {
  /** The user has the attribute. */
  present: 0,
  string: 1,
  number: 2,
  boolean: 3,
  /** An element of an array. */
  stringElement: 4,
  numberElement: 5,
  /** Not of an attribute: the user has an alias of this label. Stored under the name `''`. */
  aliasLabel: 9,
} as const;

export interface Facet {
  readonly kind: (typeof FACET)[keyof typeof FACET];
  /** As text. Two values of a kind have the same text exactly when they are equal. */
  readonly value: string;
  /** What numbers compare by, and times: their milliseconds. */
  readonly number: number | null;
}

/** Strings longer than this are known by their hash: they can be equal to something, and have to be looked up for anything else. */
export const LONG_STRING_BYTES = 200;
/** What the hash of a long string begins with. A string that begins like this is hashed as well, so that none can pass for a hash. */
export const HASH_MARK = 'sha256:';

/** The text that a string is known by. */
export function stringText(value: string): string {
  if (!isLong(value)) return value;
  return HASH_MARK + createHash('sha256').update(value).digest('hex');
}

function isLong(value: string): boolean {
  if (value.startsWith(HASH_MARK)) return true;
  // Three bytes a UTF-16 unit is the most: only strings of middling length need counting.
  return value.length * 3 > LONG_STRING_BYTES && Buffer.byteLength(value) > LONG_STRING_BYTES;
}

/** The text that a number is known by. */
export function numberText(value: number): string {
  return String(value === 0 ? 0 : value);
}

/** Everything that can be said of a value, each once; nothing of null, or of what JSON leaves out. */
export function facetsOf(value: unknown): Facet[] {
  // What has a form of its own in JSON, as dates have, is that form once it is stored.
  const stored = typeof value === 'object' && value !== null ? parsed(JSON.stringify(value)) : value;
  if (stored === null || stored === undefined) return [];
  return [PRESENT, ...(Array.isArray(stored) ? elementFacets(stored) : scalarFacets(stored))];
}

const PRESENT: Facet = { kind: FACET.present, value: '', number: null };

function scalarFacets(value: unknown): Facet[] {
  switch (typeof value) {
    case 'string':
      return [{ kind: FACET.string, value: stringText(value), number: momentOf(value) }];
    case 'number':
      return [{ kind: FACET.number, value: numberText(value), number: value }];
    case 'boolean':
      return [{ kind: FACET.boolean, value: String(value), number: null }];
    default:
      return [];
  }
}

function elementFacets(list: readonly unknown[]): Facet[] {
  const facets = new Map<string | number, Facet>();
  for (const element of list) {
    if (typeof element === 'string')
      facets.set(element, { kind: FACET.stringElement, value: stringText(element), number: null });
    else if (typeof element === 'number')
      facets.set(element, { kind: FACET.numberElement, value: numberText(element), number: null });
  }
  return [...facets.values()];
}

/**
 * The value of an attribute in SQL, as text for `storedFacets`: long strings as their hash, and of an object only that it is one. Else
 * the longest values of thousands of users would be fetched to be thrown away.
 */
export function shortValue(value: SQL): SQL {
  const text = sql`(${value} #>> '{}')`;
  return sql`(case jsonb_typeof(${value}) when 'object' then '{}' when 'string' then
    case when octet_length(${text}) > ${sql.raw(String(LONG_STRING_BYTES))} or starts_with(${text}, ${sql.raw(`'${HASH_MARK}'`)})
      then jsonb_build_object('sha256', encode(sha256(convert_to(${text}, 'UTF8')), 'hex'))::text else ${value}::text end
    else ${value}::text end)`;
}

/** Everything that can be said of a value that `shortValue` fetched. */
export function storedFacets(short: string): Facet[] {
  const value = parsed(short);
  // Other objects come empty.
  if (typeof value === 'object' && value !== null && 'sha256' in value)
    return [PRESENT, { kind: FACET.string, value: HASH_MARK + String(value.sha256), number: null }];
  return facetsOf(value);
}

function parsed(json: string): unknown {
  return JSON.parse(json);
}
