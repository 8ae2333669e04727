import type { Path } from '../errors.ts';
import type { LedgerBatch } from '../history/batch.ts';
import type { Alias } from '../users/identity.ts';
import type { Filter } from './filter.ts';

/** Why a part of a filter holds for a user, or does not. */
export interface ExplainedNode {
  readonly path: Path;
  readonly filter: Filter;
  readonly verdict: boolean;
  /** The parts of a group, of a negation, or of the segment it refers to. */
  readonly parts: readonly ExplainedNode[];
  /** For a condition on cohorts: one for each cohort it names. */
  readonly provenance: readonly Provenance[];
}

/** How a user came to be in a cohort, or not to be in it. */
export interface Provenance {
  readonly cohortId: number;
  readonly isMember: boolean;
  /** The batch that last moved the user in or out of it; null when none did, or the ledger has forgotten. */
  readonly batch: LedgerBatch | null;
  /** The identities of the user that the batch may have named them by. */
  readonly namedBy: readonly NamedBy[];
  /** Some batches of the cohort are older than what the ledger remembers, so that there may have been another one. */
  readonly isForgotten: boolean;
}

export type NamedBy =
  | { readonly kind: 'external_id'; readonly value: string }
  | { readonly kind: 'alias'; readonly alias: Alias }
  | { readonly kind: 'device_id'; readonly value: string };

export interface Explanation {
  readonly userId: number;
  readonly segmentId: string;
  readonly isMember: boolean;
  /** The moment it is about; null for now. */
  readonly asOf: Date | null;
  readonly tree: ExplainedNode;
  /** What is not remembered, so that it is answered as it is now; empty for now. */
  readonly asOfNow: readonly string[];
}
