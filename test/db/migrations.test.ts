import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type SQL, sql } from 'drizzle-orm';
import { is } from 'drizzle-orm/entity';
import { getTableConfig, PgTable } from 'drizzle-orm/pg-core';
import { migrate as applyPglite } from 'drizzle-orm/pglite/migrator';
import { migrate as applyPostgres } from 'drizzle-orm/postgres-js/migrator';
import { describe, expect, test } from 'vitest';
import { type Db, type OpenDatabase, openEmbedded, queryRows } from '../../src/db/client.ts';
import { DatabaseTooNewError, isMigrated, migrate } from '../../src/db/migrate.ts';
import * as tables from '../../src/db/tables/index.ts';
import type { Ctx } from '../../src/domain/context.ts';
import { deleteUsers, mergeUsers } from '../../src/domain/users/identities.ts';
import { upsertUsers } from '../../src/domain/users/users.ts';
import { makeContext } from '../support/context.ts';
import {
  DATABASES,
  type DatabaseKind,
  openEmptyPostgres,
  openTestDatabase,
  secondServer,
} from '../support/database.ts';
import { faultsOf } from '../support/members.ts';

const FAR_FUTURE = 9_999_999_999_999;

describe.each(DATABASES)('migrations on %s', (kind) => {
  const openEmpty = () => (kind === 'postgres' ? openEmptyPostgres() : openEmbedded({ folder: null }));

  test('bring an empty database to this version, and a second run changes nothing', async () => {
    const database = await openEmpty();
    try {
      expect(await isMigrated(database.db)).toBe(false);
      await migrate(database);
      expect(await isMigrated(database.db)).toBe(true);
      const before = await schemaOf(database.db);
      await migrate(database);
      expect(await schemaOf(database.db)).toEqual(before);
    } finally {
      await database.close();
    }
  });

  test('make every table and column that the code knows', async () => {
    const database = await openTestDatabase(kind);
    try {
      const made = await schemaOf(database.db);
      const known = Object.values(tables as Record<string, unknown>).flatMap((table) => {
        if (!is(table, PgTable)) return [];
        const { name, columns } = getTableConfig(table);
        return columns.map((c) => `${name}.${c.name} ${c.notNull ? 'not null' : 'null'}`);
      });
      expect(made).toEqual(known.sort());
    } finally {
      await database.close();
    }
  });

  test('refuse a database of a newer version and change nothing in it', async () => {
    const database = await openTestDatabase(kind);
    try {
      await database.db.execute(
        sql`insert into drizzle.muster_migrations (hash, created_at) values ('newer', ${FAR_FUTURE})`,
      );
      const before = await schemaOf(database.db);
      await expect(migrate(database)).rejects.toThrow(DatabaseTooNewError);
      expect(await isMigrated(database.db)).toBe(false);
      expect(await schemaOf(database.db)).toEqual(before);
      const [newest] = await queryRows(
        database.db,
        sql`select hash from drizzle.muster_migrations order by created_at desc limit 1`,
      );
      expect(newest).toEqual({ hash: 'newer' });
    } finally {
      await database.close();
    }
  });

  test('refuse a newer database that lacks our tables without making them', async () => {
    const database = await openEmpty();
    try {
      await database.db.execute(sql`create schema drizzle`);
      await database.db.execute(
        sql`create table drizzle.muster_migrations (id serial primary key, hash text not null, created_at bigint)`,
      );
      await database.db.execute(
        sql`insert into drizzle.muster_migrations (hash, created_at) values ('newer', ${FAR_FUTURE})`,
      );
      await expect(migrate(database)).rejects.toThrow(DatabaseTooNewError);
      expect(await schemaOf(database.db)).toEqual([]);
    } finally {
      await database.close();
    }
  });
});

describe.each(DATABASES)('facts about users that a database of an earlier version has on %s', (kind) => {
  test('become the sets that a database of this version made', async () => {
    const database = await openTestDatabase(kind);
    const earlier = await openMigratedTo(kind, LAST_WITHOUT_FACTS);
    try {
      const ctx = await makeContext(database);
      await makePeople(ctx);
      const made = await factsOf(database.db);
      // The tables as they were: what came later has not been thought of.
      for (const table of ['workspaces', 'users', 'identities'])
        await copyRows(database.db, earlier.db, table, sql`true`);
      await copyRows(database.db, earlier.db, 'membership_blocks', sql`cohort_id between -2 and 0`);
      await migrate(earlier);
      expect(await factsOf(earlier.db)).toEqual(made);
      expect(made.sets.map(({ set }) => set)).toEqual(expect.arrayContaining([-3, -10, -23]));
      expect(made.labels.map(({ label }) => label)).toEqual(['crm', 'shop']);
      expect(await faultsOf({ ...ctx, db: earlier.db })).toEqual([]);
      await upsertUsers(
        { ...ctx, db: earlier.db },
        { users: [{ externalId: 'e1', deviceIds: ['new'] }, { externalId: 'later' }] },
      );
      expect(await faultsOf({ ...ctx, db: earlier.db })).toEqual([]);
    } finally {
      await Promise.all([database.close(), earlier.close()]);
    }
  });
});

/** The last migration before devices, random buckets and alias labels were kept as bits. */
const LAST_WITHOUT_FACTS = '0003_ingest_data';

