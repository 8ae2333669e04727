import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { SCOPES } from '../../src/domain/keys/scopes.ts';
import { openTestApp, type TestApp, type TestWorkspace } from '../support/app.ts';
import { type BrazeAnswer, brazeClient, sendBraze } from '../support/braze.ts';
import { DATABASES } from '../support/database.ts';
import { seedUsers } from '../support/seed.ts';

/** Every endpoint with a request that would change or tell something of the user `u`. */
const REQUESTS: readonly (readonly [path: string, body: object])[] = [
  ['/users/track', { attributes: [{ external_id: 'u', a: 1 }] }],
  ['/users/alias/new', { user_aliases: [{ external_id: 'u', alias_label: 'l', alias_name: 'n' }] }],
  ['/users/alias/update', { alias_updates: [{ alias_label: 'member', old_alias_name: 'ada', new_alias_name: 'x' }] }],
  [
    '/users/identify',
    { aliases_to_identify: [{ external_id: 'x', user_alias: { alias_label: 'member', alias_name: 'bob' } }] },
  ],
  [
    '/users/merge',
    { merge_updates: [{ identifier_to_merge: { external_id: 'u' }, identifier_to_keep: { external_id: 'v' } }] },
  ],
  ['/users/delete', { external_ids: ['u'] }],
  ['/users/external_ids/rename', { external_id_renames: [{ current_external_id: 'u', new_external_id: 'x' }] }],
  ['/users/external_ids/remove', { external_ids: ['old'] }],
  ['/users/export/ids', { external_ids: ['u'] }],
];
const READS = new Set(['/users/export/ids']);
const LIMIT = 50;

