import postgres from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openTestApp, type TestApp, type TestWorkspace } from '../../support/app.ts';
import { fakeClock } from '../../support/context.ts';
import { DATABASES } from '../../support/database.ts';
import { cohortNames, deliver } from '../../support/dialects/client.ts';
import { faultsOf, ledgerOf, membersOf, pendingOf } from '../../support/members.ts';
import { seedIdentified, seedUsers } from '../../support/seed.ts';

// What Amplitude's cohort webhook can rely on.

const said = (status: string) => [200, { message: 'success', status }];

describe.each(DATABASES)('the Amplitude webhook on %s', (kind) => {
  const clock = fakeClock();
  const start = clock.now().getTime() / 1000;
  let app: TestApp;
  let ws: TestWorkspace;
  let key: string;
  let messages = 0;
  beforeAll(async () => {
    app = await openTestApp(kind, { now: clock.now });
  });
  afterAll(() => app.close());
  beforeEach(async () => {
    ws = await app.workspace();
    key = await ws.importKey();
  });

  const post = async (body: unknown, query = '') => {
    const reply = await deliver(app, `/partners/amplitude/webhook${query}`, body, { 'x-api-key': key });
    return [reply.status, reply.body];
  };
  /** A message about these users, new unless it has an id. */
  const message = (ids: readonly string[], fields: object = {}) => ({
    cohort_name: 'My Test Cohort',
    cohort_id: 'c1',
    in_cohort: true,
    computed_time: String(start),
    message_id: `message-${++messages}`,
    users: ids.map((user_id) => ({ user_id })),
    ...fields,
  });
  const members = () => membersOf(ws.ctx, 1);
  const cohorts = () => cohortNames(ws);

  test('entering and leaving users are members and are not, and the cohort has its name', async () => {
    const [a, b] = await seedIdentified(ws.ctx, 'a', 'b');
    expect(await post(message(['a', 'b', 'nobody yet']))).toEqual(said('applied'));
    expect(await members()).toEqual([a, b]);
    expect(await cohorts()).toEqual([['My Test Cohort', 'c1']]);
    expect(await pendingOf(ws.ctx, 1)).toEqual(['1//nobody yet']);
    expect(await post(message(['a'], { in_cohort: false }))).toEqual(said('applied'));
    expect(await members()).toEqual([b]);
    expect((await ledgerOf(ws.ctx, 1)).map(({ dialect, received_count }) => [dialect, received_count])).toEqual([
      ['amplitude_webhook', 3],
      ['amplitude_webhook', 1],
    ]);
    expect(await faultsOf(ws.ctx)).toEqual([]);
  });

  test('a message that comes again is applied once, at once, at the same time, and days later', async () => {
    const [a] = await seedIdentified(ws.ctx, 'a');
    const enter = message(['a']);
    const replies = await Promise.all([post(enter), post(enter), post(enter), post(enter)]);
    expect(replies.map(([status]) => status)).toEqual([200, 200, 200, 200]);
    expect(await post(enter)).toEqual(said('duplicate'));
    expect(await ledgerOf(ws.ctx, 1)).toHaveLength(1);
    expect(await members()).toEqual([a]);
    expect(await post(message(['a'], { in_cohort: false, computed_time: start + 60 }))).toEqual(said('applied'));
    clock.advance(5 * 24 * 60 * 60 * 1000);
    expect(await post(enter)).toEqual(said('duplicate'));
    expect(await members()).toEqual([]);
    expect(await ledgerOf(ws.ctx, 1)).toHaveLength(2);
  });

  test('a message id counts for its own cohort', async () => {
    await seedIdentified(ws.ctx, 'a');
    const enter = message(['a']);
    expect(await post(enter)).toEqual(said('applied'));
    expect(await post({ ...enter, cohort_id: 'c2' })).toEqual(said('applied'));
    expect(await membersOf(ws.ctx, 2)).toEqual([1]);
  });

  test('an older message that comes late changes nobody of whom a newer one has spoken', async () => {
    const [a, b] = await seedIdentified(ws.ctx, 'a', 'b');
    await post(message(['a'], { computed_time: start + 60, in_cohort: false }));
    expect(await post(message(['a', 'b'], { computed_time: start }))).toEqual(said('applied'));
    expect(await members()).toEqual([b]);
    await post(message(['a'], { computed_time: start + 120 }));
    expect(await members()).toEqual([a, b]);
    expect((await ledgerOf(ws.ctx, 1)).map(({ reasons }) => reasons)).toEqual([{}, { superseded: 1 }, {}]);
  });

  test('messages of the same time count in the order in which they come', async () => {
    const [a] = await seedIdentified(ws.ctx, 'a');
    await post(message(['a']));
    await post(message(['a'], { in_cohort: false }));
    expect(await members()).toEqual([]);
    await post(message(['a']));
    expect(await members()).toEqual([a]);
  });

  test('without a time and an id messages count in the order in which they come', async () => {
    const [a] = await seedIdentified(ws.ctx, 'a');
    const bare = { computed_time: undefined, message_id: undefined };
    const enter = message(['a'], bare);
    const leave = message(['a'], { ...bare, in_cohort: false });
    for (const [body, right] of [
      [enter, [a]],
      [leave, []],
      [enter, [a]],
    ] as const) {
      expect(await post(body)).toEqual(said('applied'));
      expect(await members()).toEqual(right);
    }
  });

  test('a time ahead of our clock is taken for a day, and refused beyond that', async () => {
    await seedIdentified(ws.ctx, 'a');
    const now = clock.now().getTime() / 1000;
    expect(await post(message(['a'], { computed_time: now + 86_401 }))).toEqual([
      400,
      {
        code: 'INVALID_INPUT',
        path: 'computed_time',
        message: expect.stringContaining('more than 24 hours ahead'),
      },
    ]);
    expect(await cohorts()).toEqual([]);
    expect(await post(message(['a'], { computed_time: String(now + 86_400) }))).toEqual(said('applied'));
    expect(await members()).toEqual([1]);
  });

  test('a cohort is renamed by its next message, and one made again under a new id is another', async () => {
    await seedIdentified(ws.ctx, 'a', 'b');
    await post(message(['a']));
    await post(message(['b'], { cohort_name: 'Renamed', computed_time: start + 1 }));
    expect(await cohorts()).toEqual([['Renamed', 'c1']]);
    await post(message([], { cohort_name: 'Named without users', computed_time: start + 2 }));
    expect(await cohorts()).toEqual([['Named without users', 'c1']]);
    await post(message(['b'], { cohort_id: 'c2', cohort_name: 'Renamed', computed_time: start + 3 }));
    expect(await cohorts()).toEqual([
      ['Named without users', 'c1'],
      ['Renamed', 'c2'],
    ]);
    expect([await members(), await membersOf(ws.ctx, 2)]).toEqual([[1, 2], [2]]);
  });

  test('an empty message for a cohort that nobody knows tests the key and makes nothing', async () => {
    expect(await post(message([], { cohort_name: undefined }))).toEqual(said('applied'));
    expect(await cohorts()).toEqual([]);
  });

  test('the ids are what the address says', async () => {
    const [ada, joan, grace] = await seedUsers(
      ws.ctx,
      { externalId: 'x' },
      { deviceIds: ['x'] },
      { aliases: [{ label: 'crm: id', name: 'x' }] },
    );
    for (const [query, user] of [
      ['?identity=external_id', ada],
      ['?identity=device_id', joan],
      ['?identity=alias:crm:%20id', grace],
    ] as const) {
      expect(await post(message(['x']), query)).toEqual(said('applied'));
      expect(await members()).toEqual([user]);
      await post(message(['x'], { in_cohort: false }), query);
    }
    for (const query of ['?identity=', '?identity=email', '?identity=alias:', '?identity=alias'])
      expect(await post(message(['x']), query)).toMatchObject([400, { path: 'identity' }]);
  });

  test('the form per user takes its cohort from the name of the field, and the last mention wins', async () => {
    const [a, b] = await seedIdentified(ws.ctx, 'a', 'b');
    const field = 'amplitude_My_Test_Cohort_c1';
    const users = (...list: [string, boolean][]) => list.map(([user_id, isIn]) => ({ user_id, [field]: isIn }));
    expect(await post(users(['a', true], ['b', true]))).toEqual(said('applied'));
    expect(await cohorts()).toEqual([['My_Test_Cohort', 'c1']]);
    expect(await members()).toEqual([a, b]);
    expect(await post(users(['a', false], ['b', false], ['a', true]))).toEqual(said('applied'));
    expect(await members()).toEqual([a]);
    // It has neither an id nor a time: the same body is another message.
    expect(await post(users(['a', false], ['b', false], ['a', true]))).toEqual(said('applied'));
    expect(await ledgerOf(ws.ctx, 1)).toHaveLength(3);
  });

  test('10,000 users are taken, 10,001 are refused and change nothing', async () => {
    const ids = Array.from({ length: 10_001 }, (_, i) => `u${i}`);
    expect(await post(message(ids))).toEqual([
      400,
      { code: 'LIMIT_EXCEEDED', path: 'users', message: expect.stringContaining('10000') },
    ]);
    expect(await cohorts()).toEqual([]);
    const [status] = await post(message(ids.slice(1)));
    expect(status).toBe(200);
  });
});

