import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Ctx } from '../../../src/domain/context.ts';
import type { PageArgs } from '../../../src/domain/page.ts';
import { countMembers, type MemberList, matchUsers, pageMembers } from '../../../src/domain/segments/evaluate.ts';
import { matches } from '../../../src/domain/segments/matches.ts';
import { makeContext } from '../../support/context.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { anyFilter, anyWorld, membersByHand, storeWorld } from '../../support/world.ts';

/** Random worlds, and random filters over each of them. */
const WORLDS = 25;
const FILTERS = 14;

describe.each(DATABASES)('a filter on %s', (kind) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await openTestDatabase(kind);
  });
  afterAll(() => database.close());

  test('means the same to SQL, to memory and to plain sets', { timeout: 300_000 }, async () => {
    const step = fc.integer({ min: 1, max: 1_000 });
    const anyFilters = fc.array(anyFilter, { minLength: FILTERS, maxLength: FILTERS });
    const property = fc.asyncProperty(anyWorld, anyFilters, step, step, async (world, filters, forward, backward) => {
      const ctx = await makeContext(database);
      await storeWorld(ctx, world);
      const users = [...world.users];
      const byHand = filters.map((filter) => [...membersByHand(world, filter)].sort((a, b) => a - b));

      const inMemory = filters.map((filter) =>
        users.filter((u) =>
          matches(filter, { isIn: (c) => world.cohorts.get(c)?.has(u) ?? false, holds: () => false }),
        ),
      );
      expect(inMemory).toEqual(byHand);
      expect(await countMembers(ctx, filters)).toEqual(byHand.map((members) => members.length));
      const some = users.filter((_, i) => i % 7 === 0);
      expect(await matchUsers(ctx, some, filters)).toEqual(
        some.map((u) => byHand.map((members) => members.includes(u))),
      );

      const lists = filters.map((filter, i) => ({ name: `list ${i}`, filter }));
      const together = await pageMembers(ctx, lists, { last: backward });
      expect(together.map(ids)).toEqual(byHand.map((members) => members.slice(-backward)));
      for (const [i, list] of lists.entries()) {
        expect(await walk(ctx, list, forward, true)).toEqual(byHand[i]);
        expect(await walk(ctx, list, backward, false)).toEqual(byHand[i]);
      }
    });
    await fc.assert(property, { numRuns: WORLDS });
  });
});

const ids = (page: { readonly items: readonly { readonly item: number }[] }) => page.items.map(({ item }) => item);

/** Every member of a list, read page by page, forward from the beginning or backward from the end. */
async function walk(ctx: Ctx, list: MemberList, size: number, isForward: boolean): Promise<number[]> {
  const found: number[][] = [];
  // Three small pages cross the edges between them; the rest is read in one.
  for (let args: PageArgs | null = isForward ? { first: size } : { last: size }; args; ) {
    const [page] = await pageMembers(ctx, [list], args);
    if (!page) throw new Error('Every list has a page.');
    found.push(ids(page));
    const limit = found.length < 3 ? size : 1_000;
    const [more, cursor] = isForward
      ? [page.hasNextPage, page.items.at(-1)?.cursor]
      : [page.hasPreviousPage, page.items[0]?.cursor];
    args = more ? (isForward ? { first: limit, after: cursor } : { last: limit, before: cursor }) : null;
  }
  return (isForward ? found : found.reverse()).flat();
}
