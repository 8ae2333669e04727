import type { Alias } from './identity.ts';
import type { Attributes } from './user-input.ts';

/** A person. Identified when they have an external id, anonymous when not. */
export interface User {
  /** The number inside the workspace. */
  readonly id: number;
  readonly externalId: string | null;
  readonly aliases: readonly Alias[];
  readonly deviceIds: readonly string[];
  readonly isAnonymous: boolean;
  readonly attributes: Attributes;
  readonly createdAt: Date;
}

/** What became of one user of an upsert: the user's number, or why it was refused. */
export type UpsertedUser =
  | { readonly id: number; readonly isCreated: boolean }
  | { readonly error: import('../errors.ts').DomainError };

export interface Upserted {
  /** One per user asked, in order. */
  readonly users: readonly UpsertedUser[];
  readonly created: number;
  readonly updated: number;
  readonly refused: number;
  /** Memberships that pending members turned into. */
  readonly joined: number;
}
