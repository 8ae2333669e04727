import { fail, type Path } from '../errors.ts';
import { isPartner } from '../keys/partner.ts';
import {
  attributeTest,
  comparisonNamed,
  TIME_COMPARISONS,
  timeTest,
  type ValueKind,
  valueKindOf,
} from './comparison.ts';
import { COMPARISONS, FILTER_MAX_BYTES, FILTER_MAX_DEPTH, type FilterDraft, OPERATORS } from './filter.ts';
import { type Ids, type SpellingOptions, STORED_IDS } from './filter-ids.ts';
import { rememberOrigin } from './filter-origin.ts';

type Node = Readonly<Record<string, unknown>>;

const COHORTS = '_cohorts';
const KINDS = ['<partner>_cohorts', 'segment', 'identity', 'custom_attribute', 'created_at', 'random_bucket'];

/** What a value of each kind is. */
const EXPECTED: { readonly [K in ValueKind]: string } = {
  nothing: 'no value',
  scalar: 'a string, a number or a boolean',
  pattern: 'a regular expression as a string',
  element: 'a string or a number',
  number: 'a number',
  moment: 'a time as a string with a date and a zone, such as "2026-01-31T12:00:00Z"',
  days: 'a whole number of days',
};

/**
 * Reads canonical JSON that somebody sends, at most 10,000 bytes of it: see docs/filter-language.md. Nothing is converted, and what it does
 * not know it refuses. Cohorts and segments are not looked up yet. Errors, with the path: INVALID_INPUT, LIMIT_EXCEEDED.
 */
export function parseFilterJson(json: unknown, options: SpellingOptions = {}): FilterDraft {
  const { field = 'filterJson', ids = STORED_IDS } = options;
  checkDepth(json, field);
  const bytes = Buffer.byteLength(JSON.stringify(json) ?? '');
  if (bytes > FILTER_MAX_BYTES)
    throw fail('LIMIT_EXCEEDED', `A filter is at most ${FILTER_MAX_BYTES} bytes of JSON.`, { path: [field] });
  return rememberOrigin(readNode(json, [field], ids), { field, places: null });
}

/** Whatever goes through a tree goes as deep as the tree does: that is looked at first, level by level. */
function checkDepth(json: unknown, field: string): void {
  // A level of a filter is an object, or an object and a list, and a leaf may hold a list.
  let level = [json].filter(isNested);
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > FILTER_MAX_DEPTH * 2)
      throw fail('LIMIT_EXCEEDED', `A filter is at most ${FILTER_MAX_DEPTH} levels deep.`, { path: [field] });
    level = level.flatMap((value) => Object.values(value).filter(isNested));
  }
}

function readNode(json: unknown, path: Path, ids: Ids): FilterDraft {
  if (!isObject(json)) throw fail('INVALID_INPUT', 'A part of a filter is an object.', { path });
  const [type, ...others] = ['all', 'any', 'not', 'filter'].filter((field) => Object.hasOwn(json, field));
  if (type === undefined || others.length > 0)
    throw fail('INVALID_INPUT', 'A part of a filter has exactly one of `all`, `any`, `not` and `filter`.', { path });
  switch (type) {
    case 'all':
    case 'any': {
      const { [type]: of } = fieldsOf(json, [type], `\`${type}\``, path);
      if (!Array.isArray(of))
        throw fail('INVALID_INPUT', `\`${type}\` takes a list of filters.`, { path: [...path, type] });
      return { type, of: of.map((part, i) => readNode(part, [...path, type, i], ids)) };
    }
    case 'not':
      return { type, of: readNode(fieldsOf(json, ['not'], '`not`', path).not, [...path, 'not'], ids) };
    default:
      return readLeaf(json, path, ids);
  }
}

function readLeaf(json: Node, path: Path, ids: Ids): FilterDraft {
  const { filter } = json;
  switch (filter) {
    case 'segment': {
      const { operator, value } = fieldsOf(json, ['filter', 'operator', 'value'], '`segment`', path);
      oneOf(operator, ['is'], 'operator', path);
      const at = [...path, 'value'];
      return { type: 'segment', segment: { ref: { id: ids.readSegment(readId(value, 'a segment', at)) }, path: at } };
    }
    case 'identity':
      return readIdentity(json, path);
    case 'custom_attribute':
      return readAttribute(json, path);
    case 'created_at': {
      const comparison = oneOf(json.comparison, TIME_COMPARISONS, 'comparison', path);
      const { value } = fieldsOf(json, ['filter', 'comparison', 'value'], '`created_at`', path);
      const test = timeTest(comparison, value);
      if (!test) throw wrongValue(comparison, path);
      return { type: 'created_at', test };
    }
    case 'random_bucket': {
      const { from, to } = fieldsOf(json, ['filter', 'from', 'to'], '`random_bucket`', path);
      return { type: 'random_bucket', from: readNumber(from, [...path, 'from']), to: readNumber(to, [...path, 'to']) };
    }
    default:
      return readCohorts(json, path, ids);
  }
}

