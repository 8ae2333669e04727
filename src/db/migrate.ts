import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { sql } from 'drizzle-orm';
import { migrate as applyPglite } from 'drizzle-orm/pglite/migrator';
import { migrate as applyPostgres } from 'drizzle-orm/postgres-js/migrator';
import { type Db, type OpenDatabase, postgresCode, queryRows } from './client.ts';

const MIGRATIONS_FOLDER = fileURLToPath(new URL('../../drizzle', import.meta.url));
const MIGRATIONS_TABLE = 'muster_migrations';
/** Any constant: all servers of one database wait for each other on it. */
const MIGRATION_LOCK = 7_316_202_601;

/** The database was written by a newer Muster than this one. */
export class DatabaseTooNewError extends Error {
  override readonly name = 'DatabaseTooNewError';
}

/** The server lacks functions on bit strings that came with PostgreSQL 14. */
export class ServerTooOldError extends Error {
  override readonly name = 'ServerTooOldError';
}
const OLDEST_SERVER = 140_000;

interface Journal {
  readonly entries: readonly { readonly when: number; readonly tag: string }[];
}

/**
 * Brings the database to this version's tables. Safe to call from several servers at once: they wait for each other on an advisory
 * lock held by the very connection that migrates. Errors: `DatabaseTooNewError` when the database is
 * ahead of the code, `ServerTooOldError` below PostgreSQL 14.
 */
export async function migrate(database: OpenDatabase): Promise<void> {
  const session = database.dedicated ? await database.dedicated() : { db: database.db, close: async () => {} };
  try {
    await refuseOldServer(session.db);
    const lock = database.kind === 'server';
    if (lock) await session.db.execute(sql`select pg_advisory_lock(${MIGRATION_LOCK}::bigint)`);
    await refuseNewer(session.db);
    await applyMissing(session.db, database.kind);
    if (lock) await session.db.execute(sql`select pg_advisory_unlock(${MIGRATION_LOCK}::bigint)`);
  } finally {
    await session.close();
  }
}

/** True when every migration of this version has been applied. */
export async function isMigrated(db: Db): Promise<boolean> {
  return (await lastApplied(db)) === newestKnown();
}

async function applyMissing(db: Db, kind: OpenDatabase['kind']): Promise<void> {
  const config = { migrationsFolder: MIGRATIONS_FOLDER, migrationsTable: MIGRATIONS_TABLE };
  // Both migrators do the same through the dialect; they differ in the type they accept only.
  if (kind === 'embedded') await applyPglite(db as unknown as Parameters<typeof applyPglite>[0], config);
  else await applyPostgres(db as unknown as Parameters<typeof applyPostgres>[0], config);
}

async function refuseOldServer(db: Db): Promise<void> {
  const [row] = await queryRows<{ version: string }>(db, sql`select current_setting('server_version_num') as version`);
  if (Number(row?.version ?? 0) < OLDEST_SERVER) throw new ServerTooOldError('Muster needs PostgreSQL 14 or later.');
}

async function refuseNewer(db: Db): Promise<void> {
  const applied = await lastApplied(db);
  if (applied <= newestKnown()) return;
  throw new DatabaseTooNewError(
    'The database was migrated by a newer version of Muster than this one. Start that version or a later one; nothing was changed.',
  );
}

/** When the newest applied migration was made, in epoch milliseconds; 0 on an empty database. */
async function lastApplied(db: Db): Promise<number> {
  try {
    const [row] = await queryRows<{ newest: string | null }>(
      db,
      sql`select max(created_at)::text as newest from drizzle.muster_migrations`,
    );
    return Number(row?.newest ?? 0);
  } catch (error) {
    const code = postgresCode(error);
    // undefined table, undefined schema: nothing was ever applied
    if (code === '42P01' || code === '3F000') return 0;
    throw error;
  }
}

let newest: number | undefined;
function newestKnown(): number {
  newest ??= Math.max(
    ...(JSON.parse(readFileSync(`${MIGRATIONS_FOLDER}/meta/_journal.json`, 'utf8')) as Journal).entries.map(
      (e) => e.when,
    ),
  );
  return newest;
}
