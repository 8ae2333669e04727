import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestApp, type TestApp, type TestWorkspace } from '../support/app.ts';
import { DATABASES } from '../support/database.ts';
import { codeOf, dataOf } from '../support/graphql.ts';
import { adds, command, removes, seedIdentified } from '../support/seed.ts';

const COHORTS = 12;

describe.each(DATABASES)('usage through GraphQL on %s', (kind) => {
  let app: TestApp;
  let ws: TestWorkspace;
  let keyIds: string[];
  let now = new Date('2028-02-29T08:00:00.000Z');
  beforeAll(async () => {
    app = await openTestApp(kind, { now: () => now, background: false });
    ws = await app.workspace();
    await seedIdentified(ws.ctx, 'ada', 'bob');
    const partnerKey = await ws.domain.keys.generateDataImportKey({ partner: 'amplitude', name: 'Amplitude' });
    const apiKey = await ws.domain.keys.createApiKey({ name: 'Script', scopes: ['cohorts:write'] });
    keyIds = [partnerKey.key.id, apiKey.key.id];
    for (let i = 0; i < COHORTS; i++) {
      const source = { dialect: 'braze', keyId: [...keyIds, null][i % 3] };
      const changes = [adds({ externalIds: ['ada', 'bob', 'nobody'] })];
      await ws.domain.cohorts.applyChanges(command(`c${i}`, changes, { source, name: `Cohort ${i}` }));
    }
    now = new Date('2028-03-01T08:00:00.000Z');
    await ws.domain.cohorts.applyChanges(
      command('c0', [removes({ externalIds: ['ada'] }), adds({ externalIds: ['bob'] })]),
    );
  });
  afterAll(() => app.close());

  const question = (args: string, of: string) => `{ usage(from: "2028-02-01", to: "2028-03-31"${args}) { ${of} } }`;
  const meter = 'received matched written changed unchanged';

  test('without groups there is one row, which is the total', async () => {
    const { usage } = dataOf(
      await ws.ask(question('', `from to rows { day month cohort { id } key { name } ${meter} } totals { ${meter} }`)),
    ) as {
      usage: object;
    };
    const all = { received: 38, matched: 26, written: 26, changed: 25, unchanged: 1 };
    expect(usage).toEqual({
      from: '2028-02-01',
      to: '2028-03-31',
      rows: [{ day: null, month: null, cohort: null, key: null, ...all }],
      totals: all,
    });
  });

  test('days, months, cohorts and keys are shown as what they are', async () => {
    const { usage } = dataOf(
      await ws.ask(
        question(
          ', groupBy: [DAY, MONTH, COHORT, KEY]',
          `rows { day month cohort { name partner } key { id name prefix partner } written }`,
        ),
      ),
    ) as { usage: { rows: { day: string; cohort: { name: string }; key: object | null }[] } };
    expect(usage.rows).toHaveLength(COHORTS + 1);
    expect(usage.rows.slice(0, 3)).toEqual([
      {
        day: '2028-02-29',
        month: '2028-02',
        cohort: { name: 'Cohort 0', partner: 'amplitude' },
        key: {
          id: Buffer.from(`DataImportKey:${keyIds[0]}`).toString('base64'),
          name: 'Amplitude',
          prefix: expect.stringMatching(/^muster_/),
          partner: 'amplitude',
        },
        written: 2,
      },
      {
        day: '2028-02-29',
        month: '2028-02',
        cohort: { name: 'Cohort 1', partner: 'amplitude' },
        key: {
          id: Buffer.from(`ApiKey:${keyIds[1]}`).toString('base64'),
          name: 'Script',
          prefix: expect.stringMatching(/^muster_/),
          partner: null,
        },
        written: 2,
      },
      {
        day: '2028-02-29',
        month: '2028-02',
        cohort: { name: 'Cohort 2', partner: 'amplitude' },
        key: null,
        written: 2,
      },
    ]);
    expect(usage.rows.at(-1)).toMatchObject({ day: '2028-03-01', cohort: { name: 'Cohort 0' }, key: null });
  });

  test('the id of a key leads to the key', async () => {
    const { usage } = dataOf(await ws.ask(question(', groupBy: [KEY]', 'rows { key { id } }'))) as {
      usage: { rows: { key: { id: string } | null }[] };
    };
    const ids = usage.rows.flatMap(({ key }) => key?.id ?? []);
    const { nodes } = dataOf(await ws.ask('query ($ids: [ID!]!) { nodes(ids: $ids) { __typename } }', { ids })) as {
      nodes: { __typename: string }[];
    };
    expect(nodes.map((node) => node.__typename).sort()).toEqual(['ApiKey', 'DataImportKey']);
  });

  test('who may not manage keys sees their names and how they begin, and no more', async () => {
    const ask = ws.askWith(['cohorts:read']);
    const named = dataOf(await ask(question(', groupBy: [KEY]', 'rows { key { name prefix } }'))) as {
      usage: { rows: { key: { name: string } | null }[] };
    };
    expect(named.usage.rows.map(({ key }) => key?.name ?? null).sort()).toEqual(['Amplitude', 'Script', null]);
    for (const field of ['id', 'partner']) {
      const answer = await ask(question(', groupBy: [KEY]', `rows { written key { ${field} } }`));
      expect(codeOf(answer)).toBe('FORBIDDEN');
      expect(JSON.stringify(answer.data)).not.toContain('amplitude');
      // The rest of the answer stands.
      expect((answer.data as { usage: { rows: object[] } }).usage.rows).toHaveLength(3);
    }
  });

  test('usage is for who may read cohorts', async () => {
    const answer = await ws.askWith(['users:read', 'keys:manage', 'cohorts:write'])(question('', 'totals { written }'));
    expect(answer.data ?? null).toBeNull();
    expect(codeOf(answer)).toBe('FORBIDDEN');
  });

  test('another workspace sees nothing', async () => {
    const other = await app.workspace();
    const { usage } = dataOf(
      await other.ask(question(', groupBy: [DAY, COHORT, KEY]', 'rows { written } totals { received }')),
    ) as { usage: object };
    expect(usage).toEqual({ rows: [], totals: { received: 0 } });
  });

  test.each([
    ['backwards', 'from: "2028-03-01", to: "2028-02-29"', 'INVALID_INPUT', ['to']],
    ['more than a leap year', 'from: "2028-01-01", to: "2029-01-01"', 'LIMIT_EXCEEDED', ['to']],
    ['the year 0', 'from: "0000-01-01", to: "0000-01-02"', 'INVALID_INPUT', ['from']],
  ])('%s is refused with where', async (_, args, code, inputPath) => {
    const answer = await ws.ask(`{ usage(${args}) { totals { written } } }`);
    expect(answer.errors?.[0]).toMatchObject({ path: ['usage'], extensions: { code, inputPath } });
  });

  test.each(['2028-02-30', '2028-2-3', 'yesterday', ''])('%s is no day', async (day) => {
    const answer = await ws.ask('query ($day: Date!) { usage(from: $day, to: "2028-03-01") { totals { written } } }', {
      day,
    });
    expect(answer.data ?? null).toBeNull();
    expect(answer.errors?.[0]?.message).toMatch(/Date cannot represent an invalid date-string/);
  });

  test('rows of all questions of a request are counted before they are read', async () => {
    const one = (i: number) =>
      `u${i}: usage(from: "2028-02-01", to: "2028-02-29", groupBy: [COHORT]) { totals { written } }`;
    const ask = (count: number) => ws.ask(`{ ${Array.from({ length: count }, (_, i) => one(i)).join(' ')} }`);
    expect((await ask(10)).errors).toBeUndefined();
    expect(codeOf(await ask(11))).toBe('LIMIT_EXCEEDED');
  });

  test('a forecast says what each cadence would have cost, and why', async () => {
    const { cohort } = dataOf(
      await ws.ask(`{ cohort(by: { name: "Cohort 0" }) { usageForecast {
        from to observedDays completeDays batches dataPoints isComplete reasoning perCadence { cadence dataPoints perMonth } } } }`),
    ) as { cohort: { usageForecast: object } };
    expect(cohort.usageForecast).toEqual({
      from: '2028-02-29',
      to: '2028-03-01',
      observedDays: 2,
      completeDays: 0,
      batches: 2,
      dataPoints: 4,
      isComplete: true,
      reasoning: expect.stringMatching(
        /^From 2028-02-29 to 2028-03-01 2 batches wrote 4 data points; only what differs/,
      ),
      perCadence: [
        { cadence: 'ONE_TIME', dataPoints: 1, perMonth: 0 },
        ...['DAILY', 'HOURLY', 'REAL_TIME'].map((cadence) => ({ cadence, dataPoints: 3, perMonth: null })),
      ],
    });
  });

  test('a forecast looks back as far as asked, within limits, and its neighbours do not suffer', async () => {
    const { cohort } = dataOf(
      await ws.ask(
        '{ cohort(by: { name: "Cohort 0" }) { a: usageForecast(days: 1) { batches } b: usageForecast(days: 2) { batches } } }',
      ),
    ) as { cohort: object };
    expect(cohort).toEqual({ a: { batches: 1 }, b: { batches: 2 } });
    const refused = await ws.ask(
      '{ a: cohort(by: { name: "Cohort 0" }) { name usageForecast(days: 367) { batches } } b: cohort(by: { name: "Cohort 1" }) { usageForecast { batches } } }',
    );
    expect(refused.errors).toHaveLength(1);
    expect(refused.errors?.[0]).toMatchObject({
      path: ['a', 'usageForecast'],
      extensions: { code: 'LIMIT_EXCEEDED', inputPath: ['days'] },
    });
    expect(refused.data).toEqual({ a: null, b: { usageForecast: { batches: 1 } } });
  });

  describe('costs as many statements however long the list is:', () => {
    const costs: readonly (readonly [string, number, string])[] = [
      ['usage', 1, question('', 'totals { written }')],
      [
        'usage by everything',
        1,
        question(', groupBy: [DAY, MONTH, COHORT, KEY]', 'rows { day written } totals { written }'),
      ],
      ['usage with cohorts', 2, question(', groupBy: [COHORT]', 'rows { cohort { name } written }')],
      ['usage with keys', 2, question(', groupBy: [DAY, KEY]', 'rows { key { name prefix partner } }')],
      ['usage with both', 3, question(', groupBy: [COHORT, KEY]', 'rows { cohort { name } key { name } }')],
      ['forecasts of a list', 3, '{ cohorts { nodes { usageForecast { batches } } } }'],
      ['the budget', 2, '{ workspace { budget { used } } }'],
    ];
    test.each(costs)('%s: %i', async (_, count, query) => {
      app.statements.take();
      expect((await ws.ask(query)).errors).toBeUndefined();
      expect(app.statements.take()).toHaveLength(count);
    });
  });

  test('settings of the budget, the guard and the ledger are changed, kept where left out, and refused where wrong', async () => {
    const update = `mutation ($input: UpdateWorkspaceInput!) { updateWorkspace(input: $input) { __typename
      ... on UpdateWorkspaceSuccess { workspace { monthlyBudget overBudget shrinkGuardPercent ledgerRetentionDays pendingMaxMembers } }
      ... on Error { code path } } }`;
    const other = await app.workspace();
    const set = async (input: object) =>
      (dataOf(await other.ask(update, { input })) as { updateWorkspace: { workspace?: object } }).updateWorkspace;
    expect((await set({})).workspace).toEqual({
      monthlyBudget: null,
      overBudget: 'WARN',
      shrinkGuardPercent: null,
      ledgerRetentionDays: 30,
      pendingMaxMembers: 1_000_000,
    });
    const all = { monthlyBudget: 5_000_000_000, overBudget: 'REFUSE', shrinkGuardPercent: 50, ledgerRetentionDays: 90 };
    expect((await set(all)).workspace).toMatchObject(all);
    expect((await set({ shrinkGuardPercent: null, overBudget: null })).workspace).toMatchObject({
      ...all,
      shrinkGuardPercent: null,
    });
    expect((await set({ ledgerRetentionDays: null, monthlyBudget: null, overBudget: 'WARN' })).workspace).toMatchObject(
      {
        monthlyBudget: null,
        overBudget: 'WARN',
        ledgerRetentionDays: null,
      },
    );
    for (const [field, bad] of [
      ['monthlyBudget', 0],
      ['monthlyBudget', -1],
      ['shrinkGuardPercent', 0],
      ['shrinkGuardPercent', 101],
      ['ledgerRetentionDays', 0],
      ['ledgerRetentionDays', 36_501],
    ] as const)
      expect(await set({ [field]: bad, overBudget: 'REFUSE' })).toEqual({
        __typename: 'InvalidInputError',
        code: 'INVALID_INPUT',
        path: [field],
      });
    expect((await set({})).workspace).toMatchObject({ overBudget: 'WARN', monthlyBudget: null });
  });

  test('the budget says how the month stands, and refuses with a typed error', async () => {
    const other = await app.workspace();
    await seedIdentified(other.ctx, 'ada');
    const budget = async () =>
      (
        dataOf(
          await other.ask(
            '{ workspace { budget { month monthlyBudget overBudget used share status projected reasoning } } }',
          ),
        ) as {
          workspace: { budget: object };
        }
      ).workspace.budget;
    expect(await budget()).toMatchObject({ status: 'NONE', used: 0, share: null, projected: 0 });
    await other.domain.workspaces.updateWorkspace({ monthlyBudget: 2, overBudget: 'REFUSE' });
    const apply = `mutation { applyCohortChanges(input: { cohort: { partnerCohort: { partner: "amplitude", cohortId: "c" } }
      changes: [{ externalIds: ["ada"] }] }) { __typename ... on Error { code message } } }`;
    const typename = async () =>
      (dataOf(await other.ask(apply)) as { applyCohortChanges: { __typename: string; code?: string } })
        .applyCohortChanges;
    for (let i = 0; i < 2; i++) expect(await typename()).toEqual({ __typename: 'ApplyCohortChangesSuccess' });
    expect(await budget()).toEqual({
      month: '2028-03',
      monthlyBudget: 2,
      overBudget: 'REFUSE',
      used: 2,
      share: 1,
      status: 'OVER',
      projected: 62,
      reasoning:
        '2 of 2 data points (100 %) are used in 2028-03; at this pace 2028-03 comes to 62. Further changes are refused until 2028-04-01 begins (UTC).',
    });
    expect(await typename()).toMatchObject({ __typename: 'ThrottledError', code: 'BUDGET_EXCEEDED' });
    expect(codeOf(await other.askWith(['users:read'])('{ workspace { budget { used } } }'))).toBe('FORBIDDEN');
  });

  test('a partner over budget is told 429 and when to come back', async () => {
    const other = await app.workspace();
    await seedIdentified(other.ctx, 'ada');
    await other.domain.workspaces.updateWorkspace({ monthlyBudget: 1, overBudget: 'REFUSE' });
    const secret = await other.importKey();
    const send = () =>
      app.muster.fetch(
        new Request('http://muster.test/partners/amplitude/cohorts/users', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ client_secret: secret, cohort_id: 'c', cohort_changes: [{ user_ids: ['ada'] }] }),
        }),
      );
    expect((await send()).status).toBe(201);
    const refused = await send();
    expect(refused.status).toBe(429);
    const seconds = (Date.parse('2028-04-01T00:00:00.000Z') - now.getTime()) / 1_000;
    expect(refused.headers.get('retry-after')).toBe(String(seconds));
    expect(await refused.text()).not.toContain(secret);
  });
});
