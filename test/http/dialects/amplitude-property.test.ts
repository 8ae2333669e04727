import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openTestApp, type TestApp, type TestWorkspace } from '../../support/app.ts';
import { DATABASES } from '../../support/database.ts';
import { cohortNames, deliver } from '../../support/dialects/client.ts';
import { faultsOf, ledgerOf, membersOf } from '../../support/members.ts';
import { seedIdentified, seedUsers } from '../../support/seed.ts';

// What Amplitude's property integration can rely on.

const SUCCESS = [200, { message: 'success' }];
const trait = '[Amplitude] My Test Cohort: c1';

describe.each(DATABASES)('the Amplitude property integration on %s', (kind) => {
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

  const post = async (body: object, path = '/properties') => {
    const headers = { api_key: key, app_id: '1' };
    const reply = await deliver(app, `/partners/amplitude${path}`, body, headers);
    return [reply.status, reply.body] as const;
  };
  const user = (userId: string, traits: object = { [trait]: true }) => ({
    type: 'identify',
    traits,
    userId,
    context: {},
  });
  const members = (cohort = 1) => membersOf(ws.ctx, cohort);

  test('one user enters and leaves, and the cohort has its name', async () => {
    const [a] = await seedIdentified(ws.ctx, 'a');
    expect(await post(user('a'))).toEqual(SUCCESS);
    expect(await cohortNames(ws)).toEqual([['My Test Cohort', 'c1']]);
    expect(await members()).toEqual([a]);
    expect(await post(user('a', { [trait]: false }))).toEqual(SUCCESS);
    expect(await members()).toEqual([]);
    expect((await ledgerOf(ws.ctx, 1)).map(({ dialect }) => dialect)).toEqual([
      'amplitude_property',
      'amplitude_property',
    ]);
    expect(await faultsOf(ws.ctx)).toEqual([]);
  });

  test.each(['/properties', '/properties/batch'])('a batch at %s is one change, in order', async (path) => {
    const [, b, c] = await seedIdentified(ws.ctx, 'a', 'b', 'c');
    const left = { [trait]: false };
    const batch = [user('a'), user('b'), user('a', left), user('c', left), user('c')];
    expect(await post({ batch }, path)).toEqual(SUCCESS);
    expect(await members()).toEqual([b, c]);
    expect(await ledgerOf(ws.ctx, 1)).toMatchObject([{ received_count: 5, added_count: 2 }]);
  });

  test('other traits are left alone, and a cohort without the mark is taken where none has it', async () => {
    const [a] = await seedIdentified(ws.ctx, 'a');
    await post(user('a', { plan: 'pro', 'consent: mail': true, [trait]: true }));
    await post(user('a', { plan: 'pro', 'consent: mail': 'yes', 'cohort name:123': true }));
    expect(await cohortNames(ws)).toEqual([
      ['My Test Cohort', 'c1'],
      ['cohort name', '123'],
    ]);
    expect([await members(1), await members(2)]).toEqual([[a], [a]]);
  });

  test('several cohorts in one request are refused with the place, and change nothing', async () => {
    await seedIdentified(ws.ctx, 'a', 'b');
    const other = { '[Amplitude] Other: c2': true };
    const message = expect.stringContaining('one cohort per request');
    for (const [body, path] of [
      [user('a', { [trait]: true, ...other }), 'traits'],
      [{ batch: [user('a'), user('b', other)] }, 'batch[1].traits'],
    ] as const)
      expect(await post(body)).toEqual([400, { code: 'INVALID_INPUT', path, message }]);
    expect(await cohortNames(ws)).toEqual([]);
  });

  test('a cohort is renamed by its next request', async () => {
    await seedIdentified(ws.ctx, 'a');
    await post(user('a'));
    await post(user('a', { '[Amplitude] Renamed: c1': true }));
    expect(await cohortNames(ws)).toEqual([['Renamed', 'c1']]);
    expect(await members()).toEqual([1]);
  });

  test('the ids are what the address says', async () => {
    const [joan] = await seedUsers(ws.ctx, { deviceIds: ['x'] }, { externalId: 'x' });
    expect(await post(user('x'), '/properties?identity=device_id')).toEqual(SUCCESS);
    expect(await members()).toEqual([joan]);
  });

  test('10,000 users are taken, 10,001 are refused and change nothing', async () => {
    const batch = Array.from({ length: 10_001 }, (_, i) => user(`u${i}`));
    const refusal = { code: 'LIMIT_EXCEEDED', path: 'batch', message: expect.stringContaining('10000') };
    expect(await post({ batch })).toEqual([400, refusal]);
    expect(await cohortNames(ws)).toEqual([]);
    expect(await post({ batch: batch.slice(1) })).toEqual(SUCCESS);
    expect(await ledgerOf(ws.ctx, 1)).toMatchObject([{ received_count: 10_000 }]);
  });
});
