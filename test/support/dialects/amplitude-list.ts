import { parseAmplitudeListChange, parseAmplitudeListName } from '../../../src/http/dialects/parse-amplitude-list.ts';
import { parseJsonObject } from '../../../src/http/json.ts';
import { type DialectSamples, manyIds, NO_IDENTITIES, NO_OBJECTS, NO_TEXTS } from './samples.ts';

const context = { integration: { name: 'Amplitude Cohort Sync', version: '1.0.0' } };
const ids = (...userIds: unknown[]) => ({ userIds, context });

export const amplitudeList: DialectSamples = {
  dialect: 'amplitude_list',
  forms: {
    create: {
      schema: 'amplitude-list.schema.json',
      parse: (text) => parseAmplitudeListName(parseJsonObject(text)),
      address: '/lists',
    },
    add: {
      schema: 'amplitude-list-users.schema.json',
      parse: (text) => parseAmplitudeListChange(parseJsonObject(text), false, 'list-1'),
      address: '/lists/list-1/add',
    },
    remove: {
      schema: 'amplitude-list-users.schema.json',
      parse: (text) => parseAmplitudeListChange(parseJsonObject(text), true),
      address: '/lists/remove',
    },
  },
  accepted: [
    ['create', "Amplitude's name", { name: '[Amplitude] My Test Cohort: 7khm89cz', context }],
    ['create', 'a name with colons', { name: '[Amplitude] a: b: 7khm89cz' }],
    ['create', 'a name of any form', { name: 'Spring: campaign' }],
    ['create', "Amplitude's name with an id that is none for an address", { name: '[Amplitude] a: b/c d' }],
    ['create', 'a mark and nothing else', { name: '[Amplitude] ' }],
    ['create', 'any script', { name: 'コホート 😀' }],
    ['create', 'the longest name', { name: 'n'.repeat(512) }],
    ['create', 'unknown fields', { name: 'n', more: 1 }],
    ['add', 'ids', ids('a', 'b')],
    ['add', 'no ids', ids()],
    ['add', 'the same id twice', ids('a', 'a')],
    ['add', 'objects', ids({ user_id: 'a' }, { userId: 'b', more: 1 }, 'c')],
    ['add', 'an id in both spellings', ids({ user_id: 'a', userId: 7 })],
    ['add', 'the longest id', ids('u'.repeat(512))],
    ['add', 'any script', ids('ключ', '😀')],
    ['add', '10,000 ids', ids(...manyIds(10_000))],
    ['remove', 'the id of the list beside', { listId: 'list-1', ...ids('a') }],
    ['remove', 'any id of a list', { listId: 'a b/c', ...ids('a') }],
  ],
  refused: [
    ...NO_OBJECTS.flatMap(([what, body]) =>
      ['create', 'add', 'remove'].map((form) => [form, `${what} for a body`, null, body] as const),
    ),
    ['create', 'no name', 'name', { context }],
    ...[...NO_TEXTS, ['null', null] as const, ['a number', 7] as const]
      .filter(([what]) => what !== 'too long')
      .map(([what, name]) => ['create', `name: ${what}`, 'name', { name }] as const),
    ['add', 'no userIds', 'userIds', { context }],
    ...(['a', {}, null, 1] as const).map(
      (userIds) => ['add', `userIds: ${JSON.stringify(userIds)}`, 'userIds', { userIds }] as const,
    ),
    ...NO_IDENTITIES.filter(([what]) => what !== 'an object').map(
      ([what, value]) => ['add', `an id: ${what}`, 'userIds[1]', ids('a', value)] as const,
    ),
    ['add', 'an object without id', 'userIds[0]', ids({ id: 'a' })],
    ...NO_IDENTITIES.flatMap(([what, value]) =>
      ['user_id', 'userId'].map(
        (field) =>
          ['add', `an object whose ${field} is ${what}`, `userIds[0].${field}`, ids({ [field]: value })] as const,
      ),
    ),
    ['add', 'null in one spelling', 'userIds[0].user_id', ids({ user_id: null, userId: 'a' })],
    ['add', '10,001 ids', 'userIds', ids(...manyIds(10_001))],
    ['remove', '10,001 ids', 'userIds', { listId: 'list-1', ...ids(...manyIds(10_001)) }],
    ...[...NO_TEXTS, ['null', null] as const, ['a number', 7] as const].map(
      ([what, listId]) => ['remove', `listId: ${what}`, 'listId', { listId, userIds: [] }] as const,
    ),
  ],
  parserOnly: [
    ['create', 'a name that is too long', 'name', { name: 'n'.repeat(513) }],
    ['create', 'the name of a cohort that is too long', 'name', { name: `[Amplitude] ${'n'.repeat(513)}: c1` }],
    ['add', 'an id of more than 512 bytes in fewer characters', 'userIds[0]', ids('é'.repeat(257))],
    ['remove', 'no listId in the address either', 'listId', ids('a')],
    ['remove', 'a listId of more than 512 UTF-16 units', 'listId', { listId: '😀'.repeat(257), userIds: [] }],
  ],
};
