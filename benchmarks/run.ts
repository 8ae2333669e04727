import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createMuster } from '../src/app.ts';
import { openEmbedded, openServer } from '../src/db/client.ts';
import { EXPORT_HEAD, measureExports } from './exports.ts';
import { FILES_HEAD, measureFiles } from './files.ts';
import { measureJoining, measureMerges } from './identities.ts';
import { INGEST_HEAD, ingestRows, measureFirstSync, measureIngest, measureWebhook } from './ingest.ts';
import { measureMemory } from './memory.ts';
import { measureProfile, PROFILE_HEAD } from './profile.ts';
import {
  COUNT_HEAD,
  MEMBERSHIP_HEAD,
  measureCounts,
  measureMembership,
  measurePages,
  membershipCount,
  PAGE_HEAD,
} from './questions.ts';
import { ATTRIBUTE_HEAD, DEPTH_HEAD, measureAttributes, measureSegments } from './segments.ts';
import { loadCohorts, loadUsers, tableBytes } from './support/data.ts';
import { machine, table, thousands } from './support/measure.ts';
import { startPostgres } from './support/postgres.ts';
import { startServer } from './support/server-process.ts';

const API_KEY = 'bench-key-of-more-than-thirty-two-characters';

const { values } = parseArgs({
  options: {
    users: { type: 'string', default: '1000000' },
    'pglite-users': { type: 'string', default: '100000' },
    requests: { type: 'string', default: '400' },
    rounds: { type: 'string', default: '40' },
    only: { type: 'string', default: 'counts,pages,membership,ingest,profile,segments,attributes,identities,pglite' },
    'file-identifiers': { type: 'string', default: '5000000' },
    'file-mb': { type: 'string', default: '1024' },
    'paged-users': { type: 'string', default: '5000000' },
    help: { type: 'boolean', default: false },
  },
});

const HELP = `npm run bench -- [options]
  --users N          users on PostgreSQL (1000000)
  --pglite-users N   users on PGlite (100000)
  --requests N       requests of 1,000 identifiers a phase (400)
  --rounds N         times each question is asked (40)
  --only LIST        counts,pages,membership,ingest,profile,segments,attributes,identities,pglite; files and memory are run only when named
  --file-identifiers N  identifiers of the file imported into a cohort, for files (5000000)
  --file-mb N        size of the imported file, for memory (1024)
  --paged-users N    size of the paged segment, for memory (5000000)
  MUSTER_BENCH_DATABASE_URL names an empty PostgreSQL database to use instead of one of its own.
`;

const users = Number(values.users);
const requests = Number(values.requests);
const rounds = Number(values.rounds);
const wants = new Set(values.only.split(','));

if (values.help) process.stdout.write(HELP);
else await main();

async function main(): Promise<void> {
  print(`Machine: ${machine()}. Client, server and database share it. Medians unless it says otherwise.`);
  if (
    [
      'counts',
      'pages',
      'membership',
      'ingest',
      'profile',
      'segments',
      'attributes',
      'identities',
      'exports',
      'files',
    ].some((part) => wants.has(part))
  )
    await onPostgres();
  if (wants.has('pglite')) await onPglite();
  if (wants.has('memory'))
    await measureMemory(print, {
      fileBytes: Number(values['file-mb']) * 2 ** 20,
      users: Number(values['paged-users']),
    });
}

async function onPostgres(): Promise<void> {
  const server = await startPostgres();
  const muster = await createMuster({ database: { url: server.url }, apiKey: API_KEY, background: false });
  const raw = openServer({ url: server.url });
  try {
    print(`\n## PostgreSQL ${server.version}, ${thousands(users)} users\n`);
    const withRows = wants.has('counts') || wants.has('pages') || wants.has('membership');
    const started = performance.now();
    await loadUsers(raw.db, users);
    await loadCohorts(raw.db, users, withRows);
    print(`Loaded in ${((performance.now() - started) / 1000).toFixed(0)} s.\n`);
    const questions = { muster, db: raw.db, apiKey: API_KEY, users, rounds };
    if (wants.has('counts')) print(table(COUNT_HEAD, await measureCounts(questions)));
    if (wants.has('pages')) print(`\n${table(PAGE_HEAD, await measurePages(questions))}`);
    if (wants.has('membership')) print(`\n${table(MEMBERSHIP_HEAD, await measureMembership(questions))}`);
    if (withRows) {
      const memberships = membershipCount(users);
      const bytes = async (name: string) => ((await tableBytes(raw.db, name)) / memberships).toFixed(1);
      print(
        `\nBytes a membership, indexes included: bits ${await bytes('membership_blocks')}, rows ${await bytes('member_rows')}.`,
      );
    }
    if (wants.has('ingest')) await ingestOn(server.url);
    if (wants.has('profile'))
      print(
        `\nOne request of 1,000 identifiers, alone:\n\n${table(PROFILE_HEAD, await measureProfile(muster, raw.db, users))}`,
      );
    if (wants.has('exports')) print(`\n${table(EXPORT_HEAD, await measureExports(server.url, users))}`);
    if (wants.has('files')) {
      const sizes = { users, identifiers: Number(values['file-identifiers']) };
      print(`\n${table(FILES_HEAD, await measureFiles(server.url, raw.db, sizes))}`);
    }
    if (wants.has('segments')) print(`\n${table(DEPTH_HEAD, await measureSegments(questions))}`);
    if (wants.has('attributes')) print(`\n${table(ATTRIBUTE_HEAD, await measureAttributes(questions))}`);
    if (wants.has('identities')) {
      print(`\n${table(['100,000 people, 1,000 a call', 'users/s'], await measureJoining(muster, raw.db, 100_000))}`);
      print(`\n${table(['merge', 'ms', 'p95'], await measureMerges(muster, raw.db, 1_000, 60))}`);
    }
  } finally {
    await muster.close();
    await raw.close();
    await server.stop();
  }
}

async function ingestOn(databaseUrl: string): Promise<void> {
  const server = await startServer({ DATABASE_URL: databaseUrl });
  try {
    for (const connections of [4, 16]) {
      const figures = await measureIngest(server, databaseUrl, { users, requests, connections });
      print(`\n${connections} connections on one cohort:\n\n${table(INGEST_HEAD, ingestRows(figures))}`);
    }
    print(`\n${await measureFirstSync(server, Math.min(users, 1_000_000))}`);
    const webhook = await measureWebhook(server, { users, requests });
    print(`\nCohort webhook, 8 connections on one cohort:\n\n${table(INGEST_HEAD, ingestRows(webhook))}`);
    print(`\nServer memory after it: ${Math.round(server.rss() / 2 ** 20)} MB.`);
  } finally {
    await server.stop();
  }
}

async function onPglite(): Promise<void> {
  const count = Number(values['pglite-users']);
  const folder = join(await mkdtemp(join(tmpdir(), 'muster-bench-')), 'data');
  try {
    const muster = await createMuster({ database: { folder }, background: false });
    await muster.close();
    const raw = await openEmbedded({ folder });
    await loadUsers(raw.db, count, 20_000);
    await raw.close();
    const server = await startServer({ MUSTER_DATA_DIR: folder, DATABASE_URL: '' });
    const figures = await measureIngest(server, null, {
      users: count,
      requests: Math.ceil(requests / 4),
      connections: 4,
    });
    print(
      `\n## PGlite, ${thousands(count)} users, 4 connections on one cohort\n\n${table(INGEST_HEAD, ingestRows(figures))}`,
    );
    await server.stop();
  } finally {
    await rm(join(folder, '..'), { recursive: true, force: true });
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
