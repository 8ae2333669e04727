import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Ctx } from '../../../src/domain/context.ts';
import { checkFilter } from '../../../src/domain/segments/check-filter.ts';
import { countMembers, matchUsers, pageMembers } from '../../../src/domain/segments/evaluate.ts';
import {
  FILTER_MAX_DEPTH,
  FILTER_MAX_NODES,
  FILTER_MAX_VALUES,
  type Filter,
  type Operator,
} from '../../../src/domain/segments/filter.ts';
import { makeContext } from '../../support/context.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { storeWorld } from '../../support/world.ts';

// The largest filters that the limits allow are also possible for the database. User 1 is in every cohort from 1 to 3, user 2 in none.

const leaf = (operator: Operator, from: number, count = 1): Filter => ({
  type: 'cohorts',
  partner: 'amplitude',
  operator,
  values: Array.from({ length: count }, (_, i) => from + i),
});
const group = (type: 'all' | 'any', of: readonly Filter[]): Filter => ({ type, of });
const many = (count: number, make: (i: number) => Filter) => Array.from({ length: count }, (_, i) => make(i));

function deepest(): Filter {
  let filter = leaf('includes_value', 1);
  for (let depth = 1; depth < FILTER_MAX_DEPTH; depth++)
    filter =
      depth % 2 ? { type: 'not', of: filter } : group('all', [filter, leaf('does_not_include_value', 100 + depth)]);
  return filter;
}

/** AND in OR in AND ..., as many parts on every level as there may be in all. */
function deepestAndWidest(): Filter {
  let filter = leaf('does_not_include_value', 4);
  for (let depth = 1; depth < FILTER_MAX_DEPTH; depth++) {
    const operator = depth % 2 ? 'includes_none_of' : 'includes_all_of';
    const siblings = many(Math.trunc(FILTER_MAX_NODES / FILTER_MAX_DEPTH) - 2, (i) =>
      leaf(operator, 100 * depth + i, 2),
    );
    filter = group(depth % 2 ? 'all' : 'any', [filter, ...siblings]);
  }
  return filter;
}

describe.each(DATABASES)('the largest filters on %s', (kind) => {
  let database: TestDatabase;
  let ctx: Ctx;
  beforeAll(async () => {
    database = await openTestDatabase(kind);
    ctx = await makeContext(database);
    const one = new Set([1]);
    await storeWorld(ctx, { users: new Set([1, 2]), cohorts: new Map([1, 2, 3].map((cohort) => [cohort, one])) });
  });
  afterAll(() => database.close());

  const expected: readonly (readonly [string, Filter, readonly number[]])[] = [
    [
      'the most parts in one OR',
      group(
        'any',
        many(FILTER_MAX_NODES - 1, (i) => leaf('includes_value', i + 1)),
      ),
      [1],
    ],
    [
      'the most parts in one AND',
      group(
        'all',
        many(FILTER_MAX_NODES - 1, (i) => leaf('does_not_include_value', i + 4)),
      ),
      [1, 2],
    ],
    [
      'the most AND-ed sets',
      group(
        'all',
        many(FILTER_MAX_NODES - 1, (i) => leaf('includes_any_of', i + 1, 3)),
      ),
      [],
    ],
    [
      'the most cohorts in the most parts',
      group(
        'any',
        many(FILTER_MAX_NODES - 1, (i) => leaf('includes_all_of', 1 + i * 3, i === 0 ? 3 : FILTER_MAX_VALUES)),
      ),
      [1],
    ],
    ['the most cohorts in one part', leaf('includes_none_of', 1, FILTER_MAX_VALUES), [2]],
    ['the deepest', deepest(), [1]],
    ['the deepest and widest', deepestAndWidest(), [1, 2]],
  ];

  test.each(expected)('%s', async (_, filter, members) => {
    checkFilter(filter, []);
    expect(await countMembers(ctx, [filter])).toEqual([members.length]);
    const [page] = await pageMembers(ctx, [{ name: 'list', filter }], { first: 10 });
    expect(page?.items.map(({ item }) => item)).toEqual(members);
    expect(await matchUsers(ctx, [1, 2], [filter])).toEqual([[members.includes(1)], [members.includes(2)]]);
  });

  test('more filters than one statement can hold are counted in order', async () => {
    const filters = many(300, (i) =>
      group('any', [
        leaf(i % 3 ? 'includes_value' : 'does_not_include_value', 1),
        ...many(9, (n) => leaf('includes_all_of', 10 + i * 10 + n, 2)),
      ]),
    );
    const counts = await countMembers(ctx, [...filters, leaf('includes_none_of', 9, 1)]);
    expect(counts).toEqual([...filters.map(() => 1), 2]);
    const pages = await pageMembers(
      ctx,
      filters.map((filter, i) => ({ name: `${i}`, filter })),
      { last: 1 },
    );
    expect(pages.map((page) => page.items[0]?.item)).toEqual(filters.map((_, i) => (i % 3 ? 1 : 2)));
  });
});
