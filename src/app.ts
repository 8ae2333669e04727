import type { Logger } from 'drizzle-orm/logger';
import type { GraphQLSchema } from 'graphql';
import { type OpenDatabase, openEmbedded, openServer, useHostDatabase } from './db/client.ts';
import { isMigrated, migrate } from './db/migrate.ts';
import { upkeep } from './db/upkeep.ts';
import { roomOf } from './domain/cohorts/room.ts';
import type { Actor, Log } from './domain/context.ts';
import { createDomains, type Domain, type Domains } from './domain/index.ts';
import { measureBacklog } from './domain/jobs/backlog.ts';
import { SCOPES, type Scope } from './domain/keys/scopes.ts';
import { schema } from './graphql/schema.ts';
import { createGraphql } from './graphql/yoga.ts';
import { type Authenticate, apiKeyAuthentication, DEFAULT_WORKSPACE_ID, type Viewer } from './http/auth.ts';
import { createBodyRoom } from './http/body-room.ts';
import { logSurprise } from './http/errors.ts';
import { createMetrics } from './http/metrics.ts';
import { createRouter } from './http/router.ts';
import { type Account, type AmplitudeOption, readAccounts, whyNoPulls } from './pull/settings.ts';
import { createPuller, type Puller } from './pull/worker.ts';

/** Where the data is: in a folder (PGlite), in memory (PGlite, for tests), on a PostgreSQL server, or in the host's own Drizzle database. */
export type DatabaseOption =
  | { readonly folder: string }
  | { readonly memory: true }
  | { readonly url: string; readonly poolSize?: number }
  | { readonly drizzle: object };

/** Who the host says is asking. */
export interface HostViewer {
  /** Default 1, the workspace that exists from the first start on. */
  readonly workspaceId?: number;
  /** Default all. */
  readonly scopes?: readonly Scope[];
  /** For the ledger and the audit log. */
  readonly name?: string;
}

export interface MusterOptions {
  /** Default `{ folder: './.muster' }`. Who opens a database closes it: a host's own stays open. */
  readonly database?: DatabaseOption;
  /** The host's own login, asked first; null leaves the request to API keys. */
  readonly authenticate?: (request: Request) => HostViewer | null | Promise<HostViewer | null>;
  /** A secret of at least 32 characters that has every scope of the default workspace, for automation. */
  readonly apiKey?: string;
  /** Per partner, the `partner_api_key` values accepted in the Braze dialect; a partner without any is not asked for one. */
  readonly partnerApiKeys?: Readonly<Record<string, readonly string[]>>;
  /** Serves the Braze user endpoints at `/users/...`. Default true; a host with routes of its own there says false. */
  readonly brazeUserEndpoints?: boolean;
  /** The keys of Amplitude projects, to pull whole cohorts with: of the default workspace, or by workspace. */
  readonly amplitude?: AmplitudeOption;
  /** Where to write what operators should know; silent if left out. pino fits. */
  readonly log?: Log;
  /** Serves GraphiQL at `/graphql` to browsers. Default false: for development. */
  readonly graphiql?: boolean;
  /** Serves figures for Prometheus at `/metrics`, to whoever asks: they name nobody. Default true. */
  readonly metrics?: boolean;
  /** Does background work: drops pending members past their limits, pulls cohorts, keeps PGlite's statistics. Default true; several servers share it. */
  readonly background?: boolean;
  /** The clock. */
  readonly now?: () => Date;
  /** Is told every statement, for tests and tracing. */
  readonly statementLogger?: Logger;
}

