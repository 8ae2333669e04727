import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { createMiddleware } from 'hono/factory';
import type { Log } from '../../domain/context.ts';
import type { Domains } from '../../domain/index.ts';
import type { Scope } from '../../domain/keys/scopes.ts';
import type { Authenticate, Viewer } from '../auth.ts';
import { toHttpError } from '../errors.ts';
import { parseJsonObject } from '../json.ts';
import { readText } from '../read-text.ts';
import { newAliases, updateAliases } from './aliases.ts';
import type { Endpoint } from './answer.ts';
import { deleteUsers } from './delete.ts';
import { exportUsers } from './export.ts';
import { removeExternalIds, renameExternalIds } from './external-ids.ts';
import { identify } from './identify.ts';
import { merge } from './merge.ts';
import { track } from './track.ts';

/** Room for 75 objects with the largest attributes, and as many events and purchases beside them. */
const BODY_MAX_BYTES = 16 * 1024 * 1024;

const ENDPOINTS: readonly (readonly [path: string, scope: Scope, endpoint: Endpoint])[] = [
  ['/users/track', 'users:write', track],
  ['/users/alias/new', 'users:write', newAliases],
  ['/users/alias/update', 'users:write', updateAliases],
  ['/users/identify', 'users:write', identify],
  ['/users/merge', 'users:write', merge],
  ['/users/delete', 'users:write', deleteUsers],
  ['/users/external_ids/rename', 'users:write', renameExternalIds],
  ['/users/external_ids/remove', 'users:write', removeExternalIds],
  ['/users/export/ids', 'users:read', exportUsers],
];

export interface BrazeUserOptions {
  readonly domains: Domains;
  readonly log: Log;
  readonly authenticate: Authenticate;
}

type Env = { Variables: { viewer: Viewer } };

/**
 * The Braze user endpoints, for back ends that speak them already: `POST` with a bearer API key that has the scope of the endpoint.
 * Every answer is JSON with a `message`: 401 without a valid key, 403 without the scope, 405 for another method, 413 for a body that is too
 * large, 415 for a host's own login without a JSON content type, 503 with `Retry-After` while the database is busy.
 */
export function mountBrazeUsers(app: Hono, options: BrazeUserOptions): void {
  const users = new Hono<Env>();
  users.onError((error, c) => {
    const { status, headers, message } = toHttpError(error, options.log);
    return c.json({ message }, status as 400, headers);
  });
  for (const [path, scope, endpoint] of ENDPOINTS) {
    users.post(path, admit(scope, options.authenticate), limit, async (c) => {
      const body = parseJsonObject(await readText(c.req.raw));
      const answer = await endpoint(body, options.domains.in(c.get('viewer').workspaceId, c.get('viewer').actor));
      return c.json(answer.body, answer.status);
    });
    users.all(path, (c) => c.json({ message: `${path} takes POST only.` }, 405, { allow: 'POST' }));
  }
  app.route('/', users);
}

/** Nothing is read of whoever may not. Without closing, a client that is still sending would see a broken socket instead of the answer. */
function admit(scope: Scope, authenticate: Authenticate) {
  return createMiddleware<Env>(async (c, next) => {
    const viewer = await authenticate(c.req.raw);
    if (!viewer)
      return c.json({ message: 'Invalid API key' }, 401, { 'www-authenticate': 'Bearer', connection: 'close' });
    if (!viewer.scopes.has(scope))
      return c.json({ message: `This API key lacks the scope ${scope}` }, 403, { connection: 'close' });
    if (couldBeForged(c.req.raw))
      return c.json({ message: 'Send the content type application/json' }, 415, { connection: 'close' });
    c.set('viewer', viewer);
    await next();
    return undefined;
  });
}

/** A host's login may be a cookie, which a browser adds to a form of any page; JSON it sends to other origins only after asking. */
function couldBeForged({ headers }: Request): boolean {
  const isBearer = /^Bearer\s/i.test(headers.get('authorization') ?? '');
  return !isBearer && !/^application\/json\b/i.test(headers.get('content-type') ?? '');
}

const limit = bodyLimit({
  maxSize: BODY_MAX_BYTES,
  onError: (c) => {
    c.header('connection', 'close');
    return c.json(
      { message: `The request body is larger than ${BODY_MAX_BYTES} bytes: send fewer objects a request.` },
      413,
    );
  },
});
