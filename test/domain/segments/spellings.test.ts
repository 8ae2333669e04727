import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CohortRef } from '../../../src/domain/cohorts/cohort.ts';
import { checkFilter } from '../../../src/domain/segments/check-filter.ts';
import { type Filter, type FilterDraft, mapValues } from '../../../src/domain/segments/filter.ts';
import { fromJson, toJson } from '../../../src/domain/segments/filter-json.ts';
import { parseFilterJson } from '../../../src/domain/segments/filter-json-reader.ts';
import { type Naming, printFilter } from '../../../src/domain/segments/filter-printer.ts';
import { quote } from '../../../src/domain/segments/filter-quote.ts';
import { parseFilterText } from '../../../src/domain/segments/filter-text.ts';
import { normalize } from '../../../src/domain/segments/normalize.ts';
import type { SegmentRef } from '../../../src/domain/segments/segment.ts';
import { anyNormalTree, anyTree, KEYWORDS, STRANGE_TEXTS } from '../../support/trees.ts';

// Text, canonical JSON and the tree itself say the same. Cohorts and segments are named by a table here, as a workspace does.

const SEGMENTS = ['00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-000000000002'];
const NAMES = STRANGE_TEXTS.filter((text) => text.trim() !== '' && text.length <= 200);
/** Number 3 of every partner has no name of its own. */
const nameOf = (id: number) => (id === 3 ? null : (NAMES[id] ?? null));
const numbers = Array.from({ length: NAMES.length - 1 }, (_, i) => i + 1);
const VOCABULARY = {
  cohorts: { amplitude: numbers, 'not_a-partner_cohorts': [1, 2, 3], and: [3] },
  segments: SEGMENTS,
};

const NAMING: Naming = {
  cohort: (id) => {
    const name = nameOf(id);
    return name === null ? `#"${id}"` : quote(name);
  },
  segment: (id) => (id === SEGMENTS[0] ? '"VIP"' : `#"${id}"`),
};

const BY_ID: Naming = { ...NAMING, cohort: (id) => `#"${id}"` };

const cohortOf = (ref: CohortRef): number =>
  'id' in ref ? ref.id : 'name' in ref ? NAMES.indexOf(ref.name) : Number.NaN;
const segmentOf = (ref: SegmentRef): string => ('id' in ref ? ref.id : ref.name === 'VIP' ? (SEGMENTS[0] ?? '') : '');

const resolved = (draft: FilterDraft): Filter =>
  mapValues(
    draft,
    ({ ref }) => cohortOf(ref),
    ({ ref }) => segmentOf(ref),
  );

const print = (filter: Filter) => printFilter(filter, NAMING);
const parse = (text: string) => resolved(parseFilterText(text));
/** Larger ones than there may be are left out. */
const fits = (text: string) => Buffer.byteLength(text) <= 10_000;

describe('a filter', () => {
  test('is within the limits, whatever it says', () => {
    fc.assert(fc.property(anyTree(VOCABULARY), (filter) => checkFilter(filter, ['filter'])));
  });

  test('printed and parsed is the same filter, and printed again the same text', () => {
    fc.assert(
      fc.property(anyNormalTree(VOCABULARY), (filter) => {
        const text = print(filter);
        fc.pre(fits(text));
        expect(parse(text)).toEqual(filter);
        expect(print(parse(text))).toBe(text);
      }),
      { numRuns: 500 },
    );
  });

  test('printed is one line in which nothing hides', () => {
    fc.assert(
      fc.property(anyTree(VOCABULARY), (filter) => {
        expect(print(filter)).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u);
      }),
    );
  });

  test('written as JSON and read is the same filter, as stored and as sent', () => {
    fc.assert(
      fc.property(anyNormalTree(VOCABULARY), (filter) => {
        const text = JSON.stringify(toJson(filter));
        fc.pre(fits(text));
        expect(resolved(parseFilterJson(JSON.parse(text)))).toEqual(filter);
        expect(fromJson(JSON.parse(text))).toEqual(filter);
      }),
      { numRuns: 500 },
    );
  });

  test('in every spelling is what it was, but for groups of one', () => {
    fc.assert(
      fc.property(anyTree(VOCABULARY), (filter) => {
        fc.pre(fits(print(filter)) && fits(JSON.stringify(toJson(filter))));
        const normal = normalize(filter);
        expect(parse(print(filter))).toEqual(normal);
        expect(normalize(resolved(parseFilterJson(toJson(filter))))).toEqual(normal);
        expect(normalize(normal)).toEqual(normal);
      }),
    );
  });

  test('needs every pair of parentheses it is printed with', () => {
    fc.assert(
      fc.property(anyNormalTree({ cohorts: { a: [3] }, segments: SEGMENTS.slice(1) }), (filter) => {
        const text = print(filter);
        fc.pre(fits(text));
        for (const [open, close] of pairs(text)) {
          const without = `${text.slice(0, open)} ${text.slice(open + 1, close)} ${text.slice(close + 1)}`;
          expect(parsedOrNull(without)).not.toEqual(filter);
        }
      }),
    );
  });
});

