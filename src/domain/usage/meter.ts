import type { Day } from './day.ts';

/** What usage can be told apart by. Days and months are UTC. */
export const USAGE_GROUPS = ['DAY', 'MONTH', 'COHORT', 'KEY'] as const;
export type UsageGroup = (typeof USAGE_GROUPS)[number];

/** The most rows of one answer. */
export const USAGE_MAX_ROWS = 10_000;

/** Data points. `received` >= `matched`, and `written` >= `changed`. */
export interface Meter {
  /** Identifiers that senders named. */
  readonly received: number;
  /** Of those, how many named a user. */
  readonly matched: number;
  /** Users added or removed, whether that changed anything or not: what a platform that bills data points would bill. */
  readonly written: number;
  /** Of those, how many really entered or left. */
  readonly changed: number;
  /** `written - changed`: paid for nothing. */
  readonly unchanged: number;
}

/** What one group used. What the question does not group by is null. */
export interface UsageRow extends Meter {
  readonly day: Day | null;
  /** As `2026-02`. */
  readonly month: string | null;
  readonly cohortId: number | null;
  /** Null too for what came without a key: the library, the command line, the host's own login. */
  readonly keyId: string | null;
}

export interface Usage {
  readonly from: Day;
  readonly to: Day;
  /** By time, cohort and key; exactly one where nothing is grouped by. Groups that used nothing are left out. */
  readonly rows: readonly UsageRow[];
  readonly totals: Meter;
}

export function sumUp(rows: readonly Meter[]): Meter {
  const total = (of: keyof Meter) => rows.reduce((sum, row) => sum + row[of], 0);
  return {
    received: total('received'),
    matched: total('matched'),
    written: total('written'),
    changed: total('changed'),
    unchanged: total('unchanged'),
  };
}
