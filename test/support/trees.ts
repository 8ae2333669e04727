import fc from 'fast-check';
import {
  type AttributeTest,
  DAYS_MAX,
  DISTANCES,
  EQUALITIES,
  type Filter,
  type IdentityTest,
  INCLUSIONS,
  LAST_BUCKET,
  MOMENTS,
  OPERATORS,
  ORDERS,
  PATTERNS,
  PRESENCES,
  type TimeTest,
} from '../../src/domain/segments/filter.ts';
import { normalize } from '../../src/domain/segments/normalize.ts';

// Filters of every kind, with every value that a filter can have.

/** What a filter can mention. */
export interface Vocabulary {
  /** Cohorts by partner; a partner has at least one. */
  readonly cohorts: Readonly<Record<string, readonly number[]>>;
  readonly segments: readonly string[];
}

/** Words that mean something where they are not in quotes. */
export const KEYWORDS: readonly string[] = [
  ...new Set([
    ...['and', 'or', 'not', 'is', 'has', 'between', 'true', 'false', 'null', 'all', 'any', 'filter'],
    ...['segment', 'identity', 'attribute', 'created_at', 'random_bucket', 'custom_attribute', 'amplitude_cohorts'],
    ...['identified', 'anonymous', 'device', 'alias', ...OPERATORS, ...PRESENCES, ...EQUALITIES, ...PATTERNS],
    ...[...INCLUSIONS, ...ORDERS, ...MOMENTS, ...DISTANCES],
  ]),
];

/** Text as people have it, and as they should not have it. */
export const STRANGE_TEXTS: readonly string[] = [
  ...KEYWORDS,
  ...[
    '"',
    '\\',
    '\\"',
    '\\n',
    '\n',
    '\r\n',
    '\t',
    ' ',
    '  a  ',
    '#"1"',
    '(',
    ')',
    ',',
    '#',
    "it's",
    '""',
    'a"b\\c',
    '\\u0041',
  ],
  ...[
    '\u0001\u007f\u0085',
    'Überzahler',
    '顧客',
    'عملاء',
    'ab\u202Ecd\u202C',
    '\u200Fx',
    '\u2066y\u2069',
    '\u2028',
    '\uFEFF',
  ],
  ...[
    '👨‍👩‍👧',
    '🏴󠁧󠁢󠁥󠁮󠁧󠁿',
    'e\u0301',
    '\u00A0',
    '__proto__',
    'constructor',
    '1',
    '-1',
    '2026-01-31T12:00:00Z',
    'x'.repeat(200),
  ],
];

const anyText = fc.oneof(
  fc.constantFrom(...STRANGE_TEXTS),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }).map((text) => text.replaceAll('\u0000', 'x')),
);

/** JSON has one zero. */
const anyNumber = fc.oneof(
  fc.constantFrom(0, 1, -1, 0.1, 1e21, -5e-324, Number.MAX_VALUE, 2 ** 53, 123456789.123),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => (n === 0 ? 0 : n)),
);

const anyMoment = fc
  .date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true })
  .map((date) => date.toISOString());

const anyPattern = fc.constantFrom(
  '',
  '^a',
  'b$',
  '(?i)pro|free',
  '[^"\\\\]+',
  '\\d{1,3}\\.',
  '\\y顧客\\y',
  'a\nb',
  '(a|b)*c',
  '""',
);

const anyDays = fc.oneof(fc.constantFrom(0, 1, DAYS_MAX), fc.integer({ min: 0, max: DAYS_MAX }));

const anyTimeTest: fc.Arbitrary<TimeTest> = fc.oneof(
  fc.record({ comparison: fc.constantFrom(...MOMENTS), value: anyMoment }),
  fc.record({ comparison: fc.constantFrom(...DISTANCES), value: anyDays }),
);

const anyAttributeTest: fc.Arbitrary<AttributeTest> = fc.oneof(
  anyTimeTest,
  fc.record({ comparison: fc.constantFrom(...PRESENCES) }),
  fc.record({
    comparison: fc.constantFrom(...EQUALITIES),
    value: fc.oneof(anyText, fc.constant(''), anyNumber, fc.boolean()),
  }),
  fc.record({ comparison: fc.constantFrom(...PATTERNS), value: anyPattern }),
  fc.record({ comparison: fc.constantFrom(...INCLUSIONS), value: fc.oneof(anyText, anyNumber) }),
  fc.record({ comparison: fc.constantFrom(...ORDERS), value: anyNumber }),
);

const anyIdentityTest: fc.Arbitrary<IdentityTest> = fc.oneof(
  fc.record({ has: fc.constantFrom('identified' as const, 'anonymous' as const, 'device' as const) }),
  fc.record({ has: fc.constant('alias' as const), label: fc.option(anyText, { nil: null }) }),
);

function anyLeaf({ cohorts, segments }: Vocabulary): fc.Arbitrary<Filter> {
  const ofCohorts = fc
    .record({ partner: fc.constantFrom(...Object.keys(cohorts)), operator: fc.constantFrom(...OPERATORS) })
    .chain(({ partner, operator }): fc.Arbitrary<Filter> => {
      const takesOne = operator === 'includes_value' || operator === 'does_not_include_value';
      const values = fc.array(fc.constantFrom(...(cohorts[partner] ?? [])), {
        minLength: 1,
        maxLength: takesOne ? 1 : 4,
      });
      return values.map((list) => ({ type: 'cohorts', partner, operator, values: list }));
    });
  return fc.oneof(
    ofCohorts,
    fc.record({ type: fc.constant('segment' as const), segment: fc.constantFrom(...segments) }),
    fc.record({ type: fc.constant('identity' as const), test: anyIdentityTest }),
    fc.record({ type: fc.constant('attribute' as const), name: anyText, test: anyAttributeTest }),
    fc.record({ type: fc.constant('created_at' as const), test: anyTimeTest }),
    fc
      .tuple(fc.integer({ min: 0, max: LAST_BUCKET }), fc.integer({ min: 0, max: LAST_BUCKET }))
      .map(([a, b]): Filter => ({ type: 'random_bucket', from: Math.min(a, b), to: Math.max(a, b) })),
  );
}

/** Filters with leaves of every kind, nested in every way, groups of one and negations of negations included. */
export function anyTree(vocabulary: Vocabulary): fc.Arbitrary<Filter> {
  return fc.letrec<{ filter: Filter; group: Filter; not: Filter }>((tie) => ({
    filter: fc.oneof({ maxDepth: 5, depthSize: 'small' }, anyLeaf(vocabulary), tie('group'), tie('not')),
    group: fc.record({
      type: fc.constantFrom('all' as const, 'any' as const),
      of: fc.array(tie('filter'), { minLength: 1, maxLength: 4 }),
    }),
    not: fc.record({ type: fc.constant('not' as const), of: tie('filter') }),
  })).filter;
}

/** The same as every spelling can say them. */
export function anyNormalTree(vocabulary: Vocabulary): fc.Arbitrary<Filter> {
  return anyTree(vocabulary).map((tree) => normalize(tree));
}
