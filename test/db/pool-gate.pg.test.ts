import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type OpenDatabase, openServer, queryRows } from '../../src/db/client.ts';
import { databaseFault } from '../../src/domain/database-fault.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';

let home: TestDatabase;
beforeAll(async () => {
  home = await openTestDatabase('postgres', { poolSize: 1 });
});
afterAll(() => home.close());

/** Another pool on the same database, for the length of a test. */
function pool(options: { poolSize: number; poolWaitMs?: number; session?: Record<string, string> }): OpenDatabase {
  const url = new URL(home.url ?? '');
  for (const [name, value] of Object.entries(options.session ?? {})) url.searchParams.set(name, value);
  const database = openServer({ url: url.href, poolSize: options.poolSize, poolWaitMs: options.poolWaitMs });
  onTestFinished(() => database.close());
  return database;
}

/** A transaction that holds its connection until told to end. */
async function holdConnection({ db }: OpenDatabase) {
  let end: () => void = () => {};
  const until = new Promise<void>((resolve) => {
    end = resolve;
  });
  let started: () => void = () => {};
  const hasStarted = new Promise<void>((resolve) => {
    started = resolve;
  });
  const done = db.transaction(async (tx) => {
    await tx.execute(sql`select 1`);
    started();
    await until;
  });
  await hasStarted;
  return { end, done };
}

const one = sql`select 1 as one`;

describe('work that finds every connection taken', () => {
  test('waits, in order, and is done when one comes free', async () => {
    const database = pool({ poolSize: 1 });
    const holder = await holdConnection(database);
    const order: string[] = [];
    const work: Promise<unknown>[] = [];
    const begin = async (what: string, statement: () => Promise<unknown>) => {
      work.push(statement().then(() => order.push(what)));
      await new Promise((wake) => setImmediate(wake));
    };
    await begin('statement', () => queryRows(database.db, one));
    await begin('transaction', () => database.db.transaction((tx) => tx.execute(one)));
    await begin('last', () => queryRows(database.db, one));
    holder.end();
    await Promise.all([holder.done, ...work]);
    expect(order).toEqual(['statement', 'transaction', 'last']);
  });

  test('is refused as UNAVAILABLE when it has waited too long, unsent, and later work is done', async () => {
    const database = pool({ poolSize: 1, poolWaitMs: 50 });
    await home.db.execute(sql`create table written (what text)`);
    const holder = await holdConnection(database);
    const refused = await Promise.allSettled([
      database.db.execute(sql`insert into written values ('statement')`),
      database.db.transaction((tx) => tx.execute(sql`insert into written values ('transaction')`)),
    ]);
    for (const result of refused) {
      expect(result.status).toBe('rejected');
      expect(databaseFault(result.status === 'rejected' && result.reason)).toMatchObject({
        code: 'UNAVAILABLE',
        message: expect.stringContaining('busy'),
        retryAfterSeconds: 2,
      });
    }
    holder.end();
    await holder.done;
    await database.db.execute(sql`insert into written values ('later')`);
    expect(await queryRows(home.db, sql`select what from written`)).toEqual([{ what: 'later' }]);
  });

  test('loses no connection to work that fails', async () => {
    const database = pool({ poolSize: 2, poolWaitMs: 1_000 });
    for (let i = 0; i < 10; i++) {
      await expect(database.db.execute(sql`select 1 / 0`)).rejects.toThrow();
      await expect(database.db.transaction(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    }
    expect(await queryRows(database.db, one)).toEqual([{ one: 1 }]);
  });
});

describe('the server ends by itself', () => {
  test('a statement that takes too long, which is UNAVAILABLE and not a hang', async () => {
    const database = pool({ poolSize: 1, session: { statement_timeout: '100' } });
    const error = await database.db.execute(sql`select pg_sleep(60)`).catch((thrown: unknown) => thrown);
    expect(databaseFault(error)).toMatchObject({ code: 'UNAVAILABLE', retryAfterSeconds: 5 });
    expect(await queryRows(database.db, one)).toEqual([{ one: 1 }]);
  });

  test('a transaction that does nothing, so that its locks stand in nobody’s way', async () => {
    await home.db.execute(sql`create table locked as select 1 as id`);
    const frozen = pool({ poolSize: 1, session: { idle_in_transaction_session_timeout: '200' } });
    let freeze: (error: unknown) => void = () => {};
    const ended = new Promise<unknown>((resolve) => {
      freeze = resolve;
    });
    void frozen.db
      .transaction(async (tx) => {
        await tx.execute(sql`update locked set id = 2`);
        await new Promise(() => {});
      })
      .catch(freeze);
    expect(databaseFault(await ended)).toMatchObject({ code: 'UNAVAILABLE' });
    await home.db.execute(sql`update locked set id = 3`);
    expect(await queryRows(frozen.db, one)).toEqual([{ one: 1 }]);
  });

  test('neither in sixty seconds, unless the URL says otherwise; migrations may take their time', async () => {
    const settings = (database: Pick<OpenDatabase, 'db'>) =>
      queryRows(
        database.db,
        sql`select current_setting('statement_timeout') as statement, current_setting('idle_in_transaction_session_timeout') as idle`,
      );
    const database = pool({ poolSize: 1 });
    expect(await settings(database)).toEqual([{ statement: '1min', idle: '1min' }]);
    const slow = pool({ poolSize: 1, session: { statement_timeout: '5min' } });
    expect(await settings(slow)).toEqual([{ statement: '5min', idle: '1min' }]);
    const dedicated = await database.dedicated?.();
    expect(dedicated && (await settings(dedicated))).toEqual([{ statement: '0', idle: '0' }]);
    await dedicated?.close();
  });
});

test('statements are not compiled, unless the URL says so', async () => {
  const jit = (database: Pick<OpenDatabase, 'db'>) => queryRows(database.db, sql`select current_setting('jit') as jit`);
  expect(await jit(pool({ poolSize: 1 }))).toEqual([{ jit: 'off' }]);
  expect(await jit(pool({ poolSize: 1, session: { jit: 'on' } }))).toEqual([{ jit: 'on' }]);
});

test('a server that goes away is UNAVAILABLE, and found again when it is back', async () => {
  const database = pool({ poolSize: 2 });
  const [row] = await queryRows<{ pid: number }>(database.db, sql`select pg_backend_pid() as pid`);
  const sleeping = database.db.execute(sql`select pg_sleep(60)`).catch((thrown: unknown) => thrown);
  // Only the connections of this pool: other tests share the server.
  await home.db.execute(
    sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
  );
  expect(row?.pid).toBeGreaterThan(0);
  expect(databaseFault(await sleeping)).toMatchObject({ code: 'UNAVAILABLE' });
  for (;;) {
    const rows = await queryRows(database.db, one).catch((error: unknown) => databaseFault(error)?.code);
    if (rows !== 'UNAVAILABLE') {
      expect(rows).toEqual([{ one: 1 }]);
      return;
    }
  }
});
