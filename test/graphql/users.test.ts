import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openTestApp, type TestApp, type TestWorkspace } from '../support/app.ts';
import { DATABASES } from '../support/database.ts';
import {
  UpsertUsersDocument,
  UserByDocument,
  type UserInput,
  type UserRef,
  UsersByDocument,
} from '../support/gql/graphql.ts';
import { codeOf, dataOf, successOf } from '../support/graphql.ts';
import { adds, seedIdentified, send } from '../support/seed.ts';

describe.each(DATABASES)('users on %s', (kind) => {
  let app: TestApp;
  let ws: TestWorkspace;
  beforeAll(async () => {
    app = await openTestApp(kind);
  });
  afterAll(() => app.close());
  beforeEach(async () => {
    ws = await app.workspace();
  });

  const upsert = async (...users: UserInput[]) =>
    dataOf(await ws.ask(UpsertUsersDocument, { input: { users } })).upsertUsers;
  const userBy = async (by: UserRef) => dataOf(await ws.ask(UserByDocument, { by })).user;

  test('an upserted user is found by every identity, with everything said', async () => {
    const done = successOf(
      await upsert({
        externalId: 'ada',
        aliases: [
          { label: 'crm', name: '1' },
          { label: 'app', name: '2' },
        ],
        deviceIds: ['d2', 'd1'],
        attributes: { plan: 'pro', deep: { list: [1, null, 'x'] } },
      }),
    );
    expect(done).toMatchObject({ created: 1, updated: 0 });
    const [ada] = done.users;
    expect(ada).toMatchObject({
      externalId: 'ada',
      aliases: [
        { label: 'app', name: '2' },
        { label: 'crm', name: '1' },
      ],
      deviceIds: ['d1', 'd2'],
      isAnonymous: false,
      attributes: { plan: 'pro', deep: { list: [1, null, 'x'] } },
    });
    const id = ada?.id ?? '';
    for (const by of [{ id }, { externalId: 'ada' }, { alias: { label: 'crm', name: '1' } }, { deviceId: 'd2' }])
      expect(await userBy(by)).toEqual(ada);
  });

  test('a second upsert adds to the user, merges attributes and removes one by null', async () => {
    successOf(await upsert({ externalId: 'ada', attributes: { a: 1, b: 2 } }));
    const again = successOf(await upsert({ externalId: 'ada', deviceIds: ['d'], attributes: { b: null, c: 3 } }));
    expect(again).toMatchObject({ created: 0, updated: 1, users: [{ deviceIds: ['d'], attributes: { a: 1, c: 3 } }] });
  });

  test('users asked for together come in the caller’s order, null where nobody is meant', async () => {
    await seedIdentified(ws.ctx, 'a', 'b');
    const by = [
      { externalId: 'b' },
      { externalId: 'nobody' },
      { externalId: 'a' },
      { externalId: 'b' },
      { id: 'nonsense' },
    ];
    const users = dataOf(await ws.ask(UsersByDocument, { by })).users;
    expect(users.map((user) => user?.externalId ?? null)).toEqual(['b', null, 'a', 'b', null]);
  });

  test('identities are opaque: case and spaces count', async () => {
    await seedIdentified(ws.ctx, 'Ada', ' ada', 'ada ');
    expect(await userBy({ externalId: 'ada' })).toBeNull();
    expect(await userBy({ externalId: ' ada' })).toMatchObject({ externalId: ' ada' });
  });

  test('a refused upsert says where and applies nothing', async () => {
    successOf(await upsert({ aliases: [{ label: 'crm', name: 'taken' }], externalId: 'owner' }));
    const cases: [UserInput, string, string[]][] = [
      [{}, 'INVALID_INPUT', ['users', '1']],
      [{ externalId: '' }, 'INVALID_INPUT', ['users', '1', 'externalId']],
      [{ externalId: 'x'.repeat(513) }, 'INVALID_INPUT', ['users', '1', 'externalId']],
      [{ externalId: 'é'.repeat(257) }, 'INVALID_INPUT', ['users', '1', 'externalId']],
      [{ deviceIds: ['fine', 'a\u0000b'] }, 'INVALID_INPUT', ['users', '1', 'deviceIds', '1']],
      [{ aliases: [{ label: 'crm', name: '\ud800' }] }, 'INVALID_INPUT', ['users', '1', 'aliases', '0', 'name']],
      [{ externalId: 'x', attributes: ['no object'] }, 'INVALID_INPUT', ['users', '1', 'attributes']],
      [
        { externalId: 'x', attributes: { a: { b: 'NUL \u0000' } } },
        'INVALID_INPUT',
        ['users', '1', 'attributes', 'a', 'b'],
      ],
      [{ externalId: 'x', attributes: { a: 'a'.repeat(70_000) } }, 'LIMIT_EXCEEDED', ['users', '1', 'attributes']],
      [{ deviceIds: Array.from({ length: 101 }, (_, i) => `d${i}`) }, 'LIMIT_EXCEEDED', ['users', '1']],
      [
        { externalId: 'x', aliases: [{ label: 'crm', name: 'taken' }] },
        'IDENTITY_TAKEN',
        ['users', '1', 'aliases', '0'],
      ],
    ];
    for (const [bad, code, path] of cases)
      expect(await upsert({ externalId: 'good' }, bad)).toMatchObject({ code, path });
    expect(await userBy({ externalId: 'good' })).toBeNull();
    expect(await ws.domain.users.countUsers()).toBe(1);
  });

  test('10,000 users fit into one call, one more does not, and 1,000 are looked up at once', async () => {
    const users = Array.from({ length: 10_000 }, (_, i) => ({ externalId: `u${i}` }));
    expect(await upsert(...users, { externalId: 'one more' })).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      path: ['users'],
    });
    const count = `mutation ($input: UpsertUsersInput!) { upsertUsers(input: $input) { ... on UpsertUsersSuccess { created } } }`;
    expect(await ws.ask(count, { input: { users } })).toEqual({ data: { upsertUsers: { created: 10_000 } } });
    const by = users.slice(0, 1_001);
    const found = dataOf(await ws.ask(UsersByDocument, { by: by.slice(1) })).users;
    expect(found.map((user) => user?.externalId)).toEqual(by.slice(1).map((user) => user.externalId));
    const tooMany = await ws.ask(UsersByDocument, { by });
    expect(codeOf(tooMany)).toBe('LIMIT_EXCEEDED');
  });

  test('everyone is listed in order of appearance, and counted exactly', async () => {
    await seedIdentified(ws.ctx, 'c', 'a', 'b');
    const answer = await ws.ask('{ everyone(first: 2) { totalCount nodes { externalId } } workspace { userCount } }');
    expect(answer).toEqual({
      data: {
        everyone: { totalCount: 3, nodes: [{ externalId: 'c' }, { externalId: 'a' }] },
        workspace: { userCount: 3 },
      },
    });
  });

  test('a user’s cohorts come by name, paged in both directions; their segments are evaluated now', async () => {
    await seedIdentified(ws.ctx, 'ada');
    for (const name of ['c', 'a', 'b']) await send(ws.ctx, name, adds({ externalIds: ['ada'] }));
    await send(ws.ctx, 'other');
    const query = `query ($first: Int, $after: String, $last: Int, $before: String) { user(by: { externalId: "ada" }) {
      cohorts(first: $first, after: $after, last: $last, before: $before) {
        totalCount nodes { name } pageInfo { hasNextPage hasPreviousPage endCursor startCursor } } } }`;
    const read = async (page: object) => {
      const { data } = (await ws.ask(query, page)) as { data: { user: { cohorts: Connection } } };
      return data.user.cohorts;
    };
    const first = await read({ first: 2 });
    expect(first).toMatchObject({
      totalCount: 3,
      nodes: [{ name: 'a' }, { name: 'b' }],
      pageInfo: { hasNextPage: true },
    });
    const rest = await read({ first: 2, after: first.pageInfo.endCursor });
    expect(rest).toMatchObject({ nodes: [{ name: 'c' }], pageInfo: { hasNextPage: false } });
    expect(await read({ last: 1, before: rest.pageInfo.startCursor })).toMatchObject({ nodes: [{ name: 'b' }] });
  });

  test('the cursor of a cohort the user has left is refused rather than starting over', async () => {
    await seedIdentified(ws.ctx, 'ada');
    for (const name of ['a', 'b']) await send(ws.ctx, name, adds({ externalIds: ['ada'] }));
    const query = `query ($after: String) { user(by: { externalId: "ada" }) {
      cohorts(first: 1, after: $after) { nodes { name } pageInfo { endCursor } } } }`;
    const { data } = (await ws.ask(query)) as { data: { user: { cohorts: Connection } } };
    await send(ws.ctx, 'a', { ...adds({ externalIds: ['ada'] }), remove: true });
    expect(codeOf(await ws.ask(query, { after: data.user.cohorts.pageInfo.endCursor }))).toBe('INVALID_CURSOR');
  });
});

interface Connection {
  readonly pageInfo: { readonly endCursor: string; readonly startCursor: string };
}
