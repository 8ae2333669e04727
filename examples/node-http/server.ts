// Muster in a bare node:http server, beside the server's own routes.
// Run it: node --import tsx examples/node-http/server.ts 3000 ./.muster-example
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
// In your application: from 'muster'.
import { createMuster, SCOPES } from '../../src/index.ts';

const [port = '3000', folder = './.muster-example'] = process.argv.slice(2);

const muster = await createMuster({ database: { folder } });
const answer = getRequestListener(muster.fetch);

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost');
  if (/^\/(graphql|partners|health|ready)(\/|$)/.test(pathname)) {
    await answer(request, response);
    return;
  }
  // The functions are called in the process, without HTTP or a key.
  const users = await muster.domain().users.countUsers();
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ host: 'yours', users }));
});

server.listen(Number(port), '127.0.0.1', async () => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  if (muster.isFirstStart) {
    const { secret } = await muster.domain().keys.createApiKey({ name: 'example', scopes: SCOPES });
    console.log(`API key: ${secret}`);
  }
  console.log(`Listening at ${url}: GraphQL at ${url}/graphql`);
});

process.once('SIGTERM', () => {
  server.close(() => void muster.close());
  server.closeIdleConnections();
});
