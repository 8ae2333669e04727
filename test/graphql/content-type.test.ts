import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestApp, type TestApp } from '../support/app.ts';

let app: TestApp;
// As a host whose login is a cookie: whatever a browser sends comes in somebody's name.
beforeAll(async () => {
  app = await openTestApp('pglite', { authenticate: () => ({}) });
});
afterAll(() => app.close());

const post = (contentType: string | null, body: string | FormData) =>
  app.muster.fetch(
    new Request('http://muster.test/graphql', {
      method: 'POST',
      headers: contentType === null ? {} : { 'content-type': contentType },
      body,
    }),
  );
const MUTATION = 'mutation { upsertUsers(input: { users: [{ externalId: "forged" }] }) { __typename } }';

test('a form of another site changes nothing in the name of whoever is signed in', async () => {
  const form = new FormData();
  form.set('operations', JSON.stringify({ query: MUTATION }));
  const answers = [
    await post('application/x-www-form-urlencoded', new URLSearchParams({ query: MUTATION }).toString()),
    await post('text/plain', JSON.stringify({ query: MUTATION })),
    await post('application/graphql', MUTATION),
    await post(null, form),
  ];
  expect(answers.map((answer) => answer.status)).toEqual([415, 415, 415, 415]);
  for (const answer of answers)
    expect(await answer.json()).toMatchObject({ errors: [{ extensions: { code: 'INVALID_INPUT' } }] });
  expect(await app.muster.domain().users.countUsers()).toBe(0);
});

test('JSON is read with and without parameters of its type', async () => {
  for (const type of ['application/json', 'application/json; charset=utf-8'])
    expect(await (await post(type, '{"query":"{ __typename }"}')).json()).toEqual({ data: { __typename: 'Query' } });
});
