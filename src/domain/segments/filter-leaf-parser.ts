import { COHORT_NAME_MAX_CHARACTERS, cohortTextFault } from '../cohorts/change.ts';
import type { CohortRef } from '../cohorts/cohort.ts';
import type { Place } from '../errors.ts';
import { isPartner } from '../keys/partner.ts';
import {
  attributeTest,
  type Comparison,
  comparisonNamed,
  isTimeComparison,
  TIME_COMPARISONS,
  timeTest,
  type ValueKind,
  valueKindOf,
} from './comparison.ts';
import { type AttributeTest, COMPARISONS, type FilterLeaf, OPERATORS, type TimeTest } from './filter.ts';
import type { Ids } from './filter-ids.ts';
import type { Lexer, Token } from './filter-lexer.ts';
import { SEGMENT_NAME_MAX_CHARACTERS, type SegmentRef } from './segment.ts';

/** A leaf with its cohorts or its segment as the text names them. */
export type NamedLeaf = FilterLeaf<Named<CohortRef>, Named<SegmentRef>>;

export interface Named<Ref> {
  readonly ref: Ref;
  readonly place: Place;
}

const COHORTS = '_cohorts';

/** What a value of each kind looks like. */
const EXPECTED: { readonly [K in ValueKind]: readonly string[] } = {
  nothing: [],
  scalar: ['a text in quotes', 'a number', '`true`', '`false`'],
  pattern: ['a regular expression in quotes'],
  element: ['a text in quotes', 'a number'],
  number: ['a number'],
  moment: ['a time with a date and a zone such as 2026-01-31T12:00:00Z'],
  days: ['a whole number of days'],
};

const ticked = (names: readonly string[]) => names.map((name) => `\`${name}\``);

/** Reads the leaves of the text form of filters. Errors: INVALID_INPUT, with the place. */
export class LeafParser {
  readonly #lexer: Lexer;
  readonly #ids: Ids;

  constructor(lexer: Lexer, ids: Ids) {
    this.#lexer = lexer;
    this.#ids = ids;
  }

