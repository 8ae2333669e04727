import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { listen, type RunningServer } from '../../src/server.ts';
import { openTestApp, type TestApp, type TestWorkspace } from '../support/app.ts';
import { seedIdentified } from '../support/seed.ts';

// What a server does when it is sent more than it can take, over real connections.

let app: TestApp;
let ws: TestWorkspace;
let key: string;
let server: RunningServer;
beforeAll(async () => {
  app = await openTestApp('pglite');
  ws = await app.workspace();
  key = await ws.importKey();
  await seedIdentified(ws.ctx, 'a');
  server = await listen(app.muster, { port: 0, host: '127.0.0.1' });
  return async () => {
    await server.stop();
    await app.close();
  };
});

const PATH = '/partners/amplitude/cohorts/users';
const MEBIBYTE = 1024 * 1024;
const change = (cohort: string) =>
  JSON.stringify({ client_secret: key, cohort_id: cohort, cohort_changes: [{ user_ids: ['a'] }] });

async function post(path: string, body: string, headers: Record<string, string> = {}) {
  const sent = request(`${server.url}${path}`, {
    method: 'POST',
    agent: false,
    headers: { 'content-type': 'application/json', ...headers },
  });
  sent.on('error', () => {});
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return { status: response.statusCode, headers: response.headers, body: JSON.parse(await text(response)) as unknown };
}

/** What `/metrics` says of a figure without labels. */
async function figure(name: string): Promise<number> {
  const answer = await (await fetch(`${server.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(answer)?.[1]);
}

async function until(name: string, isSo: (value: number) => boolean): Promise<void> {
  while (!isSo(await figure(name))) await new Promise((wake) => setTimeout(wake, 20));
}

/** Sends all of a body but its last byte, and waits. */
async function stall(bytes: number): Promise<Socket> {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  await once(socket, 'connect');
  socket.write(`POST ${PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: ${bytes}\r\n\r\n`);
  socket.write(Buffer.alloc(bytes - 1, 'x'));
  onTestFinished(() => void socket.destroy());
  return socket;
}

describe('while as many bytes of bodies are in memory as may be', () => {
  test('all others are refused with 429 in the words of their dialect, and heard again afterwards', async () => {
    const sockets = await Promise.all(Array.from({ length: 16 }, () => stall(4 * MEBIBYTE)));
    await until('muster_http_body_bytes', (bytes) => bytes > 63.9 * MEBIBYTE);
    expect(await figure('muster_http_body_bytes')).toBeLessThanOrEqual(64 * MEBIBYTE);

    const padded = JSON.stringify({ padding: 'x'.repeat(MEBIBYTE) });
    for (const headers of [undefined, { 'transfer-encoding': 'chunked' }]) {
      const braze = await post(PATH, padded, headers);
      expect(braze).toMatchObject({ status: 429, headers: { 'retry-after': '1', connection: 'close' } });
      expect(braze.body).toEqual({ message: expect.stringContaining('send it again') });
    }
    const { secret } = await ws.domain.keys.createApiKey({ name: 'k', scopes: ['users:read'] });
    const graphql = await post('/graphql', padded, { authorization: `Bearer ${secret}` });
    expect(graphql).toMatchObject({ status: 429, headers: { 'retry-after': '1', connection: 'close' } });
    expect(graphql.body).toMatchObject({ errors: [{ extensions: { code: 'OVERLOADED' } }] });

    for (const socket of sockets) socket.destroy();
    await until('muster_http_body_bytes', (bytes) => bytes === 0);
    expect((await post(PATH, change('c'))).status).toBe(201);
  });
});
