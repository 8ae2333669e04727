import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openTestApp, type TestApp, type TestWorkspace } from '../../support/app.ts';
import { DATABASES } from '../../support/database.ts';
import { basic, cohortNames, deliver } from '../../support/dialects/client.ts';
import { faultsOf, ledgerOf, membersOf } from '../../support/members.ts';
import { seedIdentified, seedUsers } from '../../support/seed.ts';

// What Mixpanel's custom webhook can rely on.

const success = (action: string) => [200, { action, status: 'success' }];

describe.each(DATABASES)('the Mixpanel webhook on %s', (kind) => {
  let app: TestApp;
  let ws: TestWorkspace;
  let key: string;
  beforeAll(async () => {
    app = await openTestApp(kind);
  });
  afterAll(() => app.close());
  beforeEach(async () => {
    ws = await app.workspace();
    key = await ws.importKey('mixpanel');
    app.takeLog();
  });

  const post = async (body: unknown, query = '') => {
    const reply = await deliver(app, `/partners/mixpanel/mixpanel${query}`, body, basic('muster', key));
    return [reply.status, reply.body] as const;
  };
  const message = (action: string, ids: readonly string[], fields: object = {}) => ({
    action,
    parameters: {
      mixpanel_project_id: '1',
      mixpanel_cohort_id: '99',
      mixpanel_cohort_name: 'My Test Cohort',
      mixpanel_cohort_description: '',
      mixpanel_session_id: 's1',
      page_info: { total_pages: 1, page_count: 1 },
      members: ids.map((id) => ({ mixpanel_distinct_id: id, email: `${id}@example.com`, first_name: null })),
      ...fields,
    },
  });
  const page = (mixpanel_session_id: string, page_count: number, total_pages: number) => ({
    mixpanel_session_id,
    page_info: { total_pages, page_count },
  });
  const members = async () => {
    const [cohort] = await ws.domain.cohorts.findCohorts([{ partnerCohort: { partner: 'mixpanel', cohortId: '99' } }]);
    return membersOf(ws.ctx, cohort?.id ?? 0);
  };

  test('who entered and who left are members and are not, and the cohort has its name', async () => {
    const [a, b] = await seedIdentified(ws.ctx, 'a', 'b');
    expect(await post(message('add_members', ['a', 'b']))).toEqual(success('add_members'));
    expect(await cohortNames(ws)).toEqual([['My Test Cohort', '99']]);
    expect(await members()).toEqual([a, b]);
    const renamed = message('remove_members', ['a'], { mixpanel_cohort_name: 'Renamed', mixpanel_cohort_id: 99 });
    expect(await post(renamed)).toEqual(success('remove_members'));
    expect(await members()).toEqual([b]);
    expect(await cohortNames(ws)).toEqual([['Renamed', '99']]);
    expect(await faultsOf(ws.ctx)).toEqual([]);
  });

  test('nobody entered and nobody left is a sign of life', async () => {
    await seedIdentified(ws.ctx, 'a');
    await post(message('add_members', ['a']));
    for (const action of ['add_members', 'remove_members'])
      expect(await post(message(action, [], { mixpanel_session_id: 's2' }))).toEqual(success(action));
    expect(await members()).toEqual([1]);
    expect((await ledgerOf(ws.ctx, 1)).map(({ received_count }) => received_count)).toEqual([1, 0, 0]);
  });

  test('a request that comes again is applied once; the same people in the next export are another request', async () => {
    const [a] = await seedIdentified(ws.ctx, 'a', 'b');
    const enter = message('add_members', ['a']);
    await Promise.all([post(enter), post(enter), post(enter)]);
    await post(message('remove_members', ['a']));
    expect(await post(enter)).toEqual(success('add_members'));
    expect(await members()).toEqual([]);
    expect(await ledgerOf(ws.ctx, 1)).toHaveLength(2);
    await post(message('add_members', ['a'], { mixpanel_session_id: 's2' }));
    expect(await members()).toEqual([a]);
  });

  test('an export that begins again with other people is not mistaken for the first', async () => {
    const [a, b] = await seedIdentified(ws.ctx, 'a', 'b');
    await post(message('add_members', ['a']));
    await post(message('add_members', ['a', 'b']));
    expect(await members()).toEqual([a, b]);
  });

  test('the whole cohort replaces what was there when its last page comes, in whatever order', async () => {
    const [, b, c, d] = await seedIdentified(ws.ctx, 'a', 'b', 'c', 'd');
    await post(message('add_members', ['a', 'b']));
    for (const [number, ids] of [
      [3, ['d']],
      [1, ['b']],
      [1, ['b']],
    ] as const) {
      expect(await post(message('members', ids, page('full', number, 3)))).toEqual(success('members'));
      expect(await members()).toEqual([1, b]);
    }
    expect(await post(message('members', ['c'], page('full', 2, 3)))).toEqual(success('members'));
    expect(await members()).toEqual([b, c, d]);
    expect(await post(message('members', ['c'], page('full', 2, 3)))).toEqual(success('members'));
    expect(await members()).toEqual([b, c, d]);
    const rows = await ledgerOf(ws.ctx, 1);
    expect(rows.map(({ dialect, added, removed }) => ({ dialect, added, removed }))).toEqual([
      { dialect: 'mixpanel', added: [1, b], removed: [] },
      { dialect: 'mixpanel', added: [c, d], removed: [1] },
    ]);
    expect(await faultsOf(ws.ctx)).toEqual([]);
  });

  test('a whole cohort without pages and without a session is all of it', async () => {
    const [, b] = await seedIdentified(ws.ctx, 'a', 'b');
    const bare = { mixpanel_session_id: undefined, page_info: undefined };
    await post(message('members', ['a', 'b'], bare));
    await post(message('members', ['b'], bare));
    expect(await members()).toEqual([b]);
    await post(message('members', ['b'], bare));
    expect(await members()).toEqual([b]);
  });

  test('a whole cohort that was never seen is made', async () => {
    const [a] = await seedIdentified(ws.ctx, 'a');
    expect(await post(message('members', ['a']))).toEqual(success('members'));
    expect(await cohortNames(ws)).toEqual([['My Test Cohort', '99']]);
    expect(await members()).toEqual([a]);
  });

  test('a refusal is a failure of the action that was sent, with the status and the place', async () => {
    const body = message('remove_members', ['a']);
    const broken = { ...body, parameters: { ...body.parameters, members: [{ email: 'a@example.com' }] } };
    const path = 'parameters.members[0].mixpanel_distinct_id';
    expect(await post(broken)).toEqual([
      400,
      { action: 'remove_members', status: 'failure', error: { message: `${path} must be a string.`, code: 400, path } },
    ]);
    const denied = await deliver(app, '/partners/mixpanel/mixpanel', body, basic('muster', 'pa55word'));
    expect([denied.status, denied.body]).toMatchObject([
      401,
      { action: 'remove_members', status: 'failure', error: { code: 401 } },
    ]);
    for (const text of ['', '{', '[]', '{"action":"s3cret"}'])
      expect(await post(text)).toMatchObject([400, { action: null, status: 'failure' }]);
    expect(JSON.stringify(app.takeLog())).not.toContain('s3cret');
    expect(await cohortNames(ws)).toEqual([]);
  });

  test('members are read by the field and as the kind of id that the address says', async () => {
    const [joan, grace] = await seedUsers(
      ws.ctx,
      { deviceIds: ['joan'] },
      { aliases: [{ label: 'email', name: 'grace@example.com' }] },
      { externalId: 'grace' },
    );
    await post(message('add_members', ['joan']), '?identity=device_id');
    await post(message('add_members', ['grace']), '?identity=alias:email&field=email');
    expect(await members()).toEqual([joan, grace]);
  });

  test('who lacks the chosen field is skipped and told, but what the field holds must be an id', async () => {
    const [a] = await seedIdentified(ws.ctx, 'a');
    const with_ = (...values: unknown[]) => ({
      members: values.map((user_id, i) => ({ mixpanel_distinct_id: `m${i}`, user_id })),
    });
    expect(await post(message('add_members', [], with_('a', null, '', undefined)), '?field=user_id')).toEqual([
      200,
      { action: 'add_members', status: 'success', skipped: 3 },
    ]);
    expect(await members()).toEqual([a]);
    expect(app.takeLog()).toEqual([
      {
        level: 'info',
        message: 'members without the chosen field were skipped',
        fields: { dialect: 'mixpanel', partner: 'mixpanel', workspaceId: ws.id, skipped: 3 },
      },
    ]);
    expect(await post(message('add_members', [], with_('a', 7)), '?field=user_id')).toMatchObject([
      400,
      { error: { path: 'parameters.members[1].user_id' } },
    ]);
    for (const field of ['constructor', '__proto__'])
      expect(await post(message('add_members', ['a']), `?field=${field}`)).toMatchObject([200, { skipped: 1 }]);
    expect(await post(message('add_members', ['a']), '?field=')).toMatchObject([400, { error: { path: 'field' } }]);
  });

  test('10,000 members are taken, 10,001 are refused and change nothing', async () => {
    const ids = Array.from({ length: 10_001 }, (_, i) => `u${i}`);
    const refusal = { message: expect.stringContaining('10000'), code: 400, path: 'parameters.members' };
    for (const action of ['members', 'add_members'])
      expect(await post(message(action, ids))).toEqual([400, { action, status: 'failure', error: refusal }]);
    expect(await cohortNames(ws)).toEqual([]);
    expect(await post(message('add_members', ids.slice(1)))).toEqual(success('add_members'));
  });
});
