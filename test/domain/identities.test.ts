import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { queryRows } from '../../src/db/client.ts';
import { type Ctx, inTransaction } from '../../src/domain/context.ts';
import {
  addAliases,
  attachDevices,
  deleteUsers,
  detachDevices,
  identifyUsers,
  mergeUsers,
  removeExternalIds,
  renameAliases,
  renameExternalIds,
} from '../../src/domain/users/identities.ts';
import { ITEMS_MAX, type ItemResult } from '../../src/domain/users/item-result.ts';
import { countUsers, findUsers, userIds, usersByIds } from '../../src/domain/users/users.ts';
import { makeContext, otherWorkspace } from '../support/context.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../support/database.ts';
import { faultsOf, ledgerOf, membersOf, pendingOf } from '../support/members.ts';
import { adds, seedCohort, seedIdentified, seedUsers, send } from '../support/seed.ts';

const ADA = { label: 'member', name: 'ada' };
const BOB = { label: 'member', name: 'bob' };
const NEW = { label: 'member', name: 'new' };

/** What became of each item: the user's number, null, or the code and the place of the refusal. */
const told = (results: readonly ItemResult[]) =>
  results.map((r) => ('error' in r ? [r.error.code, ...(r.error.path ?? [])] : r.userId));

describe.each(DATABASES)('identities on %s', (kind) => {
  let database: TestDatabase;
  let ctx: Ctx;

  beforeAll(async () => {
    database = await openTestDatabase(kind);
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    ctx = await makeContext(database);
  });

  const one = async (id: number) => (await usersByIds(ctx, [id])).get(id);
  const sound = async () => expect(await faultsOf(ctx)).toEqual([]);
  const cohortOf = async (name: string, ...ids: string[]) => (await seedCohort(ctx, name, { externalIds: ids })).id;
  /** Everything stored of users and their memberships, to show that nothing changed. */
  const stored = () =>
    queryRows(
      database.db,
      sql`select (select jsonb_agg(u order by u.id) from users u where u.workspace_id = w.id)::text as users,
        (select jsonb_agg(i order by i.kind, i.label, i.value) from identities i where i.workspace_id = w.id)::text as identities,
        (select jsonb_agg(m order by m.cohort_id, m.block) from membership_blocks m where m.workspace_id = w.id)::text as blocks,
        (select count(*) from batches b where b.workspace_id = w.id)::int as batches
        from workspaces w where w.id = ${ctx.workspaceId}`,
    );

  describe('identifying', () => {
    const identify = async (user: Parameters<typeof identifyUsers>[1]['items'][number]['user'], externalId: string) =>
      told(await identifyUsers(ctx, { items: [{ user, externalId }] }));

    test('gives an anonymous user an external id, and they keep their number and every membership', async () => {
      const [id = 0] = await seedUsers(ctx, { aliases: [ADA], deviceIds: ['phone'], attributes: { a: 1 } });
      const { id: cohort } = await seedCohort(ctx, 'c', { deviceIds: ['phone'] });
      expect(await identify({ alias: ADA }, 'ada')).toEqual([id]);
      expect(await one(id)).toMatchObject({
        externalId: 'ada',
        aliases: [ADA],
        deviceIds: ['phone'],
        attributes: { a: 1 },
      });
      expect(await membersOf(ctx, cohort)).toEqual([id]);
      await sound();
    });

    test('as somebody there is makes one user of the two, who is in every cohort either was in', async () => {
      const [ada = 0] = await seedUsers(ctx, { externalId: 'ada', attributes: { both: 'hers', hers: 1 } });
      const [guest = 0] = await seedUsers(ctx, {
        aliases: [ADA],
        deviceIds: ['phone'],
        attributes: { both: 'its', its: 2 },
      });
      const { id: guests } = await seedCohort(ctx, 'guests', { deviceIds: ['phone'] });
      const known = await cohortOf('known', 'ada');
      const { id: both } = await seedCohort(ctx, 'both', { externalIds: ['ada'], aliases: [ADA] });
      expect(await identify({ id: guest }, 'ada')).toEqual([ada]);
      for (const cohort of [guests, known, both]) expect(await membersOf(ctx, cohort)).toEqual([ada]);
      expect(await one(guest)).toBeUndefined();
      expect(await one(ada)).toMatchObject({
        aliases: [ADA],
        deviceIds: ['phone'],
        attributes: { both: 'hers', hers: 1, its: 2 },
      });
      expect((await ledgerOf(ctx, guests)).at(-1)).toMatchObject({ dialect: 'merge', added: [ada], removed: [guest] });
      expect((await ledgerOf(ctx, both)).at(-1)).toMatchObject({ dialect: 'merge', added: [], removed: [guest] });
      expect(await ledgerOf(ctx, known)).toHaveLength(1);
      await sound();
    });

    test('as the external id the user has, or had, changes nothing', async () => {
      const [id = 0] = await seedIdentified(ctx, 'old');
      await renameExternalIds(ctx, { items: [{ externalId: 'old', newExternalId: 'ada' }] });
      const before = await stored();
      expect(await identify({ id }, 'ada')).toEqual([id]);
      expect(await identify({ id }, 'old')).toEqual([id]);
      expect(await stored()).toEqual(before);
    });

    test('of a user with another external id is refused, whether anybody has the new one or not', async () => {
      await seedIdentified(ctx, 'ada', 'bob');
      const before = await stored();
      expect(await identify({ externalId: 'ada' }, 'bob')).toEqual([['IDENTITY_TAKEN', 'items', 0]]);
      expect(await identify({ externalId: 'ada' }, 'new')).toEqual([['IDENTITY_TAKEN', 'items', 0]]);
      expect(await stored()).toEqual(before);
    });

    test('two who have an alias with one label keeps the alias of the one who goes resolvable, or refuses, as asked', async () => {
      const [ada = 0, guest = 0] = await seedUsers(ctx, { externalId: 'ada', aliases: [ADA] }, { aliases: [BOB] });
      const items = [{ user: { id: guest }, externalId: 'ada' }];
      expect(told(await identifyUsers(ctx, { items, onAliasClash: 'REFUSE' }))).toEqual([
        ['IDENTITY_TAKEN', 'items', 0],
      ]);
      expect(await countUsers(ctx)).toBe(2);
      expect(told(await identifyUsers(ctx, { items, onAliasClash: 'DEPRECATE' }))).toEqual([ada]);
      expect((await one(ada))?.aliases).toEqual([ADA]);
      expect(await userIds(ctx, [{ alias: BOB }])).toEqual([ada]);
      expect(await send(ctx, 'c', adds({ aliases: [BOB] }))).toMatchObject({ matched: 1, added: 1 });
      await sound();
    });
  });

  describe('merging', () => {
    const merge = async (...items: Parameters<typeof mergeUsers>[1]['items']) => told(await mergeUsers(ctx, { items }));

    test('leaves one user with every identity, attribute and membership of either', async () => {
      const [a = 0, b = 0] = await seedUsers(
        ctx,
        { externalId: 'a', aliases: [{ label: 'x', name: 'a' }, ADA], deviceIds: ['da'], attributes: { n: 1, a: 1 } },
        { externalId: 'b', aliases: [{ label: 'x', name: 'b' }], deviceIds: ['db'], attributes: { n: 2, b: 2 } },
      );
      const cohorts = [await cohortOf('1', 'a'), await cohortOf('2', 'b'), await cohortOf('3', 'a', 'b')];
      const empty = await cohortOf('4');
      expect(await merge({ user: { externalId: 'a' }, into: { externalId: 'b' } })).toEqual([b]);
      expect(await one(a)).toBeUndefined();
      expect(await one(b)).toMatchObject({
        externalId: 'b',
        aliases: [ADA, { label: 'x', name: 'b' }],
        deviceIds: ['da', 'db'],
        attributes: { n: 2, a: 1, b: 2 },
      });
      // What means the other one no more shows that way, and still resolves.
      expect(await userIds(ctx, [{ externalId: 'a' }, { alias: { label: 'x', name: 'a' } }, { id: a }])).toEqual([
        b,
        b,
        null,
      ]);
      for (const cohort of cohorts) expect(await membersOf(ctx, cohort)).toEqual([b]);
      expect(await membersOf(ctx, empty)).toEqual([]);
      await sound();
    });

    test('into an anonymous user identifies them', async () => {
      const [a = 0, b = 0] = await seedUsers(ctx, { externalId: 'a' }, { deviceIds: ['d'] });
      expect(await merge({ user: { id: a }, into: { id: b } })).toEqual([b]);
      expect(await one(b)).toMatchObject({ externalId: 'a', isAnonymous: false, deviceIds: ['d'] });
      await sound();
    });

    test('keeps the attributes that a merge one after the other would keep, in one call as in several', async () => {
      const users = ['a', 'b', 'c'].map((externalId, i) => ({ externalId, attributes: { x: i, [externalId]: true } }));
      const other = await otherWorkspace(ctx);
      const [a = 0, b = 0, c = 0] = await seedUsers(ctx, ...users);
      await seedUsers(other, ...users);
      const items = [
        { user: { id: b }, into: { id: a } },
        { user: { id: a }, into: { id: c } },
      ];
      await mergeUsers(ctx, { items });
      for (const item of items) await mergeUsers(other, { items: [item] });
      expect((await one(c))?.attributes).toEqual({ x: 2, a: true, b: true, c: true });
      expect((await usersByIds(other, [c])).get(c)?.attributes).toEqual((await one(c))?.attributes);
      await sound();
    });

    test('prefers, of two who go, the attributes of whom went first', async () => {
      const [a = 0, b = 0, c = 0] = await seedUsers(
        ctx,
        { externalId: 'a', attributes: { x: 'a' } },
        { externalId: 'b', attributes: { x: 'b' } },
        { externalId: 'c' },
      );
      await merge({ user: { id: b }, into: { id: c } }, { user: { id: a }, into: { id: c } });
      expect((await one(c))?.attributes).toEqual({ x: 'b' });
    });

    test('with oneself is refused, whichever two names say so', async () => {
      await seedUsers(ctx, { externalId: 'a', aliases: [ADA], deviceIds: ['d'] });
      const before = await stored();
      expect(
        await merge({ user: { id: 1 }, into: { externalId: 'a' } }, { user: { alias: ADA }, into: { deviceId: 'd' } }),
      ).toEqual([
        ['INVALID_INPUT', 'items', 0],
        ['INVALID_INPUT', 'items', 1],
      ]);
      expect(await stored()).toEqual(before);
    });

    test('with a user who is deleted, merged away or never was is refused, saying which of the two it is', async () => {
      const [a = 0, b = 0, c = 0] = await seedIdentified(ctx, 'a', 'b', 'c');
      await deleteUsers(ctx, { items: [{ user: { id: a } }] });
      await merge({ user: { id: b }, into: { id: c } });
      expect(
        await merge(
          { user: { id: a }, into: { id: c } },
          { user: { id: c }, into: { externalId: 'a' } },
          { user: { id: c }, into: { id: b } },
          { user: { id: 2 ** 31 }, into: { id: c } },
          { user: { id: -1 }, into: { id: 1.5 } },
        ),
      ).toEqual([
        ['NOT_FOUND', 'items', 0, 'user'],
        ['NOT_FOUND', 'items', 1, 'into'],
        ['NOT_FOUND', 'items', 2, 'into'],
        ['NOT_FOUND', 'items', 3, 'user'],
        ['NOT_FOUND', 'items', 4, 'user'],
      ]);
      await sound();
    });

    test('in a chain within one call answers every item by who is left', async () => {
      const [a = 0, b = 0, c = 0, d = 0] = await seedIdentified(ctx, 'a', 'b', 'c', 'd');
      const cohort = await cohortOf('c', 'a');
      expect(
        await merge(
          { user: { id: a }, into: { id: b } },
          { user: { id: b }, into: { id: c } },
          { user: { id: b }, into: { id: d } },
          { user: { externalId: 'a' }, into: { id: d } },
        ),
      ).toEqual([d, d, ['NOT_FOUND', 'items', 2, 'user'], d]);
      expect(await membersOf(ctx, cohort)).toEqual([d]);
      expect(await userIds(ctx, [{ externalId: 'a' }, { externalId: 'b' }, { externalId: 'c' }])).toEqual([d, d, d]);
      await sound();
    });

    test('in a circle leaves one of them', async () => {
      const [a = 0, b = 0] = await seedIdentified(ctx, 'a', 'b');
      expect(await merge({ user: { id: a }, into: { id: b } }, { user: { id: b }, into: { id: a } })).toEqual([
        b,
        ['NOT_FOUND', 'items', 1, 'into'],
      ]);
      expect(await countUsers(ctx)).toBe(1);
      await sound();
    });
  });

  describe('aliases', () => {
    test('are added to a user, who joins what was held for them', async () => {
      const [id = 0] = await seedIdentified(ctx, 'ada');
      const { cohort } = await send(ctx, 'c', adds({ aliases: [ADA] }));
      expect(told(await addAliases(ctx, { items: [{ user: { id }, alias: ADA }] }))).toEqual([id]);
      expect(await membersOf(ctx, cohort?.id ?? 0)).toEqual([id]);
      expect(await pendingOf(ctx, cohort?.id ?? 0)).toEqual([]);
      expect((await ledgerOf(ctx, cohort?.id ?? 0)).at(-1)).toMatchObject({ dialect: 'join', added: [id] });
      await sound();
    });

    test('that a user has, or had before a merge, change nothing when added again', async () => {
      const [a = 0, b = 0] = await seedUsers(ctx, { aliases: [ADA] }, { aliases: [BOB] });
      await mergeUsers(ctx, { items: [{ user: { id: b }, into: { id: a } }] });
      const before = await stored();
      const items = [ADA, BOB].map((alias) => ({ user: { id: a }, alias }));
      expect(told(await addAliases(ctx, { items }))).toEqual([a, a]);
      expect(await stored()).toEqual(before);
    });

    test('that belong to somebody else, or share the label of another, are refused', async () => {
      const [a = 0, b = 0] = await seedUsers(ctx, { aliases: [ADA] }, { externalId: 'b' });
      const before = await stored();
      expect(
        told(
          await addAliases(ctx, {
            items: [
              { user: { id: b }, alias: ADA },
              { user: { id: a }, alias: BOB },
            ],
          }),
        ),
      ).toEqual([
        ['IDENTITY_TAKEN', 'items', 0, 'alias'],
        ['IDENTITY_TAKEN', 'items', 1, 'alias'],
      ]);
      expect(await stored()).toEqual(before);
    });

    test('get another name, the old pair means nobody, and the user joins what was held for the new one', async () => {
      const [id = 0] = await seedUsers(ctx, { aliases: [ADA] });
      const { cohort } = await send(ctx, 'c', adds({ aliases: [NEW] }));
      expect(told(await renameAliases(ctx, { items: [{ ...ADA, newName: 'new' }] }))).toEqual([id]);
      expect((await one(id))?.aliases).toEqual([NEW]);
      expect(await userIds(ctx, [{ alias: ADA }, { alias: NEW }])).toEqual([null, id]);
      expect(await membersOf(ctx, cohort?.id ?? 0)).toEqual([id]);
      expect(await send(ctx, 'c', adds({ aliases: [ADA] }))).toMatchObject({ held: 1 });
      await sound();
    });

    test('cannot take the name of somebody else, of nobody, or of the one who went in a merge', async () => {
      const [a = 0, b = 0] = await seedUsers(ctx, { aliases: [ADA] }, { aliases: [BOB] });
      expect(
        told(
          await renameAliases(ctx, {
            items: [
              { ...ADA, newName: 'bob' },
              { ...NEW, newName: 'x' },
              { ...ADA, newName: 'ada' },
            ],
          }),
        ),
      ).toEqual([['IDENTITY_TAKEN', 'items', 0, 'newName'], ['NOT_FOUND', 'items', 1], a]);
      await mergeUsers(ctx, { items: [{ user: { id: b }, into: { id: a } }] });
      expect(told(await renameAliases(ctx, { items: [{ ...BOB, newName: 'x' }] }))).toEqual([
        ['NOT_FOUND', 'items', 0],
      ]);
      expect((await one(a))?.aliases).toEqual([ADA]);
      await sound();
    });

    test('can be renamed to and fro in one call, and those held for the name in between have joined', async () => {
      const [id = 0] = await seedUsers(ctx, { aliases: [ADA] });
      const { cohort } = await send(ctx, 'c', adds({ aliases: [NEW] }));
      const items = [
        { ...ADA, newName: 'new' },
        { ...NEW, newName: 'ada' },
      ];
      expect(told(await renameAliases(ctx, { items }))).toEqual([id, id]);
      expect((await one(id))?.aliases).toEqual([ADA]);
      expect(await membersOf(ctx, cohort?.id ?? 0)).toEqual([id]);
      await sound();
    });

    test('can change hands in one call: what one gives up, a later item may take', async () => {
      const [a = 0, b = 0] = await seedUsers(ctx, { aliases: [ADA] }, { aliases: [BOB] });
      const items = [
        { ...ADA, newName: 'new' },
        { ...BOB, newName: 'ada' },
      ];
      expect(told(await renameAliases(ctx, { items }))).toEqual([a, b]);
      expect(await userIds(ctx, [{ alias: NEW }, { alias: ADA }, { alias: BOB }])).toEqual([a, b, null]);
      await sound();
    });
  });

  describe('devices', () => {
    const attach = async (id: number, deviceId: string) =>
      told(await attachDevices(ctx, { items: [{ user: { id }, deviceId }] }));
    const detach = async (deviceId: string) => told(await detachDevices(ctx, { items: [{ deviceId }] }));

    test('are attached to an anonymous user, who joins what was held for them', async () => {
      const [id = 0] = await seedUsers(ctx, { aliases: [ADA] });
      const { cohort } = await send(ctx, 'c', adds({ deviceIds: ['d'] }));
      expect(await attach(id, 'd')).toEqual([id]);
      expect(await membersOf(ctx, cohort?.id ?? 0)).toEqual([id]);
      await sound();
    });

    test('go to whom they were attached last, who matches from then on', async () => {
      const [a = 0, b = 0] = await seedUsers(ctx, { aliases: [ADA], deviceIds: ['d'] }, { aliases: [BOB] });
      expect(await attach(b, 'd')).toEqual([b]);
      expect([(await one(a))?.deviceIds, (await one(b))?.deviceIds]).toEqual([[], ['d']]);
      const { id: cohort } = await seedCohort(ctx, 'c', { deviceIds: ['d'] });
      expect(await membersOf(ctx, cohort)).toEqual([b]);
      await sound();
    });

    test('take the anonymous user along who was nothing else', async () => {
      const [guest = 0, ada = 0] = await seedUsers(ctx, { deviceIds: ['d'] }, { externalId: 'ada' });
      const { id: cohort } = await seedCohort(ctx, 'c', { deviceIds: ['d'] });
      expect(await attach(ada, 'd')).toEqual([ada]);
      expect(await one(guest)).toBeUndefined();
      expect(await membersOf(ctx, cohort)).toEqual([ada]);
      await sound();
    });

    test('that are detached mean nobody, and their user keeps the memberships', async () => {
      const [id = 0] = await seedUsers(ctx, { aliases: [ADA], deviceIds: ['d'] });
      const { id: cohort } = await seedCohort(ctx, 'c', { deviceIds: ['d'] });
      expect(await detach('d')).toEqual([id]);
      expect(await userIds(ctx, [{ deviceId: 'd' }])).toEqual([null]);
      expect(await membersOf(ctx, cohort)).toEqual([id]);
      expect(await detach('d')).toEqual([['NOT_FOUND', 'items', 0, 'deviceId']]);
      await sound();
    });

    test('that are all a user has are not detached', async () => {
      const [id = 0] = await seedUsers(ctx, { deviceIds: ['d1', 'd2'] });
      const items = ['d1', 'd2'].map((deviceId) => ({ deviceId }));
      expect(told(await detachDevices(ctx, { items }))).toEqual([id, ['INVALID_INPUT', 'items', 1]]);
      expect((await one(id))?.deviceIds).toEqual(['d2']);
      await sound();
    });
  });

  describe('external ids', () => {
    const rename = async (externalId: string, newExternalId: string) =>
      told(await renameExternalIds(ctx, { items: [{ externalId, newExternalId }] }));
    const remove = async (externalId: string) => told(await removeExternalIds(ctx, { items: [{ externalId }] }));

    test('in a chain of renames all mean the user, only the last is shown, and imports match each', async () => {
      const [id = 0] = await seedIdentified(ctx, 'e1');
      const { cohort } = await send(ctx, 'held', adds({ externalIds: ['e3'] }));
      expect([await rename('e1', 'e2'), await rename('e2', 'e3')]).toEqual([[id], [id]]);
      expect((await one(id))?.externalId).toBe('e3');
      expect(await userIds(ctx, [{ externalId: 'e1' }, { externalId: 'e2' }, { externalId: 'e3' }])).toEqual([
        id,
        id,
        id,
      ]);
      expect(await send(ctx, 'c', adds({ externalIds: ['e1', 'e2', 'e3'] }))).toMatchObject({ matched: 3, added: 1 });
      expect(await membersOf(ctx, cohort?.id ?? 0)).toEqual([id]);
      expect(await countUsers(ctx)).toBe(1);
      await sound();
    });

    test('can be renamed along a chain within one call', async () => {
      const [id = 0] = await seedIdentified(ctx, 'e1');
      const items = [
        { externalId: 'e1', newExternalId: 'e2' },
        { externalId: 'e2', newExternalId: 'e3' },
        { externalId: 'e1', newExternalId: 'e4' },
      ];
      expect(told(await renameExternalIds(ctx, { items }))).toEqual([id, id, ['NOT_FOUND', 'items', 2, 'externalId']]);
      expect((await one(id))?.externalId).toBe('e3');
      await sound();
    });

    test('cannot become one that somebody has or still answers to, not even their own', async () => {
      await seedIdentified(ctx, 'e1', 'taken');
      await rename('e1', 'e2');
      const before = await stored();
      for (const to of ['taken', 'e1', 'e2'])
        expect(await rename('e2', to)).toEqual([['IDENTITY_TAKEN', 'items', 0, 'newExternalId']]);
      expect(await rename('nobody', 'x')).toEqual([['NOT_FOUND', 'items', 0, 'externalId']]);
      expect(await stored()).toEqual(before);
    });

    test('that are deprecated mean nobody once removed, and are free for others', async () => {
      const [id = 0] = await seedIdentified(ctx, 'e1');
      await rename('e1', 'e2');
      expect(await remove('e1')).toEqual([id]);
      expect(await userIds(ctx, [{ externalId: 'e1' }])).toEqual([null]);
      expect(await remove('e1')).toEqual([['NOT_FOUND', 'items', 0, 'externalId']]);
      expect(await seedIdentified(ctx, 'e1')).toEqual([id + 1]);
      await sound();
    });

    test('that are current are not removed', async () => {
      await seedIdentified(ctx, 'e1');
      expect(await remove('e1')).toEqual([['INVALID_INPUT', 'items', 0, 'externalId']]);
      expect((await one(1))?.externalId).toBe('e1');
    });
  });

  describe('deleting', () => {
    const SECRETS = ['gone-external', 'gone-former', 'gone-label', 'gone-alias', 'gone-device', 'gone-attribute'];

    /** Every row of the workspace in every table there is, as text. */
    async function everything(): Promise<{ table: string; row: string }[]> {
      const tables = await queryRows<{ name: string }>(
        database.db,
        sql`select table_name::text as name from information_schema.columns where table_schema = 'public' and column_name = 'workspace_id'`,
      );
      expect(tables.length).toBeGreaterThan(8);
      const rows = [];
      for (const { name } of tables)
        for (const { row } of await queryRows<{ row: string }>(
          database.db,
          sql`select to_jsonb(t)::text as row from ${sql.identifier(name)} t where workspace_id = ${ctx.workspaceId}`,
        ))
          rows.push({ table: name, row });
      return rows;
    }

    test('leaves no trace of the user in any table, and no bit in any set', async () => {
      const [id = 0] = await seedUsers(
        ctx,
        {
          externalId: 'gone-former',
          aliases: [{ label: 'gone-label', name: 'gone-alias' }],
          deviceIds: ['gone-device'],
          attributes: { secret: 'gone-attribute' },
        },
        { externalId: 'stays' },
      );
      await renameExternalIds(ctx, { items: [{ externalId: 'gone-former', newExternalId: 'gone-external' }] });
      await send(ctx, 'c1', adds({ externalIds: ['gone-external', 'stays'] }));
      await send(ctx, 'c2', adds({ aliases: [{ label: 'gone-label', name: 'gone-alias' }] }));
      const mentions = (rows: { row: string }[]) => SECRETS.filter((s) => rows.some(({ row }) => row.includes(s)));
      expect(mentions(await everything())).toEqual(SECRETS);

      expect(told(await deleteUsers(ctx, { items: [{ user: { id } }] }))).toEqual([null]);

      const rows = await everything();
      expect(mentions(rows)).toEqual([]);
      const numbered = rows.filter(({ table, row }) => table !== 'batches' && JSON.parse(row).user_id === id);
      expect(numbered).toEqual([]);
      const blocks = await queryRows<{ cohort_id: number; bit: number }>(
        database.db,
        sql`select cohort_id, get_bit(bits, ${id}::int) as bit from membership_blocks where workspace_id = ${ctx.workspaceId}`,
      );
      expect(blocks.length).toBeGreaterThan(4);
      expect(blocks.filter(({ bit }) => bit !== 0)).toEqual([]);
      expect(await findUsers(ctx, [{ id }, { externalId: 'gone-external' }, { externalId: 'gone-former' }])).toEqual([
        null,
        null,
        null,
      ]);
      await sound();
    });

    test('never gives the number again, and makes somebody new of the same names, who is in no cohort', async () => {
      const [id = 0] = await seedUsers(ctx, { externalId: 'e', deviceIds: ['d'] });
      const cohort = await cohortOf('c', 'e');
      await deleteUsers(ctx, { items: [{ user: { externalId: 'e' } }] });
      expect(await seedUsers(ctx, { externalId: 'e', deviceIds: ['d'] })).toEqual([id + 1]);
      expect(await membersOf(ctx, cohort)).toEqual([]);
      await sound();
    });

    test('is written down as leaving every cohort, and nothing else', async () => {
      const [id = 0] = await seedIdentified(ctx, 'e', 'f');
      const cohort = await cohortOf('c', 'e', 'f');
      const untouched = await cohortOf('d', 'f');
      await deleteUsers(ctx, { items: [{ user: { id } }] });
      expect((await ledgerOf(ctx, cohort)).at(-1)).toMatchObject({
        dialect: 'delete',
        added: [],
        removed: [id],
        received_count: 0,
      });
      expect(await ledgerOf(ctx, untouched)).toHaveLength(1);
    });

    test('twice, or by a name that went with them, finds nobody', async () => {
      await seedUsers(ctx, { externalId: 'e', deviceIds: ['d'] });
      const items = [{ user: { externalId: 'e' } }, { user: { externalId: 'e' } }, { user: { deviceId: 'd' } }];
      expect(told(await deleteUsers(ctx, { items }))).toEqual([
        null,
        ['NOT_FOUND', 'items', 1, 'user'],
        ['NOT_FOUND', 'items', 2, 'user'],
      ]);
      await sound();
    });

    test('holds the identity for later imports like any that nobody has', async () => {
      await seedIdentified(ctx, 'e');
      const cohort = await cohortOf('c', 'e');
      await deleteUsers(ctx, { items: [{ user: { id: 1 } }] });
      expect(await send(ctx, 'c', adds({ externalIds: ['e'] }))).toMatchObject({ matched: 0, held: 1 });
      expect(await pendingOf(ctx, cohort)).toEqual(['1//e']);
    });
  });

  describe('a faulty item', () => {
    const long = 'x'.repeat(513);
    const FAULTS: [string, string][] = [
      ['513 bytes', long],
      ['513 bytes of three each', '\u20ac'.repeat(171)],
      ['nothing', ''],
      ['NUL', 'a\u0000b'],
      ['the first half of a surrogate pair', 'a\ud83d'],
      ['the second half of a surrogate pair', '\ude00a'],
    ];

    test.each(FAULTS)(
      'of %s is refused where it would become an identity; the others are applied, in order',
      async (_, bad) => {
        await seedUsers(ctx, { externalId: 'e1' }, { aliases: [ADA], deviceIds: ['d', 'd2'] });
        const refused = (...path: string[]) => ['INVALID_INPUT', 'items', 1, ...path];
        expect(
          told(
            await renameExternalIds(ctx, {
              items: [
                { externalId: 'e1', newExternalId: 'e2' },
                { externalId: 'e2', newExternalId: bad },
                { externalId: 'e2', newExternalId: 'e3' },
              ],
            }),
          ),
        ).toEqual([1, refused('newExternalId'), 1]);
        expect(
          told(
            await renameAliases(ctx, {
              items: [
                { ...ADA, newName: 'x' },
                { label: 'member', name: 'x', newName: bad },
                { label: 'member', name: 'x', newName: 'y' },
              ],
            }),
          ),
        ).toEqual([2, refused('name'), 2]);
        const add = (label: string, name: string) => ({ user: { id: 2 }, alias: { label, name } });
        expect(told(await addAliases(ctx, { items: [add('l', 'n'), add(bad, 'n'), add('m', 'n')] }))).toEqual([
          2,
          refused('alias', 'label'),
          2,
        ]);
        expect(told(await addAliases(ctx, { items: [add('o', 'n'), add('p', bad)] }))).toEqual([
          2,
          refused('alias', 'name'),
        ]);
        const attach = (deviceId: string) => ({ user: { id: 2 }, deviceId });
        expect(told(await attachDevices(ctx, { items: [attach('d3'), attach(bad), attach('d4')] }))).toEqual([
          2,
          refused('deviceId'),
          2,
        ]);
        const identify = (externalId: string) => ({ user: { id: 2 }, externalId });
        expect(told(await identifyUsers(ctx, { items: [identify('f'), identify(bad), identify('g')] }))).toEqual([
          2,
          refused('externalId'),
          ['IDENTITY_TAKEN', 'items', 2],
        ]);
        expect(await one(1)).toMatchObject({ externalId: 'e3' });
        expect(await one(2)).toMatchObject({
          externalId: 'f',
          aliases: [
            { label: 'l', name: 'n' },
            { label: 'm', name: 'n' },
            { label: 'member', name: 'y' },
            { label: 'o', name: 'n' },
          ],
          deviceIds: ['d', 'd2', 'd3', 'd4'],
        });
        await sound();
      },
    );

    test.each(FAULTS)('that names a user by %s finds nobody; the others are applied', async (_, bad) => {
      await seedUsers(ctx, { externalId: 'a', deviceIds: ['d1', 'd2'] }, { externalId: 'b' });
      const nobody = (...path: string[]) => ['NOT_FOUND', 'items', 0, ...path];
      expect(told(await detachDevices(ctx, { items: [{ deviceId: bad }, { deviceId: 'd1' }] }))).toEqual([
        nobody('deviceId'),
        1,
      ]);
      expect(
        told(
          await renameExternalIds(ctx, {
            items: [
              { externalId: bad, newExternalId: 'x' },
              { externalId: 'a', newExternalId: 'c' },
            ],
          }),
        ),
      ).toEqual([nobody('externalId'), 1]);
      expect(told(await removeExternalIds(ctx, { items: [{ externalId: bad }, { externalId: 'a' }] }))).toEqual([
        nobody('externalId'),
        1,
      ]);
      expect(
        told(
          await mergeUsers(ctx, {
            items: [
              { user: { alias: { label: bad, name: bad } }, into: { id: 1 } },
              { user: { externalId: 'b' }, into: { id: 1 } },
            ],
          }),
        ),
      ).toEqual([nobody('user'), 1]);
      expect(told(await deleteUsers(ctx, { items: [{ user: { deviceId: bad } }, { user: { id: 1 } }] }))).toEqual([
        nobody('user'),
        null,
      ]);
      await sound();
    });

    test('of 512 bytes is none', async () => {
      const longest = `${'\u20ac'.repeat(170)}xx`;
      await seedIdentified(ctx, 'e');
      await renameExternalIds(ctx, { items: [{ externalId: 'e', newExternalId: longest }] });
      expect(await userIds(ctx, [{ externalId: longest }])).toEqual([1]);
    });

    test('is refused alone: the errors stand in their places and the rest happened one after the other', async () => {
      const [a = 0, b = 0] = await seedUsers(ctx, { deviceIds: ['d1'] }, { deviceIds: ['d2'] });
      expect(
        told(
          await identifyUsers(ctx, {
            items: [
              { user: { id: a }, externalId: 'ada' },
              { user: { deviceId: 'nobody' }, externalId: 'x' },
              { user: { id: a }, externalId: 'other' },
              { user: { id: b }, externalId: 'ada' },
              { user: { id: b }, externalId: 'bob' },
            ],
          }),
        ),
      ).toEqual([
        a,
        ['NOT_FOUND', 'items', 1, 'user'],
        ['IDENTITY_TAKEN', 'items', 2],
        a,
        ['NOT_FOUND', 'items', 4, 'user'],
      ]);
      expect(await one(a)).toMatchObject({ externalId: 'ada', deviceIds: ['d1', 'd2'] });
      await sound();
    });
  });

  describe('a call', () => {
    const many = (n: number) => Array.from({ length: n }, (_, i) => `u${i}`);
    const operations: [string, (ctx: Ctx, items: number) => Promise<ItemResult[]>][] = [
      [
        'identifyUsers',
        (c, n) => identifyUsers(c, { items: many(n).map((d) => ({ user: { deviceId: d }, externalId: d })) }),
      ],
      [
        'mergeUsers',
        (c, n) => mergeUsers(c, { items: many(n).map((e) => ({ user: { deviceId: e }, into: { externalId: 'u0' } })) }),
      ],
      [
        'addAliases',
        (c, n) =>
          addAliases(c, { items: many(n).map((d) => ({ user: { deviceId: d }, alias: { label: 'l', name: d } })) }),
      ],
      [
        'renameAliases',
        (c, n) => renameAliases(c, { items: many(n).map((name) => ({ label: 'a', name, newName: `new ${name}` })) }),
      ],
      [
        'attachDevices',
        (c, n) => attachDevices(c, { items: many(n).map((d) => ({ user: { externalId: 'u0' }, deviceId: d })) }),
      ],
      ['detachDevices', (c, n) => detachDevices(c, { items: many(n).map((deviceId) => ({ deviceId })) })],
      [
        'renameExternalIds',
        (c, n) => renameExternalIds(c, { items: many(n).map((e) => ({ externalId: e, newExternalId: `${e}x` })) }),
      ],
      ['removeExternalIds', (c, n) => removeExternalIds(c, { items: many(n).map((externalId) => ({ externalId })) })],
      ['deleteUsers', (c, n) => deleteUsers(c, { items: many(n).map((deviceId) => ({ user: { deviceId } })) })],
    ];

    test.each(operations)(
      'of %s takes 1,000 items and answers each; with 1,001 or 10,001 nothing happens',
      async (_, run) => {
        const names = many(ITEMS_MAX);
        await seedUsers(ctx, ...names.map((name) => ({ deviceIds: [name], aliases: [{ label: 'a', name }] })));
        const before = await stored();
        for (const items of [ITEMS_MAX + 1, 10_001])
          await expect(run(ctx, items)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', path: ['items'] });
        expect(await stored()).toEqual(before);
        expect(await run(ctx, ITEMS_MAX)).toHaveLength(ITEMS_MAX);
        await sound();
      },
    );

    test.each(operations)('of %s without items does nothing', async (_, run) => {
      expect(await run(ctx, 0)).toEqual([]);
    });

    test.each(operations)('of %s finds nobody of another workspace', async (_, run) => {
      const other = await otherWorkspace(ctx);
      await seedUsers(other, { externalId: 'u0', aliases: [{ label: 'a', name: 'u0' }], deviceIds: ['u0'] });
      expect(await run(ctx, 1)).toMatchObject([{ error: { code: 'NOT_FOUND' } }]);
      expect(await countUsers(other)).toBe(1);
    });

    test.each(operations)('of %s inside a transaction of the caller goes with it', async (_, run) => {
      await seedUsers(ctx, { externalId: 'u0', aliases: [{ label: 'a', name: 'u0' }] }, { deviceIds: ['u0'] });
      const before = await stored();
      const undone = inTransaction(ctx, async (tx) => {
        await run(tx, 1);
        throw new Error('The caller thought better of it.');
      });
      await expect(undone).rejects.toThrow('thought better');
      expect(await stored()).toEqual(before);
    });
  });
});
