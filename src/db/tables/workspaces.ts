import { bigint, integer, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import { instant } from './columns.ts';

/**
 * The tenant, and the lock of its identities. Writers take this row in one of three strengths, always before anything else:
 * `for key share` while applying cohort changes, `for no key update` while adding users or identities,
 * `for update` while moving an identity from one user to another or deleting a user.
 */
export const workspaces = pgTable('workspaces', {
  id: integer('id').primaryKey(),
  name: text('name').notNull(),
  unknownIdentityPolicy: text('unknown_identity_policy', { enum: ['HOLD', 'IGNORE', 'CREATE'] })
    .notNull()
    .default('HOLD'),
  /** The number the next user gets. Users are numbered densely from 1 and a number is never given twice. */
  nextUserId: integer('next_user_id').notNull().default(1),
  nextCohortId: integer('next_cohort_id').notNull().default(1),
  /** Grows when an identity stops meaning the user it meant: whoever resolved before must resolve again. */
  identityEpoch: integer('identity_epoch').notNull().default(0),
  /** The most pending members kept; the oldest go first. Null: no limit. */
  pendingMaxMembers: integer('pending_max_members').default(1_000_000),
  /** How long pending members are kept, in days. Null: for ever. */
  pendingMaxAgeDays: integer('pending_max_age_days'),
  /** A request that would remove more than this share of a cohort waits for an operator. Null: none does. */
  shrinkGuardPercent: integer('shrink_guard_percent'),
  /** How long the ledger remembers which users a batch moved, in days. Null: for ever. Counts are kept. */
  ledgerRetentionDays: integer('ledger_retention_days').default(30),
  /** The last batch that has forgotten its users. */
  ledgerSweptTo: bigint('ledger_swept_to', { mode: 'number' }).notNull().default(0),
  /** Data points (`written`) a UTC month may cost. Null: no budget. */
  monthlyBudget: bigint('monthly_budget', { mode: 'number' }),
  /** What a month over budget does to further requests. */
  overBudget: text('over_budget', { enum: ['WARN', 'REFUSE'] })
    .notNull()
    .default('WARN'),
  createdAt: instant('created_at').notNull().defaultNow(),
});

/** Background work of a workspace and when it is due. Whoever takes the row does the work; other servers skip it. */
export const jobs = pgTable(
  'jobs',
  {
    workspaceId: integer('workspace_id').notNull(),
    name: text('name').notNull(),
    dueAt: instant('due_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.workspaceId, t.name] })],
);
