import { parseAmplitudeProperties } from '../../../src/http/dialects/parse-amplitude-property.ts';
import { parseJsonObject } from '../../../src/http/json.ts';
import { type DialectSamples, HALF, manyIds, NO_IDENTITIES, NO_OBJECTS } from './samples.ts';

const context = { integration: { name: 'Amplitude Cohort Sync', version: '1.0.0' } };
const trait = '[Amplitude] My Test Cohort: 7khm89cz';
const user = (userId: unknown, traits: unknown = { [trait]: true }) => ({ type: 'identify', traits, userId, context });
const batch = (...users: unknown[]) => ({ batch: users });

/** Traits with a fault, for one user and in a batch. */
const TRAITS: readonly (readonly [string, unknown])[] = [
  ['null', null],
  ['a list', [trait]],
  ['text', trait],
  ['no trait', {}],
  ['other traits only', { plan: 'pro', 'a:b': 'c', 'x: y': null }],
  ['a cohort that is text', { [trait]: 'true' }],
  ['a cohort that is a number', { [trait]: 1 }],
  ['a cohort that is null', { [trait]: null }],
  ['a cohort without an id', { '[Amplitude] My Test Cohort': true }],
  ['a cohort with a blank id', { '[Amplitude] My Test Cohort:  ': true }],
  ['a cohort without a name', { '[Amplitude] : c1': true }],
];

export const amplitudeProperty: DialectSamples = {
  dialect: 'amplitude_property',
  forms: {
    properties: {
      schema: 'amplitude-properties.schema.json',
      parse: (text) => parseAmplitudeProperties(parseJsonObject(text)),
      address: '/properties',
    },
  },
  accepted: [
    ['properties', 'one user', user('a')],
    ['properties', 'one user who left', user('a', { [trait]: false })],
    [
      'properties',
      "the form of Amplitude's test",
      { traits: { 'cohort name:123': true }, type: 'identify', userId: 'a' },
    ],
    ['properties', 'a batch', batch(user('a'), user('b', { [trait]: false }))],
    ['properties', 'the same user twice', batch(user('a'), user('a', { [trait]: false }))],
    ['properties', 'no type', { ...user('a'), type: undefined }],
    ['properties', 'null for a type', { ...user('a'), type: null }],
    ['properties', 'null for a batch', { ...user('a'), batch: null }],
    ['properties', 'other traits', user('a', { plan: 'pro', 'a:b': true, [trait]: true, n: null })],
    ['properties', 'a name with colons', user('a', { '[Amplitude] a: b: c1': true })],
    ['properties', 'any script', user('ключ', { '[Amplitude] コホート 😀: c1': true })],
    ['properties', 'the longest id', user('u'.repeat(512))],
    ['properties', '10,000 users', batch(...manyIds(10_000).map((id) => user(id)))],
  ],
  refused: [
    ...NO_OBJECTS.map(([what, body]) => ['properties', `${what} for a body`, null, body] as const),
    ['properties', 'nothing', 'userId', {}],
    ['properties', 'another type', 'type', { ...user('a'), type: 'track' }],
    ['properties', 'no traits', 'traits', { ...user('a'), traits: undefined }],
    ...NO_IDENTITIES.map(([what, value]) => ['properties', `userId: ${what}`, 'userId', user(value)] as const),
    ...TRAITS.map(([what, traits]) => ['properties', `traits: ${what}`, 'traits', user('a', traits)] as const),
    ['properties', 'an empty batch', 'batch', batch()],
    ...(['a', {}, 1, true] as const).map(
      (value) => ['properties', `batch: ${JSON.stringify(value)}`, 'batch', { batch: value }] as const,
    ),
    ...(['a', null, 1, []] as const).map(
      (value) => ['properties', `in a batch: ${JSON.stringify(value)}`, 'batch[1]', batch(user('a'), value)] as const,
    ),
    ['properties', 'another type in a batch', 'batch[1].type', batch(user('a'), { ...user('b'), type: 7 })],
    ...NO_IDENTITIES.map(
      ([what, value]) =>
        ['properties', `userId in a batch: ${what}`, 'batch[1].userId', batch(user('a'), user(value))] as const,
    ),
    ...TRAITS.map(
      ([what, traits]) =>
        ['properties', `traits in a batch: ${what}`, 'batch[1].traits', batch(user('a'), user('b', traits))] as const,
    ),
    ['properties', '10,001 users', 'batch', batch(...manyIds(10_001).map((id) => user(id)))],
  ],
  parserOnly: [
    ['properties', 'two cohorts of one user', 'traits', user('a', { [trait]: true, '[Amplitude] Other: c2': true })],
    ['properties', 'two unmarked cohorts of one user', 'traits', user('a', { 'a:c1': true, 'b:c2': false })],
    [
      'properties',
      'two cohorts of two users',
      'batch[1].traits',
      batch(user('a'), user('b', { '[Amplitude] Other: c2': true })),
    ],
    ['properties', 'a cohort with NUL', 'traits', user('a', { '[Amplitude] a\u0000b: c1': true })],
    ['properties', 'a cohort with half a character', 'traits', user('a', { [`[Amplitude] a: ${HALF}`]: true })],
    ['properties', 'a cohort with a long name', 'traits', user('a', { [`[Amplitude] ${'n'.repeat(513)}: c`]: true })],
    ['properties', 'an id of more than 512 bytes in fewer characters', 'userId', user('é'.repeat(257))],
  ],
};
