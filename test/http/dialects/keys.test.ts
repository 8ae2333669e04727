import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { partnerEndpoints } from '../../../src/domain/keys/endpoints.ts';
import { withoutSecrets } from '../../../src/http/partners.ts';
import { openTestApp, type TestApp, type TestWorkspace } from '../../support/app.ts';
import { fakeClock } from '../../support/context.ts';
import { basic, countedOutcomes, deliver, type Reply } from '../../support/dialects/client.ts';
import { cohortIds, membersOf } from '../../support/members.ts';
import { seedIdentified } from '../../support/seed.ts';

// Who may import in the forms whose key is in a header or in the address.

/** A request of each form that does something. */
const BODIES: Readonly<Record<string, object>> = {
  '/webhook': { cohort_id: 'c', in_cohort: true, users: [{ user_id: 'a' }] },
  '/lists': { name: '[Amplitude] C: c' },
  '/lists/c/add': { userIds: ['a'] },
  '/lists/add': { listId: 'c', userIds: ['a'] },
  '/lists/c/remove': { userIds: ['a'] },
  '/lists/remove': { listId: 'c', userIds: ['a'] },
  '/properties': { userId: 'a', traits: { '[Amplitude] C: c': true } },
  '/properties/batch': { batch: [{ userId: 'a', traits: { '[Amplitude] C: c': true } }] },
  '/mixpanel': {
    action: 'add_members',
    parameters: { mixpanel_cohort_id: 'c', members: [{ mixpanel_distinct_id: 'a' }] },
  },
};
const ADDRESSES = Object.entries(BODIES);
const NOT_VALID = 'The data import key is not valid: generate one on the partner page.';
const OTHER = 'The data import key belongs to another partner.';
const MISSING = expect.stringContaining('Send a data import key');

const messageOf = ({ body }: Reply): unknown => {
  const { message, error } = body as { message?: unknown; error?: { message: unknown } };
  return message ?? error?.message;
};

