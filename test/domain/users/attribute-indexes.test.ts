import { type SQL, sql } from 'drizzle-orm';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { queryRows } from '../../../src/db/client.ts';
import type { Ctx } from '../../../src/domain/context.ts';
import { runDueJobs } from '../../../src/domain/jobs/jobs.ts';
import { ATTRIBUTE_INDEXES_MAX } from '../../../src/domain/users/attribute-index.ts';
import {
  buildAttributeIndexes,
  dropAttributeIndex,
  indexAttribute,
  listAttributeIndexes,
} from '../../../src/domain/users/attribute-indexes.ts';
import { buildSlice } from '../../../src/domain/users/build-index.ts';
import { deleteUsers, identifyUsers, mergeUsers, renameAliases } from '../../../src/domain/users/identities.ts';
import { upsertUsers } from '../../../src/domain/users/users.ts';
import { makeContext, otherWorkspace } from '../../support/context.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { factsByHand, factsStored } from '../../support/facts.ts';
import { faultsOf } from '../../support/members.ts';
import { seedUsers } from '../../support/seed.ts';

describe.each(DATABASES)('indexes of attributes on %s', (kind) => {
  let database: TestDatabase;
  let ctx: Ctx;
  beforeAll(async () => {
    database = await openTestDatabase(kind);
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    ctx = await makeContext(database);
  });

  /** How the rows of a value of `plan` are stored, block by block: as positions or as bits, and of how many users. */
  const rowsOf = (value: string) =>
    queryRows<{ block: number; form: string; users: number }>(
      database.db,
      sql`select block, case when bits is null then 'positions' else 'bits' end as form,
        coalesce(bit_count(bits)::int, cardinality(positions)) as users
        from attribute_blocks where workspace_id = ${ctx.workspaceId} and name = 'plan' and kind = 1 and value = ${value} order by block`,
    );
  const sound = async () => expect(await faultsOf(ctx)).toEqual([]);
  const agrees = async () => expect(await factsStored(ctx)).toEqual(await factsByHand(ctx));
  /** Users as the database has them and nothing else: for tests about many of them. */
  const loadUsers = async (last: number, attributes: SQL) => {
    await database.db.execute(sql`insert into users (workspace_id, id, is_identified, attributes)
      select ${ctx.workspaceId}::int, i, false, ${attributes} from generate_series(1, ${last}::int) i`);
    await database.db.execute(
      sql`update workspaces set next_user_id = ${last + 1}::int where id = ${ctx.workspaceId}::int`,
    );
  };
  const named = async (name: string) => (await listAttributeIndexes(ctx)).find((index) => index.name === name);

  test('are ready at once in a small workspace, hold what is there, and are made once', async () => {
    await seedUsers(ctx, { externalId: 'a', attributes: { plan: 'pro' } }, { externalId: 'b' });
    const index = await indexAttribute(ctx, { name: 'plan' });
    expect(index).toMatchObject({ name: 'plan', state: 'READY', builtTo: null });
    expect(await indexAttribute(ctx, { name: 'plan' })).toEqual(index);
    expect(await listAttributeIndexes(ctx)).toEqual([index]);
    expect(Object.keys(await factsStored(ctx))).toEqual(['["plan",0,""]', '["plan",1,"pro"]']);
    await sound();
  });

  test('of a workspace without users are ready, and take the first user', async () => {
    expect(await indexAttribute(ctx, { name: 'plan' })).toMatchObject({ state: 'READY' });
    await seedUsers(ctx, { externalId: 'a', attributes: { plan: 'pro' } });
    expect(await rowsOf('pro')).toEqual([{ block: 0, form: 'positions', users: 1 }]);
    await sound();
  });

  test('belong to one workspace', async () => {
    const neighbour = await otherWorkspace(ctx);
    await seedUsers(neighbour, { externalId: 'a', attributes: { plan: 'pro' } });
    await indexAttribute(ctx, { name: 'plan' });
    expect(await listAttributeIndexes(neighbour)).toEqual([]);
    expect(await factsStored(neighbour)).toEqual({});
    expect(await buildAttributeIndexes(neighbour)).toBe(0);
    await expect(dropAttributeIndex(neighbour, { name: 'plan' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('are at most fifty, of names that attributes can have', async () => {
    const bad = ['', 'x\u0000', '\ud800', 7 as unknown as string];
    for (const name of bad)
      await expect(indexAttribute(ctx, { name })).rejects.toMatchObject({ code: 'INVALID_INPUT', path: ['name'] });
    await expect(indexAttribute(ctx, { name: 'x'.repeat(256) })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    for (let i = 0; i < ATTRIBUTE_INDEXES_MAX; i++) await indexAttribute(ctx, { name: `a${i}` });
    await expect(indexAttribute(ctx, { name: 'more' })).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      path: ['name'],
    });
    await dropAttributeIndex(ctx, { name: 'a7' });
    expect(await indexAttribute(ctx, { name: 'more' })).toMatchObject({ state: 'READY' });
  });

  test('that are dropped leave nothing, and can be made again', async () => {
    await seedUsers(ctx, { externalId: 'a', aliases: [{ label: 'crm', name: '1' }], attributes: { plan: 'pro' } });
    await indexAttribute(ctx, { name: 'plan' });
    await dropAttributeIndex(ctx, { name: 'plan' });
    expect(await listAttributeIndexes(ctx)).toEqual([]);
    expect(Object.keys(await factsStored(ctx))).toEqual(['["",9,"crm"]']);
    await expect(dropAttributeIndex(ctx, { name: 'plan' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await seedUsers(ctx, { externalId: 'a', attributes: { plan: 'free' } });
    await indexAttribute(ctx, { name: 'plan' });
    await sound();
  });

  test('store few users of a block as positions and many as bits, with room between the two', async () => {
    await indexAttribute(ctx, { name: 'plan' });
    const people = (from: number, to: number, plan: string | null) =>
      upsertUsers(ctx, {
        users: Array.from({ length: to - from + 1 }, (_, i) => ({
          externalId: `e${from + i}`,
          attributes: { plan },
        })),
      });
    const shape = async () => (await rowsOf('pro')).map(({ form, users }) => `${users} ${form}`);
    await people(1, 64, 'pro');
    expect(await shape()).toEqual(['64 positions']);
    await people(65, 65, 'pro');
    expect(await shape()).toEqual(['65 bits']);
    await people(1, 32, 'free');
    expect(await shape()).toEqual(['33 bits']);
    await people(33, 33, null);
    expect(await shape()).toEqual(['32 positions']);
    await people(1, 33, 'pro');
    expect(await shape()).toEqual(['65 bits']);
    // Half go and others come in one call.
    await upsertUsers(ctx, {
      users: Array.from({ length: 100 }, (_, i) => ({
        externalId: `e${i + 1}`,
        attributes: { plan: i < 40 ? 'free' : 'pro' },
      })),
    });
    expect(await shape()).toEqual(['60 bits']);
    await people(1, 100, null);
    expect(await shape()).toEqual([]);
    await sound();
  });

  test('are not written by an upsert that changes none of their values', async () => {
    const users = Array.from({ length: 100 }, (_, i) => ({
      externalId: `e${i}`,
      attributes: { plan: i % 2 ? 'pro' : `p${i}`, tags: ['x', i] },
    }));
    for (const name of ['plan', 'tags']) await indexAttribute(ctx, { name });
    await upsertUsers(ctx, { users });
    const versions = () =>
      queryRows(
        database.db,
        sql`select name, kind, value, xmin::text from attribute_blocks where workspace_id = ${ctx.workspaceId} order by 1, 2, 3`,
      );
    const before = await versions();
    await upsertUsers(ctx, { users: users.map((user) => ({ ...user, attributes: { ...user.attributes, other: 1 } })) });
    expect(await versions()).toEqual(before);
    await sound();
  });

  test('follow who takes over from another and loses an attribute in the same call', async () => {
    for (const name of ['plan', 'seats', 'city']) await indexAttribute(ctx, { name });
    await seedUsers(
      ctx,
      { externalId: 'e', attributes: { plan: 'pro', seats: 1 } },
      { deviceIds: ['d'], attributes: { plan: 'free', city: 'Oslo' } },
    );
    await seedUsers(ctx, { externalId: 'e', deviceIds: ['d'], attributes: { plan: null } });
    expect(Object.keys(await factsStored(ctx)).sort()).toEqual([
      '["city",0,""]',
      '["city",1,"Oslo"]',
      '["seats",0,""]',
      '["seats",2,"1"]',
    ]);
    await sound();
  });

  test('know every kind of value, and nothing of what is none', async () => {
    const long = 'ä'.repeat(101);
    await indexAttribute(ctx, { name: 'a' });
    await seedUsers(
      ctx,
      ...[
        'x',
        long,
        long.slice(1),
        'sha256:1',
        '2026-01-31T12:00:00+01:00',
        '2026-02-31T12:00:00Z',
        'NaN',
        1.5,
        -0,
        1e300,
        5e-324,
        true,
        {},
        { sha256: 'not a hash' },
        [],
        ['x', 'x', 1, 1, '1', null, true, ['y'], { z: 1 }, long],
        new Date(0),
        null,
        undefined,
      ].map((a, i) => ({ externalId: `e${i}`, attributes: { a } })),
    );
    const facts = await factsStored(ctx);
    const users = (kind: number, value: string) => facts[JSON.stringify(['a', kind, value])]?.users;
    expect(users(0, '')).toEqual(Array.from({ length: 17 }, (_, i) => i + 1));
    expect(facts['["a",1,"2026-01-31T12:00:00+01:00"]']).toEqual({ users: [5], number: Date.UTC(2026, 0, 31, 11) });
    expect(facts['["a",1,"2026-02-31T12:00:00Z"]']).toEqual({ users: [6], number: null });
    expect(facts['["a",1,"1970-01-01T00:00:00.000Z"]']).toEqual({ users: [17], number: 0 });
    expect(facts['["a",2,"1e+300"]']).toEqual({ users: [10], number: 1e300 });
    expect(facts['["a",2,"5e-324"]']).toEqual({ users: [11], number: 5e-324 });
    expect(users(2, '0')).toEqual([9]);
    expect(users(3, 'true')).toEqual([12]);
    expect(users(4, 'x')).toEqual([16]);
    expect(users(5, '1')).toEqual([16]);
    expect(users(4, '1')).toEqual([16]);
    // Two long strings, and one that looks like the hash of one.
    const hashed = Object.entries(facts).filter(([key]) => key.includes('sha256:'));
    expect(hashed.map(([, fact]) => fact.users).sort()).toEqual([[16], [2], [4]]);
    expect(users(1, long.slice(1))).toEqual([3]);
    await sound();
  });

  test('take names that mean something elsewhere', async () => {
    const names = ['__proto__', 'constructor', 'a"b', "a'b", 'a\\b', 'a.b', '$.a', 'é'.repeat(255), ' ', '?', '{}'];
    for (const name of names) await indexAttribute(ctx, { name });
    const attributes = JSON.parse(`{${names.map((n) => `${JSON.stringify(n)}: "v"`).join()}}`) as object;
    await seedUsers(ctx, { externalId: 'a', attributes: { ...attributes } }, { externalId: 'b' });
    expect(Object.keys(await factsStored(ctx))).toHaveLength(names.length * 2);
    await seedUsers(ctx, { externalId: 'a', attributes: { "a'b": null, '?': ['v'] } });
    await mergeUsers(ctx, { items: [{ user: { externalId: 'a' }, into: { externalId: 'b' } }] });
    await sound();
    for (const name of names) await dropAttributeIndex(ctx, { name });
    expect(await factsStored(ctx)).toEqual({});
  });

  test('take values as large as attributes can be', async () => {
    await indexAttribute(ctx, { name: 'a' });
    const numbers = Array.from({ length: 8_000 }, (_, i) => i);
    const values = ['y'.repeat(60_000), numbers, [[[[[[['deep']]]]]]], numbers.slice(0, 4_000).map(String)];
    for (const a of values) {
      await seedUsers(ctx, { externalId: 'a', attributes: { a } }, { externalId: 'b', attributes: { a } });
      await sound();
    }
    await deleteUsers(ctx, { items: [{ user: { externalId: 'a' } }, { user: { externalId: 'b' } }] });
    expect(await factsStored(ctx)).toEqual({});
  });

  test('are built of numbers that no double holds, which only the database itself can have been given', async () => {
    await loadUsers(3, sql`jsonb_build_object('a', (array[1e400, -1e400, 1e-400])[i])`);
    await indexAttribute(ctx, { name: 'a' });
    expect(await factsStored(ctx)).toMatchObject({
      '["a",2,"Infinity"]': { users: [1] },
      '["a",2,"-Infinity"]': { users: [2] },
      '["a",2,"0"]': { users: [3] },
    });
    await seedUsers(ctx, { externalId: 'new', attributes: { a: 1 } });
    await deleteUsers(ctx, { items: [{ user: { id: 1 } }, { user: { id: 2 } }, { user: { id: 3 } }] });
    expect(Object.keys(await factsStored(ctx))).toEqual(['["a",0,""]', '["a",2,"1"]']);
  });

  test('are built block by block, and users who are in them already are kept right meanwhile', async () => {
    await loadUsers(
      20_000,
      sql`case when i % 3 = 0 then '{}' else jsonb_build_object('plan', 'p' || i % 5, 'n', i) end`,
    );
    await database.db.execute(sql`insert into attribute_indexes (workspace_id, name, state, built_to, created_at)
      select ${ctx.workspaceId}::int, name, 'BUILDING', 0, now() from unnest(array['plan', 'n']) u(name)`);
    const touch = async (attributes: object) => {
      await upsertUsers(ctx, {
        users: [1, 8_191, 8_192, 10_001, 16_384, 20_000].map((id) => ({ id, attributes })),
      });
      await agrees();
    };
    await touch({ plan: 'before' });
    const steps = [8_191, 16_383];
    for (const builtTo of steps) {
      expect(await buildSlice(ctx, 'plan')).toBe(true);
      expect(await named('plan')).toMatchObject({ state: 'BUILDING', builtTo });
      await touch({ plan: `while ${builtTo}`, n: builtTo });
      await seedUsers(ctx, { externalId: `new ${builtTo}`, attributes: { plan: 'new' } });
      await mergeUsers(ctx, { items: [{ user: { id: builtTo - 100 }, into: { id: builtTo + 100 } }] });
      await mergeUsers(ctx, { items: [{ user: { id: builtTo + 50 }, into: { id: builtTo - 50 } }] });
      await agrees();
    }
    expect(await buildSlice(ctx, 'plan')).toBe(false);
    expect(await named('plan')).toMatchObject({ state: 'READY', builtTo: null });
    expect(await named('n')).toMatchObject({ state: 'BUILDING', builtTo: 0 });
    await touch({ plan: 'after', n: 1 });
    expect(await buildSlice(ctx, 'plan')).toBe(false);
    expect(await buildAttributeIndexes(ctx)).toBe(3);
    await agrees();
    expect(await buildAttributeIndexes(ctx)).toBe(0);
  });

  test('are built in smaller steps where values are large', async () => {
    // Elements of elements are no values, and travel all the same.
    await loadUsers(
      200,
      sql`jsonb_build_object('a', jsonb_build_array('x' || i, jsonb_build_array(repeat('y', 60000))))`,
    );
    await database.db.execute(sql`insert into attribute_indexes (workspace_id, name, state, built_to, created_at)
      values (${ctx.workspaceId}::int, 'a', 'BUILDING', 0, now())`);
    expect(await buildSlice(ctx, 'a')).toBe(true);
    const [first] = await listAttributeIndexes(ctx);
    expect(first?.builtTo).toBeGreaterThan(50);
    expect(first?.builtTo).toBeLessThan(200);
    await agrees();
    expect(await buildSlice(ctx, 'a')).toBe(false);
    await agrees();
  });

  test('are gone on with in the background, those that are dropped as well', async () => {
    await loadUsers(9_000, sql`jsonb_build_object('plan', 'p' || i % 7)`);
    await database.db.execute(sql`insert into attribute_indexes (workspace_id, name, state, built_to, created_at)
      values (${ctx.workspaceId}::int, 'plan', 'BUILDING', 0, now()), (${ctx.workspaceId}::int, 'gone', 'BUILDING', -1, now())`);
    await database.db.execute(sql`insert into attribute_blocks (workspace_id, name, kind, value, block, positions)
      select ${ctx.workspaceId}::int, n, 1, 'left by another', b, '{1}' from unnest(array['plan', 'gone']) n, generate_series(0, 12000) b`);
    expect(await named('gone')).toBeUndefined();
    await runDueJobs(ctx);
    expect((await listAttributeIndexes(ctx)).map(({ name, state }) => [name, state])).toEqual([['plan', 'READY']]);
    await agrees();
    const rows = await queryRows(
      database.db,
      sql`select name from attribute_indexes where workspace_id = ${ctx.workspaceId}`,
    );
    expect(rows).toEqual([{ name: 'plan' }]);
  });

  test('of an attribute whose earlier index is still being thrown away begin anew', async () => {
    await seedUsers(ctx, { externalId: 'a', attributes: { plan: 'pro' } });
    await database.db.execute(sql`insert into attribute_indexes (workspace_id, name, state, built_to, created_at)
      values (${ctx.workspaceId}::int, 'plan', 'BUILDING', -1, now())`);
    await database.db.execute(sql`insert into attribute_blocks (workspace_id, name, kind, value, block, positions)
      select ${ctx.workspaceId}::int, 'plan', 1, 'old', b, '{1}' from generate_series(0, 25000) b`);
    await expect(dropAttributeIndex(ctx, { name: 'plan' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await indexAttribute(ctx, { name: 'plan' })).toMatchObject({ state: 'READY' });
    await sound();
  });

  test('and everything else kept of users is what the tables say, after any sequence of writes', {
    timeout: 300_000,
  }, async () => {
    const names = ['a', 'b', "c'"];
    const value = fc.oneof(
      fc.constantFrom<unknown>('x', 'y', '5', 'z'.repeat(201), '2026-01-31T12:00:00Z', '2026-01-31T12:00:00.0Z'),
      fc.constantFrom<unknown>(5, 5.5, 0, true, false, { k: 1 }, [], ['x', 5], ['x', 'y', 5, '5'], null, undefined),
    );
    const person = fc.integer({ min: 0, max: 9 });
    const attributes = fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 3 });
    const input = fc.record({
      externalId: fc.option(person.map((n) => `e${n}`)),
      aliases: fc.uniqueArray(fc.record({ label: fc.constantFrom('crm', 'shop'), name: person.map((n) => `n${n}`) }), {
        maxLength: 2,
        selector: (a) => a.label,
      }),
      deviceIds: fc.uniqueArray(
        person.map((n) => `d${n}`),
        { maxLength: 2 },
      ),
      attributes: fc.option(attributes),
    });
    const ref = fc.oneof(
      person.map((n) => ({ externalId: `e${n}` })),
      person.map((n) => ({ deviceId: `d${n}` })),
      fc.tuple(fc.constantFrom('crm', 'shop'), person).map(([label, n]) => ({ alias: { label, name: `n${n}` } })),
    );
    type Step = (tx: Ctx) => Promise<unknown>;
    const step: fc.Arbitrary<Step> = fc.oneof(
      {
        weight: 6,
        arbitrary: fc
          .array(input, { minLength: 1, maxLength: 6 })
          .map((users) => (tx: Ctx) => upsertUsers(tx, { users, perItem: true })),
      },
      {
        weight: 2,
        arbitrary: fc
          .array(fc.record({ user: ref, into: ref }), { minLength: 1, maxLength: 3 })
          .map((items) => (tx: Ctx) => mergeUsers(tx, { items })),
      },
      {
        weight: 1,
        arbitrary: fc
          .array(fc.record({ user: ref }), { minLength: 1, maxLength: 2 })
          .map((items) => (tx: Ctx) => deleteUsers(tx, { items })),
      },
      {
        weight: 1,
        arbitrary: fc
          .record({ user: ref, externalId: person.map((n) => `e${n}`) })
          .map((item) => (tx: Ctx) => identifyUsers(tx, { items: [item] })),
      },
      {
        weight: 1,
        arbitrary: fc
          .record({
            label: fc.constantFrom('crm', 'shop'),
            name: person.map((n) => `n${n}`),
            newName: person.map((n) => `n${n}`),
          })
          .map((item) => (tx: Ctx) => renameAliases(tx, { items: [item] })),
      },
      { weight: 1, arbitrary: fc.constantFrom(...names).map((name) => (tx: Ctx) => indexAttribute(tx, { name })) },
      {
        weight: 1,
        arbitrary: fc
          .constantFrom(...names)
          .map((name) => (tx: Ctx) => dropAttributeIndex(tx, { name }).catch(() => {})),
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 6, maxLength: 14 }), async (steps) => {
        ctx = await makeContext(database);
        await indexAttribute(ctx, { name: 'a' });
        await indexAttribute(ctx, { name: 'b' });
        for (const run of steps) {
          await run(ctx);
          await sound();
        }
      }),
      { numRuns: 25 },
    );
  });
});
