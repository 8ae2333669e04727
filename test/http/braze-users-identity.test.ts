import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { queryRows } from '../../src/db/client.ts';
import { openTestApp, type TestApp, type TestWorkspace } from '../support/app.ts';
import { type BrazeClient, brazeClient } from '../support/braze.ts';
import { DATABASES } from '../support/database.ts';
import { faultsOf, membersOf, pendingOf } from '../support/members.ts';
import { adds, seedCohort, seedUsers, send } from '../support/seed.ts';

const NOBODY = 'There is no such user in this workspace.';
const alias = (name: string, label = 'member') => ({ label, name });
const brazeAlias = (name: string, label = 'member') => ({ alias_name: name, alias_label: label });

describe.each(DATABASES)('Braze endpoints for identities on %s', (kind) => {
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

  const find = async (ref: { externalId: string } | { alias: { label: string; name: string } }) =>
    (await workspace.domain.users.findUsers([ref]))[0] ?? null;
  const count = () => workspace.domain.users.countUsers();
  const sound = async () => expect(await faultsOf(workspace.ctx)).toEqual([]);

  describe('alias/new', () => {
    const add = (...user_aliases: unknown[]) => braze('/users/alias/new', { user_aliases });

    test('adds an alias to the user of an external id, and makes a user of one that stands alone', async () => {
      await seedUsers(workspace.ctx, { externalId: '7' });
      expect(await add({ external_id: 7, ...brazeAlias('ada') }, brazeAlias('bob'))).toMatchObject({
        status: 201,
        body: { aliases_processed: 2, message: 'success' },
      });
      expect(await find({ externalId: '7' })).toMatchObject({ aliases: [alias('ada')] });
      expect(await find({ alias: alias('bob') })).toMatchObject({ isAnonymous: true, externalId: null });
    });

    test('an alias that is there already is a success and changes nothing', async () => {
      await add(brazeAlias('ada'));
      expect((await add(brazeAlias('ada'))).body).toEqual({ aliases_processed: 1, message: 'success' });
      expect(await count()).toBe(1);
    });

    test('an unknown external id gets nothing, and identifies nobody', async () => {
      await seedUsers(workspace.ctx, { aliases: [alias('ada')] });
      const { body } = await add(
        { external_id: 'unknown', ...brazeAlias('new') },
        { external_id: 'unknown', ...brazeAlias('ada') },
        brazeAlias('bob'),
      );
      expect(body).toEqual({
        aliases_processed: 1,
        message: 'success',
        errors: [0, 1].map((index) => ({ type: NOBODY, input_array: 'user_aliases', index })),
      });
      expect(await find({ alias: alias('new') })).toBeNull();
      expect(await find({ alias: alias('ada') })).toMatchObject({ isAnonymous: true });
      expect(await find({ externalId: 'unknown' })).toBeNull();
    });

    test('neither a pair of somebody else nor a second name under a label is given', async () => {
      await seedUsers(workspace.ctx, { externalId: 'a', aliases: [alias('ada')] }, { externalId: 'b' });
      const { body } = await add(
        { external_id: 'b', ...brazeAlias('ada') },
        { external_id: 'a', ...brazeAlias('lovelace') },
        { external_id: 'b', ...brazeAlias('bob') },
      );
      expect(body).toMatchObject({ aliases_processed: 1, errors: [{ index: 0 }, { index: 1 }] });
      expect(await find({ externalId: 'a' })).toMatchObject({ aliases: [alias('ada')] });
      expect(await find({ externalId: 'b' })).toMatchObject({ aliases: [alias('bob')] });
    });

    test('members whom a cohort named by the alias join', async () => {
      const { cohort } = await send(workspace.ctx, 'c', adds({ aliases: [alias('ada'), alias('bob')] }));
      await seedUsers(workspace.ctx, { externalId: 'b' });
      await add(brazeAlias('ada'), { external_id: 'b', ...brazeAlias('bob') });
      expect(await membersOf(workspace.ctx, cohort?.id ?? 0)).toEqual([1, 2]);
      await sound();
    });
  });

  test('alias/update gives another name, and the old pair means nobody', async () => {
    await seedUsers(workspace.ctx, { aliases: [alias('ada')] }, { aliases: [alias('bob')] });
    const update = (old_alias_name: unknown, new_alias_name: unknown) => ({
      alias_label: 'member',
      old_alias_name,
      new_alias_name,
    });
    const { status, body } = await braze('/users/alias/update', {
      alias_updates: [update('ada', 'lovelace'), update('nobody', 'x'), update('bob', 'lovelace'), update('bob', 5)],
    });
    expect({ status, body }).toEqual({
      status: 201,
      body: {
        message: 'success',
        errors: [
          { type: NOBODY, input_array: 'alias_updates', index: 1 },
          { type: expect.stringContaining('belongs to another user'), input_array: 'alias_updates', index: 2 },
          { type: "'new_alias_name' must be a string", input_array: 'alias_updates', index: 3 },
        ],
      },
    });
    expect(await find({ alias: alias('ada') })).toBeNull();
    expect(await find({ alias: alias('lovelace') })).toMatchObject({ id: 1 });
  });

  describe('identify', () => {
    const identify = (...aliases_to_identify: unknown[]) => braze('/users/identify', { aliases_to_identify });
    const of = (external_id: unknown, name: string) => ({ external_id, user_alias: brazeAlias(name) });

    test('puts an unknown external id on the alias user, with every membership', async () => {
      await seedUsers(workspace.ctx, { aliases: [alias('ada')], attributes: { a: 1 } });
      const cohort = await seedCohort(workspace.ctx, 'c', { aliases: [alias('ada')] });
      expect(
        await braze('/users/identify', { aliases_to_identify: [of(7, 'ada')], merge_behavior: 'merge' }),
      ).toMatchObject({ status: 201, body: { aliases_processed: 1, message: 'success' } });
      expect(await find({ externalId: '7' })).toMatchObject({ id: 1, aliases: [alias('ada')], attributes: { a: 1 } });
      expect(await membersOf(workspace.ctx, cohort.id)).toEqual([1]);
      await sound();
    });

    test('merges the alias user into who has the external id, in every cohort either was in', async () => {
      await seedUsers(
        workspace.ctx,
        { aliases: [alias('ada')], deviceIds: ['phone'], attributes: { a: 1, b: 1 } },
        { externalId: 'u', attributes: { b: 2 } },
      );
      const before = await seedCohort(workspace.ctx, 'before', { aliases: [alias('ada')] });
      const after = await seedCohort(workspace.ctx, 'after', { externalIds: ['u'] });
      expect((await identify(of('u', 'ada'))).body).toEqual({ aliases_processed: 1, message: 'success' });
      expect(await find({ alias: alias('ada') })).toMatchObject({
        id: 2,
        externalId: 'u',
        deviceIds: ['phone'],
        attributes: { a: 1, b: 2 },
      });
      expect(await membersOf(workspace.ctx, before.id)).toEqual([2]);
      expect(await membersOf(workspace.ctx, after.id)).toEqual([2]);
      expect(await count()).toBe(1);
      await sound();
    });

    test('two users with an alias of one label are not combined', async () => {
      await seedUsers(workspace.ctx, { aliases: [alias('ada')] }, { externalId: 'u', aliases: [alias('bob')] });
      const { status, body } = await identify(of('u', 'ada'));
      expect({ status, body }).toEqual({
        status: 201,
        body: {
          aliases_processed: 0,
          message: 'success',
          errors: [{ type: expect.stringContaining('not combined'), input_array: 'aliases_to_identify', index: 0 }],
        },
      });
      expect(await find({ alias: alias('ada') })).toMatchObject({ isAnonymous: true });
      expect(await count()).toBe(2);
    });

    test('what cannot be is told in its place, and the others are applied', async () => {
      await seedUsers(workspace.ctx, { aliases: [alias('ada')] }, { externalId: 'b', aliases: [alias('bob')] });
      const { body } = await identify(
        of('u', 'nobody'),
        { external_id: 'u' },
        of('other', 'bob'),
        of('b', 'bob'),
        of('u', 'ada'),
      );
      expect(body).toMatchObject({
        aliases_processed: 2,
        errors: [{ index: 0, type: NOBODY }, { index: 1 }, { index: 2 }],
      });
      expect(await find({ externalId: 'u' })).toMatchObject({ aliases: [alias('ada')] });
      expect(await find({ externalId: 'other' })).toBeNull();
    });

    test.each(['emails_to_identify', 'phone_numbers_to_identify'])('says that %s are not supported', async (field) => {
      const { status, body } = await braze('/users/identify', { [field]: [{ external_id: 'u' }] });
      expect({ status, body }).toEqual({
        status: 400,
        body: { message: expect.stringContaining(`'${field}' is not supported`) },
      });
    });
  });

  describe('merge', () => {
    const merge = (merge_updates: unknown) => braze('/users/merge', { merge_updates });
    const pair = (identifier_to_merge: unknown, identifier_to_keep: unknown) => ({
      identifier_to_merge,
      identifier_to_keep,
    });

    test('is accepted and done: the one who stays has every identity and membership', async () => {
      await seedUsers(workspace.ctx, { externalId: 'goes', deviceIds: ['phone'] }, { aliases: [alias('ada')] });
      const first = await seedCohort(workspace.ctx, 'first', { externalIds: ['goes'] });
      const second = await seedCohort(workspace.ctx, 'second', { aliases: [alias('ada')] });
      const answer = await merge([pair({ external_id: 'goes' }, { user_alias: brazeAlias('ada') })]);
      expect(answer).toMatchObject({ status: 202, body: { message: 'success' } });
      expect(answer.body).not.toHaveProperty('errors');
      expect(await find({ externalId: 'goes' })).toMatchObject({
        id: 2,
        deviceIds: ['phone'],
        aliases: [alias('ada')],
      });
      expect(await membersOf(workspace.ctx, first.id)).toEqual([2]);
      expect(await membersOf(workspace.ctx, second.id)).toEqual([2]);
      await sound();
    });

    test('who is not there and who is one already is told in its place, and the others are merged', async () => {
      await seedUsers(workspace.ctx, { externalId: 'a' }, { externalId: 'b' });
      const { status, body } = await merge([
        pair({ external_id: 'nobody' }, { external_id: 'a' }),
        pair({ external_id: 'a' }, { external_id: 'a' }),
        pair({ external_id: 'a' }, { external_id: 'b' }),
      ]);
      expect(status).toBe(202);
      expect(body).toMatchObject({
        message: 'success',
        errors: [
          { type: NOBODY, input_array: 'merge_updates', index: 0 },
          { type: expect.stringContaining('same user'), input_array: 'merge_updates', index: 1 },
        ],
      });
      expect(await count()).toBe(1);
    });

    const LIST = "'merge_updates' must be an array of objects";
    const KEYS = "'merge_updates' must only have 'identifier_to_merge' and 'identifier_to_keep'";
    const SHAPE =
      "identifiers must be objects with an 'external_id' property that is a string, or 'user_alias' property that is an object";
    const good = { external_id: 'b' };
    test.each([
      ['no list', 'text', LIST],
      ['an empty list', [], LIST],
      ['a list of text', ['text'], LIST],
      ['another key', [{ ...pair({ external_id: 'a' }, good), merge_behavior: 'x' }], KEYS],
      ['no identifier to keep', [{ identifier_to_merge: good }], SHAPE],
      ['an identifier that is text', [pair('a', good)], SHAPE],
      ['an external id that is a number', [pair({ external_id: 5 }, good)], SHAPE],
      ['an alias that is text', [pair({ user_alias: 'ada' }, good)], SHAPE],
      ['both kinds in one identifier', [pair({ external_id: 'a', user_alias: brazeAlias('ada') }, good)], SHAPE],
      [
        'an email',
        [pair({ email: 'a@example.com', prioritization: ['identified'] }, good)],
        `${SHAPE}: email and phone are not supported`,
      ],
    ])('refuses the whole request for %s', async (_, updates, message) => {
      await seedUsers(workspace.ctx, { externalId: 'a' }, { externalId: 'b' });
      const valid = Array.isArray(updates) && updates.length > 0 ? [pair({ external_id: 'a' }, good)] : [];
      const { status, body } = await merge(Array.isArray(updates) ? [...valid, ...updates] : updates);
      expect({ status, body }).toEqual({ status: 400, body: { message } });
      expect(await count()).toBe(2);
    });
  });

  describe('external_ids', () => {
    const rename = (...pairs: [unknown, unknown][]) =>
      braze('/users/external_ids/rename', {
        external_id_renames: pairs.map(([current_external_id, new_external_id]) => ({
          current_external_id,
          new_external_id,
        })),
      });
    const remove = (...external_ids: unknown[]) => braze('/users/external_ids/remove', { external_ids });

    test('rename tells what was done and what was not, and the old id still resolves', async () => {
      await seedUsers(workspace.ctx, { externalId: 'a' }, { externalId: 'b' });
      const { status, body } = await rename(
        ['a', 'a2'],
        ['b', 'a2'],
        ['nobody', 'x'],
        ['a', 'a3'],
        ['b', ''],
        ['b', 'b'],
      );
      expect({ status, body }).toEqual({
        status: 201,
        body: {
          external_ids: [{ current_external_id: 'a', new_external_id: 'a2' }],
          rename_errors: [
            [1, expect.stringContaining('in use')],
            [2, NOBODY],
            [3, expect.stringContaining('deprecated already')],
            [4, "'new_external_id' must not be empty"],
            [5, expect.stringContaining('in use')],
          ],
          message: 'success',
        },
      });
      expect(await find({ externalId: 'a' })).toMatchObject({ id: 1, externalId: 'a2' });
    });

    test('remove makes a deprecated id mean nobody, and refuses a current one', async () => {
      await seedUsers(workspace.ctx, { externalId: 'a' }, { externalId: 'b' });
      await rename(['a', 'a2']);
      const { status, body } = await remove('a', 'b', 'nobody', 5, null);
      expect({ status, body }).toEqual({
        status: 201,
        body: {
          removed_ids: ['a'],
          removal_errors: [
            [1, expect.stringContaining('Only a deprecated')],
            [2, NOBODY],
            [3, NOBODY],
            [4, "'external_ids' must be a string"],
          ],
          message: 'success',
        },
      });
      expect(await find({ externalId: 'a' })).toBeNull();
      expect(await find({ externalId: 'a2' })).toMatchObject({ id: 1 });
      expect(await find({ externalId: 'b' })).toMatchObject({ id: 2 });
    });
  });

  describe('delete', () => {
    const remove = (body: unknown) => braze('/users/delete', body);

    test('leaves no trace, and the number is nobody else’s afterwards', async () => {
      await seedUsers(
        workspace.ctx,
        { externalId: 'u', aliases: [alias('ada')], deviceIds: ['phone'], attributes: { a: 1 } },
        { externalId: 'stays' },
      );
      const cohort = await seedCohort(workspace.ctx, 'c', { externalIds: ['u', 'stays'] });
      expect(await remove({ external_ids: ['u'], user_aliases: [], braze_ids: [] })).toMatchObject({
        status: 201,
        body: { deleted: 1, message: 'success' },
      });
      expect(await membersOf(workspace.ctx, cohort.id)).toEqual([2]);
      expect(await pendingOf(workspace.ctx, cohort.id)).toEqual([]);
      const left = await queryRows<{ value: string }>(
        app.database.db,
        sql`select value from identities where workspace_id = ${workspace.id} union all
          select id::text from users where workspace_id = ${workspace.id} order by 1`,
      );
      expect(left.map((row) => row.value)).toEqual(['2', 'stays']);
      expect(await seedUsers(workspace.ctx, { externalId: 'u' })).toEqual([3]);
      expect(await membersOf(workspace.ctx, cohort.id)).toEqual([2]);
      await sound();
    });

    test('takes aliases, deprecated external ids and braze ids, one kind a request', async () => {
      await seedUsers(workspace.ctx, { externalId: 'a' }, { aliases: [alias('ada')] }, { externalId: 'c' });
      await workspace.domain.identities.renameExternalIds({ items: [{ externalId: 'a', newExternalId: 'a2' }] });
      const exported = await braze('/users/export/ids', { external_ids: ['c'] });
      const [{ braze_id }] = (exported.body as { users: [{ braze_id: string }] }).users;
      expect((await remove({ external_ids: ['a'] })).body).toMatchObject({ deleted: 1 });
      expect((await remove({ user_aliases: [brazeAlias('ada')] })).body).toMatchObject({ deleted: 1 });
      expect((await remove({ braze_ids: [braze_id] })).body).toMatchObject({ deleted: 1 });
      expect(await count()).toBe(0);
      const both = await remove({ external_ids: ['x'], braze_ids: [braze_id] });
      expect(both).toMatchObject({ status: 400, body: { message: expect.stringContaining('exactly one of') } });
    });

    test('counts who is gone, and tells who was not there', async () => {
      await seedUsers(workspace.ctx, { externalId: 'a' });
      const { status, body } = await remove({ external_ids: ['nobody', 'a', 'a', ''] });
      expect({ status, body }).toEqual({
        status: 201,
        body: {
          deleted: 1,
          message: 'success',
          errors: [
            { type: NOBODY, input_array: 'external_ids', index: 0 },
            { type: NOBODY, input_array: 'external_ids', index: 2 },
            { type: "'external_ids' must not be empty", input_array: 'external_ids', index: 3 },
          ],
        },
      });
    });

    test('deletes nobody of another workspace', async () => {
      const other = await app.workspace();
      await seedUsers(other.ctx, { externalId: 'theirs' });
      await seedUsers(workspace.ctx, { externalId: 'ours' });
      const { body } = await remove({
        braze_ids: [
          `${other.id}.1`,
          ...['1', '.1', 'x.1', `${workspace.id}.1.1`, `${workspace.id}.01`, `${workspace.id}.NaN`],
        ],
      });
      expect(body).toMatchObject({ deleted: 0 });
      expect((await remove({ external_ids: ['theirs'] })).body).toMatchObject({ deleted: 0 });
      expect(await other.domain.users.countUsers()).toBe(1);
      expect(await count()).toBe(1);
    });

    test.each([
      ['nothing', {}],
      ['only empty lists', { external_ids: [], user_aliases: null }],
      ['email addresses', { email_addresses: ['a@example.com'] }],
      ['phone numbers', { phone_numbers: ['+15551234567'] }],
      ['no list', { external_ids: 'a' }],
      ['nothing that names a user', { external_ids: [''] }],
    ])('refuses a request with %s', async (_, body) => {
      await seedUsers(workspace.ctx, { externalId: 'a' });
      expect(await remove(body)).toMatchObject({ status: 400, body: { message: expect.any(String) } });
      expect(await count()).toBe(1);
    });
  });
});
