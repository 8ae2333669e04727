import postgres from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openTestApp, type TestApp, type TestWorkspace } from '../../support/app.ts';
import { DATABASES } from '../../support/database.ts';
import { basic, cohortNames, deliver } from '../../support/dialects/client.ts';
import { faultsOf, ledgerOf, membersOf } from '../../support/members.ts';
import { seedIdentified, seedUsers } from '../../support/seed.ts';

// What Amplitude's list integration can rely on.

const SUCCESS = [200, { message: 'success' }];

describe.each(DATABASES)('the Amplitude list integration on %s', (kind) => {
  let app: TestApp;
  let ws: TestWorkspace;
  let key: string;
  beforeAll(async () => {
    app = await openTestApp(kind);
  });
  afterAll(() => app.close());
  beforeEach(async () => {
    ws = await app.workspace();
    key = await ws.importKey();
  });

  const context = { integration: { name: 'Amplitude Cohort Sync', version: '1.0.0' } };
  const post = async (path: string, body: object) => {
    const reply = await deliver(app, `/partners/amplitude/lists${path}`, { ...body, context }, basic(key));
    return [reply.status, reply.body] as const;
  };
  const create = async (name: string) => {
    const [status, body] = await post('', { name });
    expect(status).toBe(200);
    return (body as { listId: string }).listId;
  };
  const members = (cohort = 1) => membersOf(ws.ctx, cohort);

  test('a list is made, filled and emptied again, and is the cohort that its name says', async () => {
    const [a, b] = await seedIdentified(ws.ctx, 'a', 'b');
    expect(await post('', { name: '[Amplitude] Saturday: cohort & more: 7khm89cz' })).toEqual([
      200,
      {
        message: 'success',
        listId: '7khm89cz',
        list_id: '7khm89cz',
        id: '7khm89cz',
        cohort_id: '7khm89cz',
        data: { id: '7khm89cz', listId: '7khm89cz' },
        list: { id: '7khm89cz' },
      },
    ]);
    expect(await cohortNames(ws)).toEqual([['Saturday: cohort & more', '7khm89cz']]);
    expect(await post('/7khm89cz/add', { userIds: ['a', 'b'] })).toEqual(SUCCESS);
    expect(await members()).toEqual([a, b]);
    expect(await post('/7khm89cz/remove', { userIds: ['a', 'nobody'] })).toEqual(SUCCESS);
    expect(await members()).toEqual([b]);
    expect((await ledgerOf(ws.ctx, 1)).map(({ dialect }) => dialect)).toEqual(['amplitude_list', 'amplitude_list']);
    expect(await faultsOf(ws.ctx)).toEqual([]);
  });

  test('the id of the list may stand in the body', async () => {
    const [a, b] = await seedIdentified(ws.ctx, 'a', 'b');
    const listId = await create('[Amplitude] C: c1');
    expect(await post('/add', { listId, userIds: ['a', 'b'] })).toEqual(SUCCESS);
    expect(await members()).toEqual([a, b]);
    expect(await post('/remove', { listId, userIds: ['b'] })).toEqual(SUCCESS);
    expect(await members()).toEqual([a]);
  });

  test('users may be objects', async () => {
    const [a, b, c] = await seedIdentified(ws.ctx, 'a', 'b', 'c');
    await post('/c1/add', { userIds: [{ user_id: 'a' }, { userId: 'b', email: 'b@example.com' }, 'c'] });
    expect(await members()).toEqual([a, b, c]);
  });

  test('making a list again answers the same id, and gives it the name of then', async () => {
    expect(await create('[Amplitude] First: c1')).toBe('c1');
    expect(await create('[Amplitude] Second: c1')).toBe('c1');
    expect(await cohortNames(ws)).toEqual([['Second', 'c1']]);
  });

  test('a list of any other name has an id of its own, the same one every time, that fits into an address', async () => {
    await seedIdentified(ws.ctx, 'a');
    const names = [
      'Spring campaign',
      'spring campaign',
      'Spring: campaign',
      '../../etc',
      '.',
      'コホート 😀',
      'héllo / wörld?#',
      '[Amplitude] a: b/c',
      '[Amplitude] a: ..',
      'n'.repeat(512),
    ];
    const ids = new Set<string>();
    for (const name of names) {
      const id = await create(name);
      expect(id).toMatch(/^[a-z0-9][a-z0-9-]{0,99}$/);
      expect(await create(name)).toBe(id);
      expect(await post(`/${id}/add`, { userIds: ['a'] })).toEqual(SUCCESS);
      expect(await cohortNames(ws)).toContainEqual([name, id]);
      ids.add(id);
    }
    expect(ids.size).toBe(names.length);
    expect(await cohortNames(ws)).toHaveLength(names.length);
  });

  test('a list that was never made is made by its first users, called by its id until it is named', async () => {
    await seedIdentified(ws.ctx, 'a');
    expect(await post('/unknown%20list/add', { userIds: [] })).toEqual(SUCCESS);
    expect(await cohortNames(ws)).toEqual([]);
    expect(await post('/unknown%20list/add', { userIds: ['a'] })).toEqual(SUCCESS);
    expect(await cohortNames(ws)).toEqual([['unknown list', 'unknown list']]);
    expect(await members()).toEqual([1]);
  });

  test('a list called add or remove is a list like any other', async () => {
    const [a] = await seedIdentified(ws.ctx, 'a');
    await post('/add/add', { userIds: ['a'] });
    await post('/remove/add', { userIds: ['a'] });
    await post('/add/remove', { userIds: ['a'] });
    expect(await cohortNames(ws)).toEqual([
      ['add', 'add'],
      ['remove', 'remove'],
    ]);
    expect([await members(1), await members(2)]).toEqual([[], [a]]);
  });

  test('the same request again changes nothing, and ids that come twice count once', async () => {
    const [a] = await seedIdentified(ws.ctx, 'a');
    for (let i = 0; i < 3; i++) await post('/c1/add', { userIds: ['a', 'a'] });
    expect(await members()).toEqual([a]);
    expect((await ledgerOf(ws.ctx, 1)).map(({ added_count }) => added_count)).toEqual([1, 0, 0]);
  });

  test('four requests at a time all count', async () => {
    const ids = Array.from({ length: 400 }, (_, i) => `u${i}`);
    await seedIdentified(ws.ctx, ...ids);
    const replies = await Promise.all(
      [0, 100, 200, 300].map((from) => post('/c1/add', { userIds: ids.slice(from, from + 100) })),
    );
    expect(replies).toEqual(replies.map(() => SUCCESS));
    expect(await members()).toHaveLength(400);
    expect(await faultsOf(ws.ctx)).toEqual([]);
  });

  test('the cohort of a list is the one of the other forms of the partner', async () => {
    const [a, b] = await seedIdentified(ws.ctx, 'a', 'b');
    const listId = await create('[Amplitude] My cohort: c1');
    await post(`/${listId}/add`, { userIds: ['a'] });
    const message = { cohort_name: 'My cohort', cohort_id: 'c1', in_cohort: true, users: [{ user_id: 'b' }] };
    await deliver(app, '/partners/amplitude/webhook', message, basic(key));
    const change = { client_secret: key, cohort_id: 'c1', cohort_changes: [{ user_ids: ['a'], should_remove: true }] };
    await deliver(app, '/partners/amplitude/cohorts/users', change);
    const property = { userId: 'a', traits: { '[Amplitude] My cohort: c1': true } };
    await deliver(app, '/partners/amplitude/properties', property, basic(key));
    expect(await cohortNames(ws)).toEqual([['My cohort', 'c1']]);
    expect(await members()).toEqual([a, b]);
    expect((await ledgerOf(ws.ctx, 1)).map(({ dialect }) => dialect)).toEqual([
      'amplitude_list',
      'amplitude_webhook',
      'braze',
      'amplitude_property',
    ]);
  });

  test('the ids are what the address says', async () => {
    const [joan, grace] = await seedUsers(
      ws.ctx,
      { deviceIds: ['x'] },
      { aliases: [{ label: 'crm', name: 'x' }] },
      { externalId: 'x' },
    );
    await post('/devices/add?identity=device_id', { userIds: ['x'] });
    await post('/aliases/add?identity=alias:crm', { userIds: ['x'] });
    expect([await members(1), await members(2)]).toEqual([[joan], [grace]]);
    const refusal = { code: 'INVALID_INPUT', path: 'identity', message: expect.stringContaining('identity') };
    expect(await post('/c/add?identity=email', { userIds: ['x'] })).toEqual([400, refusal]);
  });

  test('10,000 ids are taken, 10,001 are refused and change nothing', async () => {
    const userIds = Array.from({ length: 10_001 }, (_, i) => `u${i}`);
    const refusal = { code: 'LIMIT_EXCEEDED', path: 'userIds', message: expect.stringContaining('10000') };
    expect(await post('/c1/add', { userIds })).toEqual([400, refusal]);
    expect(await cohortNames(ws)).toEqual([]);
    expect(await post('/c1/add', { userIds: userIds.slice(1) })).toEqual(SUCCESS);
    expect((await ledgerOf(ws.ctx, 1)).map(({ received_count }) => received_count)).toEqual([10_000]);
  });
});

test('a cohort that somebody else holds is 429 with a time to come back, and nothing is applied', async () => {
  const app = await openTestApp('postgres');
  const ws = await app.workspace();
  const headers = basic(await ws.importKey());
  await seedIdentified(ws.ctx, 'a');
  const send = (body: object) => deliver(app, '/partners/amplitude/lists/c1/add', body, headers);
  expect((await send({ userIds: ['nobody'] })).status).toBe(200);
  const holder = postgres(app.database.url ?? '', { max: 1 });
  try {
    await holder.begin(async (tx) => {
      await tx`select 1 from cohorts where workspace_id = ${ws.id} for update`;
      const reply = await send({ userIds: ['a'] });
      expect(reply.status).toBe(429);
      expect(reply.body).toMatchObject({ code: 'LOCKED', path: null });
      expect(Number(reply.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    });
    expect(await membersOf(ws.ctx, 1)).toEqual([]);
    expect((await send({ userIds: ['a'] })).status).toBe(200);
    expect(await membersOf(ws.ctx, 1)).toEqual([1]);
  } finally {
    await holder.end();
    await app.close();
  }
});
