import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { isInputObjectType } from 'graphql';
import { describe, expect, test } from 'vitest';
import { DomainError } from '../../src/domain/errors.ts';
import { EXPANDED_MAX_NODES } from '../../src/domain/segments/expand.ts';
import {
  ATTRIBUTE_NAME_MAX_CHARACTERS,
  COMPARISONS,
  FILTER_MAX_BYTES,
  FILTER_MAX_DEPTH,
  FILTER_MAX_NODES,
  FILTER_MAX_VALUES,
  PATTERN_MAX_CHARACTERS,
} from '../../src/domain/segments/filter.ts';
import { parseFilterJson } from '../../src/domain/segments/filter-json-reader.ts';
import { parseFilterText } from '../../src/domain/segments/filter-text.ts';
import { schema } from '../../src/graphql/schema.ts';
import { KEYWORDS } from '../support/trees.ts';

// What docs/filter-language.md promises.

const FILE = fileURLToPath(new URL('../../docs/filter-language.md', import.meta.url));
const doc = readFileSync(FILE, 'utf8');

/** The fenced blocks of the page, in order. */
const blocks = [...doc.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, kind = '', text = '']) => ({ kind, text }));

/** The tree without what differs from spelling to spelling: where it stood. */
const treeOf = (draft: unknown): unknown =>
  JSON.parse(JSON.stringify(draft, (key, value: unknown) => (key === 'path' ? undefined : value)));

describe('the page of the filter language', () => {
  test('has the comparisons that the schema has', async () => {
    const type = schema.getType('AttributeConditionInput');
    if (!isInputObjectType(type)) throw new Error('There is no AttributeConditionInput.');
    const rows = Object.values(type.getFields()).map(({ name, description }) => {
      const [, comparison = '', meaning = ''] = /^`(\w+)`: (.+)\.$/.exec(description ?? '') ?? [];
      return { name, comparison, meaning };
    });
    const row = (comparison: (typeof COMPARISONS)[number]) => {
      if (comparison === 'does_not_exist') return '| `does_not_exist` | `exists: false` | is not there, or is null |';
      const { name, meaning } = rows.find((one) => one.comparison === comparison) ?? { name: '', meaning: '' };
      return comparison === 'exists'
        ? '| `exists` | `exists: true` | is there, and is not null |'
        : `| \`${comparison}\` | \`${name}\` | ${meaning} |`;
    };
    const table = ['| attribute | in GraphQL | holds where the value |', '|---|---|---|', ...COMPARISONS.map(row)];
    const fresh = doc.replace(/(<!-- generated .*? -->\n\n).*?(\n\n<!-- end -->)/s, `$1${table.join('\n')}$2`);
    expect(table.join('\n')).not.toContain('| `` |');
    await expect(fresh).toMatchFileSnapshot(FILE);
  });

  test('shows filters that are filters, and the JSON of those that have one beside them', () => {
    const filters = blocks.flatMap(({ kind, text }, i) => (kind === 'filter' ? [{ text, next: blocks[i + 1] }] : []));
    expect(filters.length).toBeGreaterThan(5);
    for (const { text, next } of filters) {
      const tree = treeOf(parseFilterText(text));
      if (next?.kind === 'json') expect(treeOf(parseFilterJson(JSON.parse(next.text)))).toEqual(tree);
    }
  });

  test('shows the fault that its example has', () => {
    const shown = JSON.parse(blocks.at(-1)?.text ?? '') as { line: number; column: number; message: string };
    const text = /parseFilter\(text: ("[^)]*")\)/.exec(doc)?.[1] ?? '';
    expect(() => parseFilterText(JSON.parse(text) as string, { field: 'text' })).toThrow(
      expect.objectContaining({
        ...{ code: 'INVALID_INPUT', message: shown.message, path: ['text'] },
        place: { line: shown.line, column: shown.column },
      }),
    );
  });

  test('names the limits there are', () => {
    const limits = doc.slice(doc.indexOf('## Limits'));
    const numbers = [...limits.matchAll(/[\d,]*\d/g)].map(([number]) => Number(number.replace(',', '')));
    expect(numbers).toEqual([
      ...[FILTER_MAX_DEPTH, FILTER_MAX_NODES, FILTER_MAX_VALUES, FILTER_MAX_BYTES, EXPANDED_MAX_NODES],
      ...[PATTERN_MAX_CHARACTERS, ATTRIBUTE_NAME_MAX_CHARACTERS],
    ]);
  });
});

/** One sentence of a grammar, or null where it is cut off for its length. */
type Sentence = fc.Arbitrary<readonly string[]>;

/** Reads the notation of the page: `=`, `|`, `[ ]` maybe, `{ }` any number of times, `( )`, quotes, names. */
class Grammar {
  readonly rules = new Map<string, readonly string[]>();