/** A running Muster. */
export interface Muster {
  /** Answers `/graphql`, `/partners/...`, `/users/...`, `/health`, `/ready` and `/metrics`. */
  readonly fetch: (request: Request) => Promise<Response>;
  readonly schema: GraphQLSchema;
  /** The verbs of the product for a workspace, the default one if none is named. `actor` is for the audit log: the library if none is named. */
  readonly domain: (workspaceId?: number, actor?: Actor) => Domain;
  /** True when this start made the first workspace. */
  readonly isFirstStart: boolean;
  readonly close: () => Promise<void>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

const SILENT: Log = { info: () => {}, warn: () => {}, error: () => {} };

/**
 * Opens the database, brings its tables to this version, makes the first workspace if there is none, and builds the edges over it.
 * Errors: `FolderInUseError`, `DatabaseTooNewError`, `ServerTooOldError`, and whatever the database says when it cannot be reached.
 */
export async function createMuster(options: MusterOptions = {}): Promise<Muster> {
  if (options.apiKey !== undefined && options.apiKey.length < 32)
    throw new Error('`apiKey` must have at least 32 characters.');
  const accounts = readAccounts(options.amplitude, DEFAULT_WORKSPACE_ID);
  const database = await open(options);
  try {
    await migrate(database);
    return await assemble(database, options, accounts);
  } catch (error) {
    await database.close();
    throw error;
  }
}

async function assemble(
  database: OpenDatabase,
  options: MusterOptions,
  accounts: ReadonlyMap<number, Account>,
): Promise<Muster> {
  const log = options.log ?? SILENT;
  const now = options.now ?? (() => new Date());
  const bodyRoom = createBodyRoom();
  const metrics = createMetrics({
    backlog: () => measureBacklog(database.db, now()),
    inHand: () => roomOf(database.db).load,
    bodyBytes: bodyRoom.bytes,
  });
  const domains = createDomains({
    db: database.db,
    now,
    log,
    observer: metrics.observer,
    whyNoPulls: whyNoPulls(accounts),
  });
  const first = await domains
    .in(DEFAULT_WORKSPACE_ID)
    .workspaces.createWorkspace({ id: DEFAULT_WORKSPACE_ID, name: 'default' });
  const graphql = await createGraphql({ log, logSurprise, graphiql: options.graphiql ?? false });
  const router = createRouter({
    domains,
    log,
    observer: metrics.observer,
    now,
    authenticate: authentication(options, apiKeyAuthentication(domains, options.apiKey)),
    partnerApiKeys: options.partnerApiKeys ?? {},
    brazeUserEndpoints: options.brazeUserEndpoints ?? true,
    isReady: () => isMigrated(database.db),
    bodyRoom,
    metrics: options.metrics === false ? null : metrics,
    graphql: (request, viewer) =>
      graphql(request, viewer && toGraphqlViewer(viewer, domains.in(viewer.workspaceId, viewer.actor))),
  });
  const puller = createPuller({ domains, accounts, now, log, logSurprise });
  const stopBackground = options.background === false ? async () => {} : startBackground(database, domains, puller);
  const close = once(async () => {
    await inTime(stopBackground(), STOP_MS);
    // What is left keeps: it is applied by the next start, or by another server.
    await inTime(applyAccepted(domains), STOP_MS);
    await database.close();
  });
  return {
    fetch: async (request) => router.fetch(request),
    schema,
    domain: (workspaceId = DEFAULT_WORKSPACE_ID, actor) => domains.in(workspaceId, actor),
    isFirstStart: first !== null,
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function open(options: MusterOptions): Promise<OpenDatabase> {
  const database = options.database ?? { folder: './.muster' };
  const logger = options.statementLogger;
  if ('url' in database) return openServer({ url: database.url, poolSize: database.poolSize, logger });
  if ('drizzle' in database) return useHostDatabase(database.drizzle);
  return openEmbedded({ folder: 'folder' in database ? database.folder : null, logger });
}

const JOBS_EVERY_MS = 60_000;
const UPKEEP_EVERY_MS = 15_000;
const ACCEPTED_EVERY_MS = 2_000;
const PULLS_EVERY_MS = 2_000;
const SCHEDULE_EVERY_MS = 30_000;
/** A pull of a large cohort takes minutes, in which the others should not stand still. */
const PULLS_AT_ONCE = 2;

/** How long closing waits for background work, and then for what was accepted. */
const STOP_MS = 5_000;

/** Looks for due work now and then; stopping waits for what is under way. */
function startBackground(database: OpenDatabase, domains: Domains, puller: Puller): () => Promise<void> {
  const stopJobs = every(JOBS_EVERY_MS, async () => {
    for (const { id } of await domains.in(DEFAULT_WORKSPACE_ID).workspaces.listWorkspaces())
      await domains.in(id).jobs.runDueJobs();
  });
  const stopUpkeep = database.kind === 'embedded' ? every(UPKEEP_EVERY_MS, () => upkeep(database.db)) : async () => {};
  const stopAccepted = every(ACCEPTED_EVERY_MS, () => applyAccepted(domains));
  const stopPulls = [
    every(SCHEDULE_EVERY_MS, puller.tend),
    ...Array.from({ length: PULLS_AT_ONCE }, () => every(PULLS_EVERY_MS, puller.work)),
  ];
  return async () => {
    puller.stop();
    await Promise.all([stopJobs(), stopUpkeep(), stopAccepted(), ...stopPulls.map((stop) => stop())]);
  };
}

/** Applies what was acknowledged and is due, in every workspace. */
async function applyAccepted(domains: Domains): Promise<void> {
  for (const id of await domains.in(DEFAULT_WORKSPACE_ID).cohorts.findAccepted())
    await domains.in(id).cohorts.applyAccepted();
}

/** Waits for work that may fail, but not for ever. */
async function inTime(work: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work.catch(() => {}), tooLate]);
  clearTimeout(timer);
}

/** Runs work again and again, never twice at once. Work that fails comes round again: whoever sends requests is told if the database is away. */
function every(ms: number, work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null;
  const timer = setInterval(() => {
    running ??= work()
      .catch(() => {})
      .finally(() => {
        running = null;
      });
  }, ms);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await running;
  };
}

function authentication(options: MusterOptions, byKey: Authenticate): Authenticate {
  const { authenticate } = options;
  if (!authenticate) return byKey;
  return async (request) => {
    const host = await authenticate(request);
    if (!host) return byKey(request);
    return {
      workspaceId: host.workspaceId ?? DEFAULT_WORKSPACE_ID,
      scopes: new Set(host.scopes ?? SCOPES),
      actor: { kind: 'host', id: null, name: host.name ?? null },
    };
  };
}

function toGraphqlViewer(viewer: Viewer, domain: Domain) {
  return { domain, scopes: viewer.scopes, keyId: viewer.actor.kind === 'api_key' ? viewer.actor.id : null };
}

function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => {
    done ??= work();
    return done;
  };
}
