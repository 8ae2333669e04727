import { integer, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { instant } from './columns.ts';

/** Data import keys and API keys. Only the hash of a secret is stored. */
export const keys = pgTable(
  'keys',
  {
    workspaceId: integer('workspace_id').notNull(),
    id: uuid('id').notNull(),
    kind: text('kind', { enum: ['data_import', 'api'] }).notNull(),
    /** Data import keys only. */
    partner: text('partner'),
    name: text('name'),
    /** API keys only. */
    scopes: text('scopes').array().notNull(),
    /** Hex SHA-256 of the secret. */
    hash: text('hash').notNull(),
    /** The first characters of the secret, to recognise it by. */
    prefix: text('prefix').notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
    /** Written at most once a minute. */
    lastUsedAt: instant('last_used_at'),
    /** Refused from then on: the end of a rotation's overlap, or the end asked for. */
    expiresAt: instant('expires_at'),
    /** A successor was made then. */
    rotatedAt: instant('rotated_at'),
    /** Refused since then. */
    invalidatedAt: instant('invalidated_at'),
  },
  (t) => [
    primaryKey({ columns: [t.workspaceId, t.id] }),
    // serves: who presents this secret
    uniqueIndex('keys_by_hash').on(t.workspaceId, t.hash),
  ],
);
