import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  abandonReplacement,
  abandonStale,
  addToReplacement,
  applySessionPage,
  approveHeldChanges,
  beginReplacement,
  commitReplacement,
  countCohorts,
  discardHeldChanges,
  findCohorts,
  getReplacement,
  listHeldChanges,
  previewReplacement,
} from '../../../src/domain/cohorts/cohorts.ts';
import type { Ctx } from '../../../src/domain/context.ts';
import { trimLedger } from '../../../src/domain/history/retention.ts';
import { mergeUsers } from '../../../src/domain/users/identities.ts';
import { listPending, summarizePending } from '../../../src/domain/users/pending.ts';
import { setUnknownIdentityPolicy, updateWorkspace } from '../../../src/domain/workspaces/workspaces.ts';
import { type FakeClock, fakeClock, makeContext, otherWorkspace } from '../../support/context.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { cohortIds, faultsOf, ledgerOf, membersOf, pendingOf, replayLedger, usageOf } from '../../support/members.ts';
import { adds, removes, seedCohort, seedIdentified, send } from '../../support/seed.ts';

const SOURCE = { dialect: 'file' };
const TARGET = { partner: 'amplitude', partnerCohortId: 'c' };
const many = (prefix: string, n: number) => Array.from({ length: n }, (_, i) => `${prefix}${i}`);

