import { maxAliasesPlugin } from '@escape.tech/graphql-armor-max-aliases';
import { maxDepthPlugin } from '@escape.tech/graphql-armor-max-depth';
import { GraphQLError, Lexer, Source, TokenKind } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { fail } from '../domain/errors.ts';

/** Selections in selections. `edges` and `node` count like any other field, and so does `... on`. */
const MAX_DEPTH = 20;
const MAX_ALIASES = 50;
/** Of the document; large inputs belong into variables. */
const MAX_TOKENS = 5_000;
/** Brackets in brackets: the deepest selection with the deepest filter in it needs about 60. */
const MAX_BRACKETS = 100;
/** Lists and objects in each other: the deepest filter there may be needs about 40. */
const MAX_VARIABLE_DEPTH = 64;
/** The most things one `nodes` call takes. */
export const MAX_NODES = 1_000;
/** The most items of all pages of a request, as many as they were asked for: pages in pages multiply. */
const MAX_ITEMS = 100_000;

/** A count of items for one request. */
export function itemCounter(): (count: number) => void {
  let left = MAX_ITEMS;
  return (count) => {
    left -= count;
    if (left < 0)
      throw fail(
        'LIMIT_EXCEEDED',
        `One request asks for at most ${MAX_ITEMS} items in all its pages: ask for smaller pages in pages.`,
      );
  };
}

/** What is looked at before anything is executed: the shape of the document, and how deep its variables go. */
export function limitPlugins(): Plugin[] {
  const onReject = [(_: unknown, error: GraphQLError) => refuse(error.message.replace(/^Syntax Error: /, ''))];
  return [
    { onParams: ({ params }) => checkVariables(params.variables), onParse: ({ params }) => checkTokens(params.source) },
    maxDepthPlugin({ n: MAX_DEPTH, onReject }) as Plugin,
    maxAliasesPlugin({ n: MAX_ALIASES, onReject }) as Plugin,
  ];
}

const OPENING: readonly string[] = [TokenKind.BRACE_L, TokenKind.BRACKET_L, TokenKind.PAREN_L];
const CLOSING: readonly string[] = [TokenKind.BRACE_R, TokenKind.BRACKET_R, TokenKind.PAREN_R];

/** The parser goes as deep as the document does, so that is looked at first, in one flat pass. What is no token is left to the parser. */
function checkTokens(source: string | Source): void {
  const lexer = new Lexer(typeof source === 'string' ? new Source(source) : source);
  let depth = 0;
  for (let tokens = 0, kind = next(lexer); kind !== null; kind = next(lexer)) {
    if (++tokens > MAX_TOKENS)
      refuse(`A document has at most ${MAX_TOKENS} tokens: large inputs belong into variables.`);
    depth += OPENING.includes(kind) ? 1 : CLOSING.includes(kind) ? -1 : 0;
    if (depth > MAX_BRACKETS) refuse(`A document nests at most ${MAX_BRACKETS} brackets deep.`);
  }
}

function next(lexer: Lexer): TokenKind | null {
  try {
    const { kind } = lexer.advance();
    return kind === TokenKind.EOF ? null : kind;
  } catch {
    return null;
  }
}

/** Reading variables goes as deep as they do: what is deeper than anything could mean must not get that far. */
function checkVariables(variables: unknown): void {
  let level = [variables].filter(isNested);
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_VARIABLE_DEPTH) refuse(`Variables nest at most ${MAX_VARIABLE_DEPTH} levels deep.`);
    level = level.flatMap((value) => Object.values(value).filter(isNested));
  }
}

function isNested(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function refuse(message: string): never {
  throw new GraphQLError(message, { extensions: { code: 'LIMIT_EXCEEDED', http: { status: 400 } } });
}
