import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Ctx } from '../../../src/domain/context.ts';
import { parseUserInput } from '../../../src/domain/users/user-input.ts';
import { countUsers, findUsers, upsertUsers, usersByIds } from '../../../src/domain/users/users.ts';
import { makeContext, otherWorkspace } from '../../support/context.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { faultsOf, pendingOf } from '../../support/members.ts';
import { adds, seedUsers, send } from '../../support/seed.ts';

const ADA = { label: 'member', name: 'ada' };
const NOT_FOUND = { code: 'NOT_FOUND', path: ['users', 0] };

describe.each(DATABASES)('updating users there are on %s', (kind) => {
  let database: TestDatabase;
  let ctx: Ctx;

  beforeAll(async () => {
    database = await openTestDatabase(kind);
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    ctx = await makeContext(database);
  });

  const update = (user: object) => upsertUsers(ctx, { users: [{ updateOnly: true, ...user }] });

  test('makes nobody, and leaves pending who is pending', async () => {
    const { cohort } = await send(ctx, 'c', adds({ externalIds: ['new'] }));
    for (const user of [{ externalId: 'new' }, { aliases: [ADA] }, { deviceIds: ['d'] }])
      await expect(update(user)).rejects.toMatchObject(NOT_FOUND);
    expect(await countUsers(ctx)).toBe(0);
    expect(await pendingOf(ctx, cohort?.id ?? 0)).toEqual(['1//new']);
  });

  test('identifies nobody', async () => {
    await seedUsers(ctx, { aliases: [ADA], deviceIds: ['d'] });
    for (const user of [{ aliases: [ADA] }, { deviceIds: ['d'] }])
      await expect(update({ externalId: 'new', ...user })).rejects.toMatchObject(NOT_FOUND);
    expect(await findUsers(ctx, [{ externalId: 'new' }])).toEqual([null]);
  });

  test('changes who is there, and sees who an earlier user of the call made', async () => {
    await seedUsers(ctx, { externalId: 'e' });
    await update({ externalId: 'e', aliases: [ADA], attributes: { a: 1 } });
    await update({ aliases: [ADA], deviceIds: ['d'], attributes: { b: 2 } });
    expect((await usersByIds(ctx, [1])).get(1)).toMatchObject({
      aliases: [ADA],
      deviceIds: ['d'],
      attributes: { a: 1, b: 2 },
    });
    const users = [
      { externalId: 'f', updateOnly: true },
      { externalId: 'f' },
      { externalId: 'f', updateOnly: true, attributes: { seen: true } },
    ];
    expect((await upsertUsers(ctx, { users, perItem: true })).users).toMatchObject([
      { error: { code: 'NOT_FOUND' } },
      { id: 2, isCreated: true },
      { id: 2, isCreated: false },
    ]);
    expect((await usersByIds(ctx, [2])).get(2)?.attributes).toEqual({ seen: true });
    expect(await faultsOf(ctx)).toEqual([]);
  });

  test('a number names a user there is, anonymous too, and never makes one', async () => {
    await seedUsers(ctx, { deviceIds: ['d'] });
    await seedUsers(await otherWorkspace(ctx), { externalId: 'x' }, { externalId: 'y' });
    await upsertUsers(ctx, { users: [{ id: 1, attributes: { a: 1 }, aliases: [ADA] }] });
    expect((await usersByIds(ctx, [1])).get(1)).toMatchObject({ aliases: [ADA], attributes: { a: 1 } });
    for (const id of [2, 0, -1, 1.5, 2 ** 31, Number.NaN])
      await expect(upsertUsers(ctx, { users: [{ id }] })).rejects.toMatchObject(NOT_FOUND);
    expect(await countUsers(ctx)).toBe(1);
  });

  test('a number of somebody whom this very call merged away means nobody', async () => {
    await seedUsers(ctx, { deviceIds: ['d'] }, { externalId: 'e' });
    const users = [
      { externalId: 'e', deviceIds: ['d'] },
      { id: 1, attributes: { a: 1 } },
    ];
    const result = await upsertUsers(ctx, { users, perItem: true });
    expect(result.users).toMatchObject([{ id: 2 }, { error: { code: 'NOT_FOUND' } }]);
    expect((await usersByIds(ctx, [2])).get(2)?.attributes).toEqual({});
  });

  test('text that PostgreSQL does not store, or stores as another text, finds nobody', async () => {
    await seedUsers(ctx, {
      externalId: 'a\ufffd',
      aliases: [{ label: 'l\ufffd', name: 'n' }],
      deviceIds: ['d\ufffd'],
    });
    const found = await findUsers(ctx, [
      { externalId: 'a\u0000' },
      { externalId: 'a\ud800' },
      { alias: { label: 'l\ud800', name: 'n' } },
      { alias: { label: 'l\ufffd', name: 'n\u0000' } },
      { deviceId: 'd\udfff' },
      { deviceId: 'd\ufffd' },
    ]);
    expect(found.map((user) => user?.id ?? null)).toEqual([null, null, null, null, null, 1]);
  });
});

test('a user is named by number or by external id, not by both', () => {
  const refusal = (value: object) => {
    try {
      return parseUserInput(value, ['users', 0]);
    } catch (error) {
      return error;
    }
  };
  expect(refusal({ id: 1, externalId: 'e' })).toMatchObject({ code: 'INVALID_INPUT', path: ['users', 0] });
  expect(refusal({ id: '1' })).toMatchObject({ code: 'INVALID_INPUT', path: ['users', 0, 'id'] });
  expect(refusal({ externalId: 'e', updateOnly: 'no' })).toMatchObject({
    code: 'INVALID_INPUT',
    path: ['users', 0, 'updateOnly'],
  });
  expect(refusal({ id: 1, externalId: null, updateOnly: null })).toMatchObject({ id: 1, updateOnly: undefined });
});