test('a message that cannot be applied in time is accepted, and applied in its turn', async () => {
  const app = await openTestApp('postgres');
  const ws = await app.workspace();
  const headers = { 'x-api-key': await ws.importKey() };
  await seedIdentified(ws.ctx, 'a', 'b');
  const send = (id: string, user: string, in_cohort: boolean) =>
    deliver(
      app,
      '/partners/amplitude/webhook',
      { cohort_id: 'c1', in_cohort, message_id: id, users: [{ user_id: user }] },
      headers,
    );
  expect((await send('first', 'a', true)).body).toMatchObject({ status: 'applied' });
  const holder = postgres(app.database.url ?? '', { max: 1 });
  try {
    await holder.begin(async (tx) => {
      await tx`select 1 from cohorts where workspace_id = ${ws.id} for update`;
      for (const [id, user, isIn] of [
        ['second', 'a', false],
        ['third', 'b', true],
        ['third', 'b', true],
      ] as const) {
        const { status, body } = await send(id, user, isIn);
        expect([status, body]).toEqual([200, { message: 'success', status: 'accepted' }]);
      }
    });
    await expect.poll(() => membersOf(ws.ctx, 1), { timeout: 20_000 }).toEqual([2]);
    expect((await send('second', 'a', false)).body).toMatchObject({ status: 'duplicate' });
    expect(await ledgerOf(ws.ctx, 1)).toHaveLength(3);
  } finally {
    await holder.end();
    await app.close();
  }
});
