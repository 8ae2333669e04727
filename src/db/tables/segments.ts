import { sql } from 'drizzle-orm';
import { foreignKey, index, integer, jsonb, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
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
