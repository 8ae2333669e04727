import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openTestApp, type TestApp, type TestWorkspace } from '../support/app.ts';
import { fakeClock } from '../support/context.ts';
import { DATABASES } from '../support/database.ts';
import {
  type ApiKeyScope,
  ApiKeysDocument,
  CreateApiKeyDocument,
  GenerateKeyDocument,
  ImportKeysDocument,
  InvalidateKeyDocument,
  RevokeApiKeyDocument,
  RotateApiKeyDocument,
  RotateKeyDocument,
} from '../support/gql/graphql.ts';
import { asker, codeOf, dataOf, successOf } from '../support/graphql.ts';

const HOUR = 3_600_000;

describe.each(DATABASES)('keys on %s', (kind) => {
  const clock = fakeClock();
  let app: TestApp;
  let ws: TestWorkspace;
  beforeAll(async () => {
    app = await openTestApp(kind, { now: clock.now });
  });
  afterAll(() => app.close());
  beforeEach(async () => {
    ws = await app.workspace();
  });

  const generate = async (input: { partner: string; name?: string; expiresAt?: string }) =>
    dataOf(await ws.ask(GenerateKeyDocument, { input })).generateDataImportKey;
  const createApiKey = async (scopes: readonly ApiKeyScope[], name = 'key') =>
    successOf(dataOf(await ws.ask(CreateApiKeyDocument, { input: { name, scopes } })).createApiKey);
  const asks = (secret: string) => asker(app.muster.fetch, { authorization: `Bearer ${secret}` });
  /** What somebody with this secret is told: an error's code, or null when they are let in. */
  const refusal = async (secret: string) => codeOf(await asks(secret)('{ workspace { id } }'));

  test('a data import key is shown with its secret once, and listed without', async () => {
    const { key, secret } = successOf(await generate({ partner: 'amplitude', name: 'production' }));
    expect(key).toMatchObject({
      partner: 'amplitude',
      name: 'production',
      state: 'ACTIVE',
      createdAt: clock.now().toISOString(),
      lastUsedAt: null,
      expiresAt: null,
    });
    expect(secret.startsWith(key.prefix)).toBe(true);
    expect(secret.length).toBeGreaterThan(key.prefix.length + 20);
    const list = await ws.ask(ImportKeysDocument, {});
    expect(dataOf(list).dataImportKeys).toMatchObject({ totalCount: 1, nodes: [key] });
    expect(JSON.stringify(list)).not.toContain(secret);
  });

  test('keys are listed the newest first, by partner, and paged in both directions', async () => {
    for (const partner of ['amplitude', 'mixpanel', 'amplitude', 'amplitude']) {
      clock.advance(1000);
      successOf(await generate({ partner }));
    }
    const read = async (page: object) =>
      dataOf(await ws.ask(ImportKeysDocument, { partner: 'amplitude', ...page })).dataImportKeys;
    const all = (await read({})).nodes.map((key) => key.id);
    expect(all).toHaveLength(3);
    const first = await read({ first: 2 });
    expect(first).toMatchObject({ totalCount: 3, pageInfo: { hasNextPage: true, hasPreviousPage: false } });
    expect(first.nodes.map((key) => key.id)).toEqual(all.slice(0, 2));
    const rest = await read({ first: 2, after: first.pageInfo.endCursor });
    expect(rest.nodes.map((key) => key.id)).toEqual(all.slice(2));
    expect(rest.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: true });
    const back = await read({ last: 2, before: rest.pageInfo.startCursor });
    expect(back.nodes.map((key) => key.id)).toEqual(all.slice(0, 2));
    const elsewhere = await ws.ask(ImportKeysDocument, { partner: 'mixpanel', after: first.pageInfo.endCursor });
    expect(codeOf(elsewhere)).toBe('INVALID_CURSOR');
  });

  test('a rotation makes a successor beside the old key, which ends with the overlap', async () => {
    const old = successOf(await generate({ partner: 'amplitude', name: 'n' })).key;
    const rotated = successOf(
      dataOf(await ws.ask(RotateKeyDocument, { input: { id: old.id, overlapHours: 2 } })).rotateDataImportKey,
    );
    expect(rotated.key).toMatchObject({ partner: 'amplitude', name: 'n', state: 'ACTIVE', expiresAt: null });
    expect(rotated.key.id).not.toBe(old.id);
    const states = async () =>
      Object.fromEntries(
        dataOf(await ws.ask(ImportKeysDocument, {})).dataImportKeys.nodes.map((key) => [key.id, key.state]),
      );
    expect(await states()).toEqual({ [old.id]: 'ROTATED', [rotated.key.id]: 'ACTIVE' });
    clock.advance(2 * HOUR - 1);
    expect(await states()).toEqual({ [old.id]: 'ROTATED', [rotated.key.id]: 'ACTIVE' });
    clock.advance(1);
    expect(await states()).toEqual({ [old.id]: 'EXPIRED', [rotated.key.id]: 'ACTIVE' });
  });

  test('the overlap is 24 hours if nothing is said', async () => {
    const old = successOf(await generate({ partner: 'amplitude' })).key;
    successOf(dataOf(await ws.ask(RotateKeyDocument, { input: { id: old.id } })).rotateDataImportKey);
    const keys = dataOf(await ws.ask(ImportKeysDocument, {})).dataImportKeys.nodes;
    const end = new Date(clock.now().getTime() + 24 * HOUR).toISOString();
    expect(keys.find((key) => key.id === old.id)?.expiresAt).toBe(end);
  });

  test('only an active key can be rotated', async () => {
    const { key } = successOf(await generate({ partner: 'amplitude' }));
    successOf(dataOf(await ws.ask(RotateKeyDocument, { input: { id: key.id } })).rotateDataImportKey);
    const again = dataOf(await ws.ask(RotateKeyDocument, { input: { id: key.id } })).rotateDataImportKey;
    expect(again).toMatchObject({ __typename: 'ConflictError', code: 'NOT_ACTIVE', path: ['id'] });
  });

  test('invalidating a key twice is as good as once', async () => {
    const { key } = successOf(await generate({ partner: 'amplitude' }));
    for (const _ of [1, 2]) {
      const done = dataOf(await ws.ask(InvalidateKeyDocument, { input: { id: key.id } })).invalidateDataImportKey;
      expect(successOf(done).key).toMatchObject({ id: key.id, state: 'INVALIDATED' });
    }
  });

  test.each([
    ['a partner that is no name', { partner: 'Amplitude!' }, ['partner']],
    ['an empty partner', { partner: '' }, ['partner']],
    ['an empty name', { partner: 'amplitude', name: ' ' }, ['name']],
    ['a long name', { partner: 'amplitude', name: 'n'.repeat(201) }, ['name']],
    ['a name with NUL', { partner: 'amplitude', name: 'a\u0000b' }, ['name']],
    [
      'an end that no database can hold',
      { partner: 'amplitude', expiresAt: '9999-12-31T23:59:59-10:00' },
      ['expiresAt'],
    ],
    ['an end in the past', { partner: 'amplitude', expiresAt: '2020-01-01T00:00:00Z' }, ['expiresAt']],
  ])('%s is refused with its path', async (_, input, path) => {
    expect(await generate(input)).toMatchObject({ __typename: 'InvalidInputError', code: 'INVALID_INPUT', path });
  });

  test.each([-1, 2161, 1e300])('an overlap of %s hours is refused', async (overlapHours) => {
    const { key } = successOf(await generate({ partner: 'amplitude' }));
    const answer = dataOf(await ws.ask(RotateKeyDocument, { input: { id: key.id, overlapHours } })).rotateDataImportKey;
    expect(answer).toMatchObject({ code: 'INVALID_INPUT', path: ['overlapHours'] });
  });

  test('an API key opens GraphQL for its workspace until it is revoked, and notes when it was used', async () => {
    const { key, secret } = await createApiKey(['SEGMENTS_READ', 'COHORTS_READ']);
    expect(key).toMatchObject({ scopes: ['SEGMENTS_READ', 'COHORTS_READ'], state: 'ACTIVE', lastUsedAt: null });
    const answer = await asks(secret)('{ workspace { name } segments { totalCount } }');
    const { name } = await ws.domain.workspaces.getWorkspace();
    expect(answer).toEqual({ data: { workspace: { name }, segments: { totalCount: 0 } } });
    const [listed] = dataOf(await ws.ask(ApiKeysDocument, {})).apiKeys.nodes;
    expect(listed).toEqual({ ...key, lastUsedAt: clock.now().toISOString() });
    successOf(dataOf(await ws.ask(RevokeApiKeyDocument, { input: { id: key.id } })).revokeApiKey);
    expect(await refusal(secret)).toBe('UNAUTHENTICATED');
  });

  test('a rotated API key works beside its successor until the overlap ends', async () => {
    const old = await createApiKey(['SEGMENTS_READ']);
    const next = successOf(
      dataOf(await ws.ask(RotateApiKeyDocument, { input: { id: old.key.id, overlapHours: 1 } })).rotateApiKey,
    );
    expect(next.key.scopes).toEqual(['SEGMENTS_READ']);
    expect([await refusal(old.secret), await refusal(next.secret)]).toEqual([null, null]);
    clock.advance(HOUR);
    expect([await refusal(old.secret), await refusal(next.secret)]).toEqual(['UNAUTHENTICATED', null]);
  });

  test('nobody hands out a scope that they lack, by making a key or by rotating one', async () => {
    const strong = await createApiKey(['KEYS_MANAGE', 'USERS_WRITE']);
    const weak = asks((await createApiKey(['KEYS_MANAGE'])).secret);
    const input = { name: 'stronger', scopes: ['USERS_WRITE'] as const };
    expect(dataOf(await weak(CreateApiKeyDocument, { input })).createApiKey).toMatchObject({
      code: 'FORBIDDEN',
      path: ['scopes'],
    });
    expect(dataOf(await weak(RotateApiKeyDocument, { input: { id: strong.key.id } })).rotateApiKey).toMatchObject({
      code: 'FORBIDDEN',
    });
    expect(dataOf(await ws.ask(ApiKeysDocument, {})).apiKeys.totalCount).toBe(2);
  });

  test('an API key needs a scope', async () => {
    const answer = dataOf(await ws.ask(CreateApiKeyDocument, { input: { name: 'none', scopes: [] } })).createApiKey;
    expect(answer).toMatchObject({ code: 'INVALID_INPUT', path: ['scopes'] });
  });

  test('a key of one kind is nobody where the other kind is asked for', async () => {
    const api = await createApiKey(['SEGMENTS_READ']);
    const answer = dataOf(await ws.ask(InvalidateKeyDocument, { input: { id: api.key.id } })).invalidateDataImportKey;
    expect(answer).toMatchObject({ __typename: 'NotFoundError', code: 'NOT_FOUND' });
    expect(await refusal(api.secret)).toBeNull();
    const imports = successOf(await generate({ partner: 'amplitude' }));
    expect(await refusal(imports.secret)).toBe('UNAUTHENTICATED');
  });

  test.each([
    ['no key', ''],
    ['another scheme', 'Basic abc'],
    ['a made-up key', 'Bearer muster_api_1_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'],
    ['something long', `Bearer ${'a'.repeat(10_000)}`],
  ])('%s is told nothing but that it is none', async (_, authorization) => {
    const response = await app.muster.fetch(
      new Request('http://muster.test/graphql?query={__typename}', { headers: { authorization } }),
    );
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe('Bearer');
    expect(codeOf((await response.json()) as never)).toBe('UNAUTHENTICATED');
  });
});
