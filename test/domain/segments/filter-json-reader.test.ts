import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DomainError } from '../../../src/domain/errors.ts';
import { FILTER_MAX_BYTES } from '../../../src/domain/segments/filter.ts';
import { parseFilterJson } from '../../../src/domain/segments/filter-json-reader.ts';

function faultOf(json: unknown): DomainError {
  try {
    parseFilterJson(json);
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
  throw new Error('The JSON is a filter.');
}

const cohort = { filter: 'amplitude_cohorts', operator: 'includes_value', value: '1' };
const attribute = { filter: 'custom_attribute', custom_attribute_name: 'a' };
const EXACTLY_ONE = 'A part of a filter has exactly one of `all`, `any`, `not` and `filter`.';
const OBJECT = 'A part of a filter is an object.';
const NUMBER = 'A number is expected; nothing is converted.';
const TIME = 'a time as a string with a date and a zone, such as "2026-01-31T12:00:00Z"; nothing is converted.';

describe('canonical JSON that somebody sends', () => {
  test.each<[unknown, readonly (string | number)[], string]>([
    [null, [], OBJECT],
    ['amplitude_cohorts', [], OBJECT],
    ['{"all":[]}', [], OBJECT],
    [5, [], OBJECT],
    [[], [], OBJECT],
    [[cohort], [], OBJECT],
    [{}, [], EXACTLY_ONE],
    [{ AND: [cohort] }, [], EXACTLY_ONE],
    [{ all: [cohort], any: [cohort] }, [], EXACTLY_ONE],
    [{ all: [cohort], ...cohort }, [], EXACTLY_ONE],
    [JSON.parse('{"__proto__":{"all":[]}}'), [], EXACTLY_ONE],
    [JSON.parse('{"all":[],"__proto__":1}'), ['__proto__'], 'This field is unknown: `all` has `all` and no others.'],
    [{ all: cohort }, ['all'], '`all` takes a list of filters.'],
    [{ any: null }, ['any'], '`any` takes a list of filters.'],
    [{ not: null }, ['not'], OBJECT],
    [{ not: [cohort] }, ['not'], OBJECT],
    [{ not: cohort, name: 'x' }, ['name'], 'This field is unknown: `not` has `not` and no others.'],
    [{ all: [cohort, { not: { any: [cohort, {}] } }] }, ['all', 1, 'not', 'any', 1], EXACTLY_ONE],
    [
      { filter: 'age' },
      ['filter'],
      '`filter` is one of `<partner>_cohorts`, `segment`, `identity`, `custom_attribute`, `created_at`, `random_bucket`.',
    ],
    [
      { ...cohort, filter: 'Amplitude_cohorts' },
      ['filter'],
      '`filter` is one of `<partner>_cohorts`, `segment`, `identity`, `custom_attribute`, `created_at`, `random_bucket`.',
    ],
    [
      { ...cohort, operator: 'like' },
      ['operator'],
      '`operator` is one of `includes_value`, `does_not_include_value`, `includes_any_of`, `includes_all_of`, `includes_none_of`.',
    ],
    [{ ...cohort, value: 1 }, ['value'], 'The id of a cohort is a string.'],
    [{ ...cohort, value: ['1'] }, ['value'], 'The id of a cohort is a string.'],
    [{ ...cohort, operator: 'includes_any_of' }, ['value'], '`includes_any_of` takes a list of ids of cohorts.'],
    [{ ...cohort, operator: 'includes_any_of', value: ['1', 2] }, ['value', 1], 'The id of a cohort is a string.'],
    [
      { ...cohort, name: 'x' },
      ['name'],
      'This field is unknown: a cohort filter has `filter`, `operator`, `value` and no others.',
    ],
    [{ filter: 'segment', operator: 'is_not', value: 'x' }, ['operator'], '`operator` is one of `is`.'],
    [{ filter: 'segment', operator: 'is', value: { name: 'x' } }, ['value'], 'The id of a segment is a string.'],
    [
      { filter: 'segment', operator: 'is' },
      ['value'],
      '`value` is missing: `segment` has `filter`, `operator`, `value`.',
    ],
    [
      { filter: 'identity', operator: 'is', value: 'admin' },
      ['value'],
      '`value` is one of `identified`, `anonymous`, `has_device`.',
    ],
    [
      { filter: 'identity', operator: 'has_alias' },
      ['value'],
      '`value` is missing: `identity` has `filter`, `operator`, `value`.',
    ],
    [
      { filter: 'identity', operator: 'has_alias', value: 5 },
      ['value'],
      '`has_alias` takes the label of the alias as a string, or null for any label.',
    ],
    [
      { ...attribute, comparison: 'equals' },
      ['value'],
      '`value` is missing: `equals` has `filter`, `custom_attribute_name`, `comparison`, `value`.',
    ],
    [
      { ...attribute, comparison: 'equals', value: null },
      ['value'],
      '`equals` takes a string, a number or a boolean; nothing is converted.',
    ],
    [
      { ...attribute, comparison: 'equals', value: ['a'] },
      ['value'],
      '`equals` takes a string, a number or a boolean; nothing is converted.',
    ],
    [
      { ...attribute, comparison: 'matches_regex', value: 5 },
      ['value'],
      '`matches_regex` takes a regular expression as a string; nothing is converted.',
    ],
    [
      { ...attribute, comparison: 'includes_value', value: true },
      ['value'],
      '`includes_value` takes a string or a number; nothing is converted.',
    ],
    [
      { ...attribute, comparison: 'greater_than', value: '18' },
      ['value'],
      '`greater_than` takes a number; nothing is converted.',
    ],
    [
      { ...attribute, comparison: 'less_than_x_days_ago', value: '30' },
      ['value'],
      '`less_than_x_days_ago` takes a whole number of days; nothing is converted.',
    ],
    [
      { ...attribute, comparison: 'less_than_x_days_ago', value: 1.5 },
      ['value'],
      '`less_than_x_days_ago` takes a whole number of days; nothing is converted.',
    ],
    [{ ...attribute, comparison: 'after', value: '2026-01-31T12:00:00' }, ['value'], `\`after\` takes ${TIME}`],
    [{ ...attribute, comparison: 'after', value: '2026-01-31' }, ['value'], `\`after\` takes ${TIME}`],
    [{ ...attribute, comparison: 'after', value: 1769860800000 }, ['value'], `\`after\` takes ${TIME}`],
    [
      { ...attribute, comparison: 'exists', value: true },
      ['value'],
      'This field is unknown: `exists` has `filter`, `custom_attribute_name`, `comparison` and no others.',
    ],
    [
      { ...attribute, custom_attribute_name: 5, comparison: 'exists' },
      ['custom_attribute_name'],
      'The name of an attribute is a string.',
    ],
    [{ filter: 'created_at', comparison: 'before', value: '2026-01-31T12:00' }, ['value'], `\`before\` takes ${TIME}`],
    [{ filter: 'random_bucket', from: '0', to: 1 }, ['from'], NUMBER],
    [{ filter: 'random_bucket', from: 0, to: null }, ['to'], NUMBER],
    [{ filter: 'random_bucket', from: 0 }, ['to'], '`to` is missing: `random_bucket` has `filter`, `from`, `to`.'],
  ])('%j is refused, with its path', (json, path, message) => {
    const fault = faultOf(json);
    expect({ code: fault.code, path: fault.path, message: fault.message }).toEqual({
      code: 'INVALID_INPUT',
      path: ['filterJson', ...path],
      message,
    });
  });

  test('with an unknown comparison is told all there are', () => {
    expect(faultOf({ ...attribute, comparison: 'like', value: 'x' })).toMatchObject({
      code: 'INVALID_INPUT',
      path: ['filterJson', 'comparison'],
      message: expect.stringMatching(/^`comparison` is one of `exists`, .+`greater_than_x_days_in_the_future`\.$/),
    });
    expect(faultOf({ filter: 'created_at', comparison: 'exists' })).toMatchObject({
      path: ['filterJson', 'comparison'],
      message: expect.stringMatching(/^`comparison` is one of `before`, .+`greater_than_x_days_in_the_future`\.$/),
    });
  });

  test('is read as every spelling says it', () => {
    const test = (comparison: string, value: unknown) => parseFilterJson({ ...attribute, comparison, value });
    expect(test('after', '2026-01-31T12:00+02:00')).toEqual({
      type: 'attribute',
      name: 'a',
      test: { comparison: 'after', value: '2026-01-31T10:00:00.000Z' },
    });
    expect(test('equals', -0)).toEqual({ type: 'attribute', name: 'a', test: { comparison: 'equals', value: 0 } });
    expect(test('does_not_equal', true)).toEqual(test('not_equal', true));
  });

  test('names the field it stood in', () => {
    expect(() => parseFilterJson({ all: [{}] }, { field: 'json' })).toThrow(
      expect.objectContaining({ path: ['json', 'all', 0] }),
    );
  });

  test('10,000 bytes long is read, and longer refused', () => {
    const of = (length: number) => ({ ...attribute, comparison: 'equals', value: 'x'.repeat(length) });
    const most = FILTER_MAX_BYTES - JSON.stringify(of(0)).length;
    expect(parseFilterJson(of(most)).type).toBe('attribute');
    expect(faultOf(of(most + 1))).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      path: ['filterJson'],
      message: 'A filter is at most 10000 bytes of JSON.',
    });
  });

  test('of any depth is refused before anything goes as deep', () => {
    let json: unknown = cohort;
    for (let depth = 0; depth < 100_000; depth++) json = depth % 2 ? { not: json } : { all: [json] };
    expect(faultOf(json)).toMatchObject({ code: 'LIMIT_EXCEEDED', path: ['filterJson'] });
  });

  test('of any shape is a filter, or has a fault with a path in it', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom('all', 'any', 'not', 'filter'), (value, key) => {
        for (const json of [
          value,
          { [key]: value },
          { ...cohort, value },
          { ...attribute, comparison: 'equals', value },
        ])
          try {
            parseFilterJson(json);
          } catch (error) {
            if (!(error instanceof DomainError)) throw error;
            expect(error.path?.[0]).toBe('filterJson');
          }
      }),
    );
  });
});
