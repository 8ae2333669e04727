import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
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
    /** How often the operator says its sender sends; null: it is observed. */
    cadence: text('cadence', { enum: ['ONE_TIME', 'DAILY', 'HOURLY', 'REAL_TIME'] }),
    /** What the sender itself last said of its syncs, where it can be asked. */
    reportedCadence: text('reported_cadence', { enum: ['DAILY', 'HOURLY', 'REAL_TIME'] }),
    reportedSuccessAt: instant('reported_success_at'),
    reportedFailureAt: instant('reported_failure_at'),
    /** Fetched from the sender this often, and when next; null: only when asked. */
    pullEveryHours: integer('pull_every_hours'),
    nextPullAt: instant('next_pull_at'),
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
 * Sets below 1 are no partner's: reserved sets and the lists of staged replacements, see domain/membership/bits.ts.
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
    /**
     * The wire form it came in; `join`, `merge`, `delete` where users changed rather than the cohort; `undo`, `replay` where an operator
     * had a batch taken back or applied again.
     */
    dialect: text('dialect').notNull(),
    /** The key that sent it; null for the library and the command line. */
    keyId: uuid('key_id'),
    /** The sender's name for the request. The same one is applied once a cohort. */
    requestId: text('request_id'),
    /** When the sender computed it, where its form says so: an older message never undoes a newer one for the same user. */
    computedAt: instant('computed_at'),
    /** Which sync of the cohort it belongs to, from 1; null where no sender sent it. */
    syncNo: integer('sync_no'),
    /** The batch that an `undo` or `replay` is about. */
    ofBatchId: bigint('of_batch_id', { mode: 'number' }),
    appliedAt: instant('applied_at').notNull(),
    durationMs: integer('duration_ms').notNull(),
    /** Which kinds of identity it named users by, added up: 1 external id, 2 alias, 4 device id; null for what came before this was kept. */
    identityKinds: smallint('identity_kinds'),
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
    /** The users named who were so already: positive where they were in, negative where they were out. */
    unchanged: integer('unchanged').array(),
    /** Of a message with a time: hashes of the identities that nobody had, so that an older message can tell that it comes too late. */
    unmatchedHashes: bigint('unmatched_hashes', { mode: 'number' }).array(),
  },
  (t) => [
    primaryKey({ columns: [t.workspaceId, t.id] }),
    // No foreign key to the cohort: whoever appends holds its row, a cohort is never deleted, and the check would cost as much as the insert.
    // serves: the batches of a cohort, newest first, and when it last received one
    index('batches_by_cohort').on(t.workspaceId, t.cohortId, t.id),
    // serves: when a cohort last changed
    index('batches_that_changed').on(t.workspaceId, t.cohortId, t.id).where(sql`added_count + removed_count > 0`),
    // serves: the syncs of a cohort, and when it last received something
    index('batches_by_sync').on(t.workspaceId, t.cohortId, t.syncNo, t.id).where(sql`sync_no is not null`),
    // serves: has this request been applied already
    index('batches_by_request').on(t.workspaceId, t.cohortId, t.requestId).where(sql`request_id is not null`),
    // serves: what newer messages than this one have said
    index('batches_by_time').on(t.workspaceId, t.cohortId, t.computedAt).where(sql`computed_at is not null`),
  ],
);

/** Changes that were acknowledged and wait for their turn: first come, first applied, a cohort at a time. */
export const acceptedChanges = pgTable(
  'accepted_changes',
  {
    workspaceId: integer('workspace_id').notNull(),
    id: bigint('id', { mode: 'number' }).generatedAlwaysAsIdentity().notNull(),
    partner: text('partner').notNull(),
    partnerCohortId: opaqueText('partner_cohort_id').notNull(),
    /** The command as JSON. */
    command: text('command').notNull(),
    acceptedAt: instant('accepted_at').notNull(),
    attempts: integer('attempts').notNull().default(0),
    /** Tried again from then on. */
    dueAt: instant('due_at').notNull(),
    /** The code of the last failure. */
    lastError: text('last_error'),
  },
  (t) => [
    primaryKey({ columns: [t.workspaceId, t.id] }),
    // serves: does anything of this cohort wait, and what is first
    index('accepted_changes_by_cohort').on(t.workspaceId, t.partner, t.partnerCohortId, t.id),
  ],
);

