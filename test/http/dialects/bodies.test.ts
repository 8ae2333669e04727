import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { listen } from '../../../src/server.ts';
import { openTestApp, type TestApp, type TestWorkspace } from '../../support/app.ts';
import { cohortNames, deliver } from '../../support/dialects/client.ts';
import { membersOf } from '../../support/members.ts';
import { seedIdentified } from '../../support/seed.ts';

// What travels: packed, cut off, too large, or no text at all.

const MAX_BYTES = 16 * 1024 * 1024;
const GZIP = { 'content-encoding': 'gzip' };

describe('the body of a request', () => {
  let app: TestApp;
  let ws: TestWorkspace;
  let headers: Record<string, string>;
  beforeAll(async () => {
    app = await openTestApp('pglite');
  });
  afterAll(() => app.close());
  beforeEach(async () => {
    ws = await app.workspace();
    headers = { 'x-api-key': await ws.importKey() };
    await seedIdentified(ws.ctx, 'a');
    app.takeLog();
  });

  const BODY = JSON.stringify({ userIds: ['a'] });
  const send = (body: string | Uint8Array, more: Record<string, string> = {}) =>
    deliver(app, '/partners/amplitude/lists/c1/add', body, { ...headers, ...more });
  /** Refused with that status, code and sentence; one line in the log; nothing done. */
  async function expectRefusal(reply: Awaited<ReturnType<typeof send>>, status: number, code: string, words: string) {
    expect([reply.status, reply.body]).toEqual([status, { code, path: null, message: expect.stringContaining(words) }]);
    expect(app.takeLog()).toMatchObject([{ level: 'warn', fields: { dialect: 'amplitude_list', code, path: null } }]);
    expect(await cohortNames(ws)).toEqual([]);
  }

  test('may come as gzip', async () => {
    expect((await send(gzipSync(BODY), GZIP)).status).toBe(200);
    expect((await send(gzipSync(BODY), { 'content-encoding': ' GZIP ' })).status).toBe(200);
    expect((await send(BODY, { 'content-encoding': 'identity' })).status).toBe(200);
    expect(await membersOf(ws.ctx, 1)).toEqual([1]);
  });

  test('may come as gzip in the Braze form as well', async () => {
    const body = { client_secret: headers['x-api-key'], cohort_id: 'c', cohort_changes: [{ user_ids: ['a'] }] };
    const packed = gzipSync(JSON.stringify(body));
    const reply = await deliver(app, '/partners/amplitude/cohorts/users', packed, GZIP);
    expect([reply.status, reply.body]).toEqual([201, { message: 'success' }]);
  });

  test.each([
    ['cut off', gzipSync(BODY).subarray(0, -4)],
    ['cut off early', gzipSync(BODY).subarray(0, 12)],
    ['changed', Buffer.from(gzipSync(BODY)).fill(0xff, 12, 16)],
    ['nothing', Buffer.of()],
    ['no gzip at all', Buffer.from(BODY)],
  ])('that says it is gzip and is %s is refused', async (_, body) => {
    await expectRefusal(await send(body, GZIP), 400, 'INVALID_INPUT', 'whole gzip');
  });

  test.each(['br', 'deflate', 'zstd', 'gzip, gzip'])('packed as %s is refused', async (encoding) => {
    const reply = await send(BODY, { 'content-encoding': encoding });
    await expectRefusal(reply, 415, 'INVALID_INPUT', 'must be gzip');
  });

  test('is refused where it is larger than 16 MiB, as it travels', async () => {
    const large = `{"userIds":["a"],"padding":"${'x'.repeat(MAX_BYTES)}"}`;
    const declared = await send(large, { 'content-length': String(large.length) });
    expect(declared.headers.get('connection')).toBe('close');
    await expectRefusal(declared, 413, 'LIMIT_EXCEEDED', 'larger than');
    const stream = new Request('http://muster.test/partners/amplitude/lists/c1/add', {
      method: 'POST',
      headers,
      body: new Blob([large]).stream(),
      duplex: 'half',
    } as RequestInit);
    const response = await app.muster.fetch(stream);
    expect([response.status, response.headers.get('connection')]).toEqual([413, 'close']);
    expect(await cohortNames(ws)).toEqual([]);
  });

  test('is refused where it is larger than 16 MiB once it is unpacked, without being unpacked to the end', async () => {
    const bomb = gzipSync(Buffer.alloc(8 * MAX_BYTES, ' '));
    expect(bomb.byteLength).toBeLessThan(MAX_BYTES / 50);
    await expectRefusal(await send(bomb, GZIP), 413, 'LIMIT_EXCEEDED', 'larger than');
  });

  test('of just 16 MiB is read', async () => {
    const rest = MAX_BYTES - '{"userIds":["a"],"padding":""}'.length;
    const body = `{"userIds":["a"],"padding":"${'x'.repeat(rest)}"}`;
    expect((await send(body)).status).toBe(200);
    expect((await send(gzipSync(body), GZIP)).status).toBe(200);
  });

  test.each([
    ['cut off', BODY.slice(0, -5), 'valid JSON'],
    ['empty', '', 'valid JSON'],
    ['brackets without end', '['.repeat(1_000_000), 'valid JSON'],
    ['no UTF-8', Buffer.concat([Buffer.from('{"userIds":["'), Buffer.of(0xff), Buffer.from('"]}')]), 'UTF-8'],
    ['no UTF-8 under gzip', Buffer.from('{"userIds":["\xff"]}', 'latin1'), 'UTF-8'],
  ])('that is %s is refused', async (name, body, words) => {
    const reply = name.endsWith('gzip') ? await send(gzipSync(body), GZIP) : await send(body);
    await expectRefusal(reply, 400, 'INVALID_INPUT', words);
  });

  test('may begin with a byte order mark', async () => {
    expect((await send(`\uFEFF${BODY}`)).status).toBe(200);
  });

  test('counts once where the same field comes twice: the last one', async () => {
    await seedIdentified(ws.ctx, 'b');
    expect((await send('{"userIds":["a"],"userIds":["b"]}')).status).toBe(200);
    expect(await membersOf(ws.ctx, 1)).toEqual([2]);
  });

  test('fills no memory when many come packed at once', async () => {
    const packed = gzipSync(`{"userIds":[],"padding":"${'x'.repeat(MAX_BYTES - 100)}"}`);
    const replies = await Promise.all(Array.from({ length: 12 }, () => send(packed, GZIP)));
    const statuses = replies.map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([200, 429]));
    for (const { headers: said } of replies.filter(({ status }) => status === 429))
      expect(Number(said.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect((await send(packed, GZIP)).status).toBe(200);
  });
});

test('whoever has no key hears so over a real connection, however much they send', async () => {
  const app = await openTestApp('pglite');
  const server = await listen(app.muster, { port: 0, host: '127.0.0.1' });
  const body = JSON.stringify({ users: 'x'.repeat(8 * 1024 * 1024) });
  for (let i = 0; i < 5; i++)
    for (const path of ['webhook', 'lists', 'properties', 'mixpanel']) {
      const response = await fetch(`${server.url}/partners/amplitude/${path}`, { method: 'POST', body });
      expect([path, response.status]).toEqual([path, 401]);
      await response.arrayBuffer();
    }
  await server.stop();
  await app.close();
});
