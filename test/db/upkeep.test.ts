import { sql } from 'drizzle-orm';
import { expect, test } from 'vitest';
import { queryRows } from '../../src/db/client.ts';
import { upkeep } from '../../src/db/upkeep.ts';
import { openTestDatabase } from '../support/database.ts';

test('the embedded database gets statistics once enough rows changed, and loses dead rows', async () => {
  const database = await openTestDatabase('pglite');
  const pages = async () => {
    const [row] = await queryRows<{ pages: number; estimate: number }>(
      database.db,
      sql`select relpages as pages, reltuples::int as estimate from pg_class where relname = 'users'`,
    );
    return row;
  };
  await database.db.execute(
    sql`insert into users (workspace_id, id, is_identified) select 7, i, true from generate_series(1, 5000) i`,
  );
  expect((await pages())?.estimate).not.toBe(5000);
  await upkeep(database.db);
  expect((await pages())?.estimate).toBe(5000);

  await database.db.execute(sql`delete from users where workspace_id = 7 and id > 1000`);
  await upkeep(database.db);
  expect((await pages())?.estimate).toBe(1000);
  expect((await queryRows<{ n: number }>(database.db, sql`select count(*)::int as n from users`))[0]?.n).toBe(1000);
  await database.close();
});
