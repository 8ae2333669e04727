import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openTestApp, type TestApp, type TestWorkspace } from '../support/app.ts';
import { type BrazeClient, brazeClient } from '../support/braze.ts';
import { fakeClock } from '../support/context.ts';
import { DATABASES } from '../support/database.ts';
import { seedUsers } from '../support/seed.ts';

const ADA = { alias_label: 'member', alias_name: 'ada' };

describe.each(DATABASES)('POST /users/export/ids on %s', (kind) => {
  let app: TestApp;
  let workspace: TestWorkspace;
  let braze: BrazeClient;

  beforeAll(async () => {
    app = await openTestApp(kind, { background: false, now: fakeClock('2026-03-01T12:00:00.000Z').now });
  });
  afterAll(() => app.close());
  beforeEach(async () => {
    workspace = await app.workspace();
    braze = await brazeClient(app, workspace, ['users:read']);
    await seedUsers(
      workspace.ctx,
      {
        externalId: '1',
        aliases: [{ label: 'member', name: 'ada' }],
        deviceIds: ['phone', 'tablet'],
        attributes: { email: 'ada@example.com', plan: 'pro' },
      },
      { deviceIds: ['anonymous'] },
    );
  });

  const exportUsers = (body: unknown) => braze('/users/export/ids', body);
  const externalIds = async (body: unknown) => {
    const { users, invalid_user_ids } = (await exportUsers(body)).body as {
      users: { external_id?: string }[];
      invalid_user_ids?: string[];
    };
    return { users: users.map((user) => user.external_id ?? null), invalid: invalid_user_ids };
  };

  test('answers a user as Braze does, with profile fields beside the custom attributes', async () => {
    const { status, body } = await exportUsers({ external_ids: [1] });
    expect({ status, body }).toEqual({
      status: 201,
      body: {
        users: [
          {
            created_at: '2026-03-01T12:00:00.000Z',
            external_id: '1',
            user_aliases: [{ alias_name: 'ada', alias_label: 'member' }],
            braze_id: expect.any(String),
            email: 'ada@example.com',
            devices: [{ device_id: 'phone' }, { device_id: 'tablet' }],
            custom_attributes: { plan: 'pro' },
          },
        ],
        message: 'success',
      },
    });
  });

  test('a field without a value is left out', async () => {
    const { body } = await exportUsers({ device_id: 'anonymous' });
    expect(Object.keys((body as { users: object[] }).users[0] ?? {})).toEqual([
      ...['created_at', 'user_aliases', 'braze_id', 'devices', 'custom_attributes'],
    ]);
  });

  test('fields_to_export picks fields, and one that Muster has not is no error', async () => {
    const { body } = await exportUsers({
      external_ids: ['1'],
      fields_to_export: ['external_id', 'email', 'purchases'],
    });
    expect(body).toEqual({ users: [{ external_id: '1', email: 'ada@example.com' }], message: 'success' });
    expect(await exportUsers({ external_ids: ['1'], fields_to_export: 'email' })).toMatchObject({ status: 400 });
  });

  test('a braze_id of an export finds the same user again', async () => {
    const { body } = await exportUsers({ device_id: 'anonymous', fields_to_export: ['braze_id'] });
    const [{ braze_id }] = (body as { users: [{ braze_id: string }] }).users;
    const again = await exportUsers({ braze_id });
    expect(again.body).toMatchObject({ users: [{ braze_id, devices: [{ device_id: 'anonymous' }] }] });
  });

  test('each user comes once, whichever identifiers name them', async () => {
    await workspace.domain.identities.renameExternalIds({ items: [{ externalId: '1', newExternalId: 'new' }] });
    const asked = {
      external_ids: ['1', 'new'],
      user_aliases: [ADA],
      device_id: 'tablet',
      braze_id: `${workspace.id}.1`,
    };
    expect(await externalIds(asked)).toEqual({ users: ['new'], invalid: undefined });
  });

  test('what nobody has is an invalid id, text that nobody can have too', async () => {
    const other = await app.workspace();
    await seedUsers(other.ctx, { externalId: 'a\ufffd' });
    await seedUsers(workspace.ctx, { externalId: 'b\ufffd' });
    const impossible = ['', 'x'.repeat(513), 'b\u0000', 'b\ud800'];
    expect(
      await externalIds({
        external_ids: ['a\ufffd', 'nobody', 'nobody', '1', ...impossible],
        user_aliases: [{ alias_label: 'other', alias_name: 'bob' }],
        device_id: 'lost',
        braze_id: `${other.id}.1`,
      }),
    ).toEqual({
      users: ['1'],
      invalid: ['a\ufffd', 'nobody', ...impossible, 'bob', 'lost', `${other.id}.1`],
    });
  });

  test('takes 50 external ids and aliases together and not one more', async () => {
    const external_ids = Array.from({ length: 49 }, (_, i) => `u${i}`);
    expect((await exportUsers({ external_ids, user_aliases: [ADA] })).status).toBe(201);
    expect(await exportUsers({ external_ids, user_aliases: [ADA, ADA] })).toMatchObject({
      status: 400,
      body: { message: 'The max number of external_ids and aliases per request was exceeded' },
    });
  });

  test.each([
    ['nothing', {}],
    ['only empty lists', { external_ids: [], user_aliases: [] }],
    ['external ids that are no list', { external_ids: '1' }],
    ['an external id that is no text', { external_ids: [{}] }],
    ['an alias that is text', { user_aliases: ['ada'] }],
    ['a device id that is a number', { device_id: 5 }],
    ['an email address', { email_address: 'ada@example.com' }],
    ['a phone', { external_ids: ['1'], phone: '+15551234567' }],
  ])('refuses a request with %s', async (_, body) => {
    const answer = await exportUsers(body);
    expect(answer).toMatchObject({ status: 400, body: { message: expect.any(String) } });
    expect(answer.body).not.toHaveProperty('users');
  });
});
