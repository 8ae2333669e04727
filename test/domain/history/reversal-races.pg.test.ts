import { afterAll, beforeAll, expect, test } from 'vitest';
import type { OpenDatabase } from '../../../src/db/client.ts';
import type { Ctx } from '../../../src/domain/context.ts';
import { countMembersAsOf } from '../../../src/domain/history/members.ts';
import { trimLedger } from '../../../src/domain/history/retention.ts';
import { replayBatch, undoBatch } from '../../../src/domain/history/reversal.ts';
import { deleteUsers, mergeUsers } from '../../../src/domain/users/identities.ts';
import { makeContext, seenBy } from '../../support/context.ts';
import { openTestDatabase, secondServer, type TestDatabase } from '../../support/database.ts';
import { faultsOf, ledgerOf, membersOf } from '../../support/members.ts';
import { adds, removes, seedIdentified, send } from '../../support/seed.ts';
import { DAY } from '../../support/syncs.ts';

// Undoing among senders, merges and deletions, from two servers at once: the ledger must still be what happened.

const ROUNDS = Number(process.env.MUSTER_RACE_ROUNDS ?? 25);
const NAMES = Array.from({ length: 12 }, (_, i) => `u${i}`);

let database: TestDatabase;
let servers: OpenDatabase[] = [];
beforeAll(async () => {
  database = await openTestDatabase('postgres');
  servers = [1, 2].map(() => secondServer(database, { poolSize: 4 }));
});
afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()));
  await database.close();
});

test('undo and replay take turns with senders, merges and deletions', {
  timeout: 60_000 + ROUNDS * 5_000,
}, async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const ctx = await makeContext(database);
    const [one, two] = servers.map((server) => seenBy(ctx, server)) as [Ctx, Ctx];
    const numbers = await seedIdentified(ctx, ...NAMES);
    const { batchId, cohort } = await send(ctx, 'c', adds({ externalIds: NAMES }));
    const id = cohort?.id ?? 0;
    const batch = { batchId: batchId ?? 0 };
    await Promise.all([
      undoBatch(one, batch),
      send(two, 'c', adds({ externalIds: ['u0', 'u1'] }), removes({ externalIds: ['u2'] })),
      replayBatch(two, batch),
      mergeUsers(one, { items: [{ user: { externalId: 'u3' }, into: { externalId: 'u4' } }] }),
      send(one, 'c', removes({ externalIds: ['u5', 'u0'] })),
      deleteUsers(two, { items: [{ user: { externalId: 'u6' } }] }),
      undoBatch(two, batch),
    ]);
    expect(await faultsOf(ctx)).toEqual([]);
    // Whatever came first: whom a sender named last is as that sender said, and who is named by nobody else is where the last operator put them.
    const members = await membersOf(ctx, id);
    const has = (name: string) => members.includes(numbers[NAMES.indexOf(name)] ?? 0);
    expect({ u1: has('u1'), u2: has('u2'), u5: has('u5') }).toEqual({ u1: true, u2: false, u5: false });
    const rows = await ledgerOf(ctx, id);
    const addedLast =
      rows.findLastIndex((row) => row.received_count === 3) > rows.findLastIndex((row) => row.received_count === 2);
    expect(has('u0')).toBe(addedLast);
    const operated = rows.findLast((row) => row.dialect === 'undo' || row.dialect === 'replay');
    expect(has('u11')).toBe(operated?.dialect === 'replay');
    expect(await countMembersAsOf(ctx, [id], ctx.now())).toEqual([members.length]);
  }
});

test('two servers that trim at once forget each batch once, and none that is young', async () => {
  const ctx = await makeContext(database);
  await seedIdentified(ctx, 'ada');
  for (let i = 0; i < 20; i++)
    await send(ctx, 'c', i % 2 === 0 ? adds({ externalIds: ['ada'] }) : removes({ externalIds: ['ada'] }));
  const later = { now: () => new Date(Date.now() + 31 * DAY) };
  const seen = await Promise.all(servers.map((server) => trimLedger({ ...seenBy(ctx, server), ...later })));
  expect(seen.sort((a, b) => a - b)).toEqual([0, 20]);
});
