import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DomainError } from '../../../src/domain/errors.ts';
import { COMPARISONS, FILTER_MAX_BYTES, FILTER_MAX_DEPTH } from '../../../src/domain/segments/filter.ts';
import { parseFilterText } from '../../../src/domain/segments/filter-text.ts';
import { KEYWORDS } from '../../support/trees.ts';

// What is wrong with the text of a filter is told with the place, what was found there, and everything that was expected.

function faultOf(text: string): DomainError {
  try {
    parseFilterText(text);
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
  throw new Error('The text is a filter.');
}

const ticked = (words: readonly string[]) => words.map((word) => `\`${word}\``);
const either = (words: readonly string[]) => `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
const START = '`<partner>_cohorts`, `segment`, `identity`, `attribute`, `created_at`, `random_bucket`, `not` or `(`';
const OPERATOR =
  '`includes_value`, `does_not_include_value`, `includes_any_of`, `includes_all_of` or `includes_none_of`';
const COMPARISON = either(ticked(COMPARISONS));
const TIME_COMPARISON = either(ticked(COMPARISONS.slice(-6)));
const COHORT = 'the name of a cohort in quotes or `#` with its id in quotes';
const SEGMENT = 'the name of a segment in quotes or `#` with its id in quotes';
const SCALAR = 'a text in quotes, a number, `true` or `false`';
const TIME = 'a time with a date and a zone such as 2026-01-31T12:00:00Z';
const ESCAPE = '`\\"`, `\\\\`, `\\n` or `\\u` with four hexadecimal digits';
const MORE = '`and`, `or` or the end';
const INSIDE = '`and`, `or` or `)`';
const UNICODE = 'well-formed Unicode without NUL';

test.each<[string, number, number, string, string]>([
  ['', 1, 1, 'the end', START],
  ['   ', 1, 4, 'the end', START],
  ['\n\n  and', 3, 3, '`and`', START],
  ['foo', 1, 1, '`foo`', START],
  ['"foo"', 1, 1, '`"foo"`', START],
  ['5', 1, 1, '`5`', START],
  ['_cohorts includes_value "A"', 1, 1, '`_cohorts`', START],
  ['Größe_cohorts includes_value "A"', 1, 1, '`Größe_cohorts`', START],
  ['amplitude_cohorts', 1, 18, 'the end', OPERATOR],
  ['amplitude_cohorts equals "x"', 1, 19, '`equals`', OPERATOR],
  ['amplitude_cohorts includes_value', 1, 33, 'the end', COHORT],
  ['amplitude_cohorts includes_value Power', 1, 34, '`Power`', COHORT],
  ['amplitude_cohorts includes_value ""', 1, 34, '`""`', COHORT],
  ['amplitude_cohorts includes_value " "', 1, 34, '`" "`', COHORT],
  ['amplitude_cohorts includes_value ("A")', 1, 34, '`(`', COHORT],
  ['amplitude_cohorts includes_any_of "A"', 1, 35, '`"A"`', '`(`'],
  ['amplitude_cohorts includes_any_of ()', 1, 36, '`)`', COHORT],
  ['amplitude_cohorts includes_any_of ("A" "B")', 1, 40, '`"B"`', '`,` or `)`'],
  ['amplitude_cohorts includes_any_of ("A",)', 1, 40, '`)`', COHORT],
  ['amplitude_cohorts includes_any_of ("A"', 1, 39, 'the end', '`,` or `)`'],
  ['segment "VIP"', 1, 9, '`"VIP"`', '`is`'],
  ['segment is VIP', 1, 12, '`VIP`', SEGMENT],
  ['segment is “VIP”', 1, 12, '`“`', SEGMENT],
  ['segment is "VIP" "X"', 1, 18, '`"X"`', MORE],
  ['identity', 1, 9, 'the end', '`is` or `has`'],
  ['identity is admin', 1, 13, '`admin`', '`identified` or `anonymous`'],
  ['identity has phone', 1, 14, '`phone`', '`device` or `alias`'],
  ['identity has alias 5', 1, 20, '`5`', MORE],
  ['identity has alias %', 1, 20, '`%`', `a label in quotes, ${MORE}`],
  ['(identity has alias %', 1, 21, '`%`', `a label in quotes, ${INSIDE}`],
  ['attribute', 1, 10, 'the end', 'the name of an attribute'],
  ['attribute 5 exists', 1, 11, '`5`', 'the name of an attribute'],
  ['attribute plan like "x"', 1, 16, '`like`', COMPARISON],
  ['attribute age>18', 1, 14, '`>`', COMPARISON],
  ['attribute plan equals', 1, 22, 'the end', SCALAR],
  ['attribute plan equals pro', 1, 23, '`pro`', SCALAR],
  ['attribute plan equals 2026-01-31T12:00:00Z', 1, 23, '`2026-01-31T12:00:00Z`', SCALAR],
  ['attribute n equals 1e999', 1, 20, '`1e999`', SCALAR],
  ['attribute n equals +5', 1, 20, '`+5`', SCALAR],
  ['attribute n equals 0x10', 1, 20, '`0x10`', SCALAR],
  ['attribute n equals .5', 1, 20, '`.5`', SCALAR],
  ['attribute n equals 1,5', 1, 21, '`,`', MORE],
  ['attribute age greater_than "18"', 1, 28, '`"18"`', 'a number'],
  ['attribute plan matches_regex 5', 1, 30, '`5`', 'a regular expression in quotes'],
  ['attribute tags includes_value true', 1, 31, '`true`', 'a text in quotes or a number'],
  ['attribute seen after "2026-01-31T12:00:00Z"', 1, 22, '`"2026-01-31T12:00:00Z"`', TIME],
  ['attribute seen after 2026-01-31T12:00:00', 1, 22, '`2026-01-31T12:00:00`', TIME],
  ['attribute seen after 2026-01-31', 1, 22, '`2026-01-31`', TIME],
  ['attribute seen after 2026-02-30T12:00:00Z', 1, 22, '`2026-02-30T12:00:00Z`', TIME],
  ['attribute seen after 10000-01-01T00:00:00Z', 1, 22, '`10000-01-01T00:00:00Z`', TIME],
  ['attribute seen less_than_x_days_ago 1.5', 1, 37, '`1.5`', 'a whole number of days'],
  ['attribute seen less_than_x_days_ago "30"', 1, 37, '`"30"`', 'a whole number of days'],
  ['created_at exists', 1, 12, '`exists`', TIME_COMPARISON],
  ['created_at before', 1, 18, 'the end', TIME],
  ['random_bucket 5', 1, 15, '`5`', '`between`'],
  ['random_bucket between 1 or 2', 1, 25, '`or`', '`and`'],
  ['random_bucket between "1" and 2', 1, 23, '`"1"`', 'the number of a bucket'],
  ['identity is anonymous identity', 1, 23, '`identity`', MORE],
  ['identity is anonymous)', 1, 22, '`)`', MORE],
  ['(identity is anonymous', 1, 23, 'the end', INSIDE],
  ['(identity is anonymous,', 1, 23, '`,`', INSIDE],
  ['()', 1, 2, '`)`', START],
  ['not', 1, 4, 'the end', START],
  ['identity is anonymous and', 1, 26, 'the end', START],
  ['identity is anonymous or or', 1, 26, '`or`', START],
  ['identity is anonymous and not and', 1, 31, '`and`', START],
  ['identity is anonymous -- why', 1, 23, '`--`', MORE],
  ['segment is # "x"', 1, 13, '` `', 'an id in quotes'],
  ['segment is #VIP', 1, 13, '`V`', 'an id in quotes'],
  ['segment is #', 1, 13, 'the end', 'an id in quotes'],
  ['segment is "VIP', 1, 16, 'the end', '`"` after the text that begins at column 12'],
  ['segment is "VIP\n"', 1, 16, 'the end of the line', '`"` after the text that begins at column 12'],
  ['segment\nis "VIP\r\n"', 2, 8, 'the end of the line', '`"` after the text that begins at column 4'],
  ['segment is "a\\x"', 1, 14, '`\\x`', ESCAPE],
  ['segment is "a\\', 1, 14, '`\\`', ESCAPE],
  ['segment is "a\\u12"', 1, 14, '`\\u`', ESCAPE],
  ['segment is "\\u0000"', 1, 12, 'NUL or half of a surrogate pair', UNICODE],
  ['segment is "\u0000"', 1, 12, 'NUL or half of a surrogate pair', UNICODE],
  ['segment is "\\ud800"', 1, 12, 'NUL or half of a surrogate pair', UNICODE],
  ['segment is "\ud800"', 1, 12, 'NUL or half of a surrogate pair', UNICODE],
  ['\ud800', 1, 1, '`\\uD800`', START],
  ['\u0000', 1, 1, '`\\u0000`', START],
  ['😀 foo', 1, 1, '`😀`', START],
  ['identity has alias "😀" foo', 1, 25, '`foo`', MORE],
  ['عربي', 1, 1, '`عربي`', START],
  ['identity is \u202Eanonymous', 1, 13, '`\\u202E`', '`identified` or `anonymous`'],
  ['identity is anonymous\n  and foo', 2, 7, '`foo`', START],
  ['identity is anonymous\r\n  and foo', 2, 7, '`foo`', START],
  ['identity is anonymous\r  and foo', 2, 7, '`foo`', START],
  ['a'.repeat(100), 1, 1, `\`${'a'.repeat(40)}...\``, START],
])('%j is wrong in line %i, column %i: %s', (text, line, column, found, expected) => {
  const { code, message, path, place } = faultOf(text);
  expect(message).toBe(`Line ${line}, column ${column}: found ${found}, expected ${expected}.`);
  expect({ code, path, place }).toEqual({ code: 'INVALID_INPUT', path: ['filterText'], place: { line, column } });
});

describe('hostile text', () => {
  const leaf = 'identity is anonymous';

  test.each([
    ['parentheses', '('.repeat(FILTER_MAX_BYTES), FILTER_MAX_DEPTH + 1],
    ['parentheses that close', `${'('.repeat(4_000)}${leaf}${')'.repeat(4_000)}`, FILTER_MAX_DEPTH + 1],
    ['negations', 'not '.repeat(2_500), 4 * FILTER_MAX_DEPTH + 1],
    ['negations and parentheses', 'not('.repeat(2_500), 4 * (FILTER_MAX_DEPTH / 2) + 1],
  ])('of %s only is refused where it gets too deep', (_, text, column) => {
    const { code, message, place } = faultOf(text);
    expect({ code, message, place }).toEqual({
      code: 'LIMIT_EXCEEDED',
      message: `Line 1, column ${column}: a filter is at most 16 levels deep.`,
      place: { line: 1, column },
    });
  });

  test('as deep as it may be is read', () => {
    const deepest = `${'not '.repeat(8)}${'('.repeat(8)}${leaf}${')'.repeat(8)}`;
    expect(parseFilterText(deepest).type).toBe('not');
  });

  test.each([
    ['a byte', `${leaf}${' '.repeat(FILTER_MAX_BYTES - leaf.length)}`],
    ['a byte of many in a character', `attribute plan equals "${'ü'.repeat(4_988)}"`],
  ])('too long by %s is refused unread', (_, text) => {
    expect(Buffer.byteLength(text)).toBe(FILTER_MAX_BYTES);
    expect(() => parseFilterText(text)).not.toThrow();
    const { code, message, path } = faultOf(`${text} `);
    expect({ code, message, path }).toEqual({
      code: 'LIMIT_EXCEEDED',
      message: 'A filter is at most 10000 bytes of text.',
      path: ['filterText'],
    });
  });

  test('of anything at all is a filter, or has a fault with a place inside it', () => {
    const pieces = fc.constantFrom(
      ...KEYWORDS,
      '(',
      ')',
      ',',
      '#',
      '"',
      '"a"',
      '\\',
      '\n',
      '1',
      '2026-01-01T00:00:00Z',
      'é',
      '\ud800',
    );
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(pieces, { maxLength: 12 }).map((all) => all.join(' ')),
      fc.array(pieces, { maxLength: 12 }).map((all) => all.join('')),
    );
    fc.assert(
      fc.property(texts, (text) => {
        try {
          parseFilterText(text);
        } catch (error) {
          if (!(error instanceof DomainError) || !error.place) throw error;
          const lines = text.split(/\r\n|\r|\n/);
          const line = lines[error.place.line - 1];
          expect(line).toBeDefined();
          expect(error.place.column).toBeLessThanOrEqual((line ?? '').length + 1);
          expect(error.message).toMatch(/^Line \d+, column \d+: found .+, expected .+\.$/s);
          expect(error.message.isWellFormed()).toBe(true);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
