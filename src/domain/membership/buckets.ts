import { type SQL, sql } from 'drizzle-orm';

// Every user has a bucket that looks random and is the same for ever, for holdouts and experiments. It follows from the number alone. The
// buckets are kept as sets, bit by bit: a range of buckets is then an expression over a handful of sets instead of a walk over all users.

/** Buckets are numbered from 0 to one less than this; `bucketSet` has the sets that hold their bits. */
export const BUCKETS = 10_000;

/** The bucket of a user. Part of the stored format, as is `bucketSql`, its twin: never change it. */
export function bucketOf(userId: number): number {
  let h = Math.imul(userId, 40_503);
  h ^= h >>> 15;
  h = Math.imul(h, 60_493);
  h ^= h >>> 13;
  h = Math.imul(h, 51_829);
  h ^= h >>> 16;
  return (h >>> 0) % BUCKETS;
}

/** The same in SQL, of the user whose number `userId` is. Bits beyond the 32nd are cut off where JavaScript has none. */
export function bucketSql(userId: SQL): SQL {
  const cut = (product: SQL) => sql`(${product} & 4294967295)`;
  const mixed = (h: SQL, shift: number) => sql`(${h} # (${h} >> ${sql.raw(String(shift))}))`;
  const first = mixed(cut(sql`(${userId})::bigint * 40503`), 15);
  const second = mixed(cut(sql`${first} * 60493`), 13);
  const third = mixed(cut(sql`${second} * 51829`), 16);
  return sql`(${third} % ${sql.raw(String(BUCKETS))})::int`;
}
