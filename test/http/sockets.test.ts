import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listen, type RunningServer } from '../../src/server.ts';
import { openTestApp, type TestApp, type TestWorkspace } from '../support/app.ts';
import { ledgerOf, membersOf } from '../support/members.ts';
import { seedIdentified } from '../support/seed.ts';

// What only a real connection shows.

let app: TestApp;
let ws: TestWorkspace;
let key: string;
let server: RunningServer;
beforeAll(async () => {
  app = await openTestApp('pglite');
  ws = await app.workspace();
  key = await ws.importKey();
  await seedIdentified(ws.ctx, 'a', 'b', 'c');
  server = await listen(app.muster, { port: 0, host: '127.0.0.1' });
});
afterAll(async () => {
  await server.stop();
  await app.close();
});

const PATH = '/partners/amplitude/cohorts/users';
const change = (user: string) =>
  JSON.stringify({ client_secret: key, cohort_id: 'c', cohort_changes: [{ user_ids: [user] }] });
const large = (bytes: number) => `{"padding":"${'x'.repeat(bytes)}"}`;

async function post(body: string, options: { agent?: Agent; headers?: Record<string, string> } = {}) {
  const sent = request(`${server.url}${PATH}`, {
    method: 'POST',
    agent: options.agent,
    headers: { 'content-type': 'application/json', ...options.headers },
  });
  // Who sends more than the server wants to hear may find the connection closed after the answer.
  sent.on('error', () => {});
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return {
    status: response.statusCode,
    headers: response.headers,
    body: JSON.parse(await text(response)) as unknown,
    port: sent.socket?.localPort,
  };
}

describe('an upload that is too large', () => {
  test('is answered 413, every time, to a client that sends before it listens', async () => {
    const body = large(5 * 1024 * 1024);
    for (let i = 0; i < 10; i++) {
      const response = await fetch(`${server.url}${PATH}`, { method: 'POST', body });
      expect([response.status, response.headers.get('connection')]).toEqual([413, 'close']);
      expect(await response.json()).toEqual({ message: expect.stringContaining('send fewer identifiers') });
    }
  });

  test('is answered 413 when it comes in chunks of unknown number', async () => {
    const answer = await post(large(5 * 1024 * 1024), { headers: { 'transfer-encoding': 'chunked' } });
    expect([answer.status, answer.headers.connection]).toEqual([413, 'close']);
  });

  test('is answered 413 by GraphQL too', async () => {
    const { secret } = await ws.domain.keys.createApiKey({ name: 'k', scopes: ['users:read'] });
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: large(17 * 1024 * 1024),
    });
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'LIMIT_EXCEEDED' } }] });
  });
});

describe('a connection', () => {
  test('is kept for the next request, also after a refused one', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const good = await post(change('a'), { agent });
    const bad = await post('{', { agent });
    const wrong = await post('{"client_secret":"x"}', { agent });
    const again = await post(change('b'), { agent });
    agent.destroy();
    expect([good, bad, wrong, again].map(({ status }) => status)).toEqual([201, 400, 401, 201]);
    expect(new Set([good, bad, wrong, again].map(({ port }) => port)).size).toBe(1);
    expect(await membersOf(ws.ctx, 1)).toEqual([1, 2]);
  });

  test('that breaks in the middle of a body changes nothing, and the server goes on', async () => {
    const { port } = new URL(server.url);
    const body = change('c');
    const socket: Socket = connect(Number(port), '127.0.0.1');
    await once(socket, 'connect');
    socket.write(
      `POST ${PATH} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body.slice(0, -10)}`,
    );
    await new Promise((written) => setTimeout(written, 50));
    socket.destroy();
    await once(socket, 'close');
    expect((await post(change('a'))).status).toBe(201);
    expect(await membersOf(ws.ctx, 1)).not.toContain(3);
  });

  test('may send bytes that are no UTF-8: they are refused, not guessed', async () => {
    const { port } = new URL(server.url);
    const socket = connect(Number(port), '127.0.0.1');
    const [before, after] = change('X')
      .split('X')
      .map((part) => Buffer.from(part));
    const body = Buffer.concat([before ?? Buffer.of(), Buffer.of(0xff, 0xfe), after ?? Buffer.of()]);
    socket.write(`POST ${PATH} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n`);
    socket.end(body);
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 400 .*must be UTF-8/s);
    expect((await ledgerOf(ws.ctx, 1)).flatMap(({ reasons }) => Object.keys(reasons))).toEqual([]);
  });
});
