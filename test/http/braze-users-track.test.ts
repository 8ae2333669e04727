import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openTestApp, type TestApp, type TestWorkspace } from '../support/app.ts';
import { type BrazeClient, brazeClient } from '../support/braze.ts';
import { DATABASES } from '../support/database.ts';
import { faultsOf, membersOf, pendingOf } from '../support/members.ts';
import { adds, seedUsers, send } from '../support/seed.ts';

const ALIAS = { alias_label: 'member', alias_name: 'ada' };
const ADA = { label: 'member', name: 'ada' };

describe.each(DATABASES)('POST /users/track on %s', (kind) => {
  let app: TestApp;
  let workspace: TestWorkspace;
  let braze: BrazeClient;

  beforeAll(async () => {
    app = await openTestApp(kind, { background: false });
  });
  afterAll(() => app.close());
  beforeEach(async () => {
    workspace = await app.workspace();
    braze = await brazeClient(app, workspace);
  });

  const track = (body: unknown) => braze('/users/track', body);
  const attributes = (...objects: unknown[]) => track({ attributes: objects });
  const find = async (externalId: string) => (await workspace.domain.users.findUsers([{ externalId }]))[0] ?? null;
  const count = () => workspace.domain.users.countUsers();
  const fault = (index: number, type: unknown, input_array = 'attributes') => ({ type, input_array, index });

  test('makes the user of an external id, and merges attributes into one there is', async () => {
    const first = await attributes({ external_id: 'u', plan: 'free', tags: ['a'], home: { city: 'Oslo' } });
    expect(first).toMatchObject({ status: 201, body: { attributes_processed: 1, message: 'success' } });
    expect(first.body).not.toHaveProperty('errors');
    await attributes({ external_id: 'u', plan: 'pro', tags: null });
    expect((await find('u'))?.attributes).toEqual({ plan: 'pro', home: { city: 'Oslo' } });
    expect(await count()).toBe(1);
  });

  test('takes a whole number for its digits, and no number that JSON does not carry exactly', async () => {
    const { body } = await track(
      '{"attributes":[{"external_id":42},{"external_id":9007199254740993},{"external_id":1.5}]}',
    );
    expect(body).toEqual({
      attributes_processed: 1,
      message: 'success',
      errors: [fault(1, "'external_id' must be a string"), fault(2, "'external_id' must be a string")],
    });
    expect(await find('42')).not.toBeNull();
    expect(await count()).toBe(1);
  });

  test('no reserved key becomes an attribute', async () => {
    await attributes({
      external_id: 'u',
      user_alias: null,
      braze_id: null,
      _update_existing_only: false,
      _merge_objects: false,
      a: 1,
    });
    expect((await find('u'))?.attributes).toEqual({ a: 1 });
  });

  test('names of attributes are opaque', async () => {
    await track('{"attributes":[{"external_id":"u","__proto__":{"a":1},"constructor":2,"":3}]}');
    const found = await find('u');
    expect(Object.keys(found?.attributes ?? {}).sort()).toEqual(['', '__proto__', 'constructor']);
  });

  test('an alias means who has it; nobody is made for one unless that is asked for', async () => {
    const [id] = await seedUsers(workspace.ctx, { externalId: 'u', aliases: [ADA] });
    await attributes({ user_alias: ALIAS, plan: 'pro' });
    expect(await find('u')).toMatchObject({ id, attributes: { plan: 'pro' } });
    const unknown = { alias_label: 'member', alias_name: 'new' };
    expect((await attributes({ user_alias: unknown, a: 1 })).body).toEqual({
      attributes_processed: 1,
      message: 'success',
    });
    expect(await count()).toBe(1);
    await attributes({ user_alias: unknown, _update_existing_only: false, a: 1 });
    const [made] = await workspace.domain.users.findUsers([{ alias: { label: 'member', name: 'new' } }]);
    expect(made).toMatchObject({ isAnonymous: true, attributes: { a: 1 } });
  });

  test('with _update_existing_only an unknown external id makes nobody, and that is a success', async () => {
    await seedUsers(workspace.ctx, { externalId: 'known' });
    const { body } = await attributes(
      { external_id: 'unknown', _update_existing_only: true, a: 1 },
      { external_id: 'known', _update_existing_only: true, a: 1 },
    );
    expect(body).toEqual({ attributes_processed: 2, message: 'success' });
    expect(await count()).toBe(1);
    expect((await find('known'))?.attributes).toEqual({ a: 1 });
  });

  test('a braze_id means the user it was exported of, and nobody of another workspace', async () => {
    await seedUsers(workspace.ctx, { externalId: 'u' });
    const other = await app.workspace();
    await seedUsers(other.ctx, { externalId: 'u' });
    const exported = await braze('/users/export/ids', { external_ids: ['u'], fields_to_export: ['braze_id'] });
    const [{ braze_id: ours }] = (exported.body as { users: [{ braze_id: string }] }).users;
    const theirs = ours.replace(String(workspace.id), String(other.id));
    const { body } = await attributes(
      { braze_id: ours, a: 1 },
      { braze_id: theirs, a: 2 },
      { braze_id: `${ours}0`, a: 3 },
      { braze_id: 'nonsense', a: 4 },
      { braze_id: 'nonsense', _update_existing_only: true, a: 5 },
    );
    const nobody = 'There is no such user in this workspace.';
    expect(body).toEqual({
      attributes_processed: 2,
      message: 'success',
      errors: [fault(1, nobody), fault(2, nobody), fault(3, nobody)],
    });
    expect((await find('u'))?.attributes).toEqual({ a: 1 });
    expect((await other.domain.users.findUsers([{ externalId: 'u' }]))[0]?.attributes).toEqual({});
  });

  test('an external id that was renamed means the same user', async () => {
    await seedUsers(workspace.ctx, { externalId: 'old' });
    await workspace.domain.identities.renameExternalIds({ items: [{ externalId: 'old', newExternalId: 'new' }] });
    await attributes({ external_id: 'old', a: 1 });
    expect(await find('new')).toMatchObject({ externalId: 'new', attributes: { a: 1 } });
    expect(await count()).toBe(1);
  });

  test('one object that cannot be used is told in its place, and the others are applied', async () => {
    const { status, body } = await attributes(
      { external_id: 'first', a: 1 },
      { a: 1 },
      'text',
      { external_id: '' },
      { external_id: 'x'.repeat(513) },
      { external_id: 'e', user_alias: ALIAS },
      { user_alias: { alias_label: 'member' } },
      { user_alias: 'ada' },
      { external_id: 'e', _update_existing_only: 'yes' },
      { email: 'ada@example.com' },
      { external_id: 'deep', bad: { note: 'a\u0000' } },
      { external_id: 'last', a: 1 },
    );
    const shape = "'user_alias' must be an object with 'alias_name' and 'alias_label'";
    expect({ status, body }).toEqual({
      status: 201,
      body: {
        attributes_processed: 2,
        message: 'success',
        errors: [
          fault(1, "'external_id' or 'braze_id' or 'user_alias' is required"),
          fault(2, "'attributes' must be an array of objects"),
          fault(3, "'external_id' must not be empty"),
          fault(4, "'external_id' must be at most 512 bytes"),
          fault(5, "only one of 'external_id', 'braze_id' and 'user_alias' is allowed"),
          fault(6, "'alias_name' must be a string"),
          fault(7, shape),
          fault(8, "'_update_existing_only' must be true or false"),
          fault(9, "'external_id' or 'braze_id' or 'user_alias' is required"),
          fault(10, "'bad.note': Text must be well-formed Unicode without NUL."),
        ],
      },
    });
    expect(await find('first')).not.toBeNull();
    expect(await find('last')).not.toBeNull();
    expect(await count()).toBe(2);
  });

  test('is fatal when not one object can be read', async () => {
    const message = "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields.";
    for (const body of [{}, { attributes: [] }, { attributes: null, events: [] }])
      expect(await track(body)).toMatchObject({ status: 400, body: { message } });
    expect(await attributes({ a: 1 })).toMatchObject({
      status: 400,
      body: { message, errors: [fault(0, "'external_id' or 'braze_id' or 'user_alias' is required")] },
    });
    expect(await track({ attributes: { external_id: 'u' } })).toMatchObject({ status: 400 });
    expect(await count()).toBe(0);
  });

  test('events and purchases are counted, and neither stored nor able to make a user', async () => {
    const { body } = await track({
      events: [{ external_id: 'u', name: 'opened', time: '2026-01-01T00:00:00Z' }, { name: 'opened' }],
      purchases: [{ user_alias: ALIAS, product_id: 'p', currency: 'EUR', price: 1 }],
    });
    expect(body).toEqual({
      events_processed: 1,
      purchases_processed: 1,
      message: 'success',
      errors: [fault(1, "'external_id' or 'braze_id' or 'user_alias' is required", 'events')],
    });
    expect(await count()).toBe(0);
  });

  test('takes 75 objects of each kind and not one more', async () => {
    const many = (n: number) => Array.from({ length: n }, (_, i) => ({ external_id: `u${i}` }));
    for (const field of ['attributes', 'events', 'purchases'])
      expect(await track({ attributes: many(1), [field]: many(76) })).toMatchObject({ status: 400 });
    expect(await count()).toBe(0);
    expect((await track({ attributes: many(75), events: many(75), purchases: many(75) })).body).toEqual({
      attributes_processed: 75,
      events_processed: 75,
      purchases_processed: 75,
      message: 'success',
    });
    expect(await count()).toBe(75);
  });

  test('an operation on a value is never mistaken for the value', async () => {
    const before = { visits: 3, tags: ['a'], home: { city: 'Oslo', zip: '1' } };
    await attributes({ external_id: 'u', ...before });
    const { body } = await attributes(
      { external_id: 'u', visits: { inc: 1 }, tags: { add: ['b'], remove: ['a'] }, plan: 'pro' },
      { external_id: 'u', _merge_objects: true, home: { city: 'Bergen' }, tier: 2 },
      { external_id: 'u', empty: {}, shop: { add: 1, other: 2 } },
    );
    const leftOut = (index: number, name: string) => fault(index, expect.stringContaining(`'${name}' was left out`));
    expect(body).toEqual({
      attributes_processed: 3,
      message: 'success',
      errors: [leftOut(0, 'visits'), leftOut(0, 'tags'), leftOut(1, 'home')],
    });
    const after = { ...before, plan: 'pro', tier: 2, empty: {}, shop: { add: 1, other: 2 } };
    expect((await find('u'))?.attributes).toEqual(after);
  });

  test('members whom a cohort named before join in the moment the user appears', async () => {
    const { cohort } = await send(
      workspace.ctx,
      'c',
      adds({ externalIds: ['u', 'later'], aliases: [ADA], deviceIds: ['phone'] }),
    );
    const id = cohort?.id ?? 0;
    expect(await membersOf(workspace.ctx, id)).toEqual([]);
    await attributes({ external_id: 'u', a: 1 }, { user_alias: ALIAS, _update_existing_only: false });
    expect(await membersOf(workspace.ctx, id)).toEqual([1, 2]);
    expect(await pendingOf(workspace.ctx, id)).toEqual(['1//later', '3//phone']);
    expect(await faultsOf(workspace.ctx)).toEqual([]);
  });
});
