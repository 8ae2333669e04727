import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Ctx } from '../../../src/domain/context.ts';
import {
  createWorkspace,
  getWorkspace,
  listWorkspaces,
  setUnknownIdentityPolicy,
} from '../../../src/domain/workspaces/workspaces.ts';
import { makeContext, otherWorkspace } from '../../support/context.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../../support/database.ts';

describe.each(DATABASES)('workspaces on %s', (kind) => {
  let database: TestDatabase;
  let ctx: Ctx;

  beforeAll(async () => {
    database = await openTestDatabase(kind);
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    ctx = await makeContext(database);
  });

  test('a workspace holds identities that nobody has unless told otherwise, and the others do not hear of it', async () => {
    const other = await otherWorkspace(ctx);
    expect((await getWorkspace(ctx)).unknownIdentityPolicy).toBe('HOLD');
    expect((await setUnknownIdentityPolicy(ctx, 'IGNORE')).unknownIdentityPolicy).toBe('IGNORE');
    expect((await getWorkspace(ctx)).unknownIdentityPolicy).toBe('IGNORE');
    expect((await getWorkspace(other)).unknownIdentityPolicy).toBe('HOLD');
  });

  test('a number that is taken makes nothing and changes nothing', async () => {
    const before = await getWorkspace(ctx);
    expect(await createWorkspace(ctx, { name: 'Another', id: ctx.workspaceId })).toBeNull();
    expect(await getWorkspace(ctx)).toEqual(before);
  });

  test('of several that ask for one number at once, exactly one is made', async () => {
    const id = 1_000_000 + ctx.workspaceId;
    const made = await Promise.all(Array.from({ length: 4 }, () => createWorkspace(ctx, { name: `First ${id}`, id })));
    expect(made.filter((workspace) => workspace !== null)).toHaveLength(1);
    expect((await listWorkspaces(ctx)).filter((workspace) => workspace.id === id)).toHaveLength(1);
  });

  test('a name that is taken, empty or too long is refused', async () => {
    const { name } = await getWorkspace(ctx);
    await expect(createWorkspace(ctx, { name: ` ${name} ` })).rejects.toMatchObject({ code: 'NAME_TAKEN' });
    for (const bad of ['', '  ', 'n'.repeat(201)])
      await expect(createWorkspace(ctx, { name: bad })).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        path: ['name'],
      });
  });

  test('one that does not exist is not found', async () => {
    const nowhere = { ...ctx, workspaceId: 999_999 };
    await expect(getWorkspace(nowhere)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(setUnknownIdentityPolicy(nowhere, 'HOLD')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
