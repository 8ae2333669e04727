import { sql } from 'drizzle-orm';
import { is } from 'drizzle-orm/entity';
import { getTableConfig, PgTable } from 'drizzle-orm/pg-core';
import { describe, expect, test } from 'vitest';
import { type Db, openEmbedded, queryRows } from '../../src/db/client.ts';
import { DatabaseTooNewError, isMigrated, migrate } from '../../src/db/migrate.ts';
import * as tables from '../../src/db/tables/index.ts';
import { DATABASES, openEmptyPostgres, openTestDatabase, secondServer } from '../support/database.ts';

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
