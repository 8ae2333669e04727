import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { OpenDatabase } from '../../../src/db/client.ts';
import type { Ctx } from '../../../src/domain/context.ts';
import {
  buildAttributeIndexes,
  dropAttributeIndex,
  indexAttribute,
  listAttributeIndexes,
} from '../../../src/domain/users/attribute-indexes.ts';
import { buildSlice } from '../../../src/domain/users/build-index.ts';
import { deleteUsers, mergeUsers } from '../../../src/domain/users/identities.ts';
import { upsertUsers } from '../../../src/domain/users/users.ts';
import { makeContext, seenBy } from '../../support/context.ts';
import { openTestDatabase, secondServer, type TestDatabase } from '../../support/database.ts';
import { factsByHand, factsStored } from '../../support/facts.ts';
import { faultsOf } from '../../support/members.ts';

// Real connections of two servers on one PostgreSQL: indexes appear, are built and go while users are written. Nobody says who wins; at the
// end the index is what the users are.

const ROUNDS = Number(process.env.MUSTER_RACE_ROUNDS ?? 4);
const USERS = 12_000;

let database: TestDatabase;
let servers: readonly [OpenDatabase, OpenDatabase];
let one: Ctx;
let two: Ctx;

beforeAll(async () => {
  database = await openTestDatabase('postgres');
  servers = [secondServer(database, { poolSize: 4 }), secondServer(database, { poolSize: 4 })];
});
afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()));
  await database.close();
});
beforeEach(async () => {
  const ctx = await makeContext(database);
  [one, two] = [seenBy(ctx, servers[0]), seenBy(ctx, servers[1])];
});

/** Users of two blocks, with nothing but attributes. */
async function loadUsers(): Promise<void> {
  await database.db.execute(sql`insert into users (workspace_id, id, is_identified, attributes)
    select ${one.workspaceId}::int, i, false, jsonb_build_object('plan', 'p' || i % 5, 'n', i % 50) from generate_series(1, ${USERS}::int) i`);
  await database.db.execute(
    sql`update workspaces set next_user_id = ${USERS + 1}::int where id = ${one.workspaceId}::int`,
  );
}

/** Changes users here and there, makes some, merges some and deletes some, until told to stop. */
async function write(ctx: Ctx, seed: number, isOver: () => boolean): Promise<number> {
  let rounds = 0;
  while (!isOver() || rounds < 3) {
    const at = (k: number) => 1 + ((seed * 7_919 + rounds * 104_729 + k * 1_299_709) % USERS);
    await upsertUsers(ctx, {
      users: [
        ...Array.from({ length: 20 }, (_, k) => ({
          id: at(k),
          attributes: k % 4 === 0 ? { plan: null } : { plan: `q${(rounds + k) % 6}`, n: rounds },
        })),
        { externalId: `new ${seed} ${rounds}`, attributes: { plan: 'new', n: [1, 'x'] } },
      ],
      perItem: true,
    });
    await mergeUsers(ctx, { items: [{ user: { id: at(100) }, into: { id: at(101) } }] });
    await deleteUsers(ctx, { items: [{ user: { id: at(200) } }] });
    rounds++;
  }
  return rounds;
}

async function whileWriting(work: () => Promise<void>): Promise<void> {
  let isOver = false;
  const writers = [write(one, 1, () => isOver), write(two, 2, () => isOver)];
  try {
    await work();
  } finally {
    isOver = true;
  }
  const rounds = await Promise.all(writers);
  expect(Math.min(...rounds)).toBeGreaterThanOrEqual(3);
}

const agrees = async () => expect(await factsStored(one)).toEqual(await factsByHand(one));

test('an index that is built by two servers while two write users holds what the users have', async () => {
  await loadUsers();
  await whileWriting(async () => {
    for (let round = 0; round < ROUNDS; round++) {
      await database.db.execute(sql`insert into attribute_indexes (workspace_id, name, state, built_to, created_at)
        select ${one.workspaceId}::int, n, 'BUILDING', 0, now() from unnest(array['plan', 'n']) n`);
      await Promise.all([buildAttributeIndexes(one), buildAttributeIndexes(two), buildSlice(two, 'n')]);
      expect((await listAttributeIndexes(one)).map((index) => index.state)).toEqual(['READY', 'READY']);
      if (round < ROUNDS - 1) for (const name of ['plan', 'n']) await dropAttributeIndex(two, { name });
    }
  });
  expect(Object.keys(await factsStored(one)).length).toBeGreaterThan(10);
  await agrees();
});

test('indexes that are made and dropped at once by two servers while users are written end as one of the two left them', async () => {
  await loadUsers();
  await whileWriting(async () => {
    for (let round = 0; round < ROUNDS * 2; round++) {
      await Promise.allSettled([
        indexAttribute(one, { name: 'plan' }),
        indexAttribute(two, { name: 'plan' }),
        dropAttributeIndex(round % 2 ? one : two, { name: 'plan' }),
        indexAttribute(two, { name: 'n' }),
      ]);
    }
  });
  while ((await buildAttributeIndexes(one)) > 0);
  await agrees();
  await indexAttribute(one, { name: 'plan' });
  while ((await buildAttributeIndexes(one)) > 0);
  expect((await listAttributeIndexes(one)).map(({ name, state }) => [name, state])).toEqual([
    ['n', 'READY'],
    ['plan', 'READY'],
  ]);
  await agrees();
});

test('fifty are the most, also when two servers make the last ones at once', async () => {
  for (let i = 0; i < 45; i++) await indexAttribute(one, { name: `a${i}` });
  const made = await Promise.allSettled(
    Array.from({ length: 10 }, (_, i) => indexAttribute(i % 2 ? one : two, { name: `b${i}` })),
  );
  expect(made.filter((result) => result.status === 'fulfilled')).toHaveLength(5);
  expect(await listAttributeIndexes(one)).toHaveLength(50);
});

test('users who are made at once by two servers are in every set that is kept', async () => {
  await indexAttribute(one, { name: 'plan' });
  const people = (ctx: Ctx, side: string) =>
    Promise.all(
      Array.from({ length: 8 }, (_, call) =>
        upsertUsers(ctx, {
          users: Array.from({ length: 40 }, (_, i) => ({
            ...(i % 3 ? { externalId: `${side} ${call} ${i}` } : {}),
            ...(i % 2 ? {} : { deviceIds: [`${side} ${call} ${i}`] }),
            ...(i % 5 && i % 3 ? {} : { aliases: [{ label: `l${i % 4}`, name: `${side} ${call} ${i}` }] }),
            attributes: { plan: `p${i % 3}` },
          })),
        }),
      ),
    );
  await Promise.all([people(one, 'one'), people(two, 'two')]);
  expect(await faultsOf(one)).toEqual([]);
});
