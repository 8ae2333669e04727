import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import { blockBits, instant, opaqueText } from './columns.ts';

export const cohorts = pgTable(
  'cohorts',
  {
    workspaceId: integer('workspace_id').notNull(),
    id: integer('id').notNull(),
    partner: text('partner').notNull(),
    /** The cohort's id at the partner. */
    partnerCohortId: opaqueText('partner_cohort_id').notNull(),
    /** Equals the partner's cohort id until the partner sends a name. */
    name: text('name').notNull(),
    isNamed: boolean('is_named').notNull().default(false),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (t) => [
    primaryKey({ columns: [t.workspaceId, t.id] }),
    uniqueIndex('cohorts_by_partner_id').on(t.workspaceId, t.partner, t.partnerCohortId),
    // serves: a cohort by name, and the list in order of names
    index('cohorts_by_name').on(t.workspaceId, t.name, t.id),
  ],
);

/**
 * Who is in which cohort: 8,192 users a row, `block = user_id >> 13`, bit `user_id & 8191`, the lowest user first.
 * Cohorts below 1 are reserved sets that no partner owns: see domain/membership/reserved.ts.
 */
export const membershipBlocks = pgTable(
  'membership_blocks',
  {
    workspaceId: integer('workspace_id').notNull(),
    cohortId: integer('cohort_id').notNull(),
    block: integer('block').notNull(),
    bits: blockBits('bits').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.workspaceId, t.cohortId, t.block] }),
    // serves: all cohorts of one user
    index('membership_blocks_by_block').on(t.workspaceId, t.block, t.cohortId),
  ],
);

/** The ledger: one row per applied request, with the users that really changed. Appended in the transaction that changes the bits. */
export const batches = pgTable(
  'batches',
  {
    workspaceId: integer('workspace_id').notNull(),
    id: bigint('id', { mode: 'number' }).generatedAlwaysAsIdentity().notNull(),
    cohortId: integer('cohort_id').notNull(),
    /** The wire form it came in, or `join`, `merge`, `delete` where users changed rather than the cohort. */
    dialect: text('dialect').notNull(),
    /** The key that sent it; null for the library and the command line. */
    keyId: uuid('key_id'),
    requestId: text('request_id'),
    appliedAt: instant('applied_at').notNull(),
    durationMs: integer('duration_ms').notNull(),
    /** Identifiers in the request, repeats included. */
    receivedCount: integer('received_count').notNull(),
    /** Of those, how many named a user. */
    matchedCount: integer('matched_count').notNull(),
    heldCount: integer('held_count').notNull(),
    ignoredCount: integer('ignored_count').notNull(),
    /** Why identifiers matched nobody, reason to count. */
    reasons: jsonb('reasons').$type<Record<string, number>>().notNull(),
    addedCount: integer('added_count').notNull(),
    removedCount: integer('removed_count').notNull(),
    /** The users who really entered and left; null once retention dropped them. */
    added: integer('added').array(),
    removed: integer('removed').array(),
  },
  (t) => [
    primaryKey({ columns: [t.workspaceId, t.id] }),
    // No foreign key to the cohort: whoever appends holds its row, a cohort is never deleted, and the check would cost as much as the insert.
    // serves: the batches of a cohort, newest first, and when it last received one
    index('batches_by_cohort').on(t.workspaceId, t.cohortId, t.id),
    // serves: when a cohort last changed
    index('batches_that_changed').on(t.workspaceId, t.cohortId, t.id).where(sql`added_count + removed_count > 0`),
  ],
);
