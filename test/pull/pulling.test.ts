import { sql } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { queryRows } from '../../src/db/client.ts';
import { updateCohort } from '../../src/domain/cohorts/cohorts.ts';
import { DATABASES, openTestDatabase, secondServer, type TestDatabase } from '../support/database.ts';
import { ledgerOf, membersOf } from '../support/members.ts';
import { ask, HOUR_MS, ids, MINUTE_MS, openPulling, type Pulling, times } from '../support/pulling.ts';
import { adds, removes, seedIdentified, send } from '../support/seed.ts';

describe.each(DATABASES)('pulling on %s', (kind) => {
  let database: TestDatabase;
  let at: Pulling;
  beforeAll(async () => {
    database = await openTestDatabase(kind);
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    at = await openPulling(database);
  });
  afterEach(() => at.close());

  test('a full list comes in, and its exact difference is applied as one entry of the ledger', async () => {
    const id = await at.cohort(ids(0, 1, 2, 3, 4), [...ids(3, 4, 5, 6, 7), 'stranger', '']);
    const [before] = await ledgerOf(at.ctx, id);
    const pull = await at.pullOnce();
    expect(pull).toMatchObject({ state: 'DONE', refusedRows: 1, error: null, askedBy: 'library' });
    expect(await membersOf(at.ctx, id)).toEqual(at.people(3, 4, 5, 6, 7));
    const [first, entry, ...more] = await ledgerOf(at.ctx, id);
    expect([first, more]).toEqual([before, []]);
    expect(entry).toMatchObject({
      id: pull.batchId,
      dialect: 'amplitude_pull',
      added: at.people(5, 6, 7),
      removed: at.people(0, 1, 2),
      received_count: 6,
      matched_count: 5,
      held_count: 1,
    });
    const [known] = await at.ours().domain.cohorts.findCohorts([{ id }]);
    expect(known).toMatchObject({ name: 'Power users', isNamed: true });
    expect(await at.stagedLists()).toEqual(['COMMITTED']);
    expect(at.log.at(-1)).toMatchObject({
      level: 'info',
      fields: { rows: 7, refused: 1, added: 3, removed: 3, state: 'DONE' },
    });
    // Who was unknown joins when they appear, as with every other dialect.
    const [stranger] = await seedIdentified(at.ctx, 'stranger');
    expect(await membersOf(at.ctx, id)).toEqual([...at.people(3, 4, 5, 6, 7), stranger]);
  });

  test('a list that says what is known already changes nobody', async () => {
    const id = await at.cohort(ids(0, 1), ids(1, 0));
    const { members } = await at.stateOf(id);
    expect(await at.pullOnce()).toMatchObject({ state: 'DONE' });
    expect(await membersOf(at.ctx, id)).toEqual(members);
    expect((await ledgerOf(at.ctx, id)).at(-1)).toMatchObject({ dialect: 'amplitude_pull', added: [], removed: [] });
  });

  test('a cohort that nobody knows here is made with its name', async () => {
    at.amplitude.put({ id: 'new one', name: 'Brand new', users: ids(8, 9) });
    const server = at.ours();
    expect(await at.finish(await ask(server, 'new one'), server)).toMatchObject({ state: 'DONE' });
    const [made] = await server.domain.cohorts.findCohorts([{ name: 'Brand new' }]);
    expect(await membersOf(at.ctx, made?.id ?? 0)).toEqual(at.people(8, 9));
  });

  test('a list of many pages from the storage, compressed twice, is one entry', async () => {
    const more = Array.from({ length: 45_000 }, (_, i) => `someone ${i}`);
    const id = await at.cohort(ids(0, 1), [...more.slice(0, 30_000), 'u5', ...more.slice(30_000), 'u6']);
    Object.assign(at.amplitude.behaviour, { delivery: 'redirect', gzip: 'both', looks: 5 });
    expect(await at.pullOnce()).toMatchObject({ state: 'DONE' });
    expect(await membersOf(at.ctx, id)).toEqual(at.people(5, 6));
    const entries = await at.entriesOf(id);
    expect(entries).toMatchObject([{ received_count: 45_002, matched_count: 2, held_count: 45_000 }]);
    expect([at.amplitude.count('request'), at.amplitude.count('status')]).toEqual([1, 5]);
  });

  test('a job that is slow is looked at ever more rarely, and taken when it is ready', async () => {
    const id = await at.cohort(ids(0), ids(1));
    at.amplitude.behaviour.looks = 60;
    const server = at.ours();
    const asked = await ask(server);
    expect(await at.finish(asked, server, 5_000)).toMatchObject({ state: 'DONE' });
    expect(await membersOf(at.ctx, id)).toEqual(at.people(1));
    expect(at.amplitude.count('status')).toBe(60);
    expect(at.clock.now().getTime() - asked.askedAt.getTime()).toBeGreaterThan(20 * MINUTE_MS);
  });

  test('what passes is waited for, and shown meanwhile: the download is asked for once', async () => {
    const id = await at.cohort(ids(0), ids(1));
    at.amplitude.fail('status', ...times(5, { status: 502 }), { status: 429, retryAfter: '300' });
    const server = at.ours();
    const asked = await ask(server);
    await server.puller.work();
    at.clock.advance(2_000);
    await server.puller.work();
    expect(await server.domain.pulls.getPull(asked.id)).toMatchObject({
      state: 'RUNNING',
      error: 'Amplitude failed (502): pull again later.',
    });
    expect(await at.finish(asked, server)).toMatchObject({ state: 'DONE', error: null });
    expect(await membersOf(at.ctx, id)).toEqual(at.people(1));
    expect(at.amplitude.count('request')).toBe(1);
    expect(at.clock.now().getTime() - asked.askedAt.getTime()).toBeGreaterThanOrEqual(332_000);
    expect(at.log.filter(({ level }) => level === 'warn')).toHaveLength(2);
  });

  test('a download that breaks off on the way is taken again, from the beginning', async () => {
    const id = await at.cohort(ids(0), ids(1, 2));
    at.amplitude.behaviour.delivery = 'redirect';
    at.amplitude.fail('storage', ...times(5, { break: true } as const));
    expect(await at.pullOnce()).toMatchObject({ state: 'DONE' });
    expect(await membersOf(at.ctx, id)).toEqual(at.people(1, 2));
    expect(at.amplitude.count('request')).toBe(1);
  });

  test('Amplitude is asked again when it says so, and only what it took counts', async () => {
    const id = await at.cohort(ids(0), ids(1));
    at.amplitude.fail('request', { status: 429, retryAfter: '600' });
    const server = at.ours({ monthlyCap: 1 });
    const asked = await ask(server);
    await server.puller.work();
    expect(await server.domain.pulls.countPullsThisMonth('amplitude')).toBe(0);
    expect(await server.domain.pulls.getPull(asked.id)).toMatchObject({ state: 'WAITING', startedAt: null });
    expect(await at.finish(asked, server)).toMatchObject({ state: 'DONE' });
    expect(await membersOf(at.ctx, id)).toEqual(at.people(1));
    expect(at.clock.now().getTime() - asked.askedAt.getTime()).toBeGreaterThanOrEqual(600_000);
  });

  test('the monthly cap is respected: beyond it nothing is asked, and the error says what to do', async () => {
    const id = await at.cohort(ids(0), ids(1));
    const server = at.ours({ monthlyCap: 2 });
    for (let i = 0; i < 2; i++) expect(await at.pullOnce(server)).toMatchObject({ state: 'DONE' });
    const before = await at.stateOf(id);
    at.amplitude.put({ id: 'c1', users: ids(5) });
    const refused = await at.pullOnce(server);
    expect(refused).toMatchObject({ state: 'FAILED', startedAt: null });
    expect(refused.error).toMatch(/2 downloads this month, and 2 are allowed: pull again next month, or raise the cap/);
    expect(at.amplitude.count('request')).toBe(2);
    expect(await at.stateOf(id)).toEqual(before);
    at.clock.advance(31 * 24 * HOUR_MS);
    expect(await at.pullOnce(server)).toMatchObject({ state: 'DONE' });
  });

  test('four jobs at most are under way at Amplitude', async () => {
    at.amplitude.behaviour.looks = Number.POSITIVE_INFINITY;
    const server = at.ours();
    for (let i = 0; i < 6; i++) {
      at.amplitude.put({ id: `c${i}`, users: [] });
      await ask(server, `c${i}`);
    }
    for (let i = 0; i < 20; i++) {
      await server.puller.work();
      at.clock.advance(15_000);
    }
    expect(at.amplitude.count('request')).toBe(4);
  });

  test('what happens to the cohort while the job runs is newer than the list, and wins', async () => {
    const id = await at.cohort(ids(0, 1), ids(0, 1, 2));
    const server = at.ours();
    const asked = await ask(server);
    await server.puller.work();
    expect(at.amplitude.count('request')).toBe(1);
    await send(at.ctx, 'c1', adds({ externalIds: ids(7) }), removes({ externalIds: ids(0) }));
    expect(await at.finish(asked, server)).toMatchObject({ state: 'DONE' });
    expect(await membersOf(at.ctx, id)).toEqual(at.people(1, 2, 7));
  });

  test('a list that would remove too much of the cohort is held for an operator', async () => {
    const crowd = Array.from({ length: 200 }, (_, i) => `crowd ${i}`);
    await seedIdentified(at.ctx, ...crowd);
    const id = await at.cohort(crowd, crowd.slice(0, 10));
    const { members } = await at.stateOf(id);
    const server = at.ours();
    const pull = await at.pullOnce(server);
    expect(pull).toMatchObject({ state: 'HELD', batchId: null, error: null });
    expect(await membersOf(at.ctx, id)).toEqual(members);
    const held = await server.domain.cohorts.listHeldChanges({ cohortId: id });
    expect(held.items.map(({ item }) => item.wouldRemove)).toEqual([190]);
    await server.domain.cohorts.approveHeldChanges(held.items[0]?.item.id ?? '');
    expect(await membersOf(at.ctx, id)).toHaveLength(10);
  });

  test('by the hours of a cohort it is pulled once, whichever of two servers looks', async () => {
    const id = await at.cohort(ids(0), ids(1));
    await updateCohort(at.ctx, { cohortId: id, pullEveryHours: 6 });
    const second = kind === 'postgres' ? secondServer(database) : null;
    try {
      const servers = [at.ours(), at.ours(second ? { db: second.db } : {})];
      const turn = async () => {
        await Promise.all(servers.map(({ puller }) => puller.tend()));
        await Promise.all(servers.map(({ puller }) => puller.work()));
        at.clock.advance(5_000);
      };
      for (let i = 0; i < 10; i++) await turn();
      expect(at.amplitude.count('request')).toBe(1);
      expect(await membersOf(at.ctx, id)).toEqual(at.people(1));
      at.clock.advance(6 * HOUR_MS);
      for (let i = 0; i < 10; i++) await turn();
      expect(at.amplitude.count('request')).toBe(2);
      const pulls = await servers[0]?.domain.pulls.listPulls({});
      expect(pulls?.items.map(({ item }) => [item.askedBy, item.state])).toEqual([
        ['schedule', 'DONE'],
        ['schedule', 'DONE'],
      ]);
    } finally {
      await second?.close();
    }
  });

  test('what Amplitude says of its own syncs is kept, now and then and with every pull', async () => {
    const id = await at.cohort(ids(0), ids(0));
    const sync = { target: 'braze', frequency: 'hourly', last_successful: '2026-03-01T11:00:00Z', last_failure: null };
    at.amplitude.put({ id: 'c1', users: ids(0), syncs: [sync] });
    const { puller, domain } = at.ours();
    const cadence = async () => (await domain.cohorts.freshnessByCohortIds([id])).get(id);
    await Promise.all([puller.tend(), puller.tend()]);
    await puller.tend();
    expect(at.amplitude.count('list')).toBe(1);
    expect(await cadence()).toMatchObject({ cadence: 'HOURLY', cadenceSource: 'REPORTED' });
    at.amplitude.put({ id: 'c1', users: ids(0), syncs: [{ ...sync, frequency: 'minute' }] });
    await at.pullOnce();
    expect(await cadence()).toMatchObject({ cadence: 'REAL_TIME' });
    at.clock.advance(15 * MINUTE_MS);
    at.amplitude.fail('list', { status: 403 });
    await puller.tend();
    expect(await cadence()).toMatchObject({ cadence: 'REAL_TIME' });
    expect(at.log.at(-1)).toMatchObject({
      level: 'warn',
      fields: { reason: expect.stringContaining('refuses the keys') },
    });
  });

  test('the keys are neither stored nor logged', async () => {
    await at.cohort(ids(0), ids(1));
    await at.pullOnce();
    at.amplitude.fail('list', { status: 403 });
    await at.pullOnce();
    const rows = await queryRows(at.ctx.db, sql`select row_to_json(p)::text from pulls p`);
    const { apiKey, secretKey } = at.amplitude.settings;
    const basic = Buffer.from(`${apiKey}:${secretKey}`).toString('base64');
    const everything = JSON.stringify([rows, at.log]);
    for (const secret of [apiKey, secretKey, basic]) expect(everything).not.toContain(secret);
    expect(at.log.length).toBeGreaterThan(1);
  });
});
