import { type Context, Hono } from 'hono';
import type { Log } from '../../domain/context.ts';
import { fail } from '../../domain/errors.ts';
import type { Domain, Domains } from '../../domain/index.ts';
import type { Scope } from '../../domain/keys/scopes.ts';
import type { UserList } from '../../domain/segments/member-list.ts';
import type { Authenticate } from '../auth.ts';
import { logSurprise, toHttpError } from '../errors.ts';
import { DEFAULT_COLUMNS, readColumns } from './columns.ts';
import { type ExportFormat, memberLines } from './lines.ts';
import { createStreams, toBody } from './streams.ts';
import { readCohortId, readSegmentId, userIdWriter } from './target.ts';

export interface ExportOptions {
  readonly domains: Domains;
  readonly log: Log;
  readonly authenticate: Authenticate;
}

const CONTENT_TYPE = {
  ndjson: 'application/x-ndjson; charset=utf-8',
  csv: 'text/csv; charset=utf-8; header=present',
} as const;

/**
 * `GET /segments/{id}/users` and `GET /cohorts/{id}/users`: all members as a stream. Errors are JSON with a `message`: 400 for a parameter that
 * cannot be read, 401 without a valid key, 403 without the scopes, 404 for what this workspace has not, 405 for another method, 429 while
 * too many streams run, 503 with `Retry-After` while the database is busy. What breaks after the first bytes breaks the connection.
 */
export function mountExports(app: Hono, options: ExportOptions): void {
  const streams = createStreams();
  const exports = new Hono();
  exports.onError((error, c) => {
    const { status, headers, message } = toHttpError(error, options.log);
    return c.json({ message }, status as 400, headers);
  });
  const serve = (path: string, scope: Scope, find: (domain: Domain, id: string) => Promise<UserList | null>) => {
    exports.get(path, async (c) => {
      const viewer = await options.authenticate(c.req.raw);
      if (!viewer) return c.json({ message: 'Invalid API key' }, 401, { 'www-authenticate': 'Bearer' });
      const lacking = [scope, 'users:read' as const].find((s) => !viewer.scopes.has(s));
      if (lacking) return c.json({ message: `This API key lacks the scope ${lacking}` }, 403);
      const domain = options.domains.in(viewer.workspaceId, viewer.actor);
      const list = await find(domain, c.req.param('id') ?? '');
      if (!list) throw fail('NOT_FOUND', 'There is no such list of users in this workspace.');
      return send(c, domain, list);
    });
    exports.all(path, (c) => c.json({ message: `${c.req.path} takes GET only.` }, 405, { allow: 'GET, HEAD' }));
  };
  serve('/segments/:id/users', 'segments:read', findSegment);
  serve('/cohorts/:id/users', 'cohorts:read', findCohort);
  app.route('/', exports);

  async function send(c: Context, domain: Domain, list: UserList): Promise<Response> {
    const asked = readAsked(c, domain.workspaceId);
    const leave = streams.enter();
    try {
      const { first, after } = asked;
      const members = await domain.members.exportMembers(list, { ...asked.columns.facts, first, after });
      const headers = {
        'content-type': CONTENT_TYPE[asked.format],
        'x-total-count': String(members.total),
        'cache-control': 'no-store',
        vary: 'accept, accept-encoding',
        ...(asked.gzip ? { 'content-encoding': 'gzip' } : {}),
      };
      // The head alone has no body that anybody would read to its end.
      if (c.req.method === 'HEAD') {
        leave();
        return c.body(null, 200, headers);
      }
      const { format, withCursors } = asked;
      const pieces = memberLines(members, { format, withCursors, columns: asked.columns.list });
      const onEnd = (error: unknown) => {
        leave();
        if (error) logSurprise(error, options.log);
      };
      return c.body(toBody(pieces, { gzip: asked.gzip, signal: c.req.raw.signal, onEnd }), 200, headers);
    } catch (error) {
      leave();
      throw error;
    }
  }
}

async function findSegment(domain: Domain, text: string): Promise<UserList | null> {
  const id = readSegmentId(text);
  const [segment] = id === null ? [] : await domain.segments.findSegments([{ id }]);
  return segment ? { segment } : null;
}

async function findCohort(domain: Domain, text: string): Promise<UserList | null> {
  const id = readCohortId(text, domain.workspaceId);
  const [cohort] = id === null ? [] : await domain.cohorts.findCohorts([{ id }]);
  return cohort ? { cohortId: cohort.id } : null;
}

/** What the parameters and headers of a request ask for. Errors: INVALID_INPUT, LIMIT_EXCEEDED. */
function readAsked(c: Context, workspaceId: number) {
  const query = new URL(c.req.url).searchParams;
  const listed = query.getAll('columns').flatMap((names) => names.split(',').map((name) => name.trim()));
  const names = [...listed, ...query.getAll('column')];
  const first = query.get('first');
  if (first !== null && !/^[0-9]{1,15}$/.test(first))
    throw fail('INVALID_INPUT', 'first must be a whole number from 0 on.', { path: ['first'] });
  return {
    columns: readColumns(names.length > 0 ? names : DEFAULT_COLUMNS, userIdWriter(workspaceId)),
    format: readFormat(query.get('format'), c.req.header('accept') ?? ''),
    withCursors: readSwitch(query, 'cursors') ?? false,
    gzip: readSwitch(query, 'gzip') ?? takesGzip(c.req.header('accept-encoding') ?? ''),
    first: first === null ? undefined : Number(first),
    after: query.get('after') ?? undefined,
  };
}

function readFormat(asked: string | null, accept: string): ExportFormat {
  if (asked === 'csv' || asked === 'ndjson') return asked;
  if (asked !== null) throw fail('INVALID_INPUT', 'format is ndjson or csv.', { path: ['format'] });
  return /\btext\/csv\b/i.test(accept) && !/\bndjson\b/i.test(accept) ? 'csv' : 'ndjson';
}

function readSwitch(query: URLSearchParams, name: string): boolean | null {
  const value = query.get(name);
  if (value === null) return null;
  if (value === '1' || value === '0') return value === '1';
  throw fail('INVALID_INPUT', `${name} is 1 or 0.`, { path: [name] });
}

/** False too for whoever names gzip only to refuse it. */
function takesGzip(acceptEncoding: string): boolean {
  return acceptEncoding
    .split(',')
    .map((part) => part.trim().toLowerCase())
    .some((part) => /^(x-)?gzip\b/.test(part) && !/;\s*q=0(\.0*)?$/.test(part));
}