describe.each(DATABASES)('a staged replacement on %s', (kind) => {
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

  const begin = async () => (await beginReplacement(ctx, { ...TARGET, source: SOURCE })).id;
  const page = (id: string, ...externalIds: string[]) => addToReplacement(ctx, { id, change: adds({ externalIds }) });
  const target = async () => {
    const [cohort] = await findCohorts(ctx, [{ partnerCohort: { partner: 'amplitude', cohortId: 'c' } }]);
    if (!cohort) throw new Error('There is no such cohort.');
    return cohort.id;
  };

  test('makes the cohort the list, as one row of the ledger', async () => {
    const [a = 0, b = 0, c = 0] = await seedIdentified(ctx, 'a', 'b', 'c');
    const cohort = await seedCohort(ctx, 'c', { externalIds: ['a', 'b'] });
    const id = await begin();
    expect(await page(id, 'b', 'unknown')).toMatchObject({ received: 2, matched: 1, held: 1 });
    await page(id, 'c');
    expect(await previewReplacement(ctx, id)).toEqual({
      size: 2,
      willHave: 2,
      entering: 1,
      leaving: 1,
      staying: 1,
      pending: 1,
      wouldBeHeld: false,
    });
    expect(await membersOf(ctx, cohort.id)).toEqual([a, b]);
    const done = await commitReplacement(ctx, { id });
    expect(done).toMatchObject({ received: 3, matched: 2, held: 1, added: 1, removed: 1, written: 2 });
    expect(await membersOf(ctx, cohort.id)).toEqual([b, c]);
    expect(await pendingOf(ctx, cohort.id)).toEqual(['1//unknown']);
    expect((await ledgerOf(ctx, cohort.id)).map((row) => row.dialect)).toEqual(['braze', 'file']);
    expect(await replayLedger(ctx, cohort.id)).toEqual([b, c]);
    expect(await faultsOf(ctx)).toEqual([]);
  });

  test('makes a cohort that did not exist', async () => {
    const [a = 0] = await seedIdentified(ctx, 'a');
    const { id } = await beginReplacement(ctx, { ...TARGET, name: 'New', source: SOURCE });
    await page(id, 'a');
    expect(await countCohorts(ctx, {})).toBe(0);
    const { cohort } = await commitReplacement(ctx, { id });
    expect(cohort).toMatchObject({ partnerCohortId: 'c', name: 'New' });
    expect(await membersOf(ctx, cohort?.id ?? 0)).toEqual([a]);
  });

  test('is nobody before it is committed: not listed, not counted, not metered, not pending', async () => {
    await seedIdentified(ctx, 'a');
    const id = await begin();
    await page(id, 'a', 'unknown');
    expect(await countCohorts(ctx, {})).toBe(0);
    expect(await usageOf(ctx)).toEqual([]);
    expect((await listPending(ctx, {})).items).toEqual([]);
    expect((await summarizePending(ctx)).members).toBe(0);
  });

  test('leaves nothing behind when it is committed or abandoned', async () => {
    await seedIdentified(ctx, 'a');
    const kept = await seedCohort(ctx, 'c', { externalIds: ['a'] });
    const [first, second] = [await begin(), await begin()];
    await page(first, 'a', 'x');
    await page(second, 'a', 'y');
    await commitReplacement(ctx, { id: first });
    await abandonReplacement(ctx, second);
    expect(await cohortIds(ctx)).toEqual([kept.id]);
    expect(await pendingOf(ctx, kept.id)).toEqual(['1//x']);
    expect(await getReplacement(ctx, second)).toMatchObject({ state: 'ABANDONED' });
    await expect(page(second, 'a')).rejects.toMatchObject({ code: 'NOT_ACTIVE' });
    await expect(commitReplacement(ctx, { id: second })).rejects.toMatchObject({ code: 'NOT_ACTIVE' });
  });

  test('answers a second commit as the first, and applies nothing again', async () => {
    await seedIdentified(ctx, 'a');
    const id = await begin();
    await page(id, 'a');
    const first = await commitReplacement(ctx, { id });
    await send(ctx, 'c', removes({ externalIds: ['a'] }));
    expect(await commitReplacement(ctx, { id })).toMatchObject({ batchId: first.batchId, isDuplicate: true });
    expect(await membersOf(ctx, await target())).toEqual([]);
  });

  test('leaves alone whom the cohort was told of since it was begun, changed or not', async () => {
    const [a = 0, b = 0, , d = 0] = await seedIdentified(ctx, 'a', 'b', 'c', 'd');
    const cohort = await seedCohort(ctx, 'c', { externalIds: ['a', 'b', 'c'] });
    const id = await begin();
    await page(id, 'b', 'c');
    // `a` was in already and stays in, `c` leaves, `d` enters: all after the list was begun.
    await send(ctx, 'c', adds({ externalIds: ['a', 'd'] }), removes({ externalIds: ['c'] }));
    expect(await previewReplacement(ctx, id)).toMatchObject({ entering: 0, leaving: 0 });
    await commitReplacement(ctx, { id });
    expect(await membersOf(ctx, cohort.id)).toEqual([a, b, d]);
  });

  test('is refused when the ledger no longer knows whom the cohort was told of since', async () => {
    await seedIdentified(ctx, 'a', 'b');
    await seedCohort(ctx, 'c', { externalIds: ['a'] });
    const id = await begin();
    await page(id, 'b');
    await send(ctx, 'c', adds({ externalIds: ['a'] }));
    clock.advance(31 * 24 * 60 * 60_000);
    await trimLedger(ctx);
    for (const attempt of [() => previewReplacement(ctx, id), () => commitReplacement(ctx, { id })])
      await expect(attempt()).rejects.toMatchObject({ code: 'NOT_RETAINED' });
    expect(await membersOf(ctx, await target())).toEqual([1]);
  });

  test('follows people who appear, merge and go meanwhile', async () => {
    const [, b = 0] = await seedIdentified(ctx, 'a', 'b');
    const id = await begin();
    await page(id, 'a', 'later');
    const [later = 0] = await seedIdentified(ctx, 'later');
    await mergeUsers(ctx, { items: [{ user: { externalId: 'a' }, into: { externalId: 'b' } }] });
    const { cohort } = await commitReplacement(ctx, { id });
    expect(await membersOf(ctx, cohort?.id ?? 0)).toEqual([b, later]);
    expect(await faultsOf(ctx)).toEqual([]);
  });

  test('makes users of unknown identities only when it is committed, under the policy that does', async () => {
    await setUnknownIdentityPolicy(ctx, 'CREATE');
    const id = await begin();
    await addToReplacement(ctx, { id, change: adds({ externalIds: ['new'], deviceIds: ['device'] }) });
    expect(await membersOf(ctx, 0)).toEqual([]);
    const done = await commitReplacement(ctx, { id });
    expect(done).toMatchObject({ received: 2, matched: 1, held: 0, ignored: 1, added: 1 });
    expect(await membersOf(ctx, 0)).toEqual([1]);
    expect(await pendingOf(ctx, done.cohort?.id ?? 0)).toEqual([]);
  });

  test('is held where more than half of the cohort would leave, and applied when approved', async () => {
    const people = many('u', 120);
    await seedIdentified(ctx, ...people);
    const cohort = await seedCohort(ctx, 'c', { externalIds: people });
    const id = await begin();
    await page(id, ...people.slice(0, 50));
    expect(await previewReplacement(ctx, id)).toMatchObject({ leaving: 70, wouldBeHeld: true });
    const held = await commitReplacement(ctx, { id });
    expect(held).toMatchObject({ heldChangesId: id, added: 0, removed: 0, batchId: null });
    expect(await membersOf(ctx, cohort.id)).toHaveLength(120);
    const { items } = await listHeldChanges(ctx, { cohortId: cohort.id });
    expect(items.map(({ item }) => item)).toMatchObject([{ id, replacementId: id, size: 120, wouldRemove: 70 }]);
    expect(await approveHeldChanges(ctx, id)).toMatchObject({ removed: 70 });
    expect(await membersOf(ctx, cohort.id)).toHaveLength(50);
    expect((await listHeldChanges(ctx, {})).items).toEqual([]);
  });

  test('that is held can be discarded: the cohort is as it was', async () => {
    const people = many('u', 120);
    await seedIdentified(ctx, ...people);
    const cohort = await seedCohort(ctx, 'c', { externalIds: people });
    const id = await begin();
    await commitReplacement(ctx, { id });
    await discardHeldChanges(ctx, id);
    expect(await membersOf(ctx, cohort.id)).toHaveLength(120);
    await expect(approveHeldChanges(ctx, id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(discardHeldChanges(ctx, id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('is abandoned when nobody goes on with it for a day', async () => {
    const id = await begin();
    clock.advance(24 * 60 * 60_000 - 1);
    expect(await abandonStale(ctx)).toBe(0);
    clock.advance(2);
    expect(await abandonStale(ctx)).toBe(1);
    expect(await getReplacement(ctx, id)).toMatchObject({ state: 'ABANDONED' });
  });

  test('of another workspace cannot be told from nothing', async () => {
    const elsewhere = await otherWorkspace(ctx);
    const { id } = await beginReplacement(elsewhere, { ...TARGET, source: SOURCE });
    for (const attempt of [
      () => page(id, 'a'),
      () => previewReplacement(ctx, id),
      () => commitReplacement(ctx, { id }),
      () => abandonReplacement(ctx, id),
      () => approveHeldChanges(ctx, id),
    ])
      await expect(attempt()).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  describe('that comes in numbered pages', () => {
    const run = (session: string, number: number, totalPages: number, ...externalIds: string[]) =>
      applySessionPage(ctx, {
        ...TARGET,
        session,
        page: number,
        totalPages,
        change: adds({ externalIds }),
        source: { dialect: 'mixpanel' },
      });

    test('is committed with the last one missing, in whatever order and however often they come', async () => {
      const [a = 0, b = 0, c = 0] = await seedIdentified(ctx, 'a', 'b', 'c');
      expect(await run('s', 3, 3, 'c')).toBeNull();
      expect(await run('s', 1, 3, 'a')).toBeNull();
      expect(await run('s', 1, 3, 'a')).toBeNull();
      const done = await run('s', 2, 3, 'b');
      expect(done).toMatchObject({ added: 3 });
      expect(await membersOf(ctx, done?.cohort?.id ?? 0)).toEqual([a, b, c]);
      expect(await run('s', 2, 3, 'b')).toMatchObject({ isDuplicate: true, batchId: done?.batchId });
    });

    test('gives way to a run that is begun later', async () => {
      await seedIdentified(ctx, 'a', 'b');
      await run('old', 1, 2, 'a');
      const done = await run('new', 1, 1, 'b');
      expect(await run('old', 2, 2)).toBeNull();
      expect(await membersOf(ctx, done?.cohort?.id ?? 0)).toEqual([2]);
    });

    test('arrives at once over four connections', async () => {
      const people = many('u', 12);
      await seedIdentified(ctx, ...people);
      const outcomes = await Promise.all(people.map((who, i) => run('s', i + 1, 12, who)));
      expect(outcomes.some((o) => o !== null)).toBe(true);
      expect(await membersOf(ctx, await target())).toHaveLength(12);
      expect((await ledgerOf(ctx, await target())).filter((row) => row.added.length > 0)).toHaveLength(1);
    });
  });
});

describe.each(DATABASES)('the shrink guard on %s', (kind) => {
  let database: TestDatabase;
  let ctx: Ctx;
  const people = many('u', 120);

  beforeAll(async () => {
    database = await openTestDatabase(kind);
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    ctx = await makeContext(database);
    await updateWorkspace(ctx, { shrinkGuardPercent: 50 });
    await seedIdentified(ctx, ...people);
    await seedCohort(ctx, 'c', { externalIds: people });
  });

  const leave = (n: number) => send(ctx, 'c', removes({ externalIds: people.slice(0, n) }));
  const size = async () => (await membersOf(ctx, 1)).length;

  test('lets a request pass that removes just the share, and holds one that removes more', async () => {
    const held = await leave(61);
    expect(held).toMatchObject({ heldChangesId: expect.any(String), removed: 0, batchId: null });
    expect(await size()).toBe(120);
    expect(await leave(60)).toMatchObject({ heldChangesId: null, removed: 60 });
  });

  test('counts who would really leave, not who is named', async () => {
    await seedIdentified(ctx, ...many('stranger', 200));
    const outcome = await send(ctx, 'c', removes({ externalIds: [...many('stranger', 200), 'u0'] }));
    expect(outcome).toMatchObject({ heldChangesId: null, removed: 1 });
  });

  test('applies what it held when it is approved, but for whom the cohort was told of since', async () => {
    const { heldChangesId } = await leave(100);
    await send(ctx, 'c', adds({ externalIds: ['u0'] }));
    const outcome = await approveHeldChanges(ctx, heldChangesId ?? '');
    expect(outcome).toMatchObject({ removed: 99, ignored: 1, reasons: { superseded: 1 } });
    expect(await size()).toBe(21);
    await expect(approveHeldChanges(ctx, heldChangesId ?? '')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('lets only one of two approvals through', async () => {
    const { heldChangesId } = await leave(100);
    const both = await Promise.allSettled([1, 2].map(() => approveHeldChanges(ctx, heldChangesId ?? '')));
    expect(both.filter((one) => one.status === 'fulfilled')).toHaveLength(1);
    expect((await ledgerOf(ctx, 1)).filter((row) => row.removed.length > 0)).toHaveLength(1);
  });

  test('is off where the workspace sets no share', async () => {
    await updateWorkspace(ctx, { shrinkGuardPercent: null });
    expect(await leave(120)).toMatchObject({ removed: 120 });
  });
});
