import { fail, type Path } from '../errors.ts';

/** The kinds of identity as stored. */
export const KIND = { externalId: 1, alias: 2, deviceId: 3 } as const;
export type Kind = (typeof KIND)[keyof typeof KIND];

/** One way to name a user. The label is empty for all kinds but the alias. */
export interface Identity {
  readonly kind: Kind;
  readonly label: string;
  readonly value: string;
}

/** An alias as callers write it: opaque both, the pair is unique in the workspace. */
export interface Alias {
  readonly label: string;
  readonly name: string;
}

/** A user as callers name one. `id` is the number inside the workspace. */
export type UserRef =
  | { readonly id: number }
  | { readonly externalId: string }
  | { readonly alias: Alias }
  | { readonly deviceId: string };

/** True for a number that a user can have; what a caller gives may be any. */
export function isUserId(id: number): boolean {
  return Number.isInteger(id) && id > 0 && id < 2 ** 31;
}

/** The longest identity, in bytes of UTF-8. */
export const IDENTITY_MAX_BYTES = 512;

export const externalId = (value: string): Identity => ({ kind: KIND.externalId, label: '', value });
export const alias = (a: Alias): Identity => ({ kind: KIND.alias, label: a.label, value: a.name });
export const deviceId = (value: string): Identity => ({ kind: KIND.deviceId, label: '', value });

/** A string that two identities share only when they are the same. NUL cannot occur in an identity. */
export function identityKey(identity: Identity): string {
  return `${identity.kind}\u0000${identity.label}\u0000${identity.value}`;
}

/** The identity behind a reference; null for a reference by number. */
export function identityOfRef(ref: UserRef): Identity | null {
  if ('externalId' in ref) return externalId(ref.externalId);
  if ('alias' in ref) return alias(ref.alias);
  if ('deviceId' in ref) return deviceId(ref.deviceId);
  return null;
}

/** False for text that no user can have and PostgreSQL refuses, or takes for another text: such a reference must not be looked up. */
export function isStorable(ref: UserRef): boolean {
  const identity = identityOfRef(ref);
  if (identity === null) return true;
  return [identity.label, identity.value].every((text) => !text.includes('\u0000') && text.isWellFormed());
}

/** What is wrong with a text as an identity, as the end of a sentence; null when nothing is. */
export function identityFault(value: unknown): string | null {
  if (typeof value !== 'string') return 'must be a string';
  if (value === '') return 'must not be empty';
  // Three bytes a UTF-16 unit is the most: only long texts need counting.
  if (value.length * 3 > IDENTITY_MAX_BYTES && Buffer.byteLength(value) > IDENTITY_MAX_BYTES)
    return `must be at most ${IDENTITY_MAX_BYTES} bytes`;
  if (value.includes('\u0000')) return 'must not contain NUL';
  if (!value.isWellFormed()) return 'must be well-formed Unicode (it contains half of a surrogate pair)';
  return null;
}

/**
 * An identity is opaque: case-sensitive, not trimmed, 1 to 512 bytes, no NUL, well-formed Unicode.
 * Errors: INVALID_INPUT with the path.
 */
export function parseIdentityText(value: unknown, path: Path): string {
  const fault = identityFault(value);
  if (fault !== null) throw fail('INVALID_INPUT', `An identity ${fault}.`, { path });
  return value as string;
}