function readCohorts(json: Node, path: Path, ids: Ids): FilterDraft {
  const { filter } = json;
  const partner = typeof filter === 'string' && filter.endsWith(COHORTS) ? filter.slice(0, -COHORTS.length) : '';
  if (!isPartner(partner)) throw unknown('filter', KINDS, path);
  const { operator, value } = fieldsOf(json, ['filter', 'operator', 'value'], 'a cohort filter', path);
  const known = oneOf(operator, OPERATORS, 'operator', path);
  const at = [...path, 'value'];
  const read = (id: unknown, where: Path) => ({
    ref: { id: ids.readCohort(readId(id, 'a cohort', where)) },
    path: where,
  });
  if (known === 'includes_value' || known === 'does_not_include_value')
    return { type: 'cohorts', partner, operator: known, values: [read(value, at)] };
  if (!Array.isArray(value)) throw fail('INVALID_INPUT', `\`${known}\` takes a list of ids of cohorts.`, { path: at });
  return { type: 'cohorts', partner, operator: known, values: value.map((id, i) => read(id, [...at, i])) };
}

function readIdentity(json: Node, path: Path): FilterDraft {
  const { operator, value } = fieldsOf(json, ['filter', 'operator', 'value'], '`identity`', path);
  if (oneOf(operator, ['is', 'has_alias'], 'operator', path) === 'has_alias') {
    if (value !== null && typeof value !== 'string')
      throw fail('INVALID_INPUT', '`has_alias` takes the label of the alias as a string, or null for any label.', {
        path: [...path, 'value'],
      });
    return { type: 'identity', test: { has: 'alias', label: value } };
  }
  const has = oneOf(value, ['identified', 'anonymous', 'has_device'], 'value', path);
  return { type: 'identity', test: { has: has === 'has_device' ? 'device' : has } };
}

function readAttribute(json: Node, path: Path): FilterDraft {
  const { comparison, custom_attribute_name: name } = json;
  const known = typeof comparison === 'string' ? comparisonNamed(comparison) : null;
  if (!known) throw unknown('comparison', COMPARISONS, path);
  const takesValue = valueKindOf(known) !== 'nothing';
  fieldsOf(
    json,
    ['filter', 'custom_attribute_name', 'comparison', ...(takesValue ? ['value'] : [])],
    `\`${known}\``,
    path,
  );
  if (typeof name !== 'string')
    throw fail('INVALID_INPUT', 'The name of an attribute is a string.', { path: [...path, 'custom_attribute_name'] });
  const test = attributeTest(known, takesValue ? (json.value ?? null) : undefined);
  if (!test) throw wrongValue(known, path);
  return { type: 'attribute', name, test };
}

/** The object, where it has these fields and no others. */
function fieldsOf(json: Node, fields: readonly string[], what: string, path: Path): Node {
  const list = fields.map((field) => `\`${field}\``).join(', ');
  for (const field of Object.keys(json))
    if (!fields.includes(field))
      throw fail('INVALID_INPUT', `This field is unknown: ${what} has ${list} and no others.`, {
        path: [...path, field],
      });
  for (const field of fields)
    if (!Object.hasOwn(json, field))
      throw fail('INVALID_INPUT', `\`${field}\` is missing: ${what} has ${list}.`, { path: [...path, field] });
  return json;
}

function oneOf<Word extends string>(value: unknown, words: readonly Word[], field: string, path: Path): Word {
  const word = words.find((known) => known === value);
  if (word === undefined) throw unknown(field, words, path);
  return word;
}

function unknown(field: string, words: readonly string[], path: Path): Error {
  const list = words.map((word) => `\`${word}\``).join(', ');
  return fail('INVALID_INPUT', `\`${field}\` is one of ${list}.`, { path: [...path, field] });
}

function wrongValue(comparison: Parameters<typeof valueKindOf>[0], path: Path): Error {
  return fail('INVALID_INPUT', `\`${comparison}\` takes ${EXPECTED[valueKindOf(comparison)]}; nothing is converted.`, {
    path: [...path, 'value'],
  });
}

function readId(value: unknown, what: string, path: Path): string {
  if (typeof value !== 'string') throw fail('INVALID_INPUT', `The id of ${what} is a string.`, { path });
  return value;
}

function readNumber(value: unknown, path: Path): number {
  if (typeof value !== 'number') throw fail('INVALID_INPUT', 'A number is expected; nothing is converted.', { path });
  return value;
}

function isNested(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function isObject(value: unknown): value is Node {
  return isNested(value) && !Array.isArray(value);
}
