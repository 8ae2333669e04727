/** How far a pull is. `RUNNING`: its sender was asked. `HELD`: the shrink guard keeps what it brought. */
export const PULL_STATES = ['WAITING', 'RUNNING', 'DONE', 'HELD', 'FAILED'] as const;
export type PullState = (typeof PULL_STATES)[number];

/** Who asked for a pull that nobody asked for. */
export const SCHEDULE = 'schedule';

/** One fetching of a whole cohort from its sender, from the asking to the end. */
export interface Pull {
  readonly id: string;
  readonly partner: string;
  readonly partnerCohortId: string;
  readonly state: PullState;
  /** `schedule`, or who asked. */
  readonly askedBy: string;
  readonly askedAt: Date;
  /** When the sender was asked. */
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
  /** Rows of the sender's list that name nobody. */
  readonly refusedRows: number;
  /** Why it failed, or what keeps it from going on, in one sentence. */
  readonly error: string | null;
  /** The row of the ledger it became; null where nothing was applied. */
  readonly batchId: number | null;
}

/** The right to go on with a pull, until somebody else is given it. */
export interface PullLease {
  readonly id: string;
  /** Grows whenever the pull is given to somebody: an older number is worth nothing. */
  readonly attempt: number;
}

/** A pull in the hands of whoever goes on with it. */
export interface ClaimedPull extends Pull {
  readonly lease: PullLease;
  /** The sender's name for the job; null before it was asked, or when its answer never came. */
  readonly remoteId: string | null;
}

/** What a pull came to. */
export type PullEnd =
  | { readonly state: 'DONE'; readonly batchId: number | null }
  | { readonly state: 'HELD' }
  | { readonly state: 'FAILED'; readonly error: string };

/** Whether a sender may be asked now. */
export type Admission =
  | { readonly kind: 'admitted'; readonly startedAt: Date }
  /** Too many jobs are under way, or were asked for in the last minutes. */
  | { readonly kind: 'later'; readonly until: Date }
  /** The month's requests are used up. */
  | { readonly kind: 'capped'; readonly asked: number }
  /** Somebody else has the pull. */
  | { readonly kind: 'lost' };

/** What may be asked of a sender. */
export interface PullLimits {
  /** In a UTC month. */
  readonly perMonth: number;
  /** In ten minutes. */
  readonly perTenMinutes: number;
  /** Jobs under way at the same time. */
  readonly atOnce: number;
}

/** What a sender says of how it sends one cohort itself. */
export interface ReportedSync {
  readonly partnerCohortId: string;
  readonly cadence: 'DAILY' | 'HOURLY' | 'REAL_TIME' | null;
  readonly successAt: Date | null;
  readonly failureAt: Date | null;
}
