import { sql } from 'drizzle-orm';
import { doublePrecision, index, integer, pgTable, primaryKey, smallint, text } from 'drizzle-orm/pg-core';
import { blockBits, instant, opaqueText } from './columns.ts';

/** The custom attributes that are indexed, and how far the index is built. */
export const attributeIndexes = pgTable(
  'attribute_indexes',
  {
    workspaceId: integer('workspace_id').notNull(),
    name: opaqueText('name').notNull(),
    /** `READY` answers questions; `BUILDING` is kept up to date for users up to `built_to` already. */
    state: text('state', { enum: ['BUILDING', 'READY'] }).notNull(),
    builtTo: integer('built_to').notNull().default(0),
    createdAt: instant('created_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.workspaceId, t.name] })],
);

/**
 * Who has which value of an indexed attribute, 8,192 users a row as in `membership_blocks`: bits where many of the block have it, the
 * positions of those who do where few have. Written under the lock of the workspace row.
 */
export const attributeBlocks = pgTable(
  'attribute_blocks',
  {
    workspaceId: integer('workspace_id').notNull(),
    name: opaqueText('name').notNull(),
    /** 0 has any value, 1 string, 2 number, 3 boolean, 4 string in an array, 5 number in an array; 9 has an alias of the label `value`. */
    kind: smallint('kind').notNull(),
    /** The value as text; long ones by their hash. */
    value: opaqueText('value').notNull(),
    block: integer('block').notNull(),
    /** The value as a number, or as the milliseconds of a time: for comparisons. */
    number: doublePrecision('number'),
    bits: blockBits('bits'),
    positions: smallint('positions').array(),
  },
  (t) => [
    primaryKey({ columns: [t.workspaceId, t.name, t.kind, t.value, t.block] }),
    // serves: comparisons of numbers and times
    index('attribute_blocks_by_number').on(t.workspaceId, t.name, t.kind, t.number).where(sql`number is not null`),
  ],
);
