import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { serve } from '@hono/node-server';
import type { Muster } from './app.ts';

/** A server that listens. */
export interface RunningServer {
  readonly url: string;
  /**
   * Refuses new connections, finishes the requests under way for at most `graceMs`, cuts the rest, then closes Muster, which finishes
   * what it has acknowledged or leaves it to the next start.
   */
  readonly stop: () => Promise<void>;
}

/** The address is taken, or not ours to take. The message says what to do. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
}

const GRACE_MS = 10_000;
/** For sending one request. Its bytes take room from others' for so long. */
const REQUEST_TIMEOUT_MS = 60_000;
/** Longer than load balancers keep a connection, a minute as a rule: the one that closes it first must not be the one that is sent to. */
const KEEP_ALIVE_MS = 75_000;

/** Listens on a port (0: any free one). Errors: `ListenError`. The server owns the Muster it is given: stopping closes it. */
export async function listen(
  muster: Muster,
  options: { readonly port: number; readonly host: string; readonly graceMs?: number },
): Promise<RunningServer> {
  const server = serve({
    fetch: muster.fetch,
    port: options.port,
    hostname: options.host,
    serverOptions: { requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_MS },
  }) as Server;
  const stopServing = makeStoppable(server);
  // `once` rejects when the server emits an error instead.
  await once(server, 'listening').catch((error: NodeJS.ErrnoException) => {
    throw explain(error, options);
  });
  const { port } = server.address() as AddressInfo;
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= stopServing(options.graceMs ?? GRACE_MS).then(() => muster.close());
    return stopping;
  };
  return { url: `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`, stop };
}

/** Answers what stops the server: each connection is closed with the answer it waits for, and at once where it waits for none. */
function makeStoppable(server: Server): (graceMs: number) => Promise<void> {
  const answering = new Set<ServerResponse>();
  const sockets = new Set<Socket>();
  let isStopping = false;
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.prependListener('request', (_: IncomingMessage, response: ServerResponse) => {
    answering.add(response);
    response.once('close', () => answering.delete(response));
    // Sent in the moment of stopping, it is answered too, but it is the last on its connection.
    if (isStopping) response.shouldKeepAlive = false;
  });
  return async (graceMs) => {
    isStopping = true;
    const closed = new Promise<void>((done) => server.close(() => done()));
    for (const response of answering) response.shouldKeepAlive = false;
    server.closeIdleConnections();
    // To Node, a connection on which nothing was ever sent is not idle.
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
    const impatience = setTimeout(() => server.closeAllConnections(), graceMs);
    await closed;
    clearTimeout(impatience);
  };
}

function explain(error: NodeJS.ErrnoException, { port, host }: { port: number; host: string }): Error {
  if (error.code === 'EADDRINUSE')
    return new ListenError(
      `Port ${port} on ${host} is in use. Choose another with PORT, or stop the program that has it.`,
    );
  if (error.code === 'EACCES')
    return new ListenError(`Port ${port} needs rights this process lacks. Choose one above 1023 with PORT.`);
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND')
    return new ListenError(`There is no address ${host} on this machine. Choose another with HOST.`);
  return error;
}
