/**
 * Every expected failure of the product. Edges map a kind to a GraphQL type and to an HTTP status once; anything that is not a
 * `DomainError` is a surprise: logged with an id and masked.
 */
export const CODES = {
  /** Wrong type, empty, too long, or a character that cannot be stored. */
  INVALID_INPUT: 'input',
  /** Not a cursor of this list. */
  INVALID_CURSOR: 'input',
  /** The reference fits several things: use an id. */
  AMBIGUOUS: 'input',
  /** More items, levels or bytes than one call takes. */
  LIMIT_EXCEEDED: 'limit',
  /** Nothing of this workspace has that id or name. */
  NOT_FOUND: 'notFound',
  /** A live thing of that kind has the name already. */
  NAME_TAKEN: 'conflict',
  /** The identity belongs to another user. */
  IDENTITY_TAKEN: 'conflict',
  /** The thing is archived or invalidated: restore it or make another. */
  NOT_ACTIVE: 'conflict',
  /** The thing was changed since the caller read it: read it again. */
  VERSION_CHANGED: 'conflict',
  /** Other things refer to it: change them first, or say that it is meant. */
  IN_USE: 'conflict',
  /** No key, or none that is valid now. */
  UNAUTHENTICATED: 'unauthenticated',
  /** The key lacks the scope. */
  FORBIDDEN: 'forbidden',
  /** The ledger no longer remembers what this needs: ask for a later time. */
  NOT_RETAINED: 'notFound',
  /** The members are older than the caller allows: wait for the next sync, or allow more. */
  STALE: 'stale',
  /** More requests wait than may: try again after a moment. */
  OVERLOADED: 'throttled',
  /** The month's data points are used up: raise the budget, or wait for the next month. */
  BUDGET_EXCEEDED: 'throttled',
  /** Another writer holds the cohort or the workspace: try again after a moment. */
  LOCKED: 'busy',
  /** The database cannot be reached. */
  UNAVAILABLE: 'busy',
} as const;

export type ErrorCode = keyof typeof CODES;
export type ErrorKind = (typeof CODES)[ErrorCode];

/** Where in the input: names and positions from the outside in. */
export type Path = readonly (string | number)[];

/** Where in a text: lines and columns from 1, columns in UTF-16 units as editors count them. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

export interface ErrorDetails {
  readonly path?: Path | undefined;
  /** Where in the text that stands at `path`, where that is written in a language of its own. */
  readonly place?: Place | undefined;
  readonly cause?: unknown;
  /** For `busy` and `throttled`: seconds after which a retry makes sense. */
  readonly retryAfterSeconds?: number | undefined;
}

/** An expected failure. Created by `fail`; one subclass a kind, so that edges can tell them apart by class. */
export abstract class DomainError extends Error {
  readonly code: ErrorCode;
  readonly path: Path | undefined;
  readonly place: Place | undefined;
  readonly retryAfterSeconds: number | undefined;
  constructor(code: ErrorCode, message: string, details: ErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.path = details.path;
    this.place = details.place;
    this.retryAfterSeconds = details.retryAfterSeconds;
  }
}

export class InvalidInputError extends DomainError {
  override readonly name = 'InvalidInputError';
}
export class LimitExceededError extends DomainError {
  override readonly name = 'LimitExceededError';
}
export class NotFoundError extends DomainError {
  override readonly name = 'NotFoundError';
}
export class ConflictError extends DomainError {
  override readonly name = 'ConflictError';
}
export class UnauthenticatedError extends DomainError {
  override readonly name = 'UnauthenticatedError';
}
export class ForbiddenError extends DomainError {
  override readonly name = 'ForbiddenError';
}
export class StaleError extends DomainError {
  override readonly name = 'StaleError';
}
export class ThrottledError extends DomainError {
  override readonly name = 'ThrottledError';
}
export class BusyError extends DomainError {
  override readonly name = 'BusyError';
}

const CLASS_OF_KIND: {
  readonly [K in ErrorKind]: new (
    code: ErrorCode,
    message: string,
    details: ErrorDetails,
  ) => DomainError;
} = {
  input: InvalidInputError,
  limit: LimitExceededError,
  notFound: NotFoundError,
  conflict: ConflictError,
  unauthenticated: UnauthenticatedError,
  forbidden: ForbiddenError,
  stale: StaleError,
  throttled: ThrottledError,
  busy: BusyError,
};

/** Makes the error of a code. The message is one sentence that says what to do; it never repeats a secret. */
export function fail(code: ErrorCode, message: string, details: ErrorDetails = {}): DomainError {
  return new CLASS_OF_KIND[CODES[code]](code, message, details);
}

/** A path as people write it: `users[3].externalId`. */
export function formatPath(path: Path): string {
  return path.map((step, i) => (typeof step === 'number' ? `[${step}]` : i === 0 ? step : `.${step}`)).join('');
}
