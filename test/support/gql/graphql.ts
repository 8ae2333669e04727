/* eslint-disable */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
/** What went wrong, for programs. The list only grows. */
export type ErrorCode =
  /** The reference fits several things: use an id. */
  | 'AMBIGUOUS'
  /** The key lacks the scope. */
  | 'FORBIDDEN'
  /** The identity belongs to another user. */
  | 'IDENTITY_TAKEN'
  /** Not a cursor of this list: start again without it. */
  | 'INVALID_CURSOR'
  /** Wrong type, empty, too long, or a character that cannot be stored. */
  | 'INVALID_INPUT'
  /** More items, levels or bytes than one call takes. */
  | 'LIMIT_EXCEEDED'
  /** Another writer is busy here: try again after a moment. */
  | 'LOCKED'
  /** A live thing of that kind has the name already. */
  | 'NAME_TAKEN'
  /** The thing is archived or has ended: restore it or make another. */
  | 'NOT_ACTIVE'
  /** Nothing of this workspace has that id or name. */
  | 'NOT_FOUND'
  /** No key, or none that is valid now. */
  | 'UNAUTHENTICATED'
  /** The database cannot be reached: try again. */
  | 'UNAVAILABLE';

/** A data import key to make. */
export type GenerateDataImportKeyInput = {
  /** When it is to stop working. */
  readonly expiresAt?: string | null | undefined;
  /** For people, at most 200 characters. */
  readonly name?: string | null | undefined;
  /** Whose cohorts it may import: `amplitude`, `mixpanel`, ... */
  readonly partner: string;
};

/** Whether a key works. */
export type KeyState =
  /** It works. */
  | 'ACTIVE'
  /** Its time is over. */
  | 'EXPIRED'
  /** Somebody ended it. */
  | 'INVALIDATED'
  /** It has a successor, and works until the overlap ends. */
  | 'ROTATED';

export type GenerateKeyMutationVariables = Exact<{
  input: GenerateDataImportKeyInput;
}>;


export type GenerateKeyMutation = { readonly generateDataImportKey:
    | { readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly secret: string, readonly key: { readonly id: string, readonly partner: string, readonly name: string | null, readonly prefix: string, readonly state: KeyState } }
    | { readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
   };

export class TypedDocumentString<TResult, TVariables>
  extends String
  implements DocumentTypeDecoration<TResult, TVariables>
{
  __apiType?: NonNullable<DocumentTypeDecoration<TResult, TVariables>['__apiType']>;
  private value: string;
  public __meta__?: Record<string, any> | undefined;

  constructor(value: string, __meta__?: Record<string, any> | undefined) {
    super(value);
    this.value = value;
    this.__meta__ = __meta__;
  }

  override toString(): string & DocumentTypeDecoration<TResult, TVariables> {
    return this.value;
  }
}

export const GenerateKeyDocument = new TypedDocumentString(`
    mutation GenerateKey($input: GenerateDataImportKeyInput!) {
  generateDataImportKey(input: $input) {
    ... on GenerateDataImportKeySuccess {
      secret
      key {
        id
        partner
        name
        prefix
        state
      }
    }
    ... on Error {
      code
      message
      path
    }
  }
}
    `) as unknown as TypedDocumentString<GenerateKeyMutation, GenerateKeyMutationVariables>;