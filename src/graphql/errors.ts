import { GraphQLError, type GraphQLSchema, isObjectType } from 'graphql';
import type { Log } from '../domain/context.ts';
import { databaseFault } from '../domain/database-fault.ts';
import {
  BusyError,
  ConflictError,
  DomainError,
  type ErrorCode,
  ForbiddenError,
  InvalidInputError,
  LimitExceededError,
  NotFoundError,
  type Path,
  type Place,
  StaleError,
  ThrottledError,
} from '../domain/errors.ts';
import { builder } from './builder.ts';

const DESCRIPTIONS: { readonly [K in ErrorCode]: string } = {
  INVALID_INPUT: 'Wrong type, empty, too long, or a character that cannot be stored.',
  INVALID_CURSOR: 'Not a cursor of this list: start again without it.',
  AMBIGUOUS: 'The reference fits several things: use an id.',
  LIMIT_EXCEEDED: 'More items, levels or bytes than one call takes.',
  NOT_FOUND: 'Nothing of this workspace has that id or name.',
  NAME_TAKEN: 'A live thing of that kind has the name already.',
  IDENTITY_TAKEN: 'The identity belongs to another user.',
  NOT_ACTIVE: 'The thing is archived or has ended: restore it or make another.',
  VERSION_CHANGED: 'The thing was changed since it was read: read it again.',
  IN_USE: 'Other things refer to it: change them first, or force it.',
  UNAUTHENTICATED: 'No key, or none that is valid now.',
  FORBIDDEN: 'The key lacks the scope.',
  NOT_RETAINED: 'The ledger no longer remembers what this needs: ask for a later time.',
  STALE: 'The members are older than the caller allows.',
  OVERLOADED: 'More requests wait than may: try again after a moment.',
  BUDGET_EXCEEDED: "The month's data points are used up.",
  LOCKED: 'Another writer is busy here: try again after a moment.',
  UNAVAILABLE: 'The database cannot be reached: try again.',
};

const ErrorCodeEnum = builder.enumType('ErrorCode', {
  description: 'What went wrong, for programs. The list only grows.',
  values: Object.fromEntries(
    Object.entries(DESCRIPTIONS).map(([code, description]) => [code, { value: code as ErrorCode, description }]),
  ) as { [K in ErrorCode]: { value: K; description: string } },
});

/** What every expected failure is. */
export const ErrorInterface = builder
  .interfaceRef<
    Pick<DomainError, 'code' | 'message'> & {
      readonly path?: Path | readonly string[] | null | undefined;
      readonly place?: Place | undefined;
    }
  >('Error')
  .implement({
    description: 'An expected failure. Nothing of the call was applied.',
    fields: (t) => ({
      code: t.field({ type: ErrorCodeEnum, description: 'What went wrong, for programs.', resolve: (e) => e.code }),
      message: t.exposeString('message', { description: 'What went wrong and what to do about it, for people.' }),
      path: t.stringList({
        nullable: true,
        description: 'Where in the input, from the outside in; positions in lists are numbers from 0.',
        resolve: (e) => e.path?.map(String) ?? null,
      }),
      line: t.int({
        nullable: true,
        description: 'Where what stands at `path` is a text in a language of its own: the line in it, from 1.',
        resolve: (e) => e.place?.line ?? null,
      }),
      column: t.int({
        nullable: true,
        description: 'The column in that line, from 1, in UTF-16 units as editors count.',
        resolve: (e) => e.place?.column ?? null,
      }),
    }),
  });

function errorType(type: new (...args: never[]) => DomainError, name: string, description: string): void {
  builder.objectType(type as new (...args: unknown[]) => DomainError, {
    name,
    description,
    interfaces: [ErrorInterface],
    isTypeOf: (value) => value instanceof type,
  });
}

errorType(InvalidInputError, 'InvalidInputError', 'Something in the input cannot be used.');
errorType(LimitExceededError, 'LimitExceededError', 'The input is larger than one call takes.');
errorType(NotFoundError, 'NotFoundError', 'Something the input names does not exist in this workspace.');
errorType(ConflictError, 'ConflictError', 'Something else stands in the way: a taken name or identity, an ended key.');
errorType(ForbiddenError, 'ForbiddenError', 'The key lacks the scope that this needs.');
errorType(StaleError, 'StaleError', 'The members are older than the caller allows.');
errorType(ThrottledError, 'ThrottledError', 'Too much for now: the message says until when.');
errorType(BusyError, 'BusyError', 'Try the same call again after a moment.');

/** The members every result union has beside its success. */
export const EXPECTED_ERRORS = [
  InvalidInputError,
  LimitExceededError,
  NotFoundError,
  ConflictError,
  ForbiddenError,
  StaleError,
  ThrottledError,
  BusyError,
];

/** Options of a field that answers a union `<name>Result` of its success type and the expected errors. */
export function resultOf(name: string) {
  return {
    types: EXPECTED_ERRORS,
    directResult: true,
    union: { name: `${name}Result`, description: `What ${name} comes to.` },
  } as const;
}

/**
 * Makes every field say where in the answer it failed. GraphQL takes an error that has a `path` for one that it has placed already, and an
 * expected failure has one: where in the input. Inside a plain error it is placed like any other.
 */
export function placeErrors(schema: GraphQLSchema): GraphQLSchema {
  const rethrow = (error: unknown): never => {
    throw error instanceof DomainError ? new Error(error.message, { cause: error }) : error;
  };
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type)) continue;
    for (const field of Object.values(type.getFields())) {
      const { resolve } = field;
      if (!resolve) continue;
      field.resolve = (...args) => {
        try {
          const value: unknown = resolve(...args);
          return value instanceof Promise ? value.catch(rethrow) : value;
        } catch (error) {
          return rethrow(error);
        }
      };
    }
  }
  return schema;
}

/**
 * What a client sees of an error thrown outside a result union: an expected failure with its code in the extensions, GraphQL's own
 * errors as they are, anything else masked behind an id that the log has too.
 */
export function maskError(error: unknown, log: Log, logSurprise: (thrown: unknown, log: Log) => string): Error {
  const original = error instanceof GraphQLError ? error.originalError : error;
  if (error instanceof GraphQLError && !original) return error;
  const cause = original instanceof Error ? original.cause : null;
  const expected = [original, cause].find((e) => e instanceof DomainError) ?? databaseFault(original);
  const place = error instanceof GraphQLError ? { nodes: error.nodes ?? null, path: error.path ?? null } : {};
  if (expected) {
    const inputPath = expected.path?.map(String);
    return new GraphQLError(expected.message, {
      ...place,
      extensions: { code: expected.code, ...(inputPath ? { inputPath } : {}) },
    });
  }
  if (original instanceof GraphQLError) return original;
  const id = logSurprise(original, log);
  return new GraphQLError(`Something unexpected happened. The server's log has it as ${id}.`, {
    ...place,
    extensions: { code: 'INTERNAL', errorId: id },
  });
}
