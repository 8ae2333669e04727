import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createMuster } from '../../src/app.ts';
import { openTestApp, post, type TestApp, type TestWorkspace } from '../support/app.ts';
import { fakeClock } from '../support/context.ts';
import { DATABASES } from '../support/database.ts';
import { membersOf } from '../support/members.ts';
import { seedIdentified } from '../support/seed.ts';

const SECRET = 'Invalid client secret.';
const PARTNER = 'The partner is not enabled for the client with this client secret.';
const PARTNER_KEY = 'Invalid partner API key.';

describe.each(DATABASES)('who may import on %s', (kind) => {
  const clock = fakeClock();
  let app: TestApp;
  let ws: TestWorkspace;
  beforeAll(async () => {
    app = await openTestApp(kind, {
      now: clock.now,
      partnerApiKeys: { guarded: ['right-partner-key', 'next-partner-key'] },
    });
  });
  afterAll(() => app.close());
  beforeEach(async () => {
    ws = await app.workspace();
    await seedIdentified(ws.ctx, 'a');
  });

  /** Both endpoints, asked alike; they must answer alike, and never with a key. */
  async function send(keys: { client_secret?: unknown; partner_api_key?: unknown }, partner = 'amplitude') {
    const requests = {
      'cohorts/users': { ...keys, cohort_id: 'c', cohort_changes: [{ user_ids: ['a'] }] },
      cohorts: { ...keys, cohort_id: 'c', name: 'C', created_at: '2026-01-01' },
    };
    const answers = [];
    for (const [path, body] of Object.entries(requests)) {
      const { status, body: said } = await post(app.muster.fetch, `/partners/${partner}/${path}`, body);
      answers.push([status, (said as { message: string }).message]);
      const seen = JSON.stringify([said, app.takeLog()]);
      for (const key of Object.values(keys)) if (typeof key === 'string' && key !== '') expect(seen).not.toContain(key);
    }
    expect(answers[1]).toEqual(answers[0]);
    return answers[0];
  }
  const OK = [201, 'success'];
  const cohorts = () => ws.domain.cohorts.countCohorts({});

  test('a data import key imports cohorts of its partner into its workspace', async () => {
    expect(await send({ client_secret: await ws.importKey() })).toEqual(OK);
    expect(await membersOf(ws.ctx, 1)).toEqual([1]);
  });

  test.each([
    ['none', undefined],
    ['null', null],
    ['empty', ''],
    ['a number', 7],
    ['an object', { toString: 'x' }],
    ['a list with the key in it', ['x']],
    ['a word', 'pa55word'],
    ['made up in the right form', 'muster_dik_1_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'],
    ['long', 'x'.repeat(100_000)],
    ['NUL', '\u0000'],
  ])('a client secret that is %s opens nothing', async (_, client_secret) => {
    expect(await send({ client_secret })).toEqual([401, SECRET]);
    expect(await cohorts()).toBe(0);
  });

  test('one letter of a key changed opens nothing', async () => {
    const key = await ws.importKey();
    for (const at of [key.length - 1, key.length - 10, key.length - 20]) {
      const other = key[at] === 'a' ? 'b' : 'a';
      expect(await send({ client_secret: key.slice(0, at) + other + key.slice(at + 1) })).toEqual([401, SECRET]);
    }
    expect(await send({ client_secret: ` ${key}` })).toEqual([401, SECRET]);
    expect(await cohorts()).toBe(0);
  });

  test('a key of another partner opens nothing, and says that it is the partner', async () => {
    expect(await send({ client_secret: await ws.importKey('mixpanel') })).toEqual([401, PARTNER]);
    expect(await cohorts()).toBe(0);
  });

  test('an API key imports nothing, whatever its scopes', async () => {
    const { secret } = await ws.domain.keys.createApiKey({ name: 'k', scopes: ['cohorts:write', 'keys:manage'] });
    expect(await send({ client_secret: secret })).toEqual([401, SECRET]);
  });

  test('a key reaches its own workspace only, whatever is called alike in others', async () => {
    const other = await app.workspace();
    await seedIdentified(other.ctx, 'a');
    expect(await send({ client_secret: await other.importKey() })).toEqual(OK);
    expect(await cohorts()).toBe(0);
    expect(await membersOf(other.ctx, 1)).toEqual([1]);
  });

  test('an expired key is refused from that moment on', async () => {
    const expiresAt = new Date(clock.now().getTime() + 1000);
    const { secret } = await ws.domain.keys.generateDataImportKey({ partner: 'amplitude', expiresAt });
    clock.advance(999);
    expect(await send({ client_secret: secret })).toEqual(OK);
    clock.advance(1);
    expect(await send({ client_secret: secret })).toEqual([401, SECRET]);
  });

  test('an invalidated key is refused by the very next request', async () => {
    const { key, secret } = await ws.domain.keys.generateDataImportKey({ partner: 'amplitude' });
    expect(await send({ client_secret: secret })).toEqual(OK);
    await ws.domain.keys.invalidateKey({ kind: 'data_import', id: key.id });
    expect(await send({ client_secret: secret })).toEqual([401, SECRET]);
  });

  test('both keys of a rotation work until the overlap ends, and then the new one only', async () => {
    const old = await ws.domain.keys.generateDataImportKey({ partner: 'amplitude' });
    const next = await ws.domain.keys.rotateKey({ kind: 'data_import', id: old.key.id, overlapHours: 1 });
    expect([await send({ client_secret: old.secret }), await send({ client_secret: next.secret })]).toEqual([OK, OK]);
    clock.advance(3_600_000);
    expect([await send({ client_secret: old.secret }), await send({ client_secret: next.secret })]).toEqual([
      [401, SECRET],
      OK,
    ]);
  });

  test('a partner with configured keys is asked for one of them, before its client secret counts', async () => {
    const client_secret = await ws.importKey('guarded');
    for (const partner_api_key of [undefined, null, '', 'wrong', 7, ['right-partner-key'], 'right-partner-key '])
      expect(await send({ client_secret, partner_api_key }, 'guarded')).toEqual([401, PARTNER_KEY]);
    expect(await send({ client_secret: 'x', partner_api_key: 'wrong' }, 'guarded')).toEqual([401, PARTNER_KEY]);
    expect(await cohorts()).toBe(0);
    for (const partner_api_key of ['right-partner-key', 'next-partner-key'])
      expect(await send({ client_secret, partner_api_key }, 'guarded')).toEqual(OK);
    expect(await send({ client_secret: 'x', partner_api_key: 'right-partner-key' }, 'guarded')).toEqual([401, SECRET]);
  });

  test('a partner without configured keys is not asked for one', async () => {
    for (const partner_api_key of [undefined, 'anything', 7])
      expect(await send({ client_secret: await ws.importKey(), partner_api_key })).toEqual(OK);
  });

  test('a key in a place where keys do not belong is not read', async () => {
    const key = await ws.importKey();
    const body = JSON.stringify({ cohort_id: 'c', cohort_changes: [] });
    const headers = { authorization: `Bearer ${key}`, 'x-client-secret': key };
    const url = `http://muster.test/partners/amplitude/cohorts/users?client_secret=${key}`;
    const response = await app.muster.fetch(new Request(url, { method: 'POST', body, headers }));
    expect(response.status).toBe(401);
    expect(JSON.stringify([await response.text(), app.takeLog()])).not.toContain(key);
  });
});

test('a key invalidated on one server is refused by the very next request on another', async () => {
  const app = await openTestApp('postgres');
  const ws = await app.workspace();
  const second = await createMuster({ database: { url: app.database.url ?? '' } });
  try {
    const { key, secret } = await ws.domain.keys.generateDataImportKey({ partner: 'amplitude' });
    const body = { client_secret: secret, cohort_id: 'c', cohort_changes: [] };
    const ask = async () => (await post(second.fetch, '/partners/amplitude/cohorts/users', body)).status;
    expect(await ask()).toBe(201);
    await ws.domain.keys.invalidateKey({ kind: 'data_import', id: key.id });
    expect(await ask()).toBe(401);
  } finally {
    await second.close();
    await app.close();
  }
});
