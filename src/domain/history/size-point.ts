/** What a point of a size history stands for. */
export const HISTORY_STEPS = ['BATCH', 'SYNC', 'DAY'] as const;
export type HistoryStep = (typeof HISTORY_STEPS)[number];

/** The most points of one history: more than a day of syncs a minute apart. */
export const HISTORY_MAX_POINTS = 2_000;

export interface HistoryInput {
  readonly from: Date;
  /** Now if left out. */
  readonly to?: Date | null | undefined;
  readonly by: HistoryStep;
}

export interface SizePoint {
  /** When the last batch of the step was applied; of a day, its beginning. */
  readonly at: Date;
  /** How many users the cohort had after it. */
  readonly size: number;
  /** How many entered and left since the point before. */
  readonly added: number;
  readonly removed: number;
  /** The sync it stands for, if any. */
  readonly syncNumber: number | null;
}
