import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { queryRows } from '../../../src/db/client.ts';
import { BUCKET_BITS } from '../../../src/domain/membership/bits.ts';
import { BUCKETS, bucketOf, bucketSql } from '../../../src/domain/membership/buckets.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../../support/database.ts';

/** Buckets that people were given once: whoever is in a holdout stays in it. */
const KNOWN: readonly (readonly [number, number])[] = [
  [1, 7554],
  [2, 7563],
  [3, 1076],
  [1_000, 746],
  [8_191, 9095],
  [8_192, 4030],
  [1_000_000, 4168],
  [123_456_789, 8155],
  [2_147_483_647, 536],
];

test('the buckets of known users never change', () => {
  expect(KNOWN.map(([user]) => [user, bucketOf(user)])).toEqual(KNOWN);
});

test('a bucket has as many bits as there are sets for', () => {
  expect((BUCKETS - 1).toString(2)).toHaveLength(BUCKET_BITS);
});

// Of 99 degrees of freedom, 99.99 % of truly random draws stay below 160; of 9,999, below 10,535.
test.each([1, 5_000_001, 2_047_000_000])('100,000 users from %i on are spread evenly over the buckets', (first) => {
  const users = Array.from({ length: 100_000 }, (_, i) => bucketOf(first + i));
  expect(chiSquare(users, BUCKETS)).toBeLessThan(10_535);
  expect(
    chiSquare(
      users.map((bucket) => Math.trunc(bucket / 100)),
      100,
    ),
  ).toBeLessThan(160);
  expect(Math.min(...users)).toBe(0);
  expect(Math.max(...users)).toBe(BUCKETS - 1);
});

test('neighbours have nothing to do with each other: a half of buckets takes a half of every other half', () => {
  const halves = Array.from({ length: 100_000 }, (_, i) => bucketOf(i + 1) < BUCKETS / 2);
  const pairs = halves.slice(1).map((half, i) => Number(half) * 2 + Number(halves[i]));
  // Of 3 degrees of freedom, 99.99 % stay below 21.1.
  expect(chiSquare(pairs, 4)).toBeLessThan(21.1);
});

describe.each(DATABASES)('buckets on %s', (kind) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await openTestDatabase(kind);
  });
  afterAll(() => database.close());

  test('SQL and TypeScript give every user the same bucket, up to the largest number', async () => {
    const rows = await queryRows<{ id: number; bucket: number }>(
      database.db,
      sql`select i as id, ${bucketSql(sql`i`)} as bucket from (select generate_series(1, 20000) union
        select 2147483647 - i from generate_series(0, 2000) i union select 1 << k from generate_series(0, 30) k) u(i)`,
    );
    expect(rows.length).toBeGreaterThan(22_000);
    expect(rows.filter(({ id, bucket }) => bucketOf(id) !== bucket)).toEqual([]);
  });
});

function chiSquare(draws: readonly number[], classes: number): number {
  const seen = new Array<number>(classes).fill(0);
  for (const draw of draws) seen[draw] = (seen[draw] ?? 0) + 1;
  const expected = draws.length / classes;
  return seen.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
}
