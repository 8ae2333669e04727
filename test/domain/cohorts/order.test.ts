import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { CohortChange } from '../../../src/domain/cohorts/change.ts';
import { applyChanges } from '../../../src/domain/cohorts/cohorts.ts';
import type { Ctx } from '../../../src/domain/context.ts';
import { type FakeClock, fakeClock, makeContext } from '../../support/context.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { faultsOf, ledgerOf, membersOf, pendingOf } from '../../support/members.ts';
import { adds, command, removes, seedIdentified, seedUsers } from '../../support/seed.ts';

const T0 = Date.UTC(2026, 2, 1, 11);

describe.each(DATABASES)('messages that say when they were computed, on %s', (kind) => {
  let database: TestDatabase;
  let clock: FakeClock;
  let ctx: Ctx;

  beforeAll(async () => {
    database = await openTestDatabase(kind);
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    clock = fakeClock();
    ctx = await makeContext(database, clock);
  });

  const message = (second: number, requestId: string | undefined, ...changes: CohortChange[]) => ({
    ...command('c', changes),
    source: { dialect: 'amplitude_webhook', requestId, computedAt: new Date(T0 + second * 1000) },
  });
  const tell = (second: number, ...changes: CohortChange[]) =>
    applyChanges(ctx, message(second, undefined, ...changes));

  test('are applied once, however often and however late they come', async () => {
    await seedIdentified(ctx, 'a', 'b');
    const entered = message(1, 'm1', adds({ externalIds: ['a', 'nobody'] }));
    const first = await applyChanges(ctx, entered);
    clock.advance(5 * 24 * 60 * 60_000);
    await tell(2, removes({ externalIds: ['a'] }));
    const again = await applyChanges(ctx, entered);
    expect(again).toEqual({ ...first, isDuplicate: true });
    expect(await membersOf(ctx, first.cohort?.id ?? 0)).toEqual([]);
    expect(await ledgerOf(ctx, first.cohort?.id ?? 0)).toHaveLength(2);
    expect(await faultsOf(ctx)).toEqual([]);
  });

  test('are applied once when they come at the same moment', async () => {
    await seedIdentified(ctx, 'a');
    const entered = message(1, 'm1', adds({ externalIds: ['a'] }));
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => applyChanges(ctx, entered)));
    expect(outcomes.filter((o) => !o.isDuplicate)).toHaveLength(1);
    expect(new Set(outcomes.map((o) => o.batchId)).size).toBe(1);
    expect(await ledgerOf(ctx, outcomes[0]?.cohort?.id ?? 0)).toHaveLength(1);
  });

  test('are other messages in another cohort', async () => {
    await seedIdentified(ctx, 'a');
    await applyChanges(ctx, message(1, 'm1', adds({ externalIds: ['a'] })));
    const other = await applyChanges(ctx, { ...message(1, 'm1', adds({ externalIds: ['a'] })), partnerCohortId: 'd' });
    expect(other).toMatchObject({ isDuplicate: false, added: 1 });
  });

  test('never undo a newer one for the same user, and say whom they left alone', async () => {
    const [a = 0, b = 0] = await seedIdentified(ctx, 'a', 'b');
    const newer = await tell(20, adds({ externalIds: ['a'] }));
    const older = await tell(10, removes({ externalIds: ['a'] }), adds({ externalIds: ['b'] }));
    expect(older).toMatchObject({
      received: 2,
      matched: 1,
      ignored: 1,
      reasons: { superseded: 1 },
      added: 1,
      removed: 0,
    });
    expect(await membersOf(ctx, newer.cohort?.id ?? 0)).toEqual([a, b]);
  });

  test('stand against an older one also where the newer one changed nothing', async () => {
    const [a = 0] = await seedIdentified(ctx, 'a');
    await tell(5, adds({ externalIds: ['a'] }));
    const { cohort } = await tell(20, adds({ externalIds: ['a'] }));
    await tell(10, removes({ externalIds: ['a'] }));
    expect(await membersOf(ctx, cohort?.id ?? 0)).toEqual([a]);
  });

  test('give the cohort the newest name, in whatever order they come', async () => {
    const named = (second: number, name: string) => applyChanges(ctx, { ...message(second, undefined), name });
    await named(20, 'New');
    expect((await named(10, 'Old')).cohort?.name).toBe('New');
    expect((await named(20, 'Newer')).cohort?.name).toBe('Newer');
  });

  test('compare people, not identities', async () => {
    await seedUsers(ctx, { externalId: 'a', aliases: [{ label: 'crm', name: 'x' }] });
    const { cohort } = await tell(20, removes({ aliases: [{ label: 'crm', name: 'x' }] }));
    await tell(10, adds({ externalIds: ['a'] }));
    expect(await membersOf(ctx, cohort?.id ?? 0)).toEqual([]);
  });

  test('of the same time stand in the order in which they come', async () => {
    const [a = 0] = await seedIdentified(ctx, 'a');
    await tell(1, removes({ externalIds: ['a'] }));
    const { cohort } = await tell(1, adds({ externalIds: ['a'] }));
    expect(await membersOf(ctx, cohort?.id ?? 0)).toEqual([a]);
    await tell(1, removes({ externalIds: ['a'] }));
    expect(await membersOf(ctx, cohort?.id ?? 0)).toEqual([]);
  });

  test('hold nobody whom a newer one took out before they were a user', async () => {
    const { cohort } = await tell(20, removes({ externalIds: ['later'] }));
    await tell(10, adds({ externalIds: ['later'] }));
    expect(await pendingOf(ctx, cohort?.id ?? 0)).toEqual([]);
    await seedIdentified(ctx, 'later');
    await tell(15, adds({ externalIds: ['later'] }));
    expect(await membersOf(ctx, cohort?.id ?? 0)).toEqual([]);
  });

  test('drop nobody whom a newer one has held', async () => {
    const { cohort } = await tell(20, adds({ externalIds: ['later'] }));
    await tell(10, removes({ externalIds: ['later'] }));
    expect(await pendingOf(ctx, cohort?.id ?? 0)).toHaveLength(1);
    const [later] = await seedIdentified(ctx, 'later');
    expect(await membersOf(ctx, cohort?.id ?? 0)).toEqual([later]);
  });

  test('come to the same members in whatever order they arrive', async () => {
    const people = ['p1', 'p2', 'p3', 'p4'];
    const one = fc.record({
      second: fc.integer({ min: 0, max: 5 }),
      remove: fc.boolean(),
      who: fc.subarray(people, { minLength: 1 }),
    });
    let n = 0;
    await seedIdentified(ctx, 'p1', 'p2');
    const arrival = fc
      .uniqueArray(one, { minLength: 1, maxLength: 7, selector: (m) => m.second })
      .chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })));
    await fc.assert(
      fc.asyncProperty(arrival, async ([inOrder, arriving]) => {
        const id = `c${++n}`;
        await Promise.all(
          arriving.map((m) =>
            applyChanges(ctx, {
              ...message(m.second, `m${m.second}`, { ...adds({ externalIds: m.who }), remove: m.remove }),
              partnerCohortId: id,
            }),
          ),
        );
        const { cohort } = await applyChanges(ctx, { ...command(id, []), name: id });
        const right = new Set<string>();
        for (const m of [...inOrder].sort((x, y) => x.second - y.second))
          for (const who of m.who) m.remove ? right.delete(who) : right.add(who);
        const members = await membersOf(ctx, cohort?.id ?? 0);
        const pending = await pendingOf(ctx, cohort?.id ?? 0);
        expect(members).toEqual(['p1', 'p2'].flatMap((p, i) => (right.has(p) ? [i + 1] : [])));
        expect(pending).toEqual(['p3', 'p4'].filter((p) => right.has(p)).map((p) => `1//${p}`));
      }),
      { numRuns: 30 },
    );
  });
});