/** Changes that would have removed more of a cohort than its workspace lets pass: they wait for an operator. */
export const heldChanges = pgTable(
  'held_changes',
  {
    workspaceId: integer('workspace_id').notNull(),
    id: uuid('id').notNull(),
    cohortId: integer('cohort_id').notNull(),
    /** The command as JSON; null where a staged replacement is held. */
    command: text('command'),
    replacementId: uuid('replacement_id'),
    dialect: text('dialect').notNull(),
    keyId: uuid('key_id'),
    /** The newest batch of the cohort then: what came later is not undone by an approval. */
    afterBatchId: bigint('after_batch_id', { mode: 'number' }).notNull(),
    heldAt: instant('held_at').notNull(),
    /** The size of the cohort then, and how many would have left. */
    size: integer('size').notNull(),
    wouldRemove: integer('would_remove').notNull(),
    wouldAdd: integer('would_add').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.workspaceId, t.id] }),
    // serves: what is held of a cohort
    index('held_changes_by_cohort').on(t.workspaceId, t.cohortId, t.heldAt),
  ],
);

/** A whole new list for a cohort while it is being sent. The list is a set of its own, which no partner owns, until it is committed. */
export const replacements = pgTable(
  'replacements',
  {
    workspaceId: integer('workspace_id').notNull(),
    id: uuid('id').notNull(),
    /** The set that holds the list. */
    setId: integer('set_id').notNull(),
    partner: text('partner').notNull(),
    partnerCohortId: opaqueText('partner_cohort_id').notNull(),
    name: text('name'),
    state: text('state', { enum: ['OPEN', 'HELD', 'COMMITTED', 'ABANDONED'] }).notNull(),
    dialect: text('dialect').notNull(),
    keyId: uuid('key_id'),
    /** The sender's name for the run, where its pages say one. */
    session: text('session'),
    /** The pages that came, where they are numbered. */
    pages: integer('pages').array(),
    /** The newest batch of the cohort when it began: changes that came later win. */
    afterBatchId: bigint('after_batch_id', { mode: 'number' }).notNull(),
    createdAt: instant('created_at').notNull(),
    /** When the last page came. Lists that nobody goes on with are abandoned. */
    touchedAt: instant('touched_at').notNull(),
    /** The batch it became. */
    batchId: bigint('batch_id', { mode: 'number' }),
  },
  (t) => [
    primaryKey({ columns: [t.workspaceId, t.id] }),
    // serves: the run that a page belongs to
    uniqueIndex('replacements_by_session')
      .on(t.workspaceId, t.partner, t.partnerCohortId, t.session)
      .where(sql`session is not null`),
    // serves: lists that nobody goes on with
    index('replacements_open').on(t.workspaceId, t.touchedAt).where(sql`state in ('OPEN', 'HELD')`),
  ],
);

/** One fetching of a whole cohort from its sender, from the asking to the end. */
export const pulls = pgTable(
  'pulls',
  {
    workspaceId: integer('workspace_id').notNull(),
    id: uuid('id').notNull(),
    partner: text('partner').notNull(),
    partnerCohortId: opaqueText('partner_cohort_id').notNull(),
    state: text('state', { enum: ['WAITING', 'RUNNING', 'DONE', 'HELD', 'FAILED'] }).notNull(),
    /** `schedule`, or who asked. */
    askedBy: text('asked_by').notNull(),
    askedAt: instant('asked_at').notNull(),
    /** The sender's name for the job, once it was asked for. */
    remoteId: text('remote_id'),
    /** When the sender was asked: counts against its monthly cap. */
    startedAt: instant('started_at'),
    finishedAt: instant('finished_at'),
    /** Gone on with from then on; whoever moves it forward has the pull. */
    dueAt: instant('due_at').notNull(),
    attempts: integer('attempts').notNull().default(0),
    /** Rows of the file that could not be used. */
    refusedRows: integer('refused_rows').notNull().default(0),
    error: text('error'),
    batchId: bigint('batch_id', { mode: 'number' }),
  },
  (t) => [
    primaryKey({ columns: [t.workspaceId, t.id] }),
    // serves: the pulls of a cohort, the newest first
    index('pulls_by_cohort').on(t.workspaceId, t.partner, t.partnerCohortId, t.askedAt),
    // serves: what is to be done
    index('pulls_due').on(t.workspaceId, t.dueAt).where(sql`state in ('WAITING', 'RUNNING')`),
    // serves: how many were started this month
    index('pulls_started').on(t.workspaceId, t.startedAt),
  ],
);
