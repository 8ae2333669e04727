import { randomBytes } from 'node:crypto';
import { openAsBlob } from 'node:fs';
import type { Logger } from 'drizzle-orm/logger';
import { inject } from 'vitest';
import { type OpenDatabase, openEmbedded, openServer } from '../../src/db/client.ts';
import { migrate } from '../../src/db/migrate.ts';
import { dropDatabase, urlOf, withAdmin } from './postgres-server.ts';

/** Every guarantee of the product holds on each of these. */
export const DATABASES = ['pglite', 'postgres'] as const;
export type DatabaseKind = (typeof DATABASES)[number];

/** A database of a test's own. `url` is null where no second connection can be opened. */
export type TestDatabase = OpenDatabase & { readonly url: string | null };

interface Options {
  readonly logger?: Logger | undefined;
  /** Connections in the pool, on PostgreSQL. */
  readonly poolSize?: number | undefined;
}

/** Opens a new, migrated, empty database that nobody else uses. Closing it destroys it. */
export async function openTestDatabase(kind: DatabaseKind, options: Options = {}): Promise<TestDatabase> {
  if (kind === 'postgres') return openPostgres({ ...options, isEmpty: false });
  const loadDataDir = await openAsBlob(inject('pgliteDump'), { type: 'application/x-tar' });
  return { ...(await openEmbedded({ folder: null, logger: options.logger, loadDataDir })), url: null };
}

/** A PostgreSQL database without any table, to be migrated by the test. */
export async function openEmptyPostgres(options: Options = {}): Promise<TestDatabase & { readonly url: string }> {
  return openPostgres({ ...options, isEmpty: true });
}

/** Another pool on the same PostgreSQL database: what a second server process has. Close it before the first. */
export function secondServer(database: TestDatabase, options: Options = {}): OpenDatabase {
  if (database.url === null) throw new Error('PGlite is one connection: it has no second server.');
  return openServer({ url: database.url, poolSize: options.poolSize, logger: options.logger });
}

async function openPostgres(options: Options & { isEmpty: boolean }): Promise<TestDatabase & { readonly url: string }> {
  const adminUrl = inject('adminUrl');
  const template = options.isEmpty ? null : inject('templateDatabase');
  const name = `muster_test_${randomBytes(6).toString('hex')}`;
  await withAdmin(adminUrl, (sql) =>
    template ? sql`create database ${sql(name)} template ${sql(template)}` : sql`create database ${sql(name)}`,
  );
  const url = urlOf(adminUrl, name);
  const database = openServer({ url, poolSize: options.poolSize, logger: options.logger });
  const close = async () => {
    await database.close();
    await withAdmin(adminUrl, (sql) => dropDatabase(sql, name));
  };
  try {
    if (!template && !options.isEmpty) await migrate(database);
  } catch (error) {
    await close();
    throw error;
  }
  return { ...database, close, url };
}
