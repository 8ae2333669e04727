import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { queryRows } from '../../../src/db/client.ts';
import type { Ctx } from '../../../src/domain/context.ts';
import { Masks, writeMasks } from '../../../src/domain/membership/masks.ts';
import { makeContext } from '../../support/context.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { membersOf } from '../../support/members.ts';

const BLOCK = 8192;
/** Users at the edges of bytes and blocks. */
const EDGES = [0, 1, 7, 8, 8191, BLOCK, 2 * BLOCK - 1, 5 * BLOCK + 63, 2_147_483_647];

describe.each(DATABASES)('masks on %s', (kind) => {
  let database: TestDatabase;
  let ctx: Ctx;
  beforeAll(async () => {
    database = await openTestDatabase(kind);
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    ctx = await makeContext(database);
  });

  const write = async (...notes: readonly (readonly [set: number, user: number, isIn: boolean])[]) => {
    const masks = new Masks();
    for (const [set, user, isIn] of notes) masks.note(set, user, isIn);
    await writeMasks(ctx, masks);
  };
  const versions = () =>
    queryRows(
      database.db,
      sql`select cohort_id, block, xmin::text from membership_blocks where workspace_id = ${ctx.workspaceId} order by 1, 2`,
    );

  test('set and clear bits of several sets at once', async () => {
    await write([0, 1, true], [0, BLOCK, true], [-1, 5, true]);
    await write([0, 1, false], [0, 5, true], [-1, 5, true]);
    expect(await membersOf(ctx, 0)).toEqual([5, BLOCK]);
    expect(await membersOf(ctx, -1)).toEqual([5]);
  });

  test('what was said last of a user counts', async () => {
    await write([0, 3, true], [0, 4, true], [0, 3, false], [0, 4, false], [0, 4, true]);
    expect(await membersOf(ctx, 0)).toEqual([4]);
  });

  test('write no block in which nothing changes, and make none for nobody', async () => {
    await write([0, 1, true], [-1, 1, true]);
    const before = await versions();
    await write([0, 1, true], [0, 2, false], [-1, BLOCK, false], [-2, 3, false]);
    expect(await versions()).toEqual(before);
  });

  test('leave other workspaces and other sets alone', async () => {
    const neighbour = await makeContext(database);
    await write([0, 1, true]);
    await writeMasks(neighbour, new Masks());
    expect(await membersOf(neighbour, 0)).toEqual([]);
    expect(await membersOf(ctx, -1)).toEqual([]);
  });

  test('agree with sets in memory after any sequence', async () => {
    const user = fc.oneof(fc.integer({ min: 0, max: 70 }), fc.constantFrom(...EDGES));
    const notes = fc.array(fc.tuple(fc.constantFrom(0, -3, -23), user, fc.boolean()), { minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(fc.array(notes, { minLength: 1, maxLength: 5 }), async (sequence) => {
        ctx = await makeContext(database);
        const sets = new Map([0, -3, -23].map((set) => [set, new Set<number>()]));
        for (const list of sequence) {
          await write(...list);
          for (const [set, id, isIn] of list) sets.get(set)?.[isIn ? 'add' : 'delete'](id);
        }
        for (const [set, members] of sets)
          expect(await membersOf(ctx, set)).toEqual([...members].sort((a, b) => a - b));
      }),
      { numRuns: 25 },
    );
  });
});
