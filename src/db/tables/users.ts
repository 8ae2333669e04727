import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  date,
  foreignKey,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
} from 'drizzle-orm/pg-core';
import { instant, opaqueText } from './columns.ts';

export const users = pgTable(
  'users',
  {
    workspaceId: integer('workspace_id').notNull(),
    /** Dense per workspace: the position of this user's bit in every cohort. */
    id: integer('id').notNull(),
    /** Has an external id. Kept beside the identities because a device id only means an anonymous user. */
    isIdentified: boolean('is_identified').notNull(),
    attributes: jsonb('attributes').$type<Record<string, unknown>>().notNull().default({}),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.workspaceId, t.id] })],
);

/** When the users of a block of 8,192 numbers were made, so that a question about time looks at the blocks at its edge only. */
export const userBlocks = pgTable(
  'user_blocks',
  {
    workspaceId: integer('workspace_id').notNull(),
    block: integer('block').notNull(),
    firstCreatedAt: instant('first_created_at').notNull(),
    lastCreatedAt: instant('last_created_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.workspaceId, t.block] })],
);

/**
 * One way to name a user. A row without a user is an identity that a cohort named and nobody has yet:
 * the primary key makes an import and the creation of that very user wait for each other.
 */
export const identities = pgTable(
  'identities',
  {
    workspaceId: integer('workspace_id').notNull(),
    /** 1 external id, 2 alias, 3 device id. */
    kind: smallint('kind').notNull(),
    /** The alias label; empty for the other kinds. */
    label: opaqueText('label').notNull(),
    value: opaqueText('value').notNull(),
    userId: integer('user_id'),
    /** Still resolves, no longer shown as the user's current one: an external id that was renamed or merged away. */
    isDeprecated: boolean('is_deprecated').notNull().default(false),
  },
  (t) => [
    primaryKey({ columns: [t.workspaceId, t.kind, t.label, t.value] }),
    foreignKey({ columns: [t.workspaceId, t.userId], foreignColumns: [users.workspaceId, users.id] }),
    // serves: the identities of given users
    index('identities_by_user').on(t.workspaceId, t.userId).where(sql`user_id is not null`),
  ],
);

/** An identity that a cohort named and no user has yet. The identifier comes first: one range read finds them when the user appears. */
export const pendingMembers = pgTable(
  'pending_members',
  {
    workspaceId: integer('workspace_id').notNull(),
    kind: smallint('kind').notNull(),
    label: opaqueText('label').notNull(),
    value: opaqueText('value').notNull(),
    cohortId: integer('cohort_id').notNull(),
    heldAt: instant('held_at').notNull().defaultNow(),
  },
  (t) => [
    primaryKey({ columns: [t.workspaceId, t.kind, t.label, t.value, t.cohortId] }),
    foreignKey({
      columns: [t.workspaceId, t.kind, t.label, t.value],
      foreignColumns: [identities.workspaceId, identities.kind, identities.label, identities.value],
    }),
    // serves: the pending members of one cohort
    index('pending_members_by_cohort').on(t.workspaceId, t.cohortId),
    // serves: the oldest pending members, which limits drop first
    index('pending_members_by_age').on(t.workspaceId, t.heldAt),
  ],
);

/** Pending members that were dropped without ever joining, by UTC day and reason, so that nothing goes silently. */
export const pendingDrops = pgTable(
  'pending_drops',
  {
    workspaceId: integer('workspace_id').notNull(),
    day: date('day', { mode: 'string' }).notNull(),
    /** `too_old`, `over_limit` or `device_of_identified_user`. */
    reason: text('reason').notNull(),
    members: bigint('members', { mode: 'number' }).notNull(),
  },
  (t) => [primaryKey({ columns: [t.workspaceId, t.day, t.reason] })],
);
