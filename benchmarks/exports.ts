import { request } from 'node:http';
import postgres from 'postgres';
import { peakOf } from './support/cli-process.ts';
import { thousands } from './support/measure.ts';
import { type ServerProcess, startServer } from './support/server-process.ts';

export const EXPORT_HEAD = ['all users as NDJSON', 'rows', 's', 'rows/s', 'server peak MB'];

/** One member's share of a slice, as the server asks for it. */
const SLICE = `select array_agg(i.user_id)::text as u, json_agg(i.value)::text as v from identities i
  where i.workspace_id = 1 and i.user_id = any($1::text::int[]) and i.kind = 1 and not i.is_deprecated`;
const SLICE_USERS = 8_192;
const CURSOR_ROWS = 5_000;

/**
 * The largest cohort over HTTP, by number and with external ids; the floor, which is the SQL of the slices alone; the rival, which is
 * a database cursor over rows. Once each, after a warm-up: they run for seconds.
 */
export async function measureExports(databaseUrl: string, users: number): Promise<string[][]> {
  const path = `/cohorts/${encodeURIComponent(btoa('Cohort:1.1'))}/users`;
  const rows: string[][] = [];
  const row = (name: string, { count, seconds }: Run, peak = '-') =>
    rows.push([name, thousands(count), seconds.toFixed(2), thousands(count / seconds), peak]);
  const server = await startServer({ DATABASE_URL: databaseUrl });
  try {
    await readAll(server, `${path}?first=20000`);
    const idle = server.rss();
    for (const [name, query] of [
      ['ids, HTTP', '?columns=id'],
      ['ids and external ids, HTTP', ''],
      ['ids and external ids, HTTP, gzip', '?gzip=1'],
    ] as const)
      row(name, await readAll(server, path + query), `${mb(peakOf(server.pid))} (idle ${mb(idle)})`);
  } finally {
    await server.stop();
  }
  const sql = postgres(databaseUrl, { max: 1 });
  try {
    row('floor: the SQL of external ids', await readSlices(sql, users));
    row('rival: a cursor of rows', await readCursor(sql));
  } finally {
    await sql.end();
  }
  return rows;
}

interface Run {
  readonly count: number;
  readonly seconds: number;
}

/** Counts the lines that were announced: a client that counts them itself would be measured, too. */
function readAll(server: ServerProcess, path: string): Promise<Run> {
  const start = performance.now();
  return new Promise((resolve, reject) => {
    const call = request(
      `${server.url}${path}`,
      { headers: { authorization: `Bearer ${server.apiKey}` } },
      (answer) => {
        if (answer.statusCode !== 200) reject(new Error(`The export answered ${answer.statusCode}.`));
        const count = Number(answer.headers['x-total-count']);
        answer.on('error', reject);
        answer.on('end', () => resolve({ count, seconds: (performance.now() - start) / 1000 }));
        answer.resume();
      },
    );
    call.on('error', reject);
    call.end();
  });
}

async function readSlices(sql: postgres.Sql, users: number): Promise<Run> {
  const blocks =
    await sql`select block, bits::text as bits from membership_blocks where workspace_id = 1 and cohort_id = 1 order by block`;
  const ids = blocks.flatMap(({ block, bits }) =>
    [...(bits as string)].flatMap((bit, i) => (bit === '1' ? [Number(block) * SLICE_USERS + i] : [])),
  );
  if (ids.length > users) throw new Error('A cohort has more members than there are users.');
  const start = performance.now();
  for (let i = 0; i < ids.length; i += SLICE_USERS)
    await sql.unsafe(SLICE, [`{${ids.slice(i, i + SLICE_USERS).join()}}`], { prepare: true });
  return { count: ids.length, seconds: (performance.now() - start) / 1000 };
}

async function readCursor(sql: postgres.Sql): Promise<Run> {
  let count = 0;
  let bytes = 0;
  const start = performance.now();
  const rows = sql`select i.user_id as id, i.value as external_id from membership_blocks m
    join identities i on i.workspace_id = 1 and i.user_id >> 13 = m.block and i.kind = 1 and not i.is_deprecated
      and get_bit(m.bits, i.user_id & 8191) = 1
    where m.workspace_id = 1 and m.cohort_id = 1`;
  for await (const batch of rows.cursor(CURSOR_ROWS)) {
    count += batch.length;
    for (const member of batch) bytes += JSON.stringify(member).length;
  }
  if (bytes === 0) throw new Error('The cohort is empty.');
  return { count, seconds: (performance.now() - start) / 1000 };
}

function mb(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}
