import { randomUUID } from 'node:crypto';
import type { Log } from '../domain/context.ts';
import { databaseFault } from '../domain/database-fault.ts';
import { CODES, DomainError, type ErrorKind, formatPath } from '../domain/errors.ts';

/** The HTTP status of every kind of expected failure, for routes that have no dialect of their own. */
export const STATUS: { readonly [K in ErrorKind]: number } = {
  input: 400,
  limit: 400,
  notFound: 404,
  conflict: 409,
  unauthenticated: 401,
  forbidden: 403,
  stale: 409,
  throttled: 429,
  busy: 503,
};

export interface HttpError {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly code: string;
  readonly message: string;
  readonly path: string | null;
}

/**
 * What to answer to whatever was thrown: an expected failure as itself, anything else masked behind an id that the log has too.
 * `statusOf` lets a dialect answer a code its own way.
 */
export function toHttpError(
  thrown: unknown,
  log: Log,
  statusOf: (error: DomainError) => number | undefined = () => undefined,
): HttpError {
  const error = thrown instanceof DomainError ? thrown : databaseFault(thrown);
  if (error) {
    const status = statusOf(error) ?? STATUS[CODES[error.code]];
    const headers: Record<string, string> = {};
    if (error.retryAfterSeconds !== undefined) headers['retry-after'] = String(error.retryAfterSeconds);
    return {
      status,
      headers,
      code: error.code,
      message: error.message,
      path: error.path ? formatPath(error.path) : null,
    };
  }
  const id = logSurprise(thrown, log);
  return {
    status: 500,
    headers: {},
    code: 'INTERNAL',
    message: `Something unexpected happened. Nothing was applied. The server's log has it as ${id}.`,
    path: null,
  };
}

/** Logs what nobody expected, without the statement or its parameters: they may hold identities or secrets. Answers the id. */
export function logSurprise(thrown: unknown, log: Log): string {
  const id = randomUUID();
  log.error({ errorId: id, ...describe(thrown) }, 'unexpected error');
  return id;
}

function describe(thrown: unknown): object {
  if (!(thrown instanceof Error)) return { error: typeof thrown };
  // Drizzle puts the statement and its parameters into the message; the driver's error below it says what happened.
  const root = rootOf(thrown);
  return { error: root.name, message: messageOf(root), code: codeOf(root), stack: stackOf(root) };
}

function rootOf(error: Error): Error {
  return error.cause instanceof Error ? rootOf(error.cause) : error;
}

function codeOf(error: Error): unknown {
  return (error as { code?: unknown }).code;
}

/** What PostgreSQL says of data it cannot take (class 22), and what a JSON parser says of text, quotes that data: the quotes are cut out. */
function messageOf(error: Error): string {
  if (error.message.startsWith('Failed query:')) return 'A statement failed.';
  const quotes = error instanceof SyntaxError || String(codeOf(error)).startsWith('22');
  return quotes ? error.message.replace(/(["']).*\1/s, '$1…$1') : error.message;
}

/** Where it was thrown. The message stands before, over as many lines as it has. */
function stackOf(error: Error): string | undefined {
  return error.stack
    ?.split('\n')
    .filter((line) => /^\s+at /.test(line))
    .join('\n');
}
