import type { TypedDocumentString } from './gql/graphql.ts';

/** What GraphQL answers over HTTP. */
export interface Answer<Data> {
  readonly data?: Data | null;
  readonly errors?: readonly {
    readonly message: string;
    readonly path?: readonly (string | number)[];
    readonly extensions?: Readonly<Record<string, unknown>>;
  }[];
}

/** Asks one question. A typed document has a typed answer; text of a test's own has none. */
export interface Ask {
  <Data, Variables>(document: TypedDocumentString<Data, Variables>, variables: Variables): Promise<Answer<Data>>;
  (query: string, variables?: object): Promise<Answer<unknown>>;
}

/** Asks over HTTP, as somebody whom `headers` say. */
export function asker(send: (request: Request) => Promise<Response>, headers: Record<string, string>): Ask {
  return async (document: { toString(): string }, variables: unknown = {}) => {
    const response = await send(
      new Request('http://muster.test/graphql', {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ query: document.toString(), variables }),
      }),
    );
    return (await response.json()) as Answer<never>;
  };
}

/** The answer's data. Throws what went wrong, where something did. */
export function dataOf<Data>(answer: Answer<Data>): Data {
  if (answer.errors || !answer.data) throw new Error(`GraphQL answered ${JSON.stringify(answer)}`);
  return answer.data;
}

type Success<Result> = Exclude<Result, { readonly __typename: string }>;

/** The success of a result union. Throws the fault, where it is one. Faults are asked for their `__typename`, successes are not. */
export function successOf<Result extends object>(result: Result): Success<Result> {
  if ('__typename' in result) throw new Error(`GraphQL refused ${JSON.stringify(result)}`);
  return result as Success<Result>;
}

/** The code under which a plain field failed; null when nothing did. */
export function codeOf(answer: Answer<unknown>): unknown {
  return answer.errors?.[0]?.extensions?.code ?? null;
}
