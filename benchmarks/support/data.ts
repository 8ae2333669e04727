import { createHash } from 'node:crypto';
import { sql } from 'drizzle-orm';
import type { Db } from '../../src/db/client.ts';
import { intArray, queryRows, textArray } from '../../src/db/client.ts';
import { BUCKET_BITS, bucketSet } from '../../src/domain/membership/bits.ts';
import { bucketOf } from '../../src/domain/membership/buckets.ts';
import { seeded } from './random.ts';

const BLOCK = 8192;

/** A cohort of the data set: its number and the share of all users in it, drawn at random. */
export interface BenchCohort {
  readonly id: number;
  readonly name: string;
  readonly share: number;
}

/** Ten large cohorts, ten middling, two small: members uniformly random, the worst case for anything that compresses. */
export const COHORTS: readonly BenchCohort[] = [
  ...Array.from({ length: 10 }, (_, i) => ({ id: i + 1, name: `large ${i + 1}`, share: 0.5 - i * 0.02 })),
  ...Array.from({ length: 10 }, (_, i) => ({ id: i + 11, name: `mid ${i + 1}`, share: 0.021 - i * 0.001 })),
  { id: 21, name: 'small 1', share: 0.01 },
  { id: 22, name: 'small 2', share: 0.001 },
];

/** The external id of a user: 36 characters in no order, as real ones are. */
export function externalIdOf(user: number): string {
  const hex = createHash('md5').update(`user ${user}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Loads users 1 to `count` with an external id each, by SQL: the bench measures what comes after. */
export async function loadUsers(db: Db, count: number, chunk = 100_000): Promise<void> {
  for (let from = 1; from <= count; from += chunk) {
    const to = Math.min(count, from + chunk - 1);
    await db.execute(sql`insert into users (workspace_id, id, is_identified, attributes, created_at)
      select 1, i, true, '{}', now() from generate_series(${from}::int, ${to}::int) i`);
    await db.execute(sql`insert into identities (workspace_id, kind, label, value, user_id)
      select 1, 1, '', md5('user ' || i)::uuid::text, i from generate_series(${from}::int, ${to}::int) i order by 4`);
  }
  await db.execute(sql`update workspaces set next_user_id = ${count + 1}::int where id = 1`);
  await loadSet(db, 0, count, () => true);
  await loadSet(db, -1, count, () => true);
  for (let bit = 0; bit < BUCKET_BITS; bit++)
    await loadSet(db, bucketSet(bit), count, (user) => ((bucketOf(user) >> bit) & 1) === 1);
  await db.execute(sql`insert into user_blocks (workspace_id, block, first_created_at, last_created_at)
    select 1, id >> 13, min(created_at), max(created_at) from users where workspace_id = 1 group by 2`);
}

/** Loads the cohorts as bits, and, if a row table is wanted, as rows. */
export async function loadCohorts(db: Db, users: number, withRows: boolean): Promise<void> {
  if (withRows) await db.execute(sql`create table member_rows (cohort_id int not null, user_id int not null)`);
  for (const cohort of COHORTS) {
    await db.execute(sql`insert into cohorts (workspace_id, id, partner, partner_cohort_id, name, is_named)
      values (1, ${cohort.id}::int, 'amplitude', ${`c${cohort.id}`}, ${cohort.name}, true)`);
    const random = seeded(cohort.id);
    await loadSet(db, cohort.id, users, () => random() < cohort.share);
    if (withRows)
      await db.execute(sql`insert into member_rows select ${cohort.id}::int, m.block * 8192 + i
        from membership_blocks m, generate_series(0, 8191) i
        where m.workspace_id = 1 and m.cohort_id = ${cohort.id}::int and get_bit(m.bits, i) = 1`);
  }
  await db.execute(sql`update workspaces set next_cohort_id = ${COHORTS.length + 1}::int where id = 1`);
  if (withRows) await db.execute(sql`alter table member_rows add primary key (cohort_id, user_id)`);
  // Otherwise the first figures are those of a server that still digests the load.
  await db.execute(sql`vacuum (analyze)`);
  await db.execute(sql`checkpoint`);
}

async function loadSet(db: Db, cohortId: number, users: number, isIn: (user: number) => boolean): Promise<void> {
  const blocks: number[] = [];
  const bits: string[] = [];
  const flush = async () => {
    await db.execute(sql`insert into membership_blocks (workspace_id, cohort_id, block, bits)
      select 1, ${cohortId}::int, b, t::bit(8192) from unnest(${intArray(blocks)}, ${textArray(bits)}) as u(b, t)`);
    blocks.length = 0;
    bits.length = 0;
  };
  for (let block = 0; block * BLOCK <= users; block++) {
    let text = '';
    for (let i = 0; i < BLOCK; i++) {
      const user = block * BLOCK + i;
      text += user > 0 && user <= users && isIn(user) ? '1' : '0';
    }
    blocks.push(block);
    bits.push(text);
    if (blocks.length === 64) await flush();
  }
  if (blocks.length > 0) await flush();
}

/** Bytes of a table with its indexes. */
export async function tableBytes(db: Db, name: string): Promise<number> {
  const [row] = await queryRows<{ bytes: string }>(
    db,
    sql`select pg_total_relation_size(${name}::regclass)::text as bytes`,
  );
  return Number(row?.bytes ?? 0);
}
