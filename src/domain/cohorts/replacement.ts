import type { Outcome } from './cohort.ts';

/** `HELD`: committing it would remove more of the cohort than the guard lets pass; an operator decides. */
export const REPLACEMENT_STATES = ['OPEN', 'HELD', 'COMMITTED', 'ABANDONED'] as const;
export type ReplacementState = (typeof REPLACEMENT_STATES)[number];

/** A whole new list for a cohort while it is being sent, and what became of it. */
export interface Replacement {
  readonly id: string;
  readonly partner: string;
  readonly partnerCohortId: string;
  readonly name: string | null;
  readonly state: ReplacementState;
  readonly dialect: string;
  readonly createdAt: Date;
  /** When the last page came. */
  readonly touchedAt: Date;
  /** The row of the ledger it became. */
  readonly batchId: number | null;
}

/** What a page of a list came to. `matched` + `held` + `ignored` = `received`. */
export type PageOutcome = Pick<Outcome, 'received' | 'matched' | 'held' | 'ignored' | 'reasons'>;

/** What committing a list would do now. */
export interface Difference {
  /** Members now, and afterwards. */
  readonly size: number;
  readonly willHave: number;
  readonly entering: number;
  readonly leaving: number;
  readonly staying: number;
  /** Identities of the list that nobody has. */
  readonly pending: number;
  /** So many would leave that an operator has to approve it. */
  readonly wouldBeHeld: boolean;
}
