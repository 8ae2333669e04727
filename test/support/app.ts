import { createMuster, type Muster, type MusterOptions } from '../../src/app.ts';
import type { Ctx, Log } from '../../src/domain/context.ts';
import type { Domain } from '../../src/domain/index.ts';
import { SCOPES, type Scope } from '../../src/domain/keys/scopes.ts';
import { makeContext } from './context.ts';
import { type DatabaseKind, openTestDatabase, type TestDatabase } from './database.ts';
import { type Answer, type Ask, asker } from './graphql.ts';
import { recordStatements, type StatementRecord } from './statements.ts';

export interface LogLine {
  readonly level: keyof Log;
  readonly fields: object;
  readonly message: string;
}

/** A Muster over a database of its own, with everything a test looks at from outside. */
export interface TestApp {
  readonly muster: Muster;
  readonly database: TestDatabase;
  readonly statements: StatementRecord;
  /** What was logged since the last call. */
  takeLog(): LogLine[];
  /** A new, empty workspace. */
  workspace(): Promise<TestWorkspace>;
  close(): Promise<void>;
}

/** One workspace as its clients see it, and from inside. */
export interface TestWorkspace {
  readonly id: number;
  readonly ctx: Ctx;
  readonly domain: Domain;
  /** Asks GraphQL as somebody with every scope. */
  readonly ask: Ask;
  /** Asks GraphQL as somebody with these scopes only. */
  askWith(scopes: readonly Scope[]): Ask;
  /** The secret of a new data import key. */
  importKey(partner?: string): Promise<string>;
}

/** Tests say who asks with this header; without it a request needs an API key. */
const VIEWER = 'x-viewer';

export async function openTestApp(kind: DatabaseKind, options: Partial<MusterOptions> = {}): Promise<TestApp> {
  const statements = recordStatements();
  const database = await openTestDatabase(kind, { logger: statements.logger });
  let lines: LogLine[] = [];
  const note = (level: keyof Log) => (fields: object, message: string) => void lines.push({ level, fields, message });
  const muster = await createMuster({
    database: { drizzle: database.db },
    log: { info: note('info'), warn: note('warn'), error: note('error') },
    authenticate: (request) => {
      const viewer = request.headers.get(VIEWER);
      return viewer === null ? null : (JSON.parse(viewer) as { workspaceId: number; scopes: Scope[] });
    },
    ...options,
  });
  return {
    muster,
    database,
    statements,
    takeLog: () => {
      const taken = lines;
      lines = [];
      return taken;
    },
    workspace: async () => {
      const ctx = await makeContext(database, options.now ? { now: options.now } : {});
      return workspaceOf(muster, ctx);
    },
    close: async () => {
      await muster.close();
      await database.close();
    },
  };
}

function workspaceOf(muster: Muster, ctx: Ctx): TestWorkspace {
  const id = ctx.workspaceId;
  const domain = muster.domain(id);
  const askWith = (scopes: readonly Scope[]) =>
    asker(muster.fetch, { [VIEWER]: JSON.stringify({ workspaceId: id, scopes }) });
  return {
    id,
    ctx,
    domain,
    ask: askWith(SCOPES),
    askWith,
    importKey: async (partner = 'amplitude') => (await domain.keys.generateDataImportKey({ partner })).secret,
  };
}

/** Sends a body to a partner endpoint of any server. */
export async function post(
  send: (request: Request) => Promise<Response>,
  path: string,
  body: unknown,
): Promise<{ status: number; body: unknown; headers: Headers }> {
  const response = await send(
    new Request(new URL(path, 'http://muster.test'), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    }),
  );
  return { status: response.status, body: JSON.parse(await response.text()) as unknown, headers: response.headers };
}

export type { Answer };
