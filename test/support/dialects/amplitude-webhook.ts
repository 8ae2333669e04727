import { parseAmplitudeWebhook } from '../../../src/http/dialects/parse-amplitude-webhook.ts';
import { parseJson } from '../../../src/http/json.ts';
import { type DialectSamples, HALF, manyIds, NO_IDENTITIES, NO_TEXTS, SAMPLE_NOW } from './samples.ts';

const message = {
  cohort_name: 'My Test Cohort',
  cohort_id: '7khm89cz',
  in_cohort: true,
  computed_time: '1692206763',
  message_id: '9baaa88f-9d46-4ee5-a946-be0c6aea0046::enter::0',
  users: [{ user_id: 'user_one@example.com' }, { user_id: 'user_two@example.com', user_properties: { country: 'US' } }],
};
const messageWith = (changes: object) => ({ ...message, ...changes });
const users = (...ids: unknown[]) => messageWith({ users: ids.map((user_id) => ({ user_id })) });
const field = 'amplitude_My Test Cohort_7khm89cz';
const user = { user_id: 'a', [field]: true };
const dayAhead = SAMPLE_NOW.getTime() / 1000 + 24 * 60 * 60;

export const amplitudeWebhook: DialectSamples = {
  dialect: 'amplitude_webhook',
  forms: {
    webhook: {
      schema: 'amplitude-webhook.schema.json',
      parse: (text) => parseAmplitudeWebhook(parseJson(text), SAMPLE_NOW),
      address: '/webhook',
    },
  },
  accepted: [
    ['webhook', 'the default payload', message],
    ['webhook', 'users who left', messageWith({ in_cohort: false })],
    ['webhook', 'unknown fields', messageWith({ more: [1] })],
    ['webhook', 'no users', messageWith({ users: [] })],
    ['webhook', 'the same user twice', users('a', 'a')],
    ['webhook', 'the least', { cohort_id: 'c', in_cohort: true, users: [] }],
    ['webhook', 'null for what is absent', messageWith({ cohort_name: null, computed_time: null, message_id: null })],
    ['webhook', 'a time as a number', messageWith({ computed_time: 1692206763 })],
    ['webhook', 'a time with a fraction', messageWith({ computed_time: '1692206763.123' })],
    ['webhook', 'the beginning of time', messageWith({ computed_time: 0 })],
    ['webhook', 'a time 24 hours ahead', messageWith({ computed_time: dayAhead })],
    ['webhook', 'ids that are blank', users(' ')],
    ['webhook', 'the longest id', users('u'.repeat(512))],
    ['webhook', 'any script', messageWith({ cohort_name: 'コホート 😀', users: [{ user_id: 'ключ' }] })],
    ['webhook', '10,000 users', users(...manyIds(10_000))],
    ['webhook', 'an object per user', [user, { user_id: 'b', [field]: false }]],
    ['webhook', 'an object per user, with more fields', [{ ...user, email: 'a@example.com', n: 1 }]],
    ['webhook', 'underscores in the name', [{ user_id: 'a', amplitude_my_test__c1: true }]],
    ['webhook', '10,000 objects', manyIds(10_000).map((user_id) => ({ ...user, user_id }))],
  ],
  refused: [
    ...([null, 'text', 1, true] as const).map((body) => ['webhook', JSON.stringify(body), null, body] as const),
    ['webhook', 'no cohort_id', 'cohort_id', messageWith({ cohort_id: undefined })],
    ['webhook', 'no in_cohort', 'in_cohort', messageWith({ in_cohort: undefined })],
    ['webhook', 'no users', 'users', messageWith({ users: undefined })],
    ...['cohort_id', 'cohort_name', 'message_id'].flatMap((name) =>
      [...NO_TEXTS, ['a number', 7] as const].map(
        ([what, value]) => ['webhook', `${name}: ${what}`, name, messageWith({ [name]: value })] as const,
      ),
    ),
    ['webhook', 'cohort_id: null', 'cohort_id', messageWith({ cohort_id: null })],
    ...(['true', 1, 0, null, {}] as const).map(
      (value) => ['webhook', `in_cohort: ${value}`, 'in_cohort', messageWith({ in_cohort: value })] as const,
    ),
    ...['', '1,692,206,763', '2023-08-16T17:26:03Z', '-1', '1e9', ' 1692206763', -1, true, {}, [1692206763]].map(
      (value) =>
        ['webhook', `computed_time: ${value}`, 'computed_time', messageWith({ computed_time: value })] as const,
    ),
    ...(['a', {}, null, 1] as const).map(
      (value) => ['webhook', `users: ${JSON.stringify(value)}`, 'users', messageWith({ users: value })] as const,
    ),
    ...(['a', null, 1, ['a']] as const).map(
      (value) => ['webhook', `a user: ${JSON.stringify(value)}`, 'users[0]', messageWith({ users: [value] })] as const,
    ),
    ['webhook', 'a user without id', 'users[1].user_id', messageWith({ users: [{ user_id: 'a' }, { id: 'b' }] })],
    ...NO_IDENTITIES.map(
      ([what, value]) => ['webhook', `a user_id: ${what}`, 'users[1].user_id', users('a', value)] as const,
    ),
    ['webhook', '10,001 users', 'users', users(...manyIds(10_001))],
    ['webhook', 'an empty array', null, []],
    ['webhook', 'an array of texts', '[0]', ['a']],
    ['webhook', 'an array with a hole', '[1]', [user, null]],
    ['webhook', 'an object without id', '[1].user_id', [user, { [field]: true }]],
    ...NO_IDENTITIES.map(
      ([what, value]) =>
        ['webhook', `an object with an id: ${what}`, '[0].user_id', [{ ...user, user_id: value }]] as const,
    ),
    ['webhook', 'an object without a cohort', '[1]', [user, { user_id: 'b', email: 'b@example.com' }]],
    ...['amplitude_', 'amplitude_c', 'amplitude__c', 'amplitude_c_', 'amplitude_ _c', 'amplitude_c_ '].map(
      (name) => ['webhook', `a cohort called ${name}`, '[0]', [{ user_id: 'a', [name]: true }]] as const,
    ),
    ...(['true', 1, null] as const).map(
      (value) =>
        ['webhook', `a cohort that is ${JSON.stringify(value)}`, '[0]', [{ user_id: 'a', [field]: value }]] as const,
    ),
    ['webhook', '10,001 objects', null, manyIds(10_001).map((user_id) => ({ ...user, user_id }))],
  ],
  parserOnly: [
    ['webhook', 'a time more than 24 hours ahead', 'computed_time', messageWith({ computed_time: dayAhead + 1 })],
    ['webhook', 'a time in milliseconds', 'computed_time', messageWith({ computed_time: SAMPLE_NOW.getTime() })],
    ['webhook', 'a time without end', 'computed_time', messageWith({ computed_time: '9'.repeat(20) })],
    ['webhook', 'an id of more than 512 bytes in fewer characters', 'users[0].user_id', users('é'.repeat(257))],
    ['webhook', 'a name of more than 512 UTF-16 units', 'cohort_name', messageWith({ cohort_name: '😀'.repeat(257) })],
    ['webhook', 'two cohorts of one user', '[0]', [{ ...user, amplitude_other_c2: true }]],
    ['webhook', 'two cohorts of two users', '[1]', [user, { user_id: 'b', amplitude_other_c2: true }]],
    ['webhook', 'a cohort with NUL', '[0]', [{ user_id: 'a', 'amplitude_a\u0000b_c': true }]],
    ['webhook', 'a cohort with half a character', '[0]', [{ user_id: 'a', [`amplitude_a_${HALF}`]: true }]],
    ['webhook', 'a cohort with a long name', '[0]', [{ user_id: 'a', [`amplitude_${'n'.repeat(513)}_c`]: true }]],
  ],
};