describe('a data import key', () => {
  const clock = fakeClock();
  let app: TestApp;
  let ws: TestWorkspace;
  beforeAll(async () => {
    app = await openTestApp('pglite', { now: clock.now });
  });
  afterAll(() => app.close());
  beforeEach(async () => {
    ws = await app.workspace();
    await seedIdentified(ws.ctx, 'a');
  });

  /** Every address, asked alike. No answer and no line of the log may have the key in it. */
  async function send(key: string, headers: Record<string, string>, partner = 'amplitude'): Promise<Set<string>> {
    const replies = new Set<string>();
    for (const [address, body] of ADDRESSES) {
      const reply = await deliver(app, `/partners/${partner}${address}`, body, headers);
      replies.add(JSON.stringify(reply.status === 200 ? [200] : [reply.status, messageOf(reply)]));
      if (key !== '') expect(JSON.stringify([reply.body, [...reply.headers], app.takeLog()])).not.toContain(key);
    }
    return replies;
  }
  const answer = (...parts: unknown[]) => new Set([JSON.stringify(parts)]);
  const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

  test.each([
    ['as a bearer token', bearer],
    ['as a bearer token in any case', (key: string) => ({ authorization: `bearer ${key}` })],
    ['as the user name of Basic authentication', (key: string) => basic(key)],
    ['as a user name with a password', (key: string) => basic(key, 'x')],
    ['as a password with any user name', (key: string) => basic('muster', key)],
    ['in x-api-key', (key: string) => ({ 'x-api-key': key })],
    ['in api_key', (key: string) => ({ api_key: key, app_id: '1' })],
    ['beside the login of a proxy', (key: string) => ({ ...basic('proxy', 'secret'), 'x-api-key': key })],
  ])('is read %s', async (_, headers) => {
    const key = await ws.importKey();
    expect(await send(key, headers(key))).toEqual(answer(200));
    expect(await cohortIds(ws.ctx)).toEqual([1]);
  });

  test.each(['webhook', 'mixpanel'])('is read in the address of %s, and comes back in no answer', async (form) => {
    const key = await ws.importKey();
    const body = BODIES[`/${form}`];
    expect((await deliver(app, `/partners/amplitude/${form}/${key}`, body)).status).toBe(200);
    expect(await membersOf(ws.ctx, 1)).toEqual([1]);
    const bad = await deliver(app, `/partners/amplitude/${form}/${key}`, '{');
    expect(bad.status).toBe(400);
    const wrongMethod = await app.muster.fetch(new Request(`http://muster.test/partners/amplitude/${form}/${key}`));
    expect(wrongMethod.status).toBe(404);
    const said = JSON.stringify([bad.body, await wrongMethod.text(), app.takeLog()]);
    expect(said).not.toContain(key);
    expect(said).not.toContain('muster_dik');
  });

  test('is asked for before anything of the body is read', async () => {
    for (const [address] of ADDRESSES) {
      const reply = await deliver(app, `/partners/amplitude${address}`, 'no JSON');
      expect([reply.status, messageOf(reply)]).toEqual([401, MISSING]);
      expect(reply.headers.get('www-authenticate')).toBe('Basic realm="muster"');
      // Mixpanel's answer repeats the action, so its body is read all the same.
      if (address !== '/mixpanel') expect(reply.headers.get('connection')).toBe('close');
    }
    expect(await cohortIds(ws.ctx)).toEqual([]);
  });

  test.each([
    ['a word', 'pa55word'],
    ['made up in the right form', 'muster_dik_1_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'],
    ['long', 'x'.repeat(10_000)],
  ])('that is %s opens nothing', async (_, key) => {
    const ways: Record<string, string>[] = [bearer(key), basic(key), { 'x-api-key': key }, { api_key: key }];
    for (const headers of ways) expect(await send(key, headers)).toEqual(answer(401, NOT_VALID));
    expect(await cohortIds(ws.ctx)).toEqual([]);
  });

  test('with one letter changed opens nothing', async () => {
    const key = await ws.importKey();
    const at = key.length - 10;
    const other = key.slice(0, at) + (key[at] === 'a' ? 'b' : 'a') + key.slice(at + 1);
    expect(await send(other, bearer(other))).toEqual(answer(401, NOT_VALID));
  });

  test('of another partner opens nothing, and says that it is the partner', async () => {
    const key = await ws.importKey('mixpanel');
    expect(await send(key, bearer(key))).toEqual(answer(401, OTHER));
    expect(await cohortIds(ws.ctx)).toEqual([]);
    expect(await send(key, bearer(key), 'mixpanel')).toEqual(answer(200));
  });

  test('reaches its own workspace only', async () => {
    const other = await app.workspace();
    await seedIdentified(other.ctx, 'a');
    const key = await other.importKey();
    expect(await send(key, bearer(key))).toEqual(answer(200));
    expect(await cohortIds(ws.ctx)).toEqual([]);
    expect(await cohortIds(other.ctx)).toEqual([1]);
  });

  test('that was invalidated is refused by the very next request', async () => {
    const { key, secret } = await ws.domain.keys.generateDataImportKey({ partner: 'amplitude' });
    expect(await send(secret, bearer(secret))).toEqual(answer(200));
    await ws.domain.keys.invalidateKey({ kind: 'data_import', id: key.id });
    expect(await send(secret, bearer(secret))).toEqual(answer(401, NOT_VALID));
  });

  test('that has expired is refused from that moment on', async () => {
    const expiresAt = new Date(clock.now().getTime() + 1000);
    const { secret } = await ws.domain.keys.generateDataImportKey({ partner: 'amplitude', expiresAt });
    clock.advance(999);
    expect(await send(secret, bearer(secret))).toEqual(answer(200));
    clock.advance(1);
    expect(await send(secret, bearer(secret))).toEqual(answer(401, NOT_VALID));
  });

  test('is not an API key, whatever its scopes', async () => {
    const { secret } = await ws.domain.keys.createApiKey({ name: 'k', scopes: ['cohorts:write', 'keys:manage'] });
    expect(await send(secret, bearer(secret))).toEqual(answer(401, NOT_VALID));
  });

  test('is not read where it does not belong', async () => {
    const key = await ws.importKey();
    for (const [address, body] of ADDRESSES) {
      const path = `/partners/amplitude${address}?key=${key}&api_key=${key}`;
      const reply = await deliver(app, path, { ...body, client_secret: key, api_key: key }, { 'x-key': key });
      expect([reply.status, messageOf(reply)]).toEqual([401, MISSING]);
      expect(JSON.stringify([reply.body, app.takeLog()])).not.toContain(key);
    }
  });

  test('is looked for at the name of a partner only', async () => {
    const key = await ws.importKey();
    for (const partner of ['Amplitude', 'amplitude!', '%00', 'x'.repeat(65)])
      for (const [address, body] of ADDRESSES) {
        const reply = await deliver(app, `/partners/${partner}${address}`, body, bearer(key));
        expect([reply.status, messageOf(reply)]).toEqual([400, expect.stringContaining('for example "amplitude"')]);
        expect(app.takeLog()).toMatchObject([{ fields: { partner: null, code: 'INVALID_INPUT', path: 'partner' } }]);
      }
  });

  test('is counted once where it is refused, here or in the domain', async () => {
    const own = await openTestApp('pglite');
    const { importKey } = await own.workspace();
    const theirs = await importKey('mixpanel');
    const body = BODIES['/lists/c/add'];
    await deliver(own, '/partners/amplitude/lists/c/add', body);
    await deliver(own, '/partners/amplitude/lists/c/add', body, { 'x-api-key': theirs });
    expect(await countedOutcomes(own, 'amplitude_list')).toEqual({ UNAUTHENTICATED: 1, FORBIDDEN: 1 });
    await own.close();
  });
});

test('every address that is shown to operators takes requests', async () => {
  const app = await openTestApp('pglite');
  for (const { path, method } of partnerEndpoints('amplitude')) {
    const address = path.replace('{listId}', 'l').replace('{key}', 'k');
    const response = await app.muster.fetch(new Request(`http://muster.test${address}`, { method, body: '{}' }));
    expect([path, response.status]).toEqual([path, 401]);
  }
  await app.close();
});

test.each([
  ['/partners/amplitude/webhook/k3y', '/partners/amplitude/webhook/…'],
  ['/partners/amplitude/Webhook/k3y/more', '/partners/amplitude/Webhook/…'],
  ['//partners//amplitude/mixpanel/k3y', '//partners//amplitude/mixpanel/…'],
  ['/partners/amplitude/lists/muster_dik_1_abc/add', '/partners/amplitude/lists/…/add'],
  ['/partners/amplitude/cohorts', '/partners/amplitude/cohorts'],
  ['/muster_api_1_abc', '/…'],
])('the address %s is shown as %s', (path, shown) => {
  expect(withoutSecrets(path)).toBe(shown);
});
