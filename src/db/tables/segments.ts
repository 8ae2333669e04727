import { sql } from 'drizzle-orm';
import {
  bigint,
  foreignKey,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import { instant } from './columns.ts';

export const segments = pgTable(
  'segments',
  {
    workspaceId: integer('workspace_id').notNull(),
    id: uuid('id').notNull(),
    name: text('name').notNull(),
    description: text('description'),
    /** The canonical filter: see domain/segments/filter.ts. */
    filter: jsonb('filter').$type<unknown>().notNull(),
    createdAt: instant('created_at').notNull(),
    updatedAt: instant('updated_at').notNull(),
    archivedAt: instant('archived_at'),
    /** Grows by one with each change; the versions are in `segment_versions`. */
    version: integer('version').notNull().default(1),
    tags: text('tags').array().notNull().default(sql`'{}'`),
  },
  (t) => [
    primaryKey({ columns: [t.workspaceId, t.id] }),
    // serves: a live segment by name; an archived one leaves its name free
    uniqueIndex('segments_by_live_name').on(t.workspaceId, t.name).where(sql`archived_at is null`),
    // serves: the list in order of names
    index('segments_by_name').on(t.workspaceId, t.name, t.id),
  ],
);

/** Which cohorts a segment's filter mentions, so that "where is this cohort used" is an index read. */
export const segmentCohorts = pgTable(
  'segment_cohorts',
  {
    workspaceId: integer('workspace_id').notNull(),
    segmentId: uuid('segment_id').notNull(),
    cohortId: integer('cohort_id').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.workspaceId, t.cohortId, t.segmentId] }),
    foreignKey({ columns: [t.workspaceId, t.segmentId], foreignColumns: [segments.workspaceId, segments.id] }),
  ],
);

/** Which segments a segment's filter refers to: an archived one is still needed by whoever refers to it. */
export const segmentSegments = pgTable(
  'segment_segments',
  {
    workspaceId: integer('workspace_id').notNull(),
    segmentId: uuid('segment_id').notNull(),
    usesSegmentId: uuid('uses_segment_id').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.workspaceId, t.usesSegmentId, t.segmentId] }),
    foreignKey({ columns: [t.workspaceId, t.segmentId], foreignColumns: [segments.workspaceId, segments.id] }),
    foreignKey({ columns: [t.workspaceId, t.usesSegmentId], foreignColumns: [segments.workspaceId, segments.id] }),
    // serves: what a segment refers to
    index('segment_segments_by_segment').on(t.workspaceId, t.segmentId),
  ],
);

/** What a segment was, version by version, who made it so, and why. */
export const segmentVersions = pgTable(
  'segment_versions',
  {
    workspaceId: integer('workspace_id').notNull(),
    segmentId: uuid('segment_id').notNull(),
    version: integer('version').notNull(),
    name: text('name').notNull(),
    description: text('description'),
    filter: jsonb('filter').$type<unknown>().notNull(),
    tags: text('tags').array().notNull(),
    archivedAt: instant('archived_at'),
    /** `created`, `updated`, `archived`, `restored`, `rolled_back`, `duplicated`. */
    change: text('change').notNull(),
    /** The version a roll back went to. */
    ofVersion: integer('of_version'),
    reason: text('reason'),
    actorKind: text('actor_kind').notNull(),
    actorId: text('actor_id'),
    actorName: text('actor_name'),
    at: instant('at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.workspaceId, t.segmentId, t.version] })],
);

/** How many users a segment had: once a day, and at each change of it. */
export const segmentSizes = pgTable(
  'segment_sizes',
  {
    workspaceId: integer('workspace_id').notNull(),
    segmentId: uuid('segment_id').notNull(),
    at: instant('at').notNull(),
    size: integer('size').notNull(),
    version: integer('version').notNull(),
    reason: text('reason', { enum: ['DAY', 'CHANGE'] }).notNull(),
  },
  (t) => [primaryKey({ columns: [t.workspaceId, t.segmentId, t.at] })],
);

/** Who changed what: segments, keys, settings. Appended in the transaction of the change. */
export const auditLog = pgTable(
  'audit_log',
  {
    workspaceId: integer('workspace_id').notNull(),
    id: bigint('id', { mode: 'number' }).generatedAlwaysAsIdentity().notNull(),
    at: instant('at').notNull(),
    /** `api_key`, `configured_key`, `host`, `command_line`, `library`, `system`. */
    actorKind: text('actor_kind').notNull(),
    actorId: text('actor_id'),
    actorName: text('actor_name'),
    /** For example `segment.updated`. */
    action: text('action').notNull(),
    subjectType: text('subject_type').notNull(),
    subjectId: text('subject_id').notNull(),
    subjectName: text('subject_name'),
    /** What changed, before and after; never a secret. */
    details: jsonb('details').$type<Record<string, unknown>>().notNull(),
    reason: text('reason'),
  },
  (t) => [
    primaryKey({ columns: [t.workspaceId, t.id] }),
    // serves: what was done to one thing
    index('audit_log_by_subject').on(t.workspaceId, t.subjectType, t.subjectId, t.id),
  ],
);
