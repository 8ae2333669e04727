import { createYoga } from 'graphql-yoga';
import type { Log } from '../domain/context.ts';
import type { Domain } from '../domain/index.ts';
import type { Scope } from '../domain/keys/scopes.ts';
import type { RequestContext } from './context.ts';
import { maskError } from './errors.ts';
import { EXAMPLE_QUERIES } from './examples.ts';
import { itemCounter, limitPlugins } from './limits.ts';
import { createLoaders } from './loaders.ts';
import { schema } from './schema.ts';

/** Who asks, as far as this edge needs to know. */
export interface GraphqlViewer {
  readonly domain: Domain;
  readonly scopes: ReadonlySet<Scope>;
  readonly keyId: string | null;
}

export interface YogaOptions {
  readonly log: Log;
  /** Logs a surprise and answers the id to show. */
  readonly logSurprise: (thrown: unknown, log: Log) => string;
  /** Serves GraphiQL to browsers: for development. */
  readonly graphiql: boolean;
}

type ServerContext = { readonly viewer: GraphqlViewer | null };

/** The GraphQL edge over WHATWG fetch: hardened, errors masked, one set of loaders a request. */
export async function createGraphql(options: YogaOptions) {
  const yoga = createYoga<ServerContext, RequestContext>({
    schema,
    graphqlEndpoint: '/graphql',
    landingPage: false,
    logging: false,
    batching: false,
    context: ({ viewer }) => requestContext(viewer),
    maskedErrors: { maskError: (error) => maskError(error, options.log, options.logSurprise) },
    plugins: limitPlugins(),
    graphiql: options.graphiql
      ? {
          title: 'Muster',
          defaultTabs: EXAMPLE_QUERIES.map((query) => ({ query })),
          headers: JSON.stringify({ authorization: 'Bearer <paste an API key>' }),
        }
      : false,
    ...(options.graphiql ? await offlineGraphiql() : {}),
  });
  return async (request: Request, viewer: GraphqlViewer | null): Promise<Response> => {
    if (!viewer && !(options.graphiql && asksForPage(request))) return unauthenticated();
    if (request.method === 'POST' && !isJson(request)) return notJson();
    return yoga.fetch(request, { viewer });
  };
}

function requestContext(viewer: GraphqlViewer | null): RequestContext {
  if (!viewer) throw new Error('Nobody gets this far without a key.');
  return { ...viewer, loaders: createLoaders(viewer.domain), takeItems: itemCounter() };
}

/** A browser fetches the GraphiQL page before anybody could type a key into it. */
function asksForPage(request: Request): boolean {
  return request.method === 'GET' && (request.headers.get('accept') ?? '').includes('text/html');
}

/**
 * Of a POST only JSON is read. A form on somebody else's page can send the other types without asking, and with the cookie of whoever looks
 * at it: where the host's login is a cookie, they would change things in that person's name.
 */
function isJson(request: Request): boolean {
  return /^application\/(json|graphql\+json)\s*(;|$)/.test(request.headers.get('content-type') ?? '');
}

function notJson(): Response {
  const message = 'Send the operation as JSON, with `content-type: application/json`.';
  return Response.json({ errors: [{ message, extensions: { code: 'INVALID_INPUT' } }] }, { status: 415 });
}

/** Nothing is parsed for whoever has no key. */
function unauthenticated(): Response {
  const message = 'No valid API key: send one as `authorization: Bearer <key>`.';
  return Response.json(
    { errors: [{ message, extensions: { code: 'UNAUTHENTICATED' } }] },
    { status: 401, headers: { 'www-authenticate': 'Bearer' } },
  );
}

/** The GraphiQL page with everything in it, where that package is installed; else Yoga's own, which loads from a CDN. */
async function offlineGraphiql(): Promise<{ renderGraphiQL?: typeof import('graphql-yoga').renderGraphiQL }> {
  try {
    return { renderGraphiQL: (await import('@graphql-yoga/render-graphiql')).renderGraphiQL };
  } catch {
    return {};
  }
}
