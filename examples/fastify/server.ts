// Muster in Fastify, beside the host's own routes and with the host's own login.
// Run it: node --import tsx examples/fastify/server.ts 3000 ./.muster-example
import { getRequestListener } from '@hono/node-server';
import fastify from 'fastify';
// In your application: from 'muster'.
import { createMuster } from '../../src/index.ts';

const [port = '3000', folder = './.muster-example'] = process.argv.slice(2);

// The host's login: a session cookie. Whoever may not write gets the scopes that read.
const sessions = new Map([
  ['s-ada', { id: 'ada', isEditor: true }],
  ['s-joan', { id: 'joan', isEditor: false }],
]);
const whoIs = (cookie: string | null | undefined) => sessions.get(/session=([\w-]+)/.exec(cookie ?? '')?.[1] ?? '');

const muster = await createMuster({
  database: { folder },
  // Null leaves the request to API keys.
  authenticate: (request) => {
    const user = whoIs(request.headers.get('cookie'));
    if (!user) return null;
    return user.isEditor ? { name: user.id } : { name: user.id, scopes: ['segments:read', 'users:read'] };
  },
});

const app = fastify();

app.get('/offer', async (request) => {
  const user = whoIs(request.headers.cookie);
  const { segments, members } = muster.domain();
  const [loyal] = await segments.findSegments([{ name: 'Loyal' }]);
  if (!user || !loyal) return { offer: 'none' };
  const [row] = await members.checkMembership({ users: [{ externalId: user.id }], segments: [loyal.id] });
  return { offer: row?.segments[0] ? 'a gift' : 'a coupon' };
});

await app.register(async (scope) => {
  // Muster reads the bodies of its routes: Fastify must leave them alone.
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', (_request, _body, done) => done(null));
  const answer = getRequestListener(muster.fetch);
  for (const url of ['/graphql', '/partners/*', '/health', '/ready'])
    scope.all(url, async (request, reply) => {
      reply.hijack();
      await answer(request.raw, reply.raw);
    });
});
app.addHook('onClose', () => muster.close());

console.log(`Listening at ${await app.listen({ port: Number(port), host: '127.0.0.1' })}`);
process.once('SIGTERM', () => void app.close());
