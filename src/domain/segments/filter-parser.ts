import type { Place } from '../errors.ts';
import { FILTER_MAX_DEPTH } from './filter.ts';
import type { Ids } from './filter-ids.ts';
import { LeafParser, type NamedLeaf } from './filter-leaf-parser.ts';
import { Lexer } from './filter-lexer.ts';
import { failAt } from './filter-origin.ts';

/** A filter as it stood in a text: every part, and where it began. */
export type Parsed =
  | { readonly type: 'all' | 'any'; readonly place: Place; readonly of: readonly Parsed[] }
  | { readonly type: 'not'; readonly place: Place; readonly of: Parsed }
  | { readonly type: 'leaf'; readonly place: Place; readonly leaf: NamedLeaf };

const START = [
  '`<partner>_cohorts`',
  '`segment`',
  '`identity`',
  '`attribute`',
  '`created_at`',
  '`random_bucket`',
  '`not`',
  '`(`',
];

/**
 * Reads the text form of filters: `or` of `and` of `not` of leaves and of whatever stands in parentheses. One function a level of the
 * grammar, never going back, and no deeper than a filter may be. Written by hand: the grammar has five rules, while a parser library brings
 * its own way of telling faults (and, as Chevrotain does, six packages), or is not looked after any more (nearley).
 */
export class FilterParser {
  readonly #field: string;
  readonly #lexer: Lexer;
  readonly #leaves: LeafParser;
  #depth = 0;
  #open = 0;

  constructor(text: string, field: string, ids: Ids) {
    this.#field = field;
    this.#lexer = new Lexer(text, field);
    this.#leaves = new LeafParser(this.#lexer, ids);
  }

  /** The whole text as one filter. Errors: INVALID_INPUT, LIMIT_EXCEEDED, with the place. */
  parse(): Parsed {
    const filter = this.#any();
    const token = this.#lexer.take(this.#after());
    if (token.kind !== 'end') throw this.#lexer.unexpected(token, this.#after());
    return filter;
  }

  #any(): Parsed {
    return this.#group('any', 'or', () => this.#group('all', 'and', () => this.#part()));
  }

  #group(type: 'all' | 'any', keyword: string, part: () => Parsed): Parsed {
    const { place } = this.#lexer.peek(START);
    const first = part();
    const of = [first];
    while (this.#isNext(keyword)) {
      this.#lexer.take(this.#after());
      of.push(part());
    }
    return of.length === 1 ? first : { type, place, of };
  }

  #part(): Parsed {
    const token = this.#lexer.take(START);
    const { place } = token;
    if (token.kind === 'symbol' && token.raw === '(') {
      this.#open++;
      const inner = this.#deeper(place, () => this.#any());
      const close = this.#lexer.take(this.#after());
      if (close.kind !== 'symbol' || close.raw !== ')') throw this.#lexer.unexpected(close, this.#after());
      this.#open--;
      return inner;
    }
    if (token.kind === 'word' && token.word === 'not')
      return { type: 'not', place, of: this.#deeper(place, () => this.#part()) };
    const leaf = token.kind === 'word' ? this.#leaves.parse(token.word, this.#after()) : null;
    if (!leaf) throw this.#lexer.unexpected(token, START);
    return { type: 'leaf', place, leaf };
  }

  #deeper(place: Place, read: () => Parsed): Parsed {
    this.#depth++;
    if (this.#depth > FILTER_MAX_DEPTH)
      throw failAt(place, 'LIMIT_EXCEEDED', `a filter is at most ${FILTER_MAX_DEPTH} levels deep.`, this.#field);
    const parsed = read();
    this.#depth--;
    return parsed;
  }

  #isNext(keyword: string): boolean {
    const token = this.#lexer.peek(this.#after());
    return token.kind === 'word' && token.word === keyword;
  }

  /** What may stand behind a whole part. */
  #after(): readonly string[] {
    return ['`and`', '`or`', this.#open > 0 ? '`)`' : 'the end'];
  }
}
