import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { queryRows } from '../../src/db/client.ts';
import { type Ctx, inTransaction } from '../../src/domain/context.ts';
import { BusyError } from '../../src/domain/errors.ts';
import { makeContext } from '../support/context.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../support/database.ts';

describe.each(DATABASES)('a transaction on %s', (kind) => {
  let database: TestDatabase;
  let ctx: Ctx;

  beforeAll(async () => {
    database = await openTestDatabase(kind);
    ctx = await makeContext(database);
    await database.db.execute(sql`create table notes (note text)`);
  });
  afterAll(() => database.close());

  const write = (tx: Ctx, note: string) => tx.db.execute(sql`insert into notes values (${note})`);
  const break_ = (tx: Ctx, code: string) =>
    tx.db.execute(sql.raw(`do $$ begin raise exception 'broken' using errcode = '${code}'; end $$`));
  const notes = async () =>
    (await queryRows<{ note: string }>(database.db, sql`delete from notes returning note`)).map((row) => row.note);

  test.each(['40P01', '40001'])(
    'that the database undid (%s) is run again, and leaves what the last run did',
    async (code) => {
      let runs = 0;
      const result = await inTransaction(ctx, async (tx) => {
        await write(tx, `run ${++runs}`);
        if (runs < 3) await break_(tx, code);
        return runs;
      });
      expect(result).toBe(3);
      expect(await notes()).toEqual(['run 3']);
    },
  );

  test('that the database undoes again and again ends as LOCKED, with nothing done', async () => {
    let runs = 0;
    const hopeless = inTransaction(ctx, async (tx) => {
      await write(tx, `run ${++runs}`);
      await break_(tx, '40001');
    });
    await expect(hopeless).rejects.toMatchObject({ code: 'LOCKED', retryAfterSeconds: 1 });
    expect(runs).toBe(6);
    expect(await notes()).toEqual([]);
  });

  test('that waited too long for a lock is LOCKED at once', async () => {
    let runs = 0;
    const locked = inTransaction(ctx, async (tx) => {
      runs++;
      await break_(tx, '55P03');
    });
    await expect(locked).rejects.toBeInstanceOf(BusyError);
    expect(runs).toBe(1);
  });

  test('that fails otherwise is not run again', async () => {
    let runs = 0;
    const failing = inTransaction(ctx, async (tx) => {
      await write(tx, `run ${++runs}`);
      throw new Error('mine');
    });
    await expect(failing).rejects.toThrow('mine');
    expect(runs).toBe(1);
    expect(await notes()).toEqual([]);
  });

  test('inside another is the other one, which alone is run again', async () => {
    let outer = 0;
    let inner = 0;
    await inTransaction(ctx, async (tx) => {
      outer++;
      await inTransaction(tx, async (same) => {
        inner++;
        expect(same.db).toBe(tx.db);
        await write(same, `inner ${inner}`);
        if (inner < 2) await break_(same, '40001');
      });
    });
    expect([outer, inner]).toEqual([2, 2]);
    expect(await notes()).toEqual(['inner 2']);
  });
});
