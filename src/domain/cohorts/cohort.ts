/** A cohort as a partner sends it. Its name is the partner's cohort id until the partner sends one. */
export interface Cohort {
  readonly id: number;
  readonly partner: string;
  readonly partnerCohortId: string;
  readonly name: string;
  readonly isNamed: boolean;
  readonly createdAt: Date;
  /** How often the operator says its sender sends; null: it is observed. */
  readonly cadence: Cadence | null;
}

/** How often a sender sends. `ONE_TIME`: never again. */
export const CADENCES = ['ONE_TIME', 'DAILY', 'HOURLY', 'REAL_TIME'] as const;
export type Cadence = (typeof CADENCES)[number];

/** What became of one request. `matched` + `held` + `ignored` = `received`. */
export interface Outcome {
  /** Null when the request named a cohort nobody knows and changed nothing: the credential test of real clients. */
  readonly cohort: Cohort | null;
  readonly received: number;
  readonly matched: number;
  readonly held: number;
  readonly ignored: number;
  /** Why identifiers matched nobody, reason to count. */
  readonly reasons: Readonly<Record<string, number>>;
  /** Distinct users written; `written - added - removed` of them were so already. */
  readonly written: number;
  /** Users who really entered and left. */
  readonly added: number;
  readonly removed: number;
  /** The row of the ledger; null when nothing was applied. */
  readonly batchId: number | null;
  /** This very request had been applied before: these are the counts of then. */
  readonly isDuplicate: boolean;
  /** It would have removed too much of the cohort, so that nothing was applied yet: the changes wait under this id for an operator. */
  readonly heldChangesId: string | null;
}

/** A cohort as callers name one. A name must be the only one of its kind. */
export type CohortRef =
  | { readonly id: number }
  | { readonly partnerCohort: { readonly partner: string; readonly cohortId: string } }
  | { readonly name: string };

export interface CohortOrder {
  readonly field: 'NAME' | 'CREATED_AT';
  readonly direction: 'ASC' | 'DESC';
}

/** Signs of life of a cohort. Both null when nothing was ever received, or retention dropped it. */
export interface Activity {
  readonly lastReceivedAt: Date | null;
  readonly lastChangedAt: Date | null;
}
