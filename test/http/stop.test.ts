import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { listen, type RunningServer } from '../../src/server.ts';
import { openTestApp, type TestApp } from '../support/app.ts';

/** Longer than a test may take: a stop that waits for it fails. */
const FOR_EVER = 600_000;

/** A server whose GraphQL requests wait until let go. */
async function start(graceMs: number) {
  let letGo: () => void = () => {};
  const gate = new Promise<void>((open) => {
    letGo = open;
  });
  let arrived = 0;
  const app: TestApp = await openTestApp('pglite', {
    authenticate: async () => {
      arrived++;
      await gate;
      return {};
    },
  });
  const server = await listen(app.muster, { port: 0, host: '127.0.0.1', graceMs });
  onTestFinished(async () => {
    letGo();
    await server.stop();
    await app.close();
  });
  const arrivals = async (count: number) => {
    while (arrived < count) await new Promise((wake) => setTimeout(wake, 5));
  };
  return { app, server, letGo, arrivals };
}

const portOf = (server: RunningServer) => Number(new URL(server.url).port);

async function ask(server: RunningServer, agent: Agent) {
  const sent = request(`${server.url}/graphql`, {
    method: 'POST',
    agent,
    headers: { 'content-type': 'application/json' },
  });
  sent.end(JSON.stringify({ query: '{ workspace { name } }' }));
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return { status: response.statusCode, connection: response.headers.connection, body: await text(response) };
}

async function open(server: RunningServer): Promise<Socket> {
  const socket = connect(portOf(server), '127.0.0.1');
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** A connection that is kept after its answer. */
async function openAndUse(server: RunningServer): Promise<Socket> {
  const socket = await open(server);
  socket.write('GET /health HTTP/1.1\r\nhost: x\r\n\r\n');
  await once(socket, 'data');
  return socket;
}

const ended = (socket: Socket) => (socket.closed ? Promise.resolve() : once(socket.resume(), 'close'));

test('a stopping server answers the requests under way, each the last on its connection, and takes no new one', async () => {
  const { server, letGo, arrivals } = await start(FOR_EVER);
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  const answers = [ask(server, agent), ask(server, agent), ask(server, agent)];
  await arrivals(3);
  const stopped = server.stop();
  const refused = connect(portOf(server), '127.0.0.1');
  await expect(once(refused, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  letGo();
  for (const answer of await Promise.all(answers))
    expect(answer).toEqual({
      status: 200,
      connection: 'close',
      body: expect.stringContaining('"workspace"'),
    });
  await stopped;
});

test('a stopping server does not wait for connections that ask nothing, used before or not', async () => {
  const { server } = await start(FOR_EVER);
  const sockets = [await open(server), await openAndUse(server)];
  await server.stop();
  await Promise.all(sockets.map(ended));
});

test('a request that comes on a connection of a stopping server is answered still, and the connection closed', async () => {
  const { server, letGo, arrivals } = await start(FOR_EVER);
  const socket = await open(server);
  const graphql = '{"query":"{ workspace { name } }"}';
  const lines = `POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${graphql.length}\r\n\r\n`;
  socket.write(lines);
  socket.write(graphql.slice(0, 5));
  await arrivals(1);
  const stopped = server.stop();
  socket.write(graphql.slice(5));
  letGo();
  const answer = await text(socket);
  expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(answer.toLowerCase()).toContain('connection: close');
  await stopped;
});

test('a stopping server cuts what is not finished within its grace, and stops all the same', async () => {
  const { server, arrivals } = await start(20);
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  const waiting = ask(server, agent);
  const stalled = await open(server);
  stalled.write('POST /partners/amplitude/cohorts HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{');
  await arrivals(1);
  const failed = expect(waiting).rejects.toMatchObject({ code: 'ECONNRESET' });
  await server.stop();
  await failed;
  await ended(stalled);
});

test('stopping twice is stopping once', async () => {
  const { server } = await start(FOR_EVER);
  const first = server.stop();
  expect(server.stop()).toBe(first);
  await first;
});
