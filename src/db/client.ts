import { PGlite } from '@electric-sql/pglite';
import { type SQL, sql } from 'drizzle-orm';
import type { Logger } from 'drizzle-orm/logger';
import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core';
import { drizzle as drizzlePglite } from 'drizzle-orm/pglite';
import { drizzle as drizzlePostgres } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import { lockFolder } from './folder-lock.ts';
import { gatePool } from './pool-gate.ts';

/** Any Drizzle database on PostgreSQL: postgres.js, PGlite, a transaction of either, or the host's own. */
export type Db = PgDatabase<PgQueryResultHKT, Record<string, never>>;

/** An open database and who has to close it. */
export interface OpenDatabase {
  readonly db: Db;
  /** `embedded` is one connection in this process; the others are a pool. */
  readonly kind: 'embedded' | 'server' | 'host';
  /** Opens one connection apart from the pool, for work that must stay on one session; null where there is only one. */
  readonly dedicated: (() => Promise<{ db: Db; close(): Promise<void> }>) | null;
  close(): Promise<void>;
}

export interface ServerOptions {
  readonly url: string;
  /** Connections in the pool. Default 10. */
  readonly poolSize?: number | undefined;
  /** How long work waits for a connection of the pool before it is refused, in milliseconds. Default 10,000. */
  readonly poolWaitMs?: number | undefined;
  readonly logger?: Logger | undefined;
}

const CONNECT_TIMEOUT_SECONDS = 10;
const POOL_WAIT_MS = 10_000;

/**
 * What the server ends by itself: a statement that runs this long, and a transaction that does nothing this long, whose locks would stand
 * in everybody's way while its owner is frozen or cut off. And it compiles nothing: it would do so for each statement anew that might look
 * at many users, for longer than nearly every such statement runs. Parameters of the URL go first.
 */
const SESSION = { statement_timeout: '60s', idle_in_transaction_session_timeout: '60s', jit: 'off' };

/** Opens PostgreSQL 14 or later through postgres.js. Nothing is sent until the first statement. */
export function openServer(options: ServerOptions): OpenDatabase {
  const connect = (max: number, session: object) =>
    postgres(options.url, {
      max,
      connect_timeout: CONNECT_TIMEOUT_SECONDS,
      // Left to itself it would not try again for up to twenty seconds, while requests wait.
      backoff: (attempt: number) => Math.min(3 ** attempt / 100, 1),
      onnotice: () => {},
      connection: { application_name: 'muster', TimeZone: 'UTC', ...session },
    });
  const wrap = (client: postgres.Sql): Db =>
    drizzlePostgres(client, options.logger ? { logger: options.logger } : {}) as unknown as Db;
  const size = options.poolSize ?? 10;
  const pool = connect(size, SESSION);
  return {
    db: wrap(gatePool(pool, size, options.poolWaitMs ?? POOL_WAIT_MS)),
    kind: 'server',
    dedicated: async () => {
      // A migration may take its time.
      const client = connect(1, {});
      return { db: wrap(client), close: () => client.end({ timeout: 5 }) };
    },
    close: () => pool.end({ timeout: 5 }),
  };
}

export interface EmbeddedOptions {
  /** Where the data lives; null keeps it in memory. */
  readonly folder: string | null;
  readonly logger?: Logger | undefined;
  /** A dumped data folder to begin with, where there is none yet. */
  readonly loadDataDir?: Blob | undefined;
}

/**
 * Opens the embedded PGlite. A folder is locked first: two processes on one folder would destroy each other's rows.
 * Errors: `FolderInUseError`.
 */
export async function openEmbedded(options: EmbeddedOptions): Promise<OpenDatabase> {
  const release = options.folder === null ? async () => {} : await lockFolder(options.folder);
  try {
    const load = options.loadDataDir ? { loadDataDir: options.loadDataDir } : {};
    const client = options.folder === null ? await PGlite.create(load) : await PGlite.create(options.folder, load);
    const db = drizzlePglite(client, options.logger ? { logger: options.logger } : {}) as unknown as Db;
    const close = async () => {
      await client.close();
      await release();
    };
    return { db, kind: 'embedded', dedicated: null, close };
  } catch (error) {
    await release();
    throw error;
  }
}

/** Takes a Drizzle database the host opened. The host closes it. */
export function useHostDatabase(db: unknown): OpenDatabase {
  return { db: db as Db, kind: 'host', dedicated: null, close: async () => {} };
}

/**
 * Runs one statement and returns its rows: postgres.js answers an array, PGlite an object with rows.
 * The caller names the row; columns of raw SQL should be cast so that both drivers give the same JavaScript values
 * (integers `::int`, larger numbers and arrays `::text`).
 */
export async function queryRows<Row>(db: Db, statement: SQL): Promise<Row[]> {
  const result: unknown = await db.execute(statement);
  return (Array.isArray(result) ? result : (result as { rows: Row[] }).rows) as Row[];
}

/** What Drizzle keeps inside a database: how it turns a statement into text, and how it runs text under a name. */
interface Inside {
  readonly dialect: { sqlToQuery(statement: SQL): { sql: string; params: unknown[] } };
  readonly session: {
    prepareQuery(query: object, fields: undefined, name: string, isArray: boolean): { execute(): Promise<unknown> };
  };
}

/**
 * As `queryRows`, but prepared once a connection: for the statements of busy paths, whose text is always the same. postgres.js asks the
 * server about parameters before each statement that is not prepared, which is a second round trip; Drizzle offers prepared statements
 * for what its builder made only, hence the look inside. A text that varies without bound must not come here: each would stay prepared.
 */
export async function queryPrepared<Row>(db: Db, statement: SQL): Promise<Row[]> {
  const { dialect, session } = db as unknown as Inside;
  const result = await session.prepareQuery(dialect.sqlToQuery(statement), undefined, 'prepared', false).execute();
  return (Array.isArray(result) ? result : (result as { rows: Row[] }).rows) as Row[];
}

/** The PostgreSQL error code (`40P01`, `23505` ...) of a failed statement, whichever driver ran it; null for anything else. */
export function postgresCode(error: unknown): string | null {
  for (let e = error; e instanceof Error; e = e.cause) {
    const code = (e as Error & { code?: unknown }).code;
    if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)) return code;
  }
  return null;
}

/** A list as one array literal, the only array parameter that means the same on every driver: cast it `::text::text[]`. */
export function arrayLiteral(values: readonly (string | null)[]): string {
  let out = '{';
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (i > 0) out += ',';
    out += value === null || value === undefined ? 'NULL' : `"${value.replace(/[\\"]/g, '\\$&')}"`;
  }
  return `${out}}`;
}

/** The array literal of numbers, cast it `::text::int[]`. */
export function numberLiteral(values: readonly number[] | Int32Array): string {
  return `{${values.join(',')}}`;
}

/** A text array parameter. */
export function textArray(values: readonly (string | null)[]): SQL {
  return sql`${arrayLiteral(values)}::text::text[]`;
}

/** An integer array parameter. */
export function intArray(values: readonly number[] | Int32Array): SQL {
  return sql`${numberLiteral(values)}::text::int[]`;
}
