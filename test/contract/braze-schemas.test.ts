import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { parseBrazeName, parseBrazeUsers } from '../../src/http/braze-cohorts.ts';
import { parseJsonObject } from '../../src/http/json.ts';

// The published JSON Schemas and the parsers are two readings of one promise. Keys are left out: a parser never sees them.

const ajv = new Ajv2020({ strict: true, strictRequired: false, strictTypes: false });
const read = (name: string) =>
  ajv.compile(JSON.parse(readFileSync(new URL(`../../schema/${name}`, import.meta.url), 'utf8')) as object);
const endpoints = {
  name: { schema: read('braze-cohorts.schema.json'), parse: parseBrazeName },
  users: { schema: read('braze-cohort-users.schema.json'), parse: parseBrazeUsers },
};
type Endpoint = keyof typeof endpoints;

function verdicts(endpoint: Endpoint, body: unknown): { schema: boolean; parser: boolean } {
  const { schema, parse } = endpoints[endpoint];
  const text = JSON.stringify(body);
  const withKey = isObject(body) ? { client_secret: 'key', ...body } : body;
  return { schema: schema(withKey), parser: accepts(() => parse(parseJsonObject(text))) };
}

function accepts(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const named = { cohort_id: 'c1', name: 'Cohort', created_at: '2026-01-31T10:20:30Z' };
const nameWith = (changes: object) => ({ ...named, ...changes });
const change = (fields: unknown) => ({ cohort_id: 'c1', cohort_changes: [fields] });
const alias = { alias_name: 'ada', alias_label: 'crm' };
const half = '\ud800';

const ACCEPTED: readonly (readonly [Endpoint, string, unknown])[] = [
  ['name', 'all fields', nameWith({ partner_api_key: 'p' })],
  ['name', 'unknown fields', nameWith({ more: [1] })],
  ['name', 'a date without a time', nameWith({ created_at: '2026-01-31' })],
  ['name', 'a time with an offset', nameWith({ created_at: '2026-01-31T10:20:30.123+00:00' })],
  ['name', 'a time with a short offset', nameWith({ created_at: '2026-01-31T10:20+0100' })],
  ['name', 'the longest name', nameWith({ name: 'n'.repeat(512) })],
  ['name', 'spaces around', nameWith({ name: '  n ', cohort_id: ' c ' })],
  ['name', 'any script', nameWith({ name: 'コホート 😀' })],
  ['users', 'no change at all', { cohort_id: 'c1', cohort_changes: [] }],
  [
    'users',
    'every kind',
    change({ user_ids: ['a'], device_ids: ['d'], aliases: [alias], should_remove: true, more: 1 }),
  ],
  ['users', 'empty lists', change({ user_ids: [], device_ids: [], aliases: [] })],
  ['users', 'one kind only', change({ device_ids: ['d'] })],
  ['users', 'a single alias without a list', change({ aliases: alias })],
  [
    'users',
    'null for what is absent',
    change({ user_ids: ['a'], device_ids: null, aliases: null, should_remove: null }),
  ],
  ['users', 'identities that are blank', change({ user_ids: [' '] })],
  ['users', 'the longest identity', change({ user_ids: ['u'.repeat(512)] })],
  ['users', 'any script', change({ user_ids: ['ключ', '😀'] })],
];

const REFUSED: readonly (readonly [Endpoint, string, unknown])[] = [
  ['name', 'a list', []],
  ['name', 'null', null],
  ['name', 'text', 'text'],
  ...['cohort_id', 'name', 'created_at'].map(
    (field) => ['name', `no ${field}`, nameWith({ [field]: undefined })] as const,
  ),
  ...['cohort_id', 'name'].flatMap((field) =>
    [1, true, null, {}, ['a'], '', ' \t', 'n'.repeat(513), 'a\u0000b', half].map(
      (value) => ['name', `${field} as ${JSON.stringify(value).slice(0, 12)}`, nameWith({ [field]: value })] as const,
    ),
  ),
  ...[1769854830, '1769854830', 'yesterday', '', '2026-01-31 10:20:30', '2026-01-31T10:20:30z', null].map(
    (value) => ['name', `created_at as ${JSON.stringify(value)}`, nameWith({ created_at: value })] as const,
  ),
  ['users', 'no cohort_id', { cohort_changes: [] }],
  ['users', 'no cohort_changes', { cohort_id: 'c1' }],
  ...[null, {}, 'text', '[]', 1].map(
    (value) =>
      ['users', `cohort_changes as ${JSON.stringify(value)}`, { cohort_id: 'c1', cohort_changes: value }] as const,
  ),
  ...[null, 'a', 1, ['a'], {}, { should_remove: true }, { user_ids: null }].map(
    (value) => ['users', `a change as ${JSON.stringify(value)}`, change(value)] as const,
  ),
  ...['user_ids', 'device_ids'].flatMap((field) =>
    ['a', {}, [1], [null], [''], [['a']], ['u'.repeat(513)], ['a\u0000b'], [half], ['good', '']].map(
      (value) => ['users', `${field} as ${JSON.stringify(value).slice(0, 12)}`, change({ [field]: value })] as const,
    ),
  ),
  ...[
    'a',
    [null],
    ['a'],
    [[alias]],
    {},
    [{ alias_name: 'a' }],
    [{ alias_label: 'a' }],
    [{ ...alias, alias_name: '' }],
    [{ ...alias, alias_label: 1 }],
    { ...alias, alias_label: null },
  ].map((value) => ['users', `aliases as ${JSON.stringify(value)}`, change({ aliases: value })] as const),
  ...['true', 1, {}].map(
    (value) =>
      [
        'users',
        `should_remove as ${JSON.stringify(value)}`,
        change({ user_ids: ['a'], should_remove: value }),
      ] as const,
  ),
];

/** What the schemas cannot say and their descriptions do. */
const PARSER_ONLY: readonly (readonly [Endpoint, string, unknown])[] = [
  ['name', 'a day that does not exist', nameWith({ created_at: '2026-02-30' })],
  ['name', 'the year 0', nameWith({ created_at: '0000-01-01' })],
  ['name', 'a name of more than 512 UTF-16 units in fewer characters', nameWith({ name: '😀'.repeat(257) })],
  ['users', 'an identity of more than 512 bytes in fewer characters', change({ user_ids: ['é'.repeat(257)] })],
  [
    'users',
    '1,001 identifiers over all kinds and changes',
    {
      cohort_id: 'c1',
      cohort_changes: [
        { user_ids: Array.from({ length: 500 }, (_, i) => `u${i}`), aliases: [alias] },
        { device_ids: Array.from({ length: 500 }, () => 'same') },
      ],
    },
  ],
];

test.each(ACCEPTED)('%s: schema and parser accept %s', (endpoint, _, body) => {
  expect(verdicts(endpoint, body)).toEqual({ schema: true, parser: true });
});

test.each(REFUSED)('%s: schema and parser refuse %s', (endpoint, _, body) => {
  expect(verdicts(endpoint, body)).toEqual({ schema: false, parser: false });
});

test.each(PARSER_ONLY)('%s: only the parser can refuse %s', (endpoint, _, body) => {
  expect(verdicts(endpoint, body)).toEqual({ schema: true, parser: false });
});

test.each(['name', 'users'] as const)('%s: the schema asks for the data import key', (endpoint) => {
  const body = endpoint === 'name' ? named : { cohort_id: 'c1', cohort_changes: [] };
  expect(endpoints[endpoint].schema(body)).toBe(false);
  expect(endpoints[endpoint].schema({ ...body, client_secret: 'key' })).toBe(true);
});
