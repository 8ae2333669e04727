import { type Alias, identityFault } from '../../domain/users/identity.ts';
import type { Read } from './row.ts';

/** One row of a list of members: who is meant, by one identity or several, and whether they leave. */
export interface Member {
  readonly externalIds: readonly string[];
  readonly deviceIds: readonly string[];
  readonly aliases: readonly Alias[];
  /** Null where the row does not say. */
  readonly remove: boolean | null;
}

/** What a column or field holds. */
export type IdentityKind =
  | { readonly kind: 'external_id' }
  | { readonly kind: 'device_id' }
  | { readonly kind: 'alias'; readonly label: string };

/** How the caller says where the identifiers are. */
export interface MemberChoice {
  /** The one column or field that holds them. */
  readonly column?: string | undefined;
  /** What they are. */
  readonly identity?: IdentityKind | undefined;
  /** False: the first line of a CSV file is a row. */
  readonly hasHeader: boolean;
}

/** An anonymous person in Amplitude's own download looks like this: no damage, but nobody who could be matched. */
export const NAMES_NOBODY = 'The row names nobody.';

const NONE: readonly never[] = [];
/** The most identities of one row: rows are sent some thousand identities at a time. */
const ROW_MAX_IDENTITIES = 1_000;

/** The kind of identity that a column or field of this name holds; null for any other name. `userId`, `user_id` and `User ID` are one. */
export function kindOfName(name: string): IdentityKind | null {
  if (/^alias:./s.test(name)) return { kind: 'alias', label: name.slice('alias:'.length) };
  const plain = plainName(name);
  if (plain === 'externalid' || plain === 'userid') return { kind: 'external_id' };
  if (plain === 'deviceid') return { kind: 'device_id' };
  return null;
}

/** A name without what writers of column names differ in. */
export function plainName(name: string): string {
  return name.toLowerCase().replace(/[\s_-]/g, '');
}

/** The name of a column that holds this kind. */
export function nameOfKind(kind: IdentityKind): string {
  return kind.kind === 'alias' ? `alias:${kind.label}` : kind.kind;
}

/** A member with one identity. */
export function memberOf(kind: IdentityKind, value: string, remove: boolean | null): Member {
  return {
    externalIds: kind.kind === 'external_id' ? [value] : NONE,
    deviceIds: kind.kind === 'device_id' ? [value] : NONE,
    aliases: kind.kind === 'alias' ? [{ label: kind.label, name: value }] : NONE,
    remove,
  };
}

/** Looks at every identity: one that nobody can have would make the whole batch be refused. */
export function checkMember(member: Member): Read<Member> {
  const { externalIds, deviceIds, aliases } = member;
  const count = externalIds.length + deviceIds.length + aliases.length;
  if (count === 0) return { fault: NAMES_NOBODY };
  if (count > ROW_MAX_IDENTITIES)
    return { fault: `A row names at most ${ROW_MAX_IDENTITIES} identities: write several rows.` };
  for (const value of externalIds) {
    const fault = identityFault(value);
    if (fault !== null) return { fault: `The external id ${fault}.` };
  }
  for (const value of deviceIds) {
    const fault = identityFault(value);
    if (fault !== null) return { fault: `The device id ${fault}.` };
  }
  for (const { label, name } of aliases) {
    const fault = identityFault(label);
    if (fault !== null) return { fault: `The label of the alias ${fault}.` };
    const nameFault = identityFault(name);
    if (nameFault !== null) return { fault: `The name of the alias ${nameFault}.` };
  }
  return { value: member };
}

/** What an operation means: true to remove, null for an empty one, undefined for what it cannot be. */
export function readOperation(text: string): boolean | null | undefined {
  const word = text.trim().toLowerCase();
  if (word === '') return null;
  if (word === 'add') return false;
  return word === 'remove' ? true : undefined;
}

export const BAD_OPERATION = 'The operation must be add or remove.';
