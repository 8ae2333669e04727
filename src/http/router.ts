import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { Log, Observer } from '../domain/context.ts';
import type { Domains } from '../domain/index.ts';
import type { Authenticate, Viewer } from './auth.ts';
import type { BodyRoom } from './body-room.ts';
import { mountBrazeUsers } from './braze-users/mount.ts';
import { toHttpError } from './errors.ts';
import { mountExports } from './exports/mount.ts';
import { mountHealth } from './health.ts';
import { type Metrics, mountMetrics } from './metrics.ts';
import { mountPartners, withoutSecrets } from './partners.ts';

/** Room for 10,000 users with a few identities and attributes each. */
const GRAPHQL_BODY_MAX_BYTES = 16 * 1024 * 1024;

export interface RouterOptions {
  readonly domains: Domains;
  readonly log: Log;
  readonly observer: Observer;
  readonly now: () => Date;
  readonly authenticate: Authenticate;
  readonly partnerApiKeys: Readonly<Record<string, readonly string[]>>;
  /** False leaves `/users/...` to the host. */
  readonly brazeUserEndpoints: boolean;
  readonly isReady: () => Promise<boolean>;
  readonly bodyRoom: BodyRoom;
  /** Null serves none. */
  readonly metrics: Metrics | null;
  /** The GraphQL edge, which is told who asks; null when nobody we know does. */
  readonly graphql: (request: Request, viewer: Viewer | null) => Promise<Response>;
}

/** Every route of the product: `/graphql`, `/partners/...`, `/users/...`, `/segments/...`, `/cohorts/...`, `/health`, `/ready`, `/metrics`. */
export function createRouter(options: RouterOptions): Hono {
  const app = new Hono();
  mountHealth(app, options.isReady);
  if (options.metrics) mountMetrics(app, options.metrics);
  app.use(options.bodyRoom.middleware);
  mountPartners(app, options);
  if (options.brazeUserEndpoints) mountBrazeUsers(app, options);
  mountExports(app, options);
  app.use(
    '/graphql',
    bodyLimit({
      maxSize: GRAPHQL_BODY_MAX_BYTES,
      onError: (c) => {
        c.header('connection', 'close');
        return c.json(
          graphqlError('LIMIT_EXCEEDED', `The request body is larger than ${GRAPHQL_BODY_MAX_BYTES} bytes.`),
          413,
        );
      },
    }),
  );
  app.all('/graphql', async (c) => options.graphql(c.req.raw, await options.authenticate(c.req.raw)));
  app.notFound((c) => {
    const path = withoutSecrets(new URL(c.req.url).pathname);
    return c.json({ message: `There is nothing at ${c.req.method} ${path}.` }, 404);
  });
  app.onError((error, c) => {
    const { status, headers, code, message } = toHttpError(error, options.log);
    const body = c.req.path === '/graphql' ? graphqlError(code, message) : { message };
    return c.json(body, status as 500, headers);
  });
  return app;
}

function graphqlError(code: string, message: string) {
  return { errors: [{ message, extensions: { code } }] };
}