/** Every pair of parentheses outside of quotes. */
function pairs(text: string): (readonly [number, number])[] {
  const found: [number, number][] = [];
  const open: number[] = [];
  const bare = text.replace(/"(?:[^"\\]|\\.)*"/g, (quoted) => '_'.repeat(quoted.length));
  [...bare.matchAll(/[()]/g)].forEach(({ 0: char, index }) => {
    if (char === '(') open.push(index);
    else found.push([open.pop() ?? -1, index]);
  });
  return found;
}

function parsedOrNull(text: string): Filter | null {
  try {
    return parse(text);
  } catch {
    return null;
  }
}

describe('the text form', () => {
  const one = (id: number): Filter => ({
    type: 'cohorts',
    partner: 'amplitude',
    operator: 'includes_value',
    values: [id],
  });
  const id = (n: number) => `amplitude_cohorts includes_value #"${n}"`;

  test.each<[string, Filter]>([
    [id(1), one(1)],
    [`${id(1)} and ${id(2)} or ${id(4)}`, any(all(one(1), one(2)), one(4))],
    [`${id(1)} or ${id(2)} and ${id(4)}`, any(one(1), all(one(2), one(4)))],
    [`(${id(1)} or ${id(2)}) and ${id(4)}`, all(any(one(1), one(2)), one(4))],
    [`not ${id(1)} and ${id(2)}`, all(not(one(1)), one(2))],
    [`not (${id(1)} and ${id(2)})`, not(all(one(1), one(2)))],
    [`not not ${id(1)}`, not(not(one(1)))],
    [`(${id(1)} and ${id(2)}) and ${id(4)}`, all(all(one(1), one(2)), one(4))],
    [`${id(1)} and (${id(2)} and ${id(4)})`, all(one(1), all(one(2), one(4)))],
    ['amplitude_cohorts includes_any_of (#"1", #"2")', cohorts('includes_any_of', 1, 2)],
    ['amplitude_cohorts includes_none_of (#"1")', cohorts('includes_none_of', 1)],
    ['segment is "VIP"', { type: 'segment', segment: SEGMENTS[0] ?? '' }],
    [`segment is #"${SEGMENTS[1]}"`, { type: 'segment', segment: SEGMENTS[1] ?? '' }],
    ['identity is identified', { type: 'identity', test: { has: 'identified' } }],
    ['identity is anonymous', { type: 'identity', test: { has: 'anonymous' } }],
    ['identity has device', { type: 'identity', test: { has: 'device' } }],
    ['identity has alias', { type: 'identity', test: { has: 'alias', label: null } }],
    ['identity has alias "crm"', { type: 'identity', test: { has: 'alias', label: 'crm' } }],
    ['identity has alias and identity has device', all(hasAlias, { type: 'identity', test: { has: 'device' } })],
    ['attribute "plan" equals "pro"', attribute('plan', { comparison: 'equals', value: 'pro' })],
    ['attribute "age" greater_than 18', attribute('age', { comparison: 'greater_than', value: 18 })],
    ['attribute "beta" equals true', attribute('beta', { comparison: 'equals', value: true })],
    ['attribute "beta" not_equal "true"', attribute('beta', { comparison: 'not_equal', value: 'true' })],
    ['attribute "tags" includes_value "x"', attribute('tags', { comparison: 'includes_value', value: 'x' })],
    ['attribute "plan" exists', attribute('plan', { comparison: 'exists' })],
    ['attribute "seen" less_than_x_days_ago 30', attribute('seen', { comparison: 'less_than_x_days_ago', value: 30 })],
    [
      'attribute "seen" after 2026-01-31T12:00:00Z',
      attribute('seen', { comparison: 'after', value: '2026-01-31T12:00:00.000Z' }),
    ],
    [
      'created_at before 2026-01-31T12:00:00.123Z',
      { type: 'created_at', test: { comparison: 'before', value: '2026-01-31T12:00:00.123Z' } },
    ],
    ['random_bucket between 0 and 4999', { type: 'random_bucket', from: 0, to: 4999 }],
    [
      'random_bucket between 0 and 4999 and random_bucket between 1 and 2',
      all({ type: 'random_bucket', from: 0, to: 4999 }, { type: 'random_bucket', from: 1, to: 2 }),
    ],
  ])('%s is read, and printed as it stands here', (text, filter) => {
    expect(parse(text)).toEqual(filter);
    expect(printFilter(filter, BY_ID)).toBe(text);
  });

  test.each([
    [
      'keywords in any case',
      'identity IS Identified AND NOT Identity Has Device OR Segment Is "VIP"',
      'identity is identified and not identity has device or segment is "VIP"',
    ],
    ['names of attributes without quotes', 'attribute plan equals "pro"', 'attribute "plan" equals "pro"'],
    ['names of attributes that are keywords', 'attribute And equals 1', 'attribute "And" equals 1'],
    ['parentheses that say nothing', '(((identity is anonymous)))', 'identity is anonymous'],
    ['any white space', '\n\tidentity\r\n is\u00A0anonymous\u2003', 'identity is anonymous'],
    [
      'no space where none is needed',
      '(identity has alias"a")and(not(identity is anonymous))',
      'identity has alias "a" and not identity is anonymous',
    ],
    ['escapes', 'identity has alias "\\u0041\\n\\"\\\\\\uD83D\\uDE00"', 'identity has alias "A\\n\\"\\\\😀"'],
    ['times of any zone', 'created_at after 2026-01-31T12:00:00+02:00', 'created_at after 2026-01-31T10:00:00Z'],
    ['numbers of any form', 'attribute n equals -1.50E+1', 'attribute "n" equals -15'],
    ['the zero below zero', 'attribute n equals -0', 'attribute "n" equals 0'],
    ["Braze's other word for not_equal", 'attribute b does_not_equal true', 'attribute "b" not_equal true'],
    ['a partner in capitals', 'Amplitude_Cohorts includes_value #"3"', 'amplitude_cohorts includes_value #"3"'],
  ])('takes %s', (_, text, printed) => {
    expect(print(parse(text))).toBe(printed);
  });

  test.each(KEYWORDS)('%s can be the name of anything', (word) => {
    const draft = parseFilterText(
      `amplitude_cohorts includes_any_of ("${word}", "x") and segment is "${word}" and identity has alias "${word}" and attribute ${word} equals "${word}"`,
    );
    expect(draft).toMatchObject({
      of: [
        { values: [{ ref: { name: word } }, { ref: { name: 'x' } }] },
        { segment: { ref: { name: word } } },
        { test: { label: word } },
        { name: word, test: { value: word } },
      ],
    });
  });
});

const hasAlias: Filter = { type: 'identity', test: { has: 'alias', label: null } };
function all(...of: Filter[]): Filter {
  return { type: 'all', of };
}
function any(...of: Filter[]): Filter {
  return { type: 'any', of };
}
function not(of: Filter): Filter {
  return { type: 'not', of };
}
function cohorts(operator: 'includes_any_of' | 'includes_none_of', ...values: number[]): Filter {
  return { type: 'cohorts', partner: 'amplitude', operator, values };
}
function attribute(name: string, of: Extract<Filter, { type: 'attribute' }>['test']): Filter {
  return { type: 'attribute', name, test: of };
}
