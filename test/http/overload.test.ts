import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { laneOf, roomOf } from '../../src/domain/cohorts/room.ts';
import { listen, type RunningServer } from '../../src/server.ts';
import { openTestApp, type TestApp, type TestWorkspace } from '../support/app.ts';
import { membersOf } from '../support/members.ts';
import { command, seedIdentified } from '../support/seed.ts';

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

async function post(path: string, body: string, headers: Record<string, string> = {}, agent: Agent | false = false) {
  const sent = request(`${server.url}${path}`, {
    method: 'POST',
    agent,
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
  const line = answer.split('\n').find((text) => text.startsWith(`${name} `));
  return Number(line?.slice(name.length));
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

describe('while as much of a cohort is in hand as may be', () => {
  /** Takes all the room that a cohort may have, until the test ends. */
  function fill(cohort: string): void {
    let empty: () => void = () => {};
    const until = new Promise<void>((open) => {
      empty = open;
    });
    void roomOf(app.database.db).hold(laneOf(ws.ctx, command(cohort, [])), 250_000, () => until);
    onTestFinished(() => empty());
  }

  test('its requests are refused with 429, on a connection that is kept, and those of others are applied', async () => {
    fill('flooded');
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    const refused = await post(PATH, change('flooded'), {}, agent);
    expect(refused).toMatchObject({ status: 429, headers: { 'retry-after': '1', connection: 'keep-alive' } });
    expect(refused.body).toEqual({ message: expect.stringContaining('Nothing was applied') });
    expect((await post(PATH, change('other'), {}, agent)).status).toBe(201);
    expect(await figure('muster_ingest_in_hand_identifiers')).toBe(250_000);
    expect(await figure('muster_ingest_requests_total{dialect="braze",outcome="OVERLOADED"}')).toBeGreaterThan(0);
  });

  test('a message of a sender that waits for seconds only is accepted, and applied once there is room', async () => {
    fill('hooked');
    const message = { cohort_id: 'hooked', in_cohort: true, message_id: 'm', users: [{ user_id: 'a' }] };
    const headers = { authorization: `Bearer ${key}` };
    const accepted = await post('/partners/amplitude/webhook', JSON.stringify(message), headers);
    expect(accepted).toMatchObject({ status: 200, body: { status: 'accepted' } });
    const ref = { partnerCohort: { partner: 'amplitude', cohortId: 'hooked' } };
    for (let members: number[] = []; members.join() !== '1'; ) {
      await new Promise((wake) => setTimeout(wake, 20));
      const [cohort] = await ws.domain.cohorts.findCohorts([ref]);
      members = await membersOf(ws.ctx, cohort?.id ?? 0);
    }
  });
});
