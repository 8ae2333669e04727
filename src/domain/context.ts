import { type Db, postgresCode } from '../db/client.ts';
import { fail } from './errors.ts';

/** Where the product writes what operators should know. pino and console fit. Never given a secret or a body. */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What became of one inbound request, for whoever counts them. Never an identity, a body or a secret. */
export interface IngestEvent {
  readonly dialect: string;
  /** `applied`, `duplicate`, `queued`, `held`, or the code of the error it was refused with. */
  readonly outcome: string;
  readonly received: number;
  readonly matched: number;
  readonly held: number;
  readonly ignored: number;
  readonly added: number;
  readonly removed: number;
  readonly unchanged: number;
  readonly durationMs: number;
}

/** Is told what happens, as it happens: for metrics. Must not throw. */
export interface Observer {
  ingested(event: IngestEvent): void;
}

/** Who does something, for the audit log. */
export interface Actor {
  readonly kind: 'api_key' | 'configured_key' | 'host' | 'command_line' | 'library' | 'system';
  /** The key's id; null where there is no key. */
  readonly id: string | null;
  readonly name: string | null;
}

/** What every operation needs: the database (or the transaction under way), the clock, the log, and whose data it is about. */
export interface Ctx {
  readonly db: Db;
  readonly inTransaction: boolean;
  readonly now: () => Date;
  readonly log: Log;
  readonly observer: Observer;
  /** Who asks: the library, unless somebody else is named. */
  readonly actor: Actor;
  readonly workspaceId: number;
  /** Why this program cannot fetch a partner's cohorts, as a sentence that says what to do; null: it can. Left out: it fetches nothing. */
  readonly whyNoPulls?: ((workspaceId: number, partner: string) => string | null) | undefined;
}

/** Deadlock, serialization failure: PostgreSQL undid everything and asks to run it again. */
const RETRY_CODES = new Set(['40P01', '40001']);
const MAX_ATTEMPTS = 6;
const FIRST_DELAY_MS = 5;

/**
 * Runs `work` in a transaction, or in the one under way. What the database undid because of concurrency is run again, at most
 * six times; `work` must therefore touch nothing but the database. Errors: LOCKED when it still cannot be done.
 */
export async function inTransaction<T>(ctx: Ctx, work: (ctx: Ctx) => Promise<T>): Promise<T> {
  if (ctx.inTransaction) return work(ctx);
  for (let attempt = 1; ; attempt++) {
    try {
      return await ctx.db.transaction((tx) => work({ ...ctx, db: tx as unknown as Db, inTransaction: true }));
    } catch (error) {
      const code = postgresCode(error);
      if (code === '55P03') throw lockedError(error);
      if (code === null || !RETRY_CODES.has(code)) throw error;
      if (attempt === MAX_ATTEMPTS) throw lockedError(error);
      await new Promise((wake) => setTimeout(wake, FIRST_DELAY_MS * 2 ** attempt * Math.random()));
    }
  }
}

/** LOCKED, for whoever waited too long. */
export function lockedError(cause?: unknown): Error {
  return fail(
    'LOCKED',
    'Another writer is busy here. Nothing was applied: send the same request again after a moment.',
    {
      cause,
      retryAfterSeconds: 1,
    },
  );
}
