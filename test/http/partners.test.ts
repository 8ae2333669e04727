import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openTestApp, post, type TestApp, type TestWorkspace } from '../support/app.ts';
import { fakeClock } from '../support/context.ts';
import { DATABASES } from '../support/database.ts';
import { faultsOf, ledgerOf, membersOf, pendingOf, usageOf } from '../support/members.ts';
import { seedIdentified, seedUsers } from '../support/seed.ts';

// What a partner that speaks the Braze dialect can rely on.

const SUCCESS = { status: 201, body: { message: 'success' } };

describe.each(DATABASES)('the partner endpoints on %s', (kind) => {
  const clock = fakeClock();
  let app: TestApp;
  let ws: TestWorkspace;
  let key: string;
  beforeAll(async () => {
    app = await openTestApp(kind, { now: clock.now });
  });
  afterAll(() => app.close());
  beforeEach(async () => {
    ws = await app.workspace();
    key = await ws.importKey();
  });

  const send = async (path: string, body: object, partner = 'amplitude') => {
    const answer = await post(app.muster.fetch, `/partners/${partner}/${path}`, { client_secret: key, ...body });
    return { status: answer.status, body: answer.body };
  };
  const name = (body: object) => send('cohorts', { cohort_id: 'amp', created_at: '2026-01-01T00:00:00Z', ...body });
  const change = (...cohort_changes: object[]) => send('cohorts/users', { cohort_id: 'amp', cohort_changes });
  const cohort = async (cohortId = 'amp') => {
    const [found] = await ws.domain.cohorts.findCohorts([{ partnerCohort: { partner: 'amplitude', cohortId } }]);
    return found ?? null;
  };
  const members = async () => membersOf(ws.ctx, (await cohort())?.id ?? 0);

  test('a name makes the cohort; a repeat renames it and never moves its creation', async () => {
    expect(await name({ name: 'First', created_at: '2026-01-31T10:20:30+01:00' })).toEqual(SUCCESS);
    const first = await cohort();
    expect(first).toMatchObject({ name: 'First', isNamed: true, createdAt: new Date('2026-01-31T09:20:30Z') });
    expect(await name({ name: 'Second', created_at: '2020-01-01' })).toEqual(SUCCESS);
    expect(await cohort()).toEqual({ ...first, name: 'Second' });
    expect(await name({ name: 'Second', created_at: '2030-01-01' })).toEqual(SUCCESS);
    expect(await cohort()).toEqual({ ...first, name: 'Second' });
    expect(await ws.domain.cohorts.countCohorts({})).toBe(1);
  });

  test('users before the name make the cohort, called by its id until the name comes', async () => {
    const [a] = await seedIdentified(ws.ctx, 'a');
    expect(await change({ user_ids: ['a'] })).toEqual(SUCCESS);
    const before = await cohort();
    expect(before).toMatchObject({ name: 'amp', isNamed: false, createdAt: clock.now() });
    clock.advance(1000);
    expect(await name({ name: 'Named', created_at: '2020-01-01' })).toEqual(SUCCESS);
    expect(await cohort()).toEqual({ ...before, name: 'Named', isNamed: true });
    expect(await members()).toEqual([a]);
  });

  test('all three kinds of identity match, a device only an anonymous user', async () => {
    const [ada, grace, joan] = await seedUsers(
      ws.ctx,
      { externalId: 'ada', deviceIds: ['of-ada'] },
      { aliases: [{ label: 'crm', name: 'grace' }] },
      { deviceIds: ['of-joan'] },
    );
    const kinds = { device_ids: ['of-ada', 'of-joan'], aliases: [{ alias_label: 'crm', alias_name: 'grace' }] };
    expect(await change(kinds)).toEqual(SUCCESS);
    expect(await members()).toEqual([grace, joan]);
    expect(await change({ user_ids: ['ada'] })).toEqual(SUCCESS);
    expect(await members()).toEqual([ada, grace, joan]);
    expect(await change({ device_ids: ['of-ada'], should_remove: true })).toEqual(SUCCESS);
    expect(await members()).toEqual([ada, grace, joan]);
    expect((await ledgerOf(ws.ctx, 1)).map((row) => row.reasons)).toEqual([
      { device_of_identified_user: 1 },
      {},
      { device_of_identified_user: 1 },
    ]);
    expect(await faultsOf(ws.ctx)).toEqual([]);
  });

  test('adds and removes come in one request, and the last mention of a person wins, whatever named them', async () => {
    const [a, b, c] = await seedUsers(
      ws.ctx,
      { externalId: 'a', aliases: [{ label: 'crm', name: 'a' }] },
      { externalId: 'b' },
      { aliases: [{ label: 'crm', name: 'c' }], deviceIds: ['of-c'] },
    );
    const alias = (alias_name: string) => ({ alias_label: 'crm', alias_name });
    await change({ user_ids: ['b'] });
    expect(
      await change(
        { user_ids: ['a'], device_ids: ['of-c'] },
        { user_ids: ['b'], aliases: [alias('a')], should_remove: true },
      ),
    ).toEqual(SUCCESS);
    expect(await members()).toEqual([c]);
    expect(
      await change({ aliases: [alias('c')], should_remove: true }, { device_ids: ['of-c'], should_remove: false }),
    ).toEqual(SUCCESS);
    expect(await members()).toEqual([c]);
    expect(
      await change({ user_ids: ['a', 'b', 'a'] }, { user_ids: ['a'], should_remove: true }, { aliases: [alias('a')] }),
    ).toEqual(SUCCESS);
    expect(await members()).toEqual([a, b, c]);
    expect(await faultsOf(ws.ctx)).toEqual([]);
  });

  test('a replay changes nothing', async () => {
    await seedIdentified(ws.ctx, 'a', 'b');
    for (const _ of [1, 2])
      expect(await change({ user_ids: ['a', 'b'] }, { user_ids: ['b'], should_remove: true })).toEqual(SUCCESS);
    expect(await members()).toEqual([1]);
    expect((await ledgerOf(ws.ctx, 1)).map(({ added, removed }) => [added, removed])).toEqual([
      [[1], []],
      [[], []],
    ]);
  });

  test('an empty list of changes tests the keys: of an unknown cohort nothing comes into being', async () => {
    expect(await send('cohorts/users', { cohort_id: 'will_add_in_constant', cohort_changes: [] })).toEqual(SUCCESS);
    expect(await ws.domain.cohorts.countCohorts({})).toBe(0);
    await name({ name: 'Known' });
    expect(await change()).toEqual(SUCCESS);
    expect(await members()).toEqual([]);
  });

  test('what known clients send is understood: empty lists, nulls, unknown fields, a single alias without a list', async () => {
    const [a, b] = await seedUsers(ws.ctx, { externalId: 'a' }, { aliases: [{ label: 'crm', name: 'b' }] });
    const segment = [
      { user_ids: ['a'], device_ids: [], aliases: [] },
      { user_ids: [], device_ids: [], aliases: [], should_remove: true },
    ];
    expect(await change(...segment)).toEqual(SUCCESS);
    const single = {
      user_ids: null,
      aliases: { alias_label: 'crm', alias_name: 'b' },
      should_remove: null,
      extra: { any: 'thing' },
    };
    expect(await change(single)).toEqual(SUCCESS);
    expect(await members()).toEqual([a, b]);
  });

  test('identities nobody has are held until somebody has them, or dropped, as the workspace wants', async () => {
    const unknown = { user_ids: ['x', 'x'], device_ids: ['d'], aliases: [{ alias_label: 'l', alias_name: 'n' }] };
    expect(await change(unknown)).toEqual(SUCCESS);
    expect(await pendingOf(ws.ctx, 1)).toEqual(['1//x', '2/l/n', '3//d']);
    const [x] = await seedIdentified(ws.ctx, 'x');
    expect(await members()).toEqual([x]);
    await ws.domain.workspaces.setUnknownIdentityPolicy('IGNORE');
    expect(await change({ user_ids: ['y'] })).toEqual(SUCCESS);
    const [, , last] = await ledgerOf(ws.ctx, 1);
    expect(last).toMatchObject({ held_count: 0, ignored_count: 1, reasons: { unknown_external_id: 1 } });
    expect(await pendingOf(ws.ctx, 1)).toEqual(['2/l/n', '3//d']);
  });

  test('1,000 identifiers over all kinds are taken at once', async () => {
    const users = Array.from({ length: 400 }, (_, i) => ({ externalId: `u${i}` }));
    await seedUsers(ws.ctx, ...users, ...Array.from({ length: 300 }, (_, i) => ({ deviceIds: [`d${i}`] })));
    const removed = Array.from({ length: 300 }, (_, i) => ({ alias_label: 'l', alias_name: `${i}` }));
    const added = {
      user_ids: users.map((user) => user.externalId),
      device_ids: Array.from({ length: 300 }, (_, i) => `d${i}`),
    };
    expect(await change(added, { aliases: removed, should_remove: true })).toEqual(SUCCESS);
    expect(await members()).toHaveLength(700);
    expect(await ledgerOf(ws.ctx, 1)).toMatchObject([{ received_count: 1_000, matched_count: 700, added_count: 700 }]);
  });

  test('the ledger and the meter know the key and the dialect', async () => {
    await seedIdentified(ws.ctx, 'a', 'b');
    await change({ user_ids: ['a', 'b'] });
    await change({ user_ids: ['a', 'nobody'] });
    const [{ id: keyId = '' } = {}] = await ws.domain.keys.listKeys({ kind: 'data_import' });
    expect(await ledgerOf(ws.ctx, 1)).toMatchObject([
      { dialect: 'braze', key_id: keyId },
      { dialect: 'braze', key_id: keyId },
    ]);
    const day = clock.now().toISOString().slice(0, 10);
    expect(await usageOf(ws.ctx)).toEqual([
      { cohort_id: 1, key_id: keyId, day, received: 4, matched: 3, written: 3, changed: 2 },
    ]);
  });

  test('partners share nothing but the dialect', async () => {
    await seedIdentified(ws.ctx, 'a');
    const other = { client_secret: await ws.importKey('mixpanel') };
    expect(
      await send('cohorts/users', { ...other, cohort_id: 'amp', cohort_changes: [{ user_ids: ['a'] }] }, 'mixpanel'),
    ).toEqual(SUCCESS);
    expect(await name({ name: 'of amplitude' })).toEqual(SUCCESS);
    const answer = await ws.ask('{ cohorts { nodes { partner name size } } }');
    expect(answer).toEqual({
      data: {
        cohorts: {
          nodes: [
            { partner: 'mixpanel', name: 'amp', size: 1 },
            { partner: 'amplitude', name: 'of amplitude', size: 0 },
          ],
        },
      },
    });
  });

  test('requests on one cohort at the same time all count', async () => {
    await seedIdentified(ws.ctx, ...Array.from({ length: 30 }, (_, i) => `u${i}`));
    const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => change({ user_ids: [`u${i}`] })));
    expect(answers).toEqual(answers.map(() => SUCCESS));
    expect(await members()).toHaveLength(30);
    expect(await faultsOf(ws.ctx)).toEqual([]);
  });
});
