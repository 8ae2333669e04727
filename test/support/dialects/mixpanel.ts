import { parseMixpanel } from '../../../src/http/dialects/parse-mixpanel.ts';
import { parseJsonObject } from '../../../src/http/json.ts';
import { type DialectSamples, manyIds, NO_IDENTITIES, NO_OBJECTS, NO_TEXTS } from './samples.ts';

const member = (mixpanel_distinct_id: unknown) => ({
  email: 'a@example.com',
  mixpanel_distinct_id,
  first_name: 'A',
  last_name: null,
});
const parameters = {
  mixpanel_project_id: '1234',
  mixpanel_cohort_name: 'My Test Cohort',
  mixpanel_cohort_id: '99',
  mixpanel_cohort_description: '',
  mixpanel_session_id: 'session-1',
  page_info: { total_pages: 1, page_count: 1 },
  members: [member('a'), member('b')],
};
const message = (changes: object = {}, action: unknown = 'add_members') => ({
  action,
  parameters: { ...parameters, ...changes },
});
const page = (page_info: unknown) => message({ page_info }, 'members');
const members = (...ids: unknown[]) => message({ members: ids.map(member) });

export const mixpanel: DialectSamples = {
  dialect: 'mixpanel',
  forms: {
    webhook: {
      schema: 'mixpanel-webhook.schema.json',
      parse: (text) => parseMixpanel(parseJsonObject(text)),
      address: '/mixpanel',
    },
  },
  accepted: [
    ['webhook', 'who entered', message()],
    ['webhook', 'who left', message({}, 'remove_members')],
    ['webhook', 'the whole cohort', message({}, 'members')],
    ['webhook', 'a page of the whole cohort', page({ total_pages: 10, page_count: 6 })],
    ['webhook', 'nobody', members()],
    ['webhook', 'the least', { action: 'members', parameters: { mixpanel_cohort_id: 'c', members: [] } }],
    [
      'webhook',
      'null for what is absent',
      message({ mixpanel_cohort_name: null, mixpanel_session_id: null, page_info: null }),
    ],
    ['webhook', 'a cohort id that is a number', message({ mixpanel_cohort_id: 99 })],
    [
      'webhook',
      'several pages of changes without a session',
      message({ mixpanel_session_id: null, page_info: { total_pages: 2, page_count: 1 } }),
    ],
    ['webhook', 'unknown fields', { ...message({ more: 1 }), more: 1 }],
    ['webhook', 'the longest session', message({ mixpanel_session_id: 's'.repeat(256) })],
    ['webhook', 'any script', message({ mixpanel_cohort_name: 'コホート 😀', members: [member('ключ')] })],
    ['webhook', 'the same member twice', members('a', 'a')],
    ['webhook', '10,000 members', members(...manyIds(10_000))],
  ],
  refused: [
    ...NO_OBJECTS.map(([what, body]) => ['webhook', `${what} for a body`, null, body] as const),
    ...([undefined, null, 'delete_members', 'MEMBERS', 7, {}] as const).map(
      (action) => ['webhook', `action: ${JSON.stringify(action)}`, 'action', { ...message(), action }] as const,
    ),
    ...([undefined, null, [], 'text'] as const).map(
      (value) =>
        [
          'webhook',
          `parameters: ${JSON.stringify(value)}`,
          'parameters',
          { action: 'members', parameters: value },
        ] as const,
    ),
    ...[...NO_TEXTS, ['null', null] as const, ['a fraction', 1.5] as const, ['missing', undefined] as const].map(
      ([what, value]) =>
        [
          'webhook',
          `cohort id: ${what}`,
          'parameters.mixpanel_cohort_id',
          message({ mixpanel_cohort_id: value }),
        ] as const,
    ),
    [
      'webhook',
      'a cohort id beyond exact numbers',
      'parameters.mixpanel_cohort_id',
      message({ mixpanel_cohort_id: 2 ** 53 }),
    ],
    ...(['mixpanel_cohort_name', 'mixpanel_session_id'] as const).flatMap((name) =>
      [...NO_TEXTS, ['a number', 7] as const].map(
        ([what, value]) => ['webhook', `${name}: ${what}`, `parameters.${name}`, message({ [name]: value })] as const,
      ),
    ),
    ...([[], 'text', 1] as const).map(
      (value) => ['webhook', `page_info: ${JSON.stringify(value)}`, 'parameters.page_info', page(value)] as const,
    ),
    ...([undefined, null, 0, -1, 1.5, '1', 100_001] as const).flatMap((value) => [
      [
        'webhook',
        `total_pages: ${value}`,
        'parameters.page_info.total_pages',
        page({ total_pages: value, page_count: 1 }),
      ] as const,
      [
        'webhook',
        `page_count: ${value}`,
        'parameters.page_info.page_count',
        page({ total_pages: 100_000, page_count: value }),
      ] as const,
    ]),
    [
      'webhook',
      'several pages of the whole cohort without a session',
      'parameters.mixpanel_session_id',
      message({ mixpanel_session_id: null, page_info: { total_pages: 2, page_count: 1 } }, 'members'),
    ],
    ...(['a', {}, null, undefined] as const).map(
      (value) =>
        ['webhook', `members: ${JSON.stringify(value)}`, 'parameters.members', message({ members: value })] as const,
    ),
    ...(['a', null, []] as const).map(
      (value) =>
        [
          'webhook',
          `a member: ${JSON.stringify(value)}`,
          'parameters.members[0]',
          message({ members: [value] }),
        ] as const,
    ),
    ...[...NO_IDENTITIES, ['missing', undefined] as const].map(
      ([what, value]) =>
        [
          'webhook',
          `a distinct id: ${what}`,
          'parameters.members[1].mixpanel_distinct_id',
          members('a', value),
        ] as const,
    ),
    ['webhook', '10,001 members', 'parameters.members', members(...manyIds(10_001))],
  ],
  parserOnly: [
    ['webhook', 'a page behind the last', 'parameters.page_info.page_count', page({ total_pages: 2, page_count: 3 })],
    [
      'webhook',
      'an id of more than 512 bytes in fewer characters',
      'parameters.members[0].mixpanel_distinct_id',
      members('é'.repeat(257)),
    ],
    [
      'webhook',
      'a session of more than 256 UTF-16 units',
      'parameters.mixpanel_session_id',
      message({ mixpanel_session_id: '😀'.repeat(129) }),
    ],
  ],
};