/** People with every kind of identity, some of them merged, renamed or deleted, in three blocks of numbers. */
async function makePeople(ctx: Ctx): Promise<void> {
  const clock = (day: number) => ({ ...ctx, now: () => new Date(Date.UTC(2026, 0, day)) });
  for (const [n, first] of [1, 8_150, 30_000].entries()) {
    await ctx.db.execute(sql`update workspaces set next_user_id = ${first}::int where id = ${ctx.workspaceId}::int`);
    await upsertUsers(clock(n + 1), {
      users: Array.from({ length: 120 }, (_, i) => ({
        ...(i % 3 ? { externalId: `e${n * 1_000 + i}` } : { deviceIds: [`d${n} ${i}`] }),
        ...(i % 4 ? {} : { aliases: [{ label: i % 8 ? 'crm' : 'shop', name: `${n} ${i}` }] }),
      })),
    });
    const items = Array.from({ length: 10 }, (_, i) => ({
      user: { externalId: `e${n * 1_000 + i * 3 + 1}` },
      into: { externalId: `e${n * 1_000 + i * 3 + 2}` },
    }));
    await mergeUsers(clock(n + 1), { items });
    await deleteUsers(clock(n + 1), { items: [{ user: { deviceId: `d${n} 9` } }, { user: { deviceId: `d${n} 12` } }] });
  }
}

/** Every set that is kept of users, as who is in it, and when the users of each block were made. */
async function factsOf(db: Db) {
  const expand = sql`generate_series(0, 8191) p where get_bit(bits, p) = 1`;
  return {
    sets: await queryRows<{ set: number; users: string }>(
      db,
      sql`select cohort_id as set, string_agg((block * 8192 + p)::text, ' ' order by block, p) as users
        from membership_blocks, ${expand} group by workspace_id, cohort_id order by workspace_id, cohort_id`,
    ),
    labels: await queryRows<{ label: string; users: string }>(
      db,
      sql`select value as label, string_agg(u.id::text, ' ' order by u.id) as users from attribute_blocks, lateral (
          select block * 8192 + q as id from unnest(positions) q union all select block * 8192 + p from ${expand}) u
        where name = '' and kind = 9 group by workspace_id, value order by workspace_id, value`,
    ),
    blocks: await queryRows(
      db,
      sql`select block, to_json(first_created_at)::text as first, to_json(last_created_at)::text as last from user_blocks order by block`,
    ),
  };
}

/** Copies rows of a table into one that has fewer columns. */
async function copyRows(from: Db, to: Db, table: string, where: SQL): Promise<void> {
  const name = sql.identifier(table);
  const [row] = await queryRows<{ rows: string }>(
    from,
    sql`select jsonb_agg(t)::text as rows from ${name} t where ${where}`,
  );
  await to.execute(sql`delete from ${name}`);
  await to.execute(
    sql`insert into ${name} select * from jsonb_populate_recordset(null::${name}, ${row?.rows ?? '[]'}::text::jsonb)`,
  );
}

/** A database as the version before wrote it: migrated to this migration and no further. */
async function openMigratedTo(kind: DatabaseKind, lastTag: string): Promise<OpenDatabase> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-migrations-'));
  const drizzle = fileURLToPath(new URL('../../drizzle', import.meta.url));
  const journal = JSON.parse(await readFile(join(drizzle, 'meta/_journal.json'), 'utf8')) as {
    entries: { tag: string }[];
  };
  const entries = journal.entries.slice(0, journal.entries.findIndex(({ tag }) => tag === lastTag) + 1);
  expect(entries.length).toBeGreaterThan(0);
  await mkdir(join(folder, 'meta'));
  await writeFile(join(folder, 'meta/_journal.json'), JSON.stringify({ ...journal, entries }));
  for (const { tag } of entries) await copyFile(join(drizzle, `${tag}.sql`), join(folder, `${tag}.sql`));
  const database = kind === 'postgres' ? await openEmptyPostgres() : await openEmbedded({ folder: null });
  const config = { migrationsFolder: folder, migrationsTable: 'muster_migrations' };
  if (kind === 'postgres') await applyPostgres(database.db as unknown as Parameters<typeof applyPostgres>[0], config);
  else await applyPglite(database.db as unknown as Parameters<typeof applyPglite>[0], config);
  await rm(folder, { recursive: true });
  return database;
}

test('five servers that start at once on one empty PostgreSQL all succeed, and each migration is applied once', async () => {
  const database = await openEmptyPostgres();
  const servers = Array.from({ length: 5 }, () => secondServer(database));
  try {
    await Promise.all(servers.map((server) => migrate(server)));
    expect(await Promise.all(servers.map((server) => isMigrated(server.db)))).toEqual([true, true, true, true, true]);
    const applied = await queryRows<{ hash: string }>(database.db, sql`select hash from drizzle.muster_migrations`);
    expect(new Set(applied.map((row) => row.hash)).size).toBe(applied.length);
  } finally {
    await Promise.all(servers.map((server) => server.close()));
    await database.close();
  }
});

test('a server that was refused does not keep the others waiting', async () => {
  const database = await openEmptyPostgres();
  try {
    await migrate(database);
    await database.db.execute(
      sql`insert into drizzle.muster_migrations (hash, created_at) values ('newer', ${FAR_FUTURE})`,
    );
    await expect(migrate(database)).rejects.toThrow(DatabaseTooNewError);
    await database.db.execute(sql`delete from drizzle.muster_migrations where hash = 'newer'`);
    await migrate(database);
    expect(await isMigrated(database.db)).toBe(true);
  } finally {
    await database.close();
  }
});

/** Every column of our tables, as `table.column null`. */
async function schemaOf(db: Db): Promise<string[]> {
  const rows = await queryRows<{ entry: string }>(
    db,
    sql`select table_name || '.' || column_name || case is_nullable when 'YES' then ' null' else ' not null' end as entry
      from information_schema.columns where table_schema = 'public'`,
  );
  return rows.map((row) => row.entry).sort();
}
