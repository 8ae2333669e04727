import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openTestApp, type TestApp, type TestWorkspace } from '../support/app.ts';
import { DATABASES } from '../support/database.ts';
import { seedUsers } from '../support/seed.ts';

const INDEX = `mutation ($name: String!) { done: indexAttribute(input: { name: $name }) {
  __typename ... on IndexAttributeSuccess { index { name state builtTo } } ... on Error { code path } } }`;
const DROP = `mutation ($name: String!) { done: dropAttributeIndex(input: { name: $name }) {
  __typename ... on DropAttributeIndexSuccess { name } ... on Error { code path } } }`;

describe.each(DATABASES)('indexes of attributes over GraphQL on %s', (kind) => {
  let app: TestApp;
  let ws: TestWorkspace;
  beforeAll(async () => {
    app = await openTestApp(kind);
  });
  afterAll(() => app.close());
  beforeEach(async () => {
    ws = await app.workspace();
  });

  const done = async (query: string, name: string) => {
    const { data } = await ws.ask(query, { name });
    return (data as { done: unknown }).done;
  };

  test('are made, listed and dropped', async () => {
    await seedUsers(ws.ctx, { externalId: 'a', attributes: { plan: 'pro', seats: 3 } });
    const index = { name: 'plan', state: 'READY', builtTo: null };
    expect(await done(INDEX, 'plan')).toEqual({ __typename: 'IndexAttributeSuccess', index });
    expect(await done(INDEX, 'plan')).toEqual({ __typename: 'IndexAttributeSuccess', index });
    const { data } = await ws.ask(
      '{ workspace { attributeIndexes { name state } attributeNames { name users types examples } } }',
    );
    expect(data).toEqual({
      workspace: {
        attributeIndexes: [{ name: 'plan', state: 'READY' }],
        attributeNames: [
          { name: 'plan', users: 1, types: ['string'], examples: ['pro'] },
          { name: 'seats', users: 1, types: ['number'], examples: [3] },
        ],
      },
    });
    expect(await done(DROP, 'plan')).toEqual({ __typename: 'DropAttributeIndexSuccess', name: 'plan' });
    expect(await done(DROP, 'plan')).toEqual({ __typename: 'NotFoundError', code: 'NOT_FOUND', path: ['name'] });
  });

  test('have names that attributes can have, and are fifty at most', async () => {
    expect(await done(INDEX, '')).toMatchObject({ code: 'INVALID_INPUT', path: ['name'] });
    expect(await done(INDEX, 'x'.repeat(256))).toMatchObject({ code: 'LIMIT_EXCEEDED', path: ['name'] });
    for (let i = 0; i < 50; i++) await done(INDEX, `a${i}`);
    expect(await done(INDEX, 'one more')).toMatchObject({ code: 'LIMIT_EXCEEDED', path: ['name'] });
    const elsewhere = await app.workspace();
    const { data } = await elsewhere.ask('{ workspace { attributeIndexes { name } } }');
    expect(data).toEqual({ workspace: { attributeIndexes: [] } });
  });
});
