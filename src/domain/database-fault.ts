import { postgresCode } from '../db/client.ts';
import { PoolBusyError } from '../db/pool-gate.ts';
import { lockedError } from './context.ts';
import { type DomainError, fail } from './errors.ts';

const CONNECTION_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'ETIMEDOUT',
  'CONNECT_TIMEOUT',
  'CONNECTION_CLOSED',
  'CONNECTION_ENDED',
  'CONNECTION_DESTROYED',
]);

/** The expected failure behind an error of the database; null when it is a surprise. */
export function databaseFault(error: unknown): DomainError | null {
  const code = postgresCode(error);
  // Text that PostgreSQL cannot store: NUL reached a place where no parser of ours looked at it.
  if (code === '22021' || code === '22P05')
    return fail('INVALID_INPUT', 'Text must be well-formed Unicode without NUL.', { cause: error });
  if (code === '55P03') return lockedError(error) as DomainError;
  if (code === '57014')
    return fail('UNAVAILABLE', 'The database took too long and gave up. Nothing was applied: try again later.', {
      cause: error,
      retryAfterSeconds: 5,
    });
  if (isPoolBusy(error))
    return fail(
      'UNAVAILABLE',
      'Every connection to the database is busy. Nothing was applied: try again after a moment.',
      {
        cause: error,
        retryAfterSeconds: 2,
      },
    );
  // 57P: the server is shutting down or starting; 53: out of connections or space; 25P03: we were silent for too long.
  if (code?.startsWith('57P') || code?.startsWith('53') || code === '25P03' || isConnectionError(error))
    return fail(
      'UNAVAILABLE',
      'The database cannot be reached now: try again. Nothing was applied, unless the connection broke during the commit.',
      { cause: error, retryAfterSeconds: 2 },
    );
  return null;
}

function isPoolBusy(error: unknown): boolean {
  return error instanceof PoolBusyError || (error instanceof Error && isPoolBusy(error.cause));
}

function isConnectionError(error: unknown): boolean {
  for (let e = error; e instanceof Error; e = e.cause) {
    if (CONNECTION_CODES.has(String((e as { code?: unknown }).code))) return true;
    if (e instanceof AggregateError && e.errors.some(isConnectionError)) return true;
  }
  return false;
}
