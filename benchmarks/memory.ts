import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createMuster } from '../src/app.ts';
import { openServer } from '../src/db/client.ts';
import { peakOf, runCli } from './support/cli-process.ts';
import { connect } from './support/client.ts';
import { externalIdOf, loadUsers } from './support/data.ts';
import { table } from './support/measure.ts';
import { startPostgres } from './support/postgres.ts';
import { type ServerProcess, startServer } from './support/server-process.ts';

const MB = 2 ** 20;
/** One user a line, a kilobyte each. */
const LINE_BYTES = 1_024;

/** Peak memory of importing a large file and of paging through a large segment. Takes several minutes. */
export async function measureMemory(
  print: (text: string) => void,
  sizes: { readonly fileBytes: number; readonly users: number },
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-bench-'));
  const rows: string[][] = [];
  try {
    const file = join(folder, 'users.ndjson');
    await writeFile(file, sizes.fileBytes);
    rows.push(...(await onPostgres(file, sizes)));
    const small = join(folder, 'small.ndjson');
    await writeFile(small, sizes.fileBytes / 16);
    rows.push(...(await onPglite(folder, small, sizes.fileBytes / 16)));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  print(`\n${table(['memory', 'idle MB', 'peak MB', 'above idle MB', 'took s'], rows)}`);
}

async function onPostgres(file: string, sizes: { fileBytes: number; users: number }): Promise<string[][]> {
  const server = await startPostgres();
  try {
    const muster = await createMuster({ database: { url: server.url }, background: false });
    await muster.close();
    const imported = await runCli(['users', 'import', file], { DATABASE_URL: server.url });
    const raw = openServer({ url: server.url });
    await raw.db.execute('truncate users, identities, membership_blocks cascade' as never);
    await loadUsers(raw.db, sizes.users);
    await raw.close();
    const muster2 = await startServer({ DATABASE_URL: server.url });
    const idle = muster2.rss();
    const seconds = await pageThrough(muster2);
    const peak = peakOf(muster2.pid);
    await muster2.stop();
    return [
      [
        `PostgreSQL, import of ${(sizes.fileBytes / MB).toFixed(0)} MB`,
        '-',
        mb(imported.peak),
        '-',
        imported.seconds.toFixed(0),
      ],
      [
        `PostgreSQL, paging ${(sizes.users / 1e6).toFixed(1)} M users`,
        mb(idle),
        mb(peak),
        mb(peak - idle),
        seconds.toFixed(0),
      ],
    ];
  } finally {
    await server.stop();
  }
}

async function onPglite(folder: string, file: string, bytes: number): Promise<string[][]> {
  const data = join(folder, 'pglite');
  // The second start is the fair idle figure: the first makes the database, which needs more.
  const first = await startServer({ MUSTER_DATA_DIR: data, DATABASE_URL: '' });
  await first.stop();
  const server = await startServer({ MUSTER_DATA_DIR: data, DATABASE_URL: '' });
  const idle = server.rss();
  await server.stop();
  const imported = await runCli(['users', 'import', file], { MUSTER_DATA_DIR: data, DATABASE_URL: '' });
  return [
    [
      `PGlite, import of ${(bytes / MB).toFixed(0)} MB`,
      mb(idle),
      mb(imported.peak),
      mb(imported.peak - idle),
      imported.seconds.toFixed(0),
    ],
  ];
}

async function writeFile(path: string, bytes: number): Promise<void> {
  const lines = Math.floor(bytes / LINE_BYTES);
  async function* content() {
    let part = '';
    for (let i = 1; i <= lines; i++) {
      const head = `{"externalId":"${externalIdOf(i)}","aliases":[{"label":"crm","name":"person ${i}"}],"attributes":{"note":"`;
      part += `${head}${'x'.repeat(Math.max(0, LINE_BYTES - head.length - 4))}"}}\n`;
      if (part.length > 1_000_000) {
        yield part;
        part = '';
      }
    }
    yield part;
  }
  await pipeline(content, createWriteStream(path));
}

const PAGE = `query ($after: String) { everyone(first: 1000, after: $after) { nodes { externalId } pageInfo { hasNextPage endCursor } } }`;

async function pageThrough(server: ServerProcess): Promise<number> {
  const start = performance.now();
  const client = connect(server.url, 1, { authorization: `Bearer ${server.apiKey}` });
  let after: string | null = null;
  do {
    const { body } = await client.post('/graphql', JSON.stringify({ query: PAGE, variables: { after } }));
    const { pageInfo } = (
      JSON.parse(body) as { data: { everyone: { pageInfo: { hasNextPage: boolean; endCursor: string } } } }
    ).data.everyone;
    after = pageInfo.hasNextPage ? pageInfo.endCursor : null;
  } while (after !== null);
  client.close();
  return (performance.now() - start) / 1000;
}

function mb(bytes: number): string {
  return (bytes / MB).toFixed(0);
}
