import type { CohortChange } from '../../src/domain/cohorts/change.ts';
import type { ErrorCode } from '../../src/domain/errors.ts';
import type { Alias, UserRef } from '../../src/domain/users/identity.ts';
import type { UnknownIdentityPolicy } from '../../src/domain/workspaces/workspaces.ts';

// What can be done to a workspace, as plain data: the engine and the model are given the very same, and a failing sequence can be read,
// pasted and run again.

/** A user of an upsert. */
export interface Somebody {
  /** The number of a user there is, in place of an external id. */
  readonly id?: number;
  /** Nobody is to be made or identified. */
  readonly updateOnly?: boolean;
  readonly externalId: string | null;
  readonly aliases: readonly Alias[];
  readonly deviceIds: readonly string[];
  readonly attributes: Readonly<Record<string, unknown>> | null;
}

export type Command =
  | { readonly do: 'upsert'; readonly users: readonly Somebody[]; readonly perItem: boolean }
  | { readonly do: 'change'; readonly cohort: string; readonly changes: readonly CohortChange[] }
  | {
      readonly do: 'identify';
      readonly items: readonly { readonly user: UserRef; readonly externalId: string }[];
      readonly onAliasClash: 'DEPRECATE' | 'REFUSE';
    }
  | { readonly do: 'merge'; readonly items: readonly { readonly user: UserRef; readonly into: UserRef }[] }
  | { readonly do: 'addAlias'; readonly items: readonly { readonly user: UserRef; readonly alias: Alias }[] }
  | {
      readonly do: 'renameAlias';
      readonly items: readonly { readonly label: string; readonly name: string; readonly newName: string }[];
    }
  | { readonly do: 'attachDevice'; readonly items: readonly { readonly user: UserRef; readonly deviceId: string }[] }
  | { readonly do: 'detachDevice'; readonly items: readonly { readonly deviceId: string }[] }
  | {
      readonly do: 'renameExternalId';
      readonly items: readonly { readonly externalId: string; readonly newExternalId: string }[];
    }
  | { readonly do: 'removeExternalId'; readonly items: readonly { readonly externalId: string }[] }
  | { readonly do: 'delete'; readonly items: readonly { readonly user: UserRef }[] }
  | { readonly do: 'policy'; readonly policy: UnknownIdentityPolicy }
  /** Sets the limits of the pending pool and trims it. */
  | { readonly do: 'trim'; readonly maxMembers: number | null; readonly maxAgeDays: number | null };

/** What became of an item: the user's number, null where nobody is left, or why it was refused. */
export type Told = number | null | ErrorCode;

export type Answer =
  | { readonly refused: ErrorCode }
  | { readonly items: readonly Told[] }
  | {
      readonly users: readonly ({ readonly id: number; readonly isCreated: boolean } | ErrorCode)[];
      readonly created: number;
      readonly updated: number;
      readonly refusedUsers: number;
      readonly joined: number;
    }
  | {
      readonly cohort: number | null;
      readonly received: number;
      readonly matched: number;
      readonly held: number;
      readonly ignored: number;
      readonly reasons: Readonly<Record<string, number>>;
      readonly written: number;
      readonly added: number;
      readonly removed: number;
    }
  | { readonly dropped: number }
  | { readonly done: true };

/** A workspace as it looks from outside. Everything is sorted, so that equal workspaces are equal JSON. */
export interface State {
  readonly users: readonly {
    readonly id: number;
    /** Current identities: `external e1`, `alias l1/n1`, `device d1`. */
    readonly names: readonly string[];
    /** Those that still resolve, but are deprecated. */
    readonly formerNames: readonly string[];
    readonly attributes: Readonly<Record<string, unknown>>;
  }[];
  readonly cohorts: readonly {
    readonly id: number;
    readonly name: string;
    readonly members: readonly number[];
    readonly pending: readonly string[];
    /** Sums over the requests of the cohort. */
    readonly requests: Readonly<Record<'received' | 'matched' | 'held' | 'ignored' | 'written' | 'changed', number>>;
  }[];
  readonly everyone: readonly number[];
  readonly identified: readonly number[];
  readonly aliased: readonly number[];
  readonly drops: Readonly<Record<string, number>>;
}
