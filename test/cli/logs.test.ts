import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { sql } from 'drizzle-orm';
import { expect, onTestFinished, test } from 'vitest';
import { openTestDatabase } from '../support/database.ts';
import { ask, serve, start } from './support.ts';

// What a server writes to its log, at the most talkative level, while it is sent all kinds of wrong things.

const API_KEY = 'a-secret-of-the-operators-own-choosing';
/** In every place where a request may hold a secret or a person. */
const MARKER = 'marker';
const GENERATE = `mutation { generateDataImportKey(input: { partner: "amplitude" }) {
  ... on GenerateDataImportKeySuccess { secret } } }`;

interface Wrong {
  readonly path: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
}

const json = (body: unknown) => JSON.stringify(body);

function wrongRequests(secret: string): Wrong[] {
  const partners = '/partners/amplitude';
  const users = `${partners}/cohorts/users`;
  const bearer = { authorization: `Bearer ${secret}` };
  const wrongBearer = { authorization: 'Bearer muster_dik_1_marker' };
  const operator = { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' };
  const braze = (rest: object) => json({ client_secret: secret, cohort_id: 'c', cohort_changes: [], ...rest });
  const message = { cohort_id: 'c', in_cohort: true, message_id: 'm', users: [{ user_id: 'ada-marker' }] };
  return [
    // Bodies that cannot be read, or not as what they should be.
    { path: users, body: '{"client_secret":"marker' },
    { path: users, body: Buffer.from([...Buffer.from('{"marker":"'), 0xff, 0xfe]) },
    { path: users, body: 'marker'.repeat(1_000_000) },
    { path: users, headers: { 'content-encoding': 'gzip' }, body: 'marker' },
    {
      path: users,
      headers: { 'content-encoding': 'gzip' },
      body: new Uint8Array(gzipSync('{"marker":').subarray(0, 20)),
    },
    { path: users, headers: { 'content-encoding': 'marker' }, body: '{}' },
    { path: users, body: json(['marker']) },
    { path: users, body: braze({ cohort_changes: 'marker' }) },
    { path: users, body: braze({ cohort_changes: [{ user_ids: ['ada-marker', 7] }] }) },
    { path: users, body: braze({ cohort_changes: [{ user_ids: [`ada-marker\u0000`] }] }) },
    { path: users, body: braze({ cohort_changes: [{ aliases: [{ alias_label: 'marker', alias_name: {} }] }] }) },
    { path: `${partners}/cohorts`, body: braze({ name: 'marker', created_at: 'marker' }) },
    // Keys that are none, in every place where one may be.
    { path: users, body: json({ client_secret: 'marker', cohort_id: 'marker', cohort_changes: [] }) },
    { path: users, body: json({ client_secret: { marker: 'marker' }, partner_api_key: 'marker' }) },
    { path: `${partners}/webhook/marker`, body: json(message) },
    { path: `${partners}/webhook/muster_dik_1_marker`, body: '{' },
    { path: `${partners}/webhook`, headers: wrongBearer, body: json(message) },
    { path: `${partners}/webhook`, headers: { 'x-api-key': 'marker' }, body: json(message) },
    { path: `${partners}/webhook`, headers: { authorization: `Basic ${btoa('marker:marker')}` }, body: json(message) },
    { path: `${partners}/mixpanel/marker`, body: json({ action: 'marker' }) },
    { path: '/graphql', headers: { ...operator, ...wrongBearer }, body: json({ query: '{ marker }' }) },
    { path: '/users/track', headers: wrongBearer, body: json({ attributes: [{ external_id: 'ada-marker' }] }) },
    // Addresses.
    { path: '/marker?marker=marker', method: 'GET', headers: { cookie: 'marker', 'user-agent': 'marker' } },
    { path: '/partners/Marker/cohorts/users?marker', body: braze({}) },
    { path: '/graphql?query={marker}', method: 'GET', headers: operator },
    // Questions.
    { path: '/graphql', headers: operator, body: '{"query":"{ marker' },
    { path: '/graphql', headers: operator, body: json({ query: '{ marker(' }) },
    { path: '/graphql', headers: operator, body: json({ query: '{ user(marker: "marker") { marker } }' }) },
    {
      path: '/graphql',
      headers: operator,
      body: json({
        query: 'mutation ($u: [UserInput!]!) { upsertUsers(input: { users: $u }) { __typename } }',
        variables: { u: [{ externalId: { marker: 'marker' } }] },
      }),
    },
    // Messages in other forms that are wrong.
    { path: `${partners}/webhook`, headers: bearer, body: json({ ...message, users: [{ user_id: ['marker'] }] }) },
    { path: `${partners}/webhook`, headers: bearer, body: json([{ user_id: 'ada-marker', amplitude_marker: true }]) },
    { path: `${partners}/webhook?identity=marker`, headers: bearer, body: json(message) },
    // Surprises: statements that break over what they are given.
    { path: users, body: braze({ cohort_changes: [{ user_ids: ['ada-marker-breaks-the-check'] }] }) },
    { path: users, body: braze({ cohort_changes: [{ user_ids: ['ada-marker-breaks-the-cast'] }] }) },
    {
      path: `${partners}/webhook`,
      headers: bearer,
      body: json({ ...message, users: [{ user_id: 'breaks-the-check' }] }),
    },
    {
      path: '/graphql',
      headers: operator,
      body: json({
        query: 'mutation ($u: [UserInput!]!) { upsertUsers(input: { users: $u }) { __typename } }',
        variables: { u: [{ externalId: 'ada-marker-breaks-the-cast' }] },
      }),
    },
  ];
}

test('no line of the log holds a body, an identity, a secret or an address, however a request fails', async () => {
  const database = await openTestDatabase('postgres', { poolSize: 1 });
  onTestFinished(() => database.close());
  const server = await serve({ MUSTER_API_KEY: API_KEY, DATABASE_URL: database.url ?? '', LOG_LEVEL: 'trace' });
  const { generateDataImportKey } = await ask<{ generateDataImportKey: { secret: string } }>(
    server.url,
    API_KEY,
    GENERATE,
  );
  // What PostgreSQL says of these has the value in it: in the detail of the one, in the message of the other.
  await database.db.execute(
    sql`alter table identities add constraint fits check (value collate "C" not like '%breaks-the-check%')`,
  );
  await database.db.execute(sql`create function cast_value() returns trigger language plpgsql as
    $$ begin if new.value like '%breaks-the-cast%' then perform new.value::int; end if; return new; end $$`);
  await database.db.execute(
    sql`create trigger casts before insert on identities for each row execute function cast_value()`,
  );

  const statuses: number[] = [];
  for (const { path, method = 'POST', headers, body } of wrongRequests(generateDataImportKey.secret)) {
    // Whoever is still sending a body that is too large may find the connection closed before the answer is read.
    const response = await fetch(`${server.url}${path}`, { method, headers, body }).catch(() => null);
    await response?.text();
    statuses.push(response?.status ?? 0);
  }
  const { stderr } = await server.kill('SIGTERM');
  const lines = stderr.trimEnd().split('\n');
  const messages = lines.map((line) => (JSON.parse(line) as { msg: string }).msg);
  expect(messages.filter((text) => text === 'a request of a partner was refused').length).toBeGreaterThan(20);
  expect(messages.filter((text) => text === 'unexpected error').length).toBeGreaterThanOrEqual(4);
  expect(statuses.filter((status) => status === 500).length).toBeGreaterThanOrEqual(3);
  expect(lines.filter((line) => line.toLowerCase().includes(MARKER))).toEqual([]);
  for (const secret of [API_KEY, generateDataImportKey.secret, 'breaks-the', btoa('marker:marker')])
    expect(lines.filter((line) => line.includes(secret))).toEqual([]);
});

test('an error that reaches nobody ends the process, and is logged without what it carries', async () => {
  const ended = await start(fileURLToPath(new URL('../support/surprise.ts', import.meta.url)), [], {}).ended;
  expect(ended.code).toBe(1);
  expect(JSON.parse(ended.stderr)).toMatchObject({ msg: 'unexpected error', message: 'the connection broke' });
  expect(ended.stderr).not.toContain(MARKER);
});
