import { sql } from 'drizzle-orm';
import { type Db, openServer, queryRows } from '../src/db/client.ts';
import { type Client, connect } from './support/client.ts';
import { externalIdOf } from './support/data.ts';
import { quantile, thousands } from './support/measure.ts';
import { seeded } from './support/random.ts';
import type { ServerProcess } from './support/server-process.ts';

const IDS_PER_REQUEST = 1_000;
/** Of a hundred identifiers, how many nobody has. */
const UNKNOWN_PERCENT = 2;

/** One run of requests, and what came of it. */
export interface IngestFigures {
  readonly name: string;
  readonly idsPerSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly longest: number;
  readonly seconds: number;
  readonly serverCpuMicros: number;
  readonly correct: boolean;
}

export async function measureIngest(
  server: ServerProcess,
  databaseUrl: string | null,
  options: { readonly users: number; readonly requests: number; readonly connections: number },
): Promise<IngestFigures[]> {
  const api = connect(server.url, 1, { authorization: `Bearer ${server.apiKey}` });
  const secret = await importKey(api);
  const out: IngestFigures[] = [];
  const run = async (name: string, bodies: readonly string[], expected: () => Promise<number>) => {
    const figures = await drive(server, bodies, options.connections);
    const size = await sizeOf(api, cohort);
    out.push({ name, ...figures, correct: size === (await expected()) });
  };
  // A cohort of its own a call: the figures of one number of connections must not start from another's members.
  const cohort = `bench-${options.connections}-${Date.now()}`;
  const warm = bodiesOf(secret, `warm-${cohort}`, options.users, 60, 1);
  await drive(server, warm.bodies, options.connections);

  const first = bodiesOf(secret, cohort, options.users, options.requests, 2);
  await run('first sync', first.bodies, async () => first.distinct);
  await run('the same again', first.bodies, async () => first.distinct);
  const diff = diffsOf(secret, cohort, first.users, options.users, Math.ceil(options.requests / 2));
  await run('differences, half adds, half removes', diff.bodies, async () => diff.distinct);
  if (databaseUrl) await checkLedger(databaseUrl);
  api.close();
  return out;
}

/** The first sync of a cohort of a million, four at a time, as the list form sends it, and its size right after the last answer. */
export async function measureFirstSync(server: ServerProcess, members: number): Promise<string> {
  const api = connect(server.url, 1, { authorization: `Bearer ${server.apiKey}` });
  const secret = await importKey(api);
  const cohort = `whole-${Date.now()}`;
  const bodies = Array.from({ length: Math.ceil(members / IDS_PER_REQUEST) }, (_, r) => {
    const ids = Array.from({ length: IDS_PER_REQUEST }, (_, i) => externalIdOf(r * IDS_PER_REQUEST + i + 1));
    return body(secret, cohort, [{ ids, remove: false }]);
  });
  const { seconds } = await drive(server, bodies, 4);
  const started = performance.now();
  const size = await sizeOf(api, cohort);
  const asked = performance.now() - started;
  api.close();
  if (size !== members) throw new Error(`The cohort has ${size} members instead of ${members}.`);
  return `First sync of ${thousands(members)} members, ${thousands(bodies.length)} requests, 4 at a time: ${seconds.toFixed(1)} s; its size ${asked.toFixed(0)} ms after the last answer: ${thousands(size)}.`;
}

/** Amplitude's cohort webhook: 1,000 users a message, with a message id and a time, eight at a time. */
export async function measureWebhook(
  server: ServerProcess,
  options: { readonly users: number; readonly requests: number },
): Promise<IngestFigures[]> {
  const api = connect(server.url, 1, { authorization: `Bearer ${server.apiKey}` });
  const secret = await importKey(api);
  const cohort = `webhook-${Date.now()}`;
  const random = seeded(7);
  const members = new Set<number>();
  const now = Math.floor(Date.now() / 1000);
  const bodies = Array.from({ length: options.requests }, (_, r) => {
    const users = Array.from({ length: IDS_PER_REQUEST }, () => 1 + Math.floor(random() * options.users));
    for (const user of users) members.add(user);
    return JSON.stringify({
      cohort_name: cohort,
      cohort_id: cohort,
      in_cohort: true,
      computed_time: String(now + Math.floor(r / 100)),
      message_id: `${cohort}::enter::${r}`,
      users: users.map((user) => ({ user_id: externalIdOf(user) })),
    });
  });
  const send = { path: '/partners/amplitude/webhook', headers: { authorization: `Bearer ${secret}` }, status: 200 };
  const run = async (name: string) => {
    const figures = await drive(server, bodies, 8, send);
    return { name, ...figures, correct: await becomes(() => sizeOf(api, cohort), members.size) };
  };
  const out = [await run('messages, 1,000 users each'), await run('the same messages again')];
  api.close();
  return out;
}

/** Waits until what was acknowledged is applied: on a busy machine some messages are stored first. */
async function becomes(size: () => Promise<number>, right: number): Promise<boolean> {
  for (let attempt = 0; attempt < 300; attempt++) {
    if ((await size()) === right) return true;
    await new Promise((wake) => setTimeout(wake, 100));
  }
  return false;
}

const BRAZE = { path: '/partners/amplitude/cohorts/users', headers: {}, status: 201 };

