import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestApp, post, type TestApp } from '../support/app.ts';
import { DATABASES } from '../support/database.ts';
import {
  CohortByDocument,
  CreateSegmentDocument,
  GenerateKeyDocument,
  MembersDocument,
  MembershipDocument,
  UpsertUsersDocument,
} from '../support/gql/graphql.ts';
import { asker, dataOf, successOf } from '../support/graphql.ts';

describe.each(DATABASES)('the whole story on %s', (kind) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await openTestApp(kind);
  });
  afterAll(() => app.close());

  test('key, users, postback by all three identities, segment, members', async () => {
    const { secret: apiKey } = await app.muster.domain().keys.createApiKey({
      name: 'story',
      scopes: ['keys:manage', 'users:read', 'users:write', 'cohorts:read', 'segments:read', 'segments:write'],
    });
    const ask = asker(app.muster.fetch, { authorization: `Bearer ${apiKey}` });

    const generated = dataOf(await ask(GenerateKeyDocument, { input: { partner: 'amplitude' } }));
    const { secret } = successOf(generated.generateDataImportKey);

    const upserted = dataOf(
      await ask(UpsertUsersDocument, {
        input: {
          users: [
            { externalId: 'ada', attributes: { plan: 'pro' } },
            { aliases: [{ label: 'crm', name: 'grace' }] },
            { deviceIds: ['device-of-joan'] },
            { externalId: 'stranger' },
          ],
        },
      }),
    );
    expect(successOf(upserted.upsertUsers)).toMatchObject({ created: 4, updated: 0, joined: 0 });

    const cohort = { client_secret: secret, cohort_id: 'amp-1' };
    const members = await post(app.muster.fetch, '/partners/amplitude/cohorts/users', {
      ...cohort,
      cohort_changes: [
        {
          user_ids: ['ada'],
          aliases: [{ alias_label: 'crm', alias_name: 'grace' }],
          device_ids: ['device-of-joan', 'unknown-device'],
        },
      ],
    });
    const named = await post(app.muster.fetch, '/partners/amplitude/cohorts', {
      ...cohort,
      name: 'Amplitude cohort test',
      created_at: '2026-01-31T10:20:30+01:00',
    });
    expect([members, named].map(({ status, body }) => ({ status, body }))).toEqual([
      { status: 201, body: { message: 'success' } },
      { status: 201, body: { message: 'success' } },
    ]);

    const created = dataOf(
      await ask(CreateSegmentDocument, {
        input: {
          name: 'Amplitude cohort test',
          filter: { amplitudeCohorts: { includesValue: { name: 'Amplitude cohort test' } } },
        },
      }),
    );
    const { segment } = successOf(created.createSegment);
    const byPartnerId = { partnerCohort: { partner: 'amplitude', cohortId: 'amp-1' } };
    const found = dataOf(await ask(CohortByDocument, { by: byPartnerId })).cohort;
    expect(found).toMatchObject({ name: 'Amplitude cohort test', isNamed: true, size: 3 });
    expect(segment).toMatchObject({
      size: 3,
      filterJson: { filter: 'amplitude_cohorts', operator: 'includes_value', value: found?.id },
    });

    const read = dataOf(await ask(MembersDocument, { by: { name: 'Amplitude cohort test' } })).segment;
    expect(read?.users.nodes.map((user) => user.externalId)).toEqual(['ada', null, null]);
    expect(read?.users.totalCount).toBe(3);

    const users = [
      { externalId: 'ada' },
      { externalId: 'stranger' },
      { externalId: 'nobody' },
      { deviceId: 'device-of-joan' },
    ];
    const asked = dataOf(await ask(MembershipDocument, { users, segments: [segment.id] })).membership;
    expect(successOf(asked).memberships.map(({ user, segments }) => [user?.externalId, ...segments])).toEqual([
      ['ada', true],
      ['stranger', false],
      [undefined, false],
      [null, true],
    ]);

    // Who appears later joins the cohorts that named them, in the same moment.
    const late = dataOf(await ask(UpsertUsersDocument, { input: { users: [{ deviceIds: ['unknown-device'] }] } }));
    expect(successOf(late.upsertUsers)).toMatchObject({ created: 1, joined: 1 });
    expect(dataOf(await ask(MembersDocument, { by: { id: segment.id } })).segment?.size).toBe(4);
  });
});
