import type { DropReason } from './pending-drops.ts';

/** Why an identity is pending: what kind of identity it is that nobody has. */
export const PENDING_REASONS = ['unknown_external_id', 'unknown_alias', 'unknown_device_id'] as const;
export type PendingReason = (typeof PENDING_REASONS)[number];

/** An identity that a cohort named and nobody has: it joins when the user appears. */
export interface PendingMember {
  readonly reason: PendingReason;
  /** The alias label; null for the other kinds. */
  readonly label: string | null;
  readonly value: string;
  readonly cohortId: number;
  readonly heldAt: Date;
}

export interface PendingSummary {
  readonly members: number;
  readonly byReason: readonly { readonly reason: PendingReason; readonly members: number }[];
  /** The cohorts with the most pending members, at most ten. */
  readonly largestCohorts: readonly { readonly cohortId: number; readonly members: number }[];
  /** Dropped without joining in the last 30 days. */
  readonly dropped: readonly { readonly reason: DropReason; readonly members: number }[];
}
