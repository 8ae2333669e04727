import { bigint, date, index, integer, pgTable, primaryKey, uuid } from 'drizzle-orm/pg-core';

/** Data points by cohort, key and UTC day. The cohort comes before the key so that writers of two cohorts never meet on one row. */
export const usageDaily = pgTable(
  'usage_daily',
  {
    workspaceId: integer('workspace_id').notNull(),
    cohortId: integer('cohort_id').notNull(),
    /** The nil UUID stands for the library and the command line, which have no key. */
    keyId: uuid('key_id').notNull(),
    day: date('day', { mode: 'string' }).notNull(),
    received: bigint('received', { mode: 'number' }).notNull(),
    matched: bigint('matched', { mode: 'number' }).notNull(),
    /** What Braze would bill: every matched add or remove, changed or not. */
    written: bigint('written', { mode: 'number' }).notNull(),
    changed: bigint('changed', { mode: 'number' }).notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.workspaceId, t.cohortId, t.keyId, t.day] }),
    // serves: what a workspace used in some days
    index('usage_daily_by_day').on(t.workspaceId, t.day),
  ],
);