/** Sends every body, over so many connections at once; each connection sends its next when it has its answer. */
async function drive(server: ServerProcess, bodies: readonly string[], connections: number, send = BRAZE) {
  const client = connect(server.url, connections, send.headers);
  const latencies: number[] = [];
  const cpu = server.cpuSeconds();
  const start = performance.now();
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < bodies.length; i = next++) {
      const sent = performance.now();
      const { status, body } = await client.post(send.path, bodies[i] ?? '');
      latencies.push(performance.now() - sent);
      if (status !== send.status) throw new Error(`A request was answered ${status}: ${body}`);
    }
  };
  await Promise.all(Array.from({ length: connections }, worker));
  const seconds = (performance.now() - start) / 1000;
  client.close();
  const ids = bodies.length * IDS_PER_REQUEST;
  return {
    idsPerSecond: ids / seconds,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    longest: Math.max(...latencies),
    seconds,
    serverCpuMicros: ((server.cpuSeconds() - cpu) * 1e6) / ids,
  };
}

function body(secret: string, cohort: string, changes: readonly { ids: readonly string[]; remove: boolean }[]): string {
  return JSON.stringify({
    client_secret: secret,
    cohort_id: cohort,
    cohort_changes: changes.map(({ ids, remove }) => ({
      user_ids: ids,
      device_ids: [],
      aliases: [],
      ...(remove ? { should_remove: true } : {}),
    })),
  });
}

/** Requests that add users in random order, a few of them unknown. */
function bodiesOf(secret: string, cohort: string, users: number, requests: number, seed: number) {
  const random = seeded(seed);
  const members = new Set<number>();
  const bodies = Array.from({ length: requests }, (_, r) => {
    const ids = Array.from({ length: IDS_PER_REQUEST }, (_, i) => {
      if (i % 100 < UNKNOWN_PERCENT) return `unknown-${seed}-${r}-${i}-padded-to-36-chars`;
      const user = 1 + Math.floor(random() * users);
      members.add(user);
      return externalIdOf(user);
    });
    return body(secret, cohort, [{ ids, remove: false }]);
  });
  return { bodies, distinct: members.size, users: members };
}

/** Requests that are all real changes: members leave, strangers enter. */
function diffsOf(secret: string, cohort: string, members: ReadonlySet<number>, users: number, requests: number) {
  const half = IDS_PER_REQUEST / 2;
  const leaving = [...members];
  const entering: number[] = [];
  for (let user = 1; user <= users && entering.length < requests * half; user++)
    if (!members.has(user)) entering.push(user);
  const rounds = Math.min(requests, Math.floor(leaving.length / half), Math.floor(entering.length / half));
  const bodies = Array.from({ length: rounds }, (_, r) =>
    body(secret, cohort, [
      { ids: entering.slice(r * half, (r + 1) * half).map(externalIdOf), remove: false },
      { ids: leaving.slice(r * half, (r + 1) * half).map(externalIdOf), remove: true },
    ]),
  );
  return { bodies, distinct: members.size };
}

async function importKey(api: Client): Promise<string> {
  const { body } = await api.post(
    '/graphql',
    JSON.stringify({
      query:
        'mutation { generateDataImportKey(input: { partner: "amplitude" }) { ... on GenerateDataImportKeySuccess { secret } } }',
    }),
  );
  return (JSON.parse(body) as { data: { generateDataImportKey: { secret: string } } }).data.generateDataImportKey
    .secret;
}

async function sizeOf(api: Client, cohort: string): Promise<number> {
  const query = `{ cohort(by: { partnerCohort: { partner: "amplitude", cohortId: "${cohort}" } }) { size } }`;
  const { body } = await api.post('/graphql', JSON.stringify({ query }));
  return (JSON.parse(body) as { data: { cohort: { size: number } } }).data.cohort.size;
}

/** The ledger must tell the same story as the bits: what entered less what left is who is in. */
async function checkLedger(databaseUrl: string): Promise<void> {
  const database = openServer({ url: databaseUrl });
  const db: Db = database.db;
  const [row] = await queryRows<{ wrong: number }>(
    db,
    sql`select count(*)::int as wrong from (
      select c.id, (select coalesce(sum(bit_count(bits)), 0) from membership_blocks m where m.workspace_id = 1 and m.cohort_id = c.id) as bits,
        (select coalesce(sum(added_count - removed_count), 0) from batches b where b.workspace_id = 1 and b.cohort_id = c.id) as ledger
      from cohorts c where c.workspace_id = 1 and c.partner_cohort_id like 'bench-%') s where bits <> ledger`,
  );
  await database.close();
  if (row?.wrong !== 0) throw new Error('The ledger and the bits disagree.');
}

export const INGEST_HEAD = [
  'requests of 1,000 identifiers',
  'identifiers/s',
  'p50 ms',
  'p99 ms',
  'longest ms',
  'server CPU µs/id',
  'counts right',
];

export function ingestRows(figures: readonly IngestFigures[]): string[][] {
  return figures.map((f) => [
    f.name,
    thousands(f.idsPerSecond),
    f.p50.toFixed(0),
    f.p99.toFixed(0),
    f.longest.toFixed(0),
    f.serverCpuMicros.toFixed(1),
    f.correct ? 'yes' : 'NO',
  ]);
}