  /** The leaf that begins with a word; null where none does. `after` is what may follow a leaf. */
  parse(word: string, after: readonly string[]): NamedLeaf | null {
    switch (word) {
      case 'segment':
        this.#word(['is']);
        return { type: 'segment', segment: this.#segment() };
      case 'identity':
        return this.#identity(after);
      case 'attribute':
        return { type: 'attribute', name: this.#attributeName(), test: this.#attributeTest() };
      case 'created_at':
        return { type: 'created_at', test: this.#timeTest() };
      case 'random_bucket':
        return this.#randomBucket();
      default:
        return word.endsWith(COHORTS) ? this.#cohorts(word.slice(0, -COHORTS.length)) : null;
    }
  }

  #cohorts(partner: string): NamedLeaf | null {
    if (!isPartner(partner)) return null;
    const operator = this.#word(OPERATORS);
    if (operator === 'includes_value' || operator === 'does_not_include_value')
      return { type: 'cohorts', partner, operator, values: [this.#cohort()] };
    this.#symbol('(', ['`(`']);
    const values = [this.#cohort()];
    while (this.#symbol(',', ['`,`', '`)`'], ')')) values.push(this.#cohort());
    return { type: 'cohorts', partner, operator, values };
  }

  #cohort(): Named<CohortRef> {
    const expected = ['the name of a cohort in quotes', '`#` with its id in quotes'];
    const token = this.#lexer.take(expected);
    if (token.kind === 'id') return { ref: { id: this.#ids.readCohort(token.value) }, place: token.place };
    if (token.kind === 'text' && cohortTextFault(token.value, COHORT_NAME_MAX_CHARACTERS) === null)
      return { ref: { name: token.value }, place: token.place };
    throw this.#lexer.unexpected(token, expected);
  }

  #segment(): Named<SegmentRef> {
    const expected = ['the name of a segment in quotes', '`#` with its id in quotes'];
    const token = this.#lexer.take(expected);
    if (token.kind === 'id') return { ref: { id: this.#ids.readSegment(token.value) }, place: token.place };
    if (token.kind === 'text' && cohortTextFault(token.value, SEGMENT_NAME_MAX_CHARACTERS) === null)
      return { ref: { name: token.value }, place: token.place };
    throw this.#lexer.unexpected(token, expected);
  }

  #identity(after: readonly string[]): NamedLeaf {
    if (this.#word(['is', 'has']) === 'is')
      return { type: 'identity', test: { has: this.#word(['identified', 'anonymous']) } };
    if (this.#word(['device', 'alias']) === 'device') return { type: 'identity', test: { has: 'device' } };
    const expected = ['a label in quotes', ...after];
    const next = this.#lexer.peek(expected);
    if (next.kind !== 'text') return { type: 'identity', test: { has: 'alias', label: null } };
    this.#lexer.take(expected);
    return { type: 'identity', test: { has: 'alias', label: next.value } };
  }

  #attributeName(): string {
    const expected = ['the name of an attribute'];
    const token = this.#lexer.take(expected);
    if (token.kind === 'text') return token.value;
    if (token.kind === 'word') return token.raw;
    throw this.#lexer.unexpected(token, expected);
  }

  #attributeTest(): AttributeTest {
    const expected = ticked(COMPARISONS);
    const token = this.#lexer.take(expected);
    const comparison = token.kind === 'word' ? comparisonNamed(token.word) : null;
    if (!comparison) throw this.#lexer.unexpected(token, expected);
    if (valueKindOf(comparison) === 'nothing') {
      const test = attributeTest(comparison, undefined);
      if (test) return test;
    }
    return this.#tested(comparison, (value) => attributeTest(comparison, value));
  }

  #timeTest(): TimeTest {
    const expected = ticked(TIME_COMPARISONS);
    const token = this.#lexer.take(expected);
    const comparison = token.kind === 'word' && isTimeComparison(token.word) ? token.word : null;
    if (!comparison) throw this.#lexer.unexpected(token, expected);
    return this.#tested(comparison, (value) => timeTest(comparison, value));
  }

  /** The test that `make` makes of the value that comes next; it makes none of a value that does not fit. */
  #tested<Test>(comparison: Comparison, make: (value: unknown) => Test | null): Test {
    const kind = valueKindOf(comparison);
    const token = this.#lexer.take(EXPECTED[kind]);
    // A time is the only thing that stands without quotes and becomes a text.
    const fits = (token.kind === 'time') === (kind === 'moment');
    const test = fits ? make(literalOf(token)) : null;
    if (test === null) throw this.#lexer.unexpected(token, EXPECTED[kind]);
    return test;
  }

  #randomBucket(): NamedLeaf {
    this.#word(['between']);
    const from = this.#bucket();
    this.#word(['and']);
    return { type: 'random_bucket', from, to: this.#bucket() };
  }

  #bucket(): number {
    const expected = ['the number of a bucket'];
    const token = this.#lexer.take(expected);
    if (token.kind === 'number') return token.value;
    throw this.#lexer.unexpected(token, expected);
  }

  #word<Word extends string>(words: readonly Word[]): Word {
    const token = this.#lexer.take(ticked(words));
    const word = words.find((known) => token.kind === 'word' && token.word === known);
    if (word === undefined) throw this.#lexer.unexpected(token, ticked(words));
    return word;
  }

  /** Takes a symbol: true where it is `symbol`, false where it is `otherwise`. */
  #symbol(symbol: string, expected: readonly string[], otherwise?: string): boolean {
    const token = this.#lexer.take(expected);
    if (token.kind === 'symbol' && token.raw === symbol) return true;
    if (token.kind === 'symbol' && token.raw === otherwise) return false;
    throw this.#lexer.unexpected(token, expected);
  }
}

function literalOf(token: Token): string | number | boolean | undefined {
  switch (token.kind) {
    case 'text':
    case 'number':
      return token.value;
    case 'time':
      return token.raw;
    case 'word':
      return token.word === 'true' || token.word === 'false' ? token.word === 'true' : undefined;
    default:
      return undefined;
  }
}
