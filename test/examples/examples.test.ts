import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { type Running, start, tempFolder } from '../cli/support.ts';

const pathOf = (example: string) => fileURLToPath(new URL(`../../examples/${example}/server.ts`, import.meta.url));

async function run(example: string): Promise<Running & { readonly url: string }> {
  const running = start(pathOf(example), ['0', join(await tempFolder(), 'data')], {});
  const [, url] = await running.says(/Listening at (http:\/\/[\d.]+:\d+)/);
  return Object.assign(running, { url: url ?? '' });
}

async function graphql(url: string, headers: Record<string, string>, query: string): Promise<unknown> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query }),
  });
  return response.json();
}

async function post(url: string, body: object): Promise<number> {
  return (await fetch(url, { method: 'POST', body: JSON.stringify(body) })).status;
}

const UPSERT =
  'mutation { upsertUsers(input: { users: [{ externalId: "ada" }, { externalId: "joan" }] }) { __typename } }';
const GENERATE = `mutation { generateDataImportKey(input: { partner: "amplitude" }) {
  ... on GenerateDataImportKeySuccess { secret } } }`;
const SAVE = `mutation { createSegment(input: { name: "Loyal",
  filter: { amplitudeCohorts: { includesValue: { partnerCohort: { partner: "amplitude", cohortId: "c1" } } } } }) { __typename } }`;

test.each(['node-http', 'fastify'])('examples/%s has less than 60 lines', (example) => {
  expect(readFileSync(pathOf(example), 'utf8').split('\n').length).toBeLessThan(60);
});

test('examples/node-http: Muster beside the routes of a bare node:http server', async () => {
  const example = await run('node-http');
  const key = (await example.says(/API key: (\w+)/))[1] ?? '';
  const login = { authorization: `Bearer ${key}` };
  expect(await graphql(example.url, login, UPSERT)).toEqual({
    data: { upsertUsers: { __typename: 'UpsertUsersSuccess' } },
  });
  expect(await (await fetch(`${example.url}/anything`)).json()).toEqual({ host: 'yours', users: 2 });
  expect((await fetch(`${example.url}/ready`)).status).toBe(200);
  expect(await post(`${example.url}/partners/amplitude/cohorts`, { client_secret: 'wrong' })).toBe(401);
  // A body larger than a chunk arrives whole.
  const many = Array.from({ length: 5_000 }, (_, i) => `{ externalId: "user-${i}" }`).join(' ');
  expect(await graphql(example.url, {}, many)).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] });
  expect(await example.kill('SIGTERM')).toMatchObject({ code: 0, stderr: '' });
});

test("examples/fastify: Muster with the host's login, its scopes, and the host's own route asking in the process", async () => {
  const example = await run('fastify');
  const ada = { cookie: 'session=s-ada' };
  const joan = { cookie: 'session=s-joan' };
  const offer = async (headers: Record<string, string>) => (await fetch(`${example.url}/offer`, { headers })).json();

  expect(await graphql(example.url, {}, UPSERT)).toMatchObject({
    errors: [{ extensions: { code: 'UNAUTHENTICATED' } }],
  });
  expect(JSON.stringify(await graphql(example.url, joan, UPSERT))).toMatch(/FORBIDDEN|ForbiddenError/);
  expect(await graphql(example.url, ada, UPSERT)).toEqual({
    data: { upsertUsers: { __typename: 'UpsertUsersSuccess' } },
  });
  expect(await offer(ada)).toEqual({ offer: 'none' });

  const made = (await graphql(example.url, ada, GENERATE)) as { data: { generateDataImportKey: { secret: string } } };
  const head = { client_secret: made.data.generateDataImportKey.secret, cohort_id: 'c1' };
  const cohorts = `${example.url}/partners/amplitude/cohorts`;
  expect(await post(cohorts, { ...head, name: 'Loyal', created_at: '2026-01-01T00:00:00Z' })).toBe(201);
  expect(await post(`${cohorts}/users`, { ...head, cohort_changes: [{ user_ids: ['ada'] }] })).toBe(201);
  expect(await graphql(example.url, ada, SAVE)).toEqual({
    data: { createSegment: { __typename: 'CreateSegmentSuccess' } },
  });
  expect(await offer(ada)).toEqual({ offer: 'a gift' });
  expect(await offer(joan)).toEqual({ offer: 'a coupon' });
  expect(await offer({})).toEqual({ offer: 'none' });
  expect(await example.kill('SIGTERM')).toMatchObject({ code: 0, stderr: '' });
});