  constructor(text: string) {
    for (const [, name = '', body = ''] of text.matchAll(/^(\w+)\s+=(.*?);$/gms))
      this.rules.set(name, body.match(/"[^"]+"|\w+|[[\](){}|]/g) ?? []);
  }

  /** Sentences of a rule; what is in capitals comes from `terminals`. */
  sentences(rule: string, terminals: Readonly<Record<string, Sentence>>): Sentence {
    const arbitraries = fc.letrec((tie) =>
      Object.fromEntries(
        [...this.rules].map(([name, tokens]) => {
          const rest = [...tokens];
          const one = this.#choice(rest, (symbol) => terminals[symbol] ?? (tie(symbol) as Sentence));
          if (rest.length > 0) throw new Error(`The rule ${name} goes on behind its end: ${rest.join(' ')}`);
          return [name, one];
        }),
      ),
    );
    const found = (arbitraries as Record<string, Sentence>)[rule];
    if (!found) throw new Error(`There is no rule ${rule}.`);
    return found;
  }

  #choice(rest: string[], find: (symbol: string) => Sentence): Sentence {
    const ways = [this.#sequence(rest, find)];
    while (rest[0] === '|') {
      rest.shift();
      ways.push(this.#sequence(rest, find));
    }
    // What is last ends the recursion: a leaf.
    return ways.length === 1
      ? (ways[0] ?? fc.constant([]))
      : fc.oneof({ maxDepth: 5, depthSize: 'small' }, ...ways.reverse());
  }

  #sequence(rest: string[], find: (symbol: string) => Sentence): Sentence {
    const parts: Sentence[] = [];
    for (let token = rest[0]; token !== undefined && !'|)]}'.includes(token); token = rest[0]) {
      rest.shift();
      if ('([{'.includes(token)) {
        const inside = this.#choice(rest, find);
        rest.shift();
        const most = token === '{' ? 2 : 1;
        parts.push(
          fc
            .array(inside, { minLength: token === '(' ? 1 : 0, maxLength: most, depthIdentifier: 'groups' })
            .map((all) => all.flat()),
        );
      } else parts.push(token.startsWith('"') ? fc.constant([token.slice(1, -1)]) : find(token));
    }
    return fc.tuple(...parts).map((all) => all.flat());
  }
}

describe('the grammar on the page', () => {
  const grammar = new Grammar(blocks.find(({ kind }) => kind === 'ebnf')?.text ?? '');
  const word = (...words: string[]): Sentence => fc.constantFrom(...words).map((one) => [one]);
  const terminals = {
    PARTNER_cohorts: word('amplitude_cohorts', 'Mixpanel_Cohorts', 'a-b_c_cohorts'),
    TEXT: word('"a"', '"\\u0041\\n\\"\\\\"', '"عملاء"', '"and"'),
    ID: word('#"1"', '#"Q29ob3J0OjEuMQ=="'),
    WORD: word('plan', 'größe', '_x-1', 'and', 'EXISTS'),
    NUMBER: word('0', '-0.5', '1e21', '18'),
    TIME: word('2026-01-31T12:00:00Z', '2026-01-31T13:00+01:00'),
    DAYS: word('0', '30'),
    BUCKET: word('0', '9999'),
  };

  test('is complete: every name in it has a rule or is explained', () => {
    const named = [...grammar.rules.values()].flat().filter((token) => /^\w/.test(token));
    const explained = [...doc.matchAll(/^\| ((?:`\w+`(?:, )?)+) \|/gm)].flatMap(
      ([, names = '']) => names.match(/\w+/g) ?? [],
    );
    expect(named.filter((name) => !grammar.rules.has(name) && !explained.includes(name))).toEqual([]);
    expect(Object.keys(terminals).filter((name) => !explained.includes(name))).toEqual([]);
    expect(named.filter((name) => !grammar.rules.has(name) && !Object.hasOwn(terminals, name))).toEqual([]);
  });

  test('makes filters only', () => {
    fc.assert(
      fc.property(grammar.sentences('filter', terminals), fc.boolean(), (sentence, isShouted) => {
        const text = sentence
          .map((part) => (isShouted && /^[a-z_]+$/.test(part) ? part.toUpperCase() : part))
          .join(' ');
        try {
          parseFilterText(text);
        } catch (error) {
          if (!(error instanceof DomainError) || error.code !== 'LIMIT_EXCEEDED') throw error;
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test('makes every keyword', () => {
    const quoted = new Set([...grammar.rules.values()].flat().flatMap((token) => /^"(\w+)"$/.exec(token)?.[1] ?? []));
    const notInText = ['null', 'all', 'any', 'filter', 'custom_attribute', 'amplitude_cohorts'];
    expect(KEYWORDS.filter((keyword) => !quoted.has(keyword) && !notInText.includes(keyword))).toEqual([]);
    expect([...quoted].filter((keyword) => !KEYWORDS.includes(keyword))).toEqual([]);
  });
});
