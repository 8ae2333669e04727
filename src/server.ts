import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import type { Muster } from './app.ts';

/** A server that listens. */
export interface RunningServer {
  readonly url: string;
  /** Refuses new connections, finishes the requests under way for at most `graceMs`, then closes the rest and the database. */
  readonly stop: () => Promise<void>;
}

/** The address is taken, or not ours to take. The message says what to do. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
}

const GRACE_MS = 10_000;

/** Listens on a port (0: any free one). Errors: `ListenError`. The server owns the Muster it is given: stopping closes it. */
export async function listen(
  muster: Muster,
  options: { readonly port: number; readonly host: string; readonly graceMs?: number },
): Promise<RunningServer> {
  const server = serve({ fetch: muster.fetch, port: options.port, hostname: options.host }) as Server;
  // `once` rejects when the server emits an error instead.
  await once(server, 'listening').catch((error: NodeJS.ErrnoException) => {
    throw explain(error, options);
  });
  const { port } = server.address() as AddressInfo;
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= stopServer(server, options.graceMs ?? GRACE_MS).then(() => muster.close());
    return stopping;
  };
  return { url: `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`, stop };
}

async function stopServer(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>((done) => server.close(() => done()));
  server.closeIdleConnections();
  const impatience = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(impatience);
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
