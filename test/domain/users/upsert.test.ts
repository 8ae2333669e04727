import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { queryRows } from '../../../src/db/client.ts';
import type { Ctx } from '../../../src/domain/context.ts';
import { DomainError } from '../../../src/domain/errors.ts';
import { UPSERT_MAX_USERS } from '../../../src/domain/users/user-input.ts';
import { countUsers, findUsers, upsertUsers, usersByIds } from '../../../src/domain/users/users.ts';
import { makeContext, otherWorkspace } from '../../support/context.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { faultsOf, ledgerOf, membersOf } from '../../support/members.ts';
import { adds, type Someone, seedCohort, seedIdentified, seedUsers, send } from '../../support/seed.ts';

const ADA = { label: 'member', name: 'ada' };
const BOB = { label: 'member', name: 'bob' };

describe.each(DATABASES)('users on %s', (kind) => {
  let database: TestDatabase;
  let ctx: Ctx;

  beforeAll(async () => {
    database = await openTestDatabase(kind);
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    ctx = await makeContext(database);
  });

  const upsert = async (...users: Someone[]) => upsertUsers(ctx, { users });
  const one = async (id: number) => (await usersByIds(ctx, [id])).get(id);
  const sound = async () => expect(await faultsOf(ctx)).toEqual([]);
  /** Everything the workspace stores of users, to show that nothing changed. */
  const stored = () =>
    queryRows(
      database.db,
      sql`select (select jsonb_agg(u order by u.id) from users u where u.workspace_id = w.id)::text as users,
        (select jsonb_agg(i order by i.kind, i.label, i.value) from identities i where i.workspace_id = w.id)::text as identities,
        w.next_user_id, w.identity_epoch from workspaces w where w.id = ${ctx.workspaceId}`,
    );

  test('a new user has what was given, and is found by each of their identities', async () => {
    const result = await upsert({
      externalId: 'e',
      aliases: [BOB, { label: 'a', name: 'x' }],
      deviceIds: ['d2', 'd1'],
      attributes: { plan: 'pro' },
    });
    expect(result).toEqual({ users: [{ id: 1, isCreated: true }], created: 1, updated: 0, refused: 0, joined: 0 });
    const [user] = await findUsers(ctx, [{ externalId: 'e' }]);
    expect(user).toMatchObject({
      id: 1,
      externalId: 'e',
      aliases: [{ label: 'a', name: 'x' }, BOB],
      deviceIds: ['d1', 'd2'],
      isAnonymous: false,
      attributes: { plan: 'pro' },
    });
    expect(await findUsers(ctx, [{ alias: BOB }, { deviceId: 'd1' }, { id: 1 }])).toEqual([user, user, user]);
    await sound();
  });

  test('a second call with the same user changes nothing', async () => {
    const ada = { externalId: 'e', aliases: [ADA], deviceIds: ['d'], attributes: { a: 1 } };
    await upsert(ada);
    const before = await stored();
    expect(await upsert(ada)).toMatchObject({ users: [{ id: 1, isCreated: false }], created: 0, updated: 1 });
    expect(await stored()).toEqual(before);
  });

  test('identities are compared byte by byte', async () => {
    const ids = await seedIdentified(ctx, 'a', 'A', ' a', 'a ', 'e\u0301', '\u00e9');
    expect(new Set(ids).size).toBe(6);
    expect(await findUsers(ctx, [{ externalId: 'B' }])).toEqual([null]);
  });

  test('the same text is another identity as another kind, label or workspace', async () => {
    const [byId, byDevice, byAlias, byOther] = await seedUsers(
      ctx,
      { externalId: 'x' },
      { deviceIds: ['x'] },
      { aliases: [{ label: 'x', name: 'x' }] },
      { aliases: [{ label: 'y', name: 'x' }] },
    );
    expect(new Set([byId, byDevice, byAlias, byOther]).size).toBe(4);
    expect(await findUsers(await otherWorkspace(ctx), [{ externalId: 'x' }, { deviceId: 'x' }])).toEqual([null, null]);
  });

  test('text with quotes, braces, commas, backslashes and emoji survives', async () => {
    const texts = ['"', '{a,b}', 'a,b', '\\', '\\"', 'NULL', "'; drop table users; --", '😀', '\n\t', '$1', '%s'];
    const ids = await seedIdentified(ctx, ...texts);
    const found = await findUsers(
      ctx,
      texts.map((externalId) => ({ externalId })),
    );
    expect(found.map((user) => [user?.id, user?.externalId])).toEqual(texts.map((text, i) => [ids[i], text]));
  });

  describe('identifying an anonymous user', () => {
    test('by alias keeps the user, the number and every membership', async () => {
      const [id = 0] = await seedUsers(ctx, { aliases: [ADA] });
      const { id: cohort } = await seedCohort(ctx, 'c', { aliases: [ADA] });
      expect(await upsert({ externalId: 'ada', aliases: [ADA] })).toMatchObject({ users: [{ id, isCreated: false }] });
      expect(await one(id)).toMatchObject({ externalId: 'ada', aliases: [ADA], isAnonymous: false });
      expect(await membersOf(ctx, cohort)).toEqual([id]);
      await sound();
    });

    test('by device keeps the user, the number and every membership', async () => {
      const [id = 0] = await seedUsers(ctx, { deviceIds: ['phone'] });
      const { id: cohort } = await seedCohort(ctx, 'c', { deviceIds: ['phone'] });
      expect(await upsert({ externalId: 'ada', deviceIds: ['phone'] })).toMatchObject({
        users: [{ id, isCreated: false }],
      });
      expect(await one(id)).toMatchObject({ externalId: 'ada', deviceIds: ['phone'], isAnonymous: false });
      expect(await membersOf(ctx, cohort)).toEqual([id]);
      await sound();
    });

    test('prefers the alias to the device, and the device then belongs to the user of the alias', async () => {
      const [byAlias = 0, byDevice = 0] = await seedUsers(
        ctx,
        { aliases: [ADA] },
        { aliases: [BOB], deviceIds: ['phone'] },
      );
      expect(await upsert({ externalId: 'ada', aliases: [ADA], deviceIds: ['phone'] })).toMatchObject({
        users: [{ id: byAlias }],
      });
      expect((await one(byAlias))?.deviceIds).toEqual(['phone']);
      expect(await one(byDevice)).toMatchObject({ aliases: [BOB], deviceIds: [] });
      await sound();
    });

    test('never takes a user who is identified already: a device with a new external id is a new user', async () => {
      const [first = 0] = await seedUsers(ctx, { externalId: 'ada', deviceIds: ['phone'] });
      const [second = 0] = await seedUsers(ctx, { externalId: 'bob', deviceIds: ['phone'] });
      expect(second).not.toBe(first);
      expect([(await one(first))?.deviceIds, (await one(second))?.deviceIds]).toEqual([[], ['phone']]);
      await sound();
    });
  });

  describe('an anonymous user who was nothing but a device', () => {
    test('becomes the identified user who names the device, who is then in every cohort either was in', async () => {
      const [ada = 0] = await seedUsers(ctx, { externalId: 'ada', attributes: { both: 'hers', hers: 1 } });
      const [phone = 0] = await seedUsers(ctx, { deviceIds: ['phone'], attributes: { both: 'its', its: 2 } });
      const onlyPhone = await seedCohort(ctx, 'phone', { deviceIds: ['phone'] });
      const onlyAda = await seedCohort(ctx, 'ada', { externalIds: ['ada'] });
      const both = await seedCohort(ctx, 'both', { externalIds: ['ada'], deviceIds: ['phone'] });
      const neither = await seedCohort(ctx, 'neither', {});
      expect(await upsert({ externalId: 'ada', deviceIds: ['phone'] })).toMatchObject({
        users: [{ id: ada, isCreated: false }],
      });
      for (const { id } of [onlyPhone, onlyAda, both]) expect(await membersOf(ctx, id)).toEqual([ada]);
      expect(await membersOf(ctx, neither.id)).toEqual([]);
      expect(await one(phone)).toBeUndefined();
      expect(await one(ada)).toMatchObject({ deviceIds: ['phone'], attributes: { both: 'hers', hers: 1, its: 2 } });
      expect((await ledgerOf(ctx, onlyPhone.id)).at(-1)).toMatchObject({
        dialect: 'merge',
        added: [ada],
        removed: [phone],
      });
      await sound();
    });

    test('is answered by the number that is left, also when both are of one call', async () => {
      const [ada = 0] = await seedIdentified(ctx, 'ada');
      const [tablet = 0] = await seedUsers(ctx, { deviceIds: ['tablet'] });
      const result = await upsert(
        { deviceIds: ['phone'], attributes: { seen: true } },
        { deviceIds: ['tablet'] },
        { externalId: 'ada', deviceIds: ['phone', 'tablet'] },
      );
      expect(result.users.map((user) => ('id' in user ? user.id : 0))).toEqual([ada, ada, ada]);
      expect(result).toMatchObject({ created: 0, updated: 3 });
      expect(await one(ada)).toMatchObject({ deviceIds: ['phone', 'tablet'], attributes: { seen: true } });
      expect(await one(tablet)).toBeUndefined();
      expect(await countUsers(ctx)).toBe(1);
      await sound();
    });
  });

  test('a device goes to whoever names it last', async () => {
    const [ada = 0, bob = 0] = await seedUsers(
      ctx,
      { externalId: 'ada', deviceIds: ['phone'] },
      { externalId: 'bob', deviceIds: ['phone'] },
    );
    expect([(await one(ada))?.deviceIds, (await one(bob))?.deviceIds]).toEqual([[], ['phone']]);
    await seedUsers(ctx, { externalId: 'ada', deviceIds: ['phone'] });
    expect([(await one(ada))?.deviceIds, (await one(bob))?.deviceIds]).toEqual([['phone'], []]);
    await sound();
  });

  describe('a conflict', () => {
    const conflicts: [string, Someone, (string | number)[]][] = [
      ['an alias of another user', { externalId: 'new', aliases: [BOB, ADA] }, ['aliases', 1]],
      [
        'another alias with a label that the user has',
        { externalId: 'ada', aliases: [{ label: 'member', name: 'other' }] },
        ['aliases', 0],
      ],
      [
        'two aliases with one label',
        {
          externalId: 'new',
          aliases: [
            { label: 'l', name: '1' },
            { label: 'l', name: '2' },
          ],
        },
        ['aliases', 1],
      ],
      [
        'an alias of a user with another external id',
        { externalId: 'new', aliases: [{ label: 'own', name: 'free' }, ADA] },
        ['aliases', 1],
      ],
    ];

    test.each(conflicts)('is typed, says where, and nothing of the call is applied: %s', async (_, user, below) => {
      await upsert({ externalId: 'ada', aliases: [ADA] }, { aliases: [BOB] });
      const before = await stored();
      await expect(upsert({ externalId: 'first' }, user)).rejects.toMatchObject({
        code: 'IDENTITY_TAKEN',
        path: ['users', 1, ...below],
      });
      expect(await stored()).toEqual(before);
    });

    test('refuses its own user only when each is answered for itself', async () => {
      await upsert({ externalId: 'ada', aliases: [ADA] });
      const result = await upsertUsers(ctx, {
        perItem: true,
        users: [
          { externalId: 'first' },
          { externalId: '' },
          { externalId: 'new', aliases: [ADA] },
          5,
          { externalId: 'last' },
        ],
      });
      expect(result).toMatchObject({ created: 2, updated: 0, refused: 3 });
      const told = result.users.map((user) => ('error' in user ? [user.error.code, user.error.path] : user.id));
      expect(told).toEqual([
        2,
        ['INVALID_INPUT', ['users', 1, 'externalId']],
        ['IDENTITY_TAKEN', ['users', 2, 'aliases', 0]],
        ['INVALID_INPUT', ['users', 3]],
        3,
      ]);
      for (const user of result.users) if ('error' in user) expect(user.error).toBeInstanceOf(DomainError);
      expect(await findUsers(ctx, [{ externalId: 'new' }])).toEqual([null]);
      await sound();
    });

    test('leaves no trace of the refused user, not even where parts of it were free', async () => {
      await upsert({ externalId: 'ada', aliases: [ADA] });
      await upsertUsers(ctx, {
        perItem: true,
        users: [
          {
            externalId: 'ada',
            deviceIds: ['phone'],
            attributes: { a: 1 },
            aliases: [{ label: 'member', name: 'other' }],
          },
        ],
      });
      expect(await one(1)).toMatchObject({ deviceIds: [], attributes: {}, aliases: [ADA] });
    });
  });

  test('attributes are merged, the later word wins, and null removes one', async () => {
    const [id = 0] = await seedUsers(ctx, {
      externalId: 'e',
      attributes: { keep: 1, change: 1, gone: 1, deep: { a: 1, b: 2 } },
    });
    await upsert({ externalId: 'e', attributes: { change: 2, gone: null, fresh: [1, null], deep: { a: 3 } } });
    expect((await one(id))?.attributes).toEqual({ keep: 1, change: 2, fresh: [1, null], deep: { a: 3 } });
    await upsert(
      { externalId: 'e', attributes: { fresh: null, never: null } },
      { externalId: 'e', attributes: { fresh: 'again' } },
    );
    expect((await one(id))?.attributes).toEqual({ keep: 1, change: 2, fresh: 'again', deep: { a: 3 } });
    const [made = 0] = await seedUsers(ctx, {
      externalId: 'new',
      attributes: { nothing: null, '': 0, __proto__: undefined },
    });
    expect((await one(made))?.attributes).toEqual({ '': 0 });
  });

  test('one call takes 10,000 users and not one more', async () => {
    const users = Array.from({ length: UPSERT_MAX_USERS + 1 }, (_, i) => ({ externalId: `u${i}` }));
    await expect(upsertUsers(ctx, { users })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', path: ['users'] });
    expect(await countUsers(ctx)).toBe(0);
    expect(await upsertUsers(ctx, { users: users.slice(1) })).toMatchObject({ created: UPSERT_MAX_USERS });
    expect(await countUsers(ctx)).toBe(UPSERT_MAX_USERS);
    await sound();
  });

  test('an empty call is answered with nothing', async () => {
    expect(await upsertUsers(ctx, { users: [] })).toEqual({ users: [], created: 0, updated: 0, refused: 0, joined: 0 });
  });

  test('numbers begin at one, have no gaps while nobody goes, and are never given twice', async () => {
    expect(await seedIdentified(ctx, 'a', 'b')).toEqual([1, 2]);
    expect(await seedUsers(ctx, { externalId: 'b' }, { deviceIds: ['phone'] }, { aliases: [ADA] })).toEqual([2, 3, 4]);
    await upsert({ externalId: 'a', deviceIds: ['phone'] });
    expect(await one(3)).toBeUndefined();
    expect(await seedIdentified(ctx, 'c')).toEqual([5]);
    expect(await seedIdentified(await otherWorkspace(ctx), 'a')).toEqual([1]);
  });

  test('a refused call uses up no number', async () => {
    await seedUsers(ctx, { externalId: 'ada', aliases: [ADA] });
    await expect(upsert({ externalId: 'x' }, { externalId: 'y', aliases: [ADA] })).rejects.toThrow(DomainError);
    expect(await seedIdentified(ctx, 'z')).toEqual([2]);
  });

  test('nobody is found by a reference that means nobody, in the order asked', async () => {
    const [id = 0] = await seedUsers(ctx, { externalId: 'e', deviceIds: ['d'] });
    await send(ctx, 'c', adds({ externalIds: ['held'] }));
    const found = await findUsers(ctx, [
      { id: id + 1 },
      { externalId: 'held' },
      { deviceId: 'd' },
      { alias: { label: '', name: 'e' } },
      { id: 0 },
      { id },
      { id: -1 },
      { id: 2 ** 31 },
      { id: 1.5 },
      { id: Number.NaN },
      { externalId: 'e' },
    ]);
    expect(found.map((user) => user?.id ?? null)).toEqual([null, null, id, null, null, id, null, null, null, null, id]);
  });

  test('a user whom a device names is found by it also when identified, unlike in a cohort', async () => {
    await seedUsers(ctx, { externalId: 'ada', deviceIds: ['phone'] });
    expect((await findUsers(ctx, [{ deviceId: 'phone' }]))[0]?.externalId).toBe('ada');
    expect(await send(ctx, 'c', adds({ deviceIds: ['phone'] }))).toMatchObject({
      matched: 0,
      reasons: { device_of_identified_user: 1 },
    });
  });
});