describe.each(DATABASES)('who may use the Braze user endpoints on %s', (kind) => {
  let app: TestApp;
  let workspace: TestWorkspace;
  let before: string;

  beforeAll(async () => {
    app = await openTestApp(kind, { background: false });
  });
  afterAll(() => app.close());
  beforeEach(async () => {
    workspace = await app.workspace();
    await seedUsers(
      workspace.ctx,
      { externalId: 'old', aliases: [{ label: 'member', name: 'ada' }] },
      { externalId: 'v' },
      { aliases: [{ label: 'member', name: 'bob' }] },
    );
    await workspace.domain.identities.renameExternalIds({ items: [{ externalId: 'old', newExternalId: 'u' }] });
    before = await everything();
  });

  const everything = async () =>
    JSON.stringify(await workspace.domain.users.findUsers([{ id: 1 }, { id: 2 }, { id: 3 }, { externalId: 'old' }]));
  const untouched = async () => expect(await everything()).toBe(before);
  const key = (scopes: readonly (typeof SCOPES)[number][]) => workspace.domain.keys.createApiKey({ name: 'k', scopes });
  const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });

  test.each(REQUESTS)('%s answers 401 to whoever has no valid key, and never repeats one', async (path, body) => {
    const invalid = await key(SCOPES);
    await workspace.domain.keys.invalidateKey({ kind: 'api', id: invalid.key.id });
    const imports = await workspace.importKey();
    for (const headers of [
      {},
      { authorization: '' },
      { authorization: 'Basic dTpw' },
      bearer('nonsense'),
      bearer(invalid.secret),
      bearer(imports),
    ]) {
      const answer = await sendBraze(app, path, { ...body, api_key: imports }, headers);
      expect(answer).toMatchObject({ status: 401, body: { message: 'Invalid API key' } });
      expect(Object.keys(answer.body as object)).toEqual(['message']);
    }
    await untouched();
  });

  test.each(REQUESTS)(
    '%s answers 403 to a key that lacks just its scope, and serves one that has just it',
    async (path, body) => {
      const scope = READS.has(path) ? 'users:read' : 'users:write';
      const others = await key(SCOPES.filter((s) => s !== scope));
      expect(await sendBraze(app, path, body, bearer(others.secret))).toMatchObject({
        status: 403,
        body: { message: expect.stringContaining(scope) },
      });
      await untouched();
      const own = await key([scope]);
      const answer = await sendBraze(app, path, body, bearer(own.secret));
      expect(answer).toMatchObject({ status: path === '/users/merge' ? 202 : 201, body: { message: 'success' } });
      expect(answer.body).not.toHaveProperty('errors');
      if (!READS.has(path)) expect(await everything()).not.toBe(before);
    },
  );

  test.each(REQUESTS)('%s speaks for the workspace of the key alone', async (path, body) => {
    const other = await app.workspace();
    const braze = await brazeClient(app, other);
    await braze(path, body);
    await untouched();
  });

  test.each(REQUESTS)('%s answers every mistake of form in JSON', async (path, body) => {
    const { secret } = await key(SCOPES);
    const send = (text: unknown, method = 'POST') => sendBraze(app, path, text, bearer(secret), method);
    const isMessage = (answer: BrazeAnswer, status: number) =>
      expect(answer).toMatchObject({ status, body: { message: expect.any(String) } });
    for (const text of ['', '{', 'null', '[]', '"text"', '5', `[${JSON.stringify(body)}]`, '{}'])
      isMessage(await send(text), 400);
    isMessage(await send(`{"padding":"${'x'.repeat(17 * 1024 * 1024)}"}`), 413);
    for (const method of ['GET', 'PUT', 'DELETE', 'PATCH']) {
      const answer = await send(body, method);
      isMessage(answer, 405);
      expect(answer.headers.get('allow')).toBe('POST');
    }
    isMessage(await sendBraze(app, `${path}/more`, body, bearer(secret)), 404);
    await untouched();
  });

  test.each(REQUESTS.filter(([path]) => !['/users/track', '/users/export/ids'].includes(path)))(
    '%s takes 50 objects and not one more',
    async (path, body) => {
      const { secret } = await key(SCOPES);
      const [field = '', list] = Object.entries(body)[0] ?? [];
      const send = (n: number) =>
        sendBraze(app, path, { [field]: Array.from({ length: n }, () => (list as unknown[])[0]) }, bearer(secret));
      expect(await send(LIMIT + 1)).toMatchObject({
        status: 400,
        body: { message: expect.stringContaining(`more than ${LIMIT}`) },
      });
      await untouched();
      expect((await send(LIMIT)).status).toBeLessThan(300);
      expect(await everything()).not.toBe(before);
    },
  );

  test('a page that a logged-in browser shows cannot use the login: without JSON nothing is done', async () => {
    const login = { 'x-viewer': JSON.stringify({ workspaceId: workspace.id, scopes: SCOPES }) };
    const forms = [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=b',
      'text/plain; application/json',
    ];
    for (const type of forms)
      expect(
        await sendBraze(
          app,
          '/users/delete',
          { external_ids: ['u'] },
          { ...login, authorization: 'Basic dTpw', 'content-type': type },
        ),
      ).toMatchObject({ status: 415 });
    await untouched();
    const json = { ...login, 'content-type': 'application/json; charset=utf-8' };
    expect(await sendBraze(app, '/users/delete', { external_ids: ['u'] }, json)).toMatchObject({ status: 201 });
  });
});

test('a host with users of its own has them to itself', async () => {
  const app = await openTestApp('pglite', { background: false, brazeUserEndpoints: false });
  try {
    const workspace = await app.workspace();
    const braze = await brazeClient(app, workspace);
    for (const [path, body] of REQUESTS)
      expect(await braze(path, body)).toMatchObject({ status: 404, body: { message: expect.any(String) } });
  } finally {
    await app.close();
  }
});

test('what nobody expected is masked in JSON, and logged without a word of the request', async () => {
  const app = await openTestApp('pglite', { background: false });
  try {
    const workspace = await app.workspace();
    const braze = await brazeClient(app, workspace);
    await app.database.db.execute('alter table identities rename to elsewhere');
    app.takeLog();
    const answer = await braze('/users/track', { attributes: [{ external_id: 'private' }] });
    expect(answer).toMatchObject({ status: 500, body: { message: expect.stringContaining('unexpected') } });
    const log = app.takeLog();
    expect(log).toHaveLength(1);
    expect(JSON.stringify([answer.body, log])).not.toMatch(/private/);
  } finally {
    await app.close();
  }
});
