import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ask, printedKey, serve, tempFolder } from './support.ts';

/** Requests, and the users that each of them names, whom no other names. */
const REQUESTS = 120;
const USERS_OF_REQUEST = 50;
const CONNECTIONS = 4;
/** The server is killed in the moment of this answer. */
const LAST_ANSWER = 45;

const usersOf = (request: number) => Array.from({ length: USERS_OF_REQUEST }, (_, i) => `r${request}-${i}`);

const UPSERT = `mutation ($users: [UserInput!]!) {
  upsertUsers(input: { users: $users }) { ... on UpsertUsersSuccess { created } } }`;
const GENERATE = `mutation { generateDataImportKey(input: { partner: "amplitude" }) {
  ... on GenerateDataImportKeySuccess { secret } } }`;
const MEMBERS = `query ($after: String) {
  cohort(by: { partnerCohort: { partner: "amplitude", cohortId: "c" } }) {
    size
    users(first: 100, after: $after) { pageInfo { hasNextPage endCursor } nodes { externalId } } } }`;

interface Page {
  readonly cohort: {
    readonly size: number;
    readonly users: {
      readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string };
      readonly nodes: readonly { readonly externalId: string }[];
    };
  };
}

async function membersOf(url: string, key: string): Promise<Set<string>> {
  const members = new Set<string>();
  for (let after: string | null = null, hasNext = true; hasNext; ) {
    const { cohort }: Page = await ask<Page>(url, key, MEMBERS, { after });
    for (const { externalId } of cohort.users.nodes) members.add(externalId);
    ({ endCursor: after, hasNextPage: hasNext } = cohort.users.pageInfo);
    if (!hasNext) expect(members.size).toBe(cohort.size);
  }
  return members;
}

test('a server killed in the middle of an import has every acknowledged request afterwards, and no half of any other', async () => {
  const env = { MUSTER_DATA_DIR: join(await tempFolder(), 'data') };
  const server = await serve(env);
  const key = printedKey(server.stdout);
  const users = Array.from({ length: REQUESTS }, (_, r) => usersOf(r)).flat();
  await ask(server.url, key, UPSERT, { users: users.map((externalId) => ({ externalId })) });
  const { generateDataImportKey } = await ask<{ generateDataImportKey: { secret: string } }>(server.url, key, GENERATE);

  const acknowledged: number[] = [];
  let next = 0;
  const connection = async () => {
    while (next < REQUESTS) {
      const request = next++;
      const response = await fetch(`${server.url}/partners/amplitude/cohorts/users`, {
        method: 'POST',
        body: JSON.stringify({
          client_secret: generateDataImportKey.secret,
          cohort_id: 'c',
          cohort_changes: [{ user_ids: usersOf(request) }],
        }),
      });
      expect(response.status).toBe(201);
      acknowledged.push(request);
      if (acknowledged.length === LAST_ANSWER) void server.kill('SIGKILL');
    }
  };
  await Promise.allSettled(Array.from({ length: CONNECTIONS }, connection));
  expect((await server.ended).code).toBe(null);
  expect(acknowledged.length).toBeGreaterThanOrEqual(LAST_ANSWER);
  expect(acknowledged.length).toBeLessThan(REQUESTS);

  const again = await serve(env);
  const members = await membersOf(again.url, key);
  const applied = Array.from({ length: REQUESTS }, (_, r) => usersOf(r).filter((user) => members.has(user)).length);
  expect(applied.filter((count) => count !== 0 && count !== USERS_OF_REQUEST)).toEqual([]);
  expect(acknowledged.filter((request) => applied[request] !== USERS_OF_REQUEST)).toEqual([]);
}, 120_000);
