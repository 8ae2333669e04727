import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openTestApp, post, type TestApp, type TestWorkspace } from '../support/app.ts';
import { type FakeClock, fakeClock } from '../support/context.ts';
import { DATABASES } from '../support/database.ts';
import { codeOf } from '../support/graphql.ts';
import { adds, removes, seedIdentified, send } from '../support/seed.ts';
import { DAY, HOUR, MINUTE, SECOND, seedBatches } from '../support/syncs.ts';

describe.each(DATABASES)('the ledger over GraphQL on %s', (kind) => {
  let clock: FakeClock = fakeClock();
  let app: TestApp;
  let ws: TestWorkspace;
  beforeAll(async () => {
    app = await openTestApp(kind, { now: () => clock.now(), background: false });
  });
  afterAll(() => app.close());
  beforeEach(async () => {
    clock = fakeClock();
    ws = await app.workspace();
    await seedIdentified(ws.ctx, 'ada', 'bob', 'cyd', 'dan');
  });

  const ask = async <T>(query: string, variables?: object): Promise<T> => {
    const { data, errors } = await ws.ask(query, variables);
    expect(errors).toBeUndefined();
    return data as T;
  };
  /** A field of the cohort `c`. */
  const ofCohort = async <T>(field: string, variables?: object): Promise<T> => {
    const types = variables && 'at' in variables ? '($at: DateTime!)' : '';
    const { cohort } = await ask<{ cohort: Record<string, T> }>(
      `query ${types} { cohort(by: { name: "c" }) { it: ${field} } }`,
      variables,
    );
    return cohort.it as T;
  };
  const add = (...externalIds: string[]) => send(ws.ctx, 'c', adds({ externalIds }));
  const remove = (...externalIds: string[]) => send(ws.ctx, 'c', removes({ externalIds }));
  const forget = async () => {
    for (let seen = await ws.domain.history.trimLedger(); seen > 0; seen = await ws.domain.history.trimLedger());
  };
  interface Connection<T> {
    readonly totalCount: number;
    readonly nodes: readonly T[];
    readonly pageInfo: { readonly endCursor: string; readonly hasNextPage: boolean };
  }
  interface BatchNode {
    readonly id: string;
    readonly dialect: string;
  }

  test('a batch says what came, from whom, what became of it, and how large the cohort was', async () => {
    const { key, secret } = await ws.domain.keys.generateDataImportKey({ partner: 'amplitude', name: 'Amplitude EU' });
    const changes = [
      { user_ids: ['ada', 'bob', 'ada', 'nobody'] },
      { aliases: [{ alias_label: 'crm', alias_name: 'stranger' }], should_remove: true },
    ];
    const sent = await post(app.muster.fetch, '/partners/amplitude/cohorts/users', {
      client_secret: secret,
      cohort_id: 'c',
      cohort_changes: changes,
    });
    expect(sent).toMatchObject({ status: 201, body: { message: 'success' } });
    clock.advance(HOUR);
    await add('bob', 'cyd');
    const batch = `dialect key { name prefix } requestId appliedAt received matched held ignored reasons added removed unchanged
      sizeBefore sizeAfter syncNumber ofBatch { id } whyIrreversible cohort { name }`;
    expect(await ofCohort(`batches { totalCount nodes { ${batch} } }`)).toEqual({
      totalCount: 2,
      nodes: [
        {
          dialect: 'braze',
          key: null,
          requestId: null,
          appliedAt: '2026-03-01T13:00:00.000Z',
          received: 2,
          matched: 2,
          held: 0,
          ignored: 0,
          reasons: {},
          added: 1,
          removed: 0,
          unchanged: 1,
          sizeBefore: 2,
          sizeAfter: 3,
          syncNumber: 2,
          ofBatch: null,
          whyIrreversible: null,
          cohort: { name: 'c' },
        },
        {
          dialect: 'braze',
          key: { name: 'Amplitude EU', prefix: key.prefix },
          requestId: null,
          appliedAt: '2026-03-01T12:00:00.000Z',
          received: 5,
          matched: 3,
          held: 1,
          ignored: 1,
          reasons: { unknown_external_id: 1, unknown_alias: 1 },
          added: 2,
          removed: 0,
          unchanged: 0,
          sizeBefore: 0,
          sizeAfter: 2,
          syncNumber: 1,
          ofBatch: null,
          whyIrreversible: null,
          cohort: { name: 'c' },
        },
      ],
    });
  });

  test('batches are filtered by dialect and time, and paged both ways; each is a node', async () => {
    for (const who of ['ada', 'bob', 'cyd']) {
      await add(who);
      clock.advance(HOUR);
    }
    await seedIdentified(ws.ctx, 'x');
    await ws.domain.identities.deleteUsers({ items: [{ user: { externalId: 'bob' } }] });
    const list = (args: string) =>
      ofCohort<Connection<BatchNode & { appliedAt: string }>>(
        `batches(${args}) { totalCount nodes { id dialect appliedAt } pageInfo { endCursor hasNextPage } }`,
      );
    const all = await list('first: 10');
    expect(all.nodes.map((b) => [b.dialect, b.appliedAt.slice(11, 13)])).toEqual([
      ['delete', '15'],
      ['braze', '14'],
      ['braze', '13'],
      ['braze', '12'],
    ]);
    expect((await list('dialect: "delete"')).nodes).toEqual(all.nodes.slice(0, 1));
    expect(await list('dialect: "file"')).toMatchObject({ totalCount: 0, nodes: [] });
    const within = await list('from: "2026-03-01T13:00:00Z", to: "2026-03-01T15:00:00Z"');
    expect(within).toMatchObject({ totalCount: 2, nodes: all.nodes.slice(1, 3) });

    const seen: BatchNode[] = [];
    for (let after = ''; ; ) {
      const page = await list(`first: 1, dialect: "braze"${after && `, after: "${after}"`}`);
      seen.push(...page.nodes);
      after = page.pageInfo.endCursor;
      if (!page.pageInfo.hasNextPage) break;
    }
    expect(seen).toEqual(all.nodes.slice(1));
    expect((await list('last: 2')).nodes).toEqual(all.nodes.slice(2));

    const ids = all.nodes.map(({ id }) => id);
    const { nodes } = await ask<{ nodes: BatchNode[] }>(
      'query ($ids: [ID!]!) { nodes(ids: $ids) { id ... on Batch { dialect appliedAt } } }',
      { ids },
    );
    expect(nodes).toEqual(all.nodes);
  });

  test('what cannot be a filter or a cursor of the list is refused with its path', async () => {
    await add('ada');
    const { pageInfo } = await ofCohort<Connection<BatchNode>>(
      'batches(first: 1) { nodes { id } pageInfo { endCursor } }',
    );
    for (const [args, path] of [
      ['dialect: "no such\\u0000"', 'dialect'],
      ['dialect: ""', 'dialect'],
      [`after: "${pageInfo.endCursor}", dialect: "braze"`, 'after'],
      ['first: 1001', 'first'],
    ]) {
      const answer = await ws.ask(`{ cohort(by: { name: "c" }) { batches(${args}) { nodes { id } } } }`);
      expect(answer.errors?.[0]?.extensions?.inputPath).toEqual([path]);
    }
    // A time that no database knows is clipped, not refused: everything is later.
    expect(await ofCohort('batches(from: "0000-01-01T00:00:00Z") { totalCount }')).toEqual({ totalCount: 1 });
  });

  test('a batch shows who entered and left, of the users there are now, until that is forgotten', async () => {
    await add('ada', 'bob', 'cyd');
    await remove('ada', 'bob');
    await ws.domain.identities.deleteUsers({ items: [{ user: { externalId: 'bob' } }] });
    const who =
      'nodes { dialect unchanged whyIrreversible addedUsers { totalCount nodes { externalId } } removedUsers(first: 1) { totalCount nodes { externalId } pageInfo { hasNextPage } } }';
    const batches = () => ofCohort<Connection<object>>(`batches { ${who} }`);
    const users = (...externalIds: string[]) => ({
      totalCount: externalIds.length,
      nodes: externalIds.map((externalId) => ({ externalId })),
    });
    expect((await batches()).nodes).toMatchObject([
      { dialect: 'braze', unchanged: 0, addedUsers: users(), removedUsers: users('ada') },
      { dialect: 'braze', unchanged: 0, addedUsers: users('ada', 'cyd'), removedUsers: users() },
    ]);
    clock.advance(31 * DAY);
    await forget();
    expect((await batches()).nodes).toMatchObject(
      Array(2).fill({
        unchanged: null,
        addedUsers: null,
        removedUsers: null,
        whyIrreversible: 'The ledger no longer remembers whom this batch moved: only later ones can be undone.',
      }),
    );
    // Counts are kept for ever.
    const counts = 'nodes { received matched added removed sizeBefore sizeAfter reasons }';
    expect(await ofCohort(`batches { ${counts} }`)).toEqual({
      nodes: [
        { received: 2, matched: 2, added: 0, removed: 2, sizeBefore: 3, sizeAfter: 1, reasons: {} },
        { received: 3, matched: 3, added: 3, removed: 0, sizeBefore: 0, sizeAfter: 3, reasons: {} },
      ],
    });
  });

  test('users of a batch are paged both ways', async () => {
    const names = Array.from({ length: 25 }, (_, i) => `u${i}`);
    await seedIdentified(ws.ctx, ...names);
    await add(...names.toReversed());
    const page = async (args: string) => {
      const { nodes } = await ofCohort<Connection<{ addedUsers: Connection<{ externalId: string }> }>>(
        `batches { nodes { addedUsers(${args}) { totalCount nodes { externalId } pageInfo { endCursor startCursor hasNextPage hasPreviousPage } } } }`,
      );
      return nodes[0]?.addedUsers as Connection<{ externalId: string }>;
    };
    const first = await page('first: 10');
    expect(first.nodes.map((u) => u.externalId)).toEqual(names.slice(0, 10));
    const second = await page(`first: 20, after: "${first.pageInfo.endCursor}"`);
    expect(second).toMatchObject({ totalCount: 25, pageInfo: { hasNextPage: false, hasPreviousPage: true } });
    expect(second.nodes.map((u) => u.externalId)).toEqual(names.slice(10));
    expect((await page('last: 3')).nodes.map((u) => u.externalId)).toEqual(names.slice(-3));
  });

  test('a sync is the batches without a long pause between them, with sums, keys and sizes', async () => {
    await add('ada', 'nobody');
    clock.advance(20 * SECOND);
    await add('bob', 'nobody');
    clock.advance(30 * SECOND);
    await remove('ada');
    clock.advance(31 * SECOND);
    // Users change: no sender sent that.
    await seedIdentified(ws.ctx, 'nobody');
    clock.advance(MINUTE);
    await add('cyd');
    const sync =
      'number startedAt endedAt batchCount received matched held ignored reasons added removed dialects keys { prefix } sizeBefore sizeAfter batches(last: 1) { totalCount nodes { received } }';
    expect(await ofCohort(`syncs { totalCount nodes { ${sync} } }`)).toEqual({
      totalCount: 2,
      nodes: [
        {
          number: 2,
          startedAt: '2026-03-01T12:02:21.000Z',
          endedAt: '2026-03-01T12:02:21.000Z',
          batchCount: 1,
          received: 1,
          matched: 1,
          held: 0,
          ignored: 0,
          reasons: {},
          added: 1,
          removed: 0,
          dialects: ['braze'],
          keys: [],
          sizeBefore: 2,
          sizeAfter: 3,
          batches: { totalCount: 1, nodes: [{ received: 1 }] },
        },
        {
          number: 1,
          startedAt: '2026-03-01T12:00:00.000Z',
          endedAt: '2026-03-01T12:00:50.000Z',
          batchCount: 3,
          received: 5,
          matched: 3,
          held: 2,
          ignored: 0,
          reasons: { unknown_external_id: 2 },
          added: 2,
          removed: 1,
          dialects: ['braze'],
          keys: [],
          sizeBefore: 0,
          sizeAfter: 1,
          batches: { totalCount: 3, nodes: [{ received: 2 }] },
        },
      ],
    });
    expect(
      await ofCohort('sizeHistory(from: "2026-03-01T12:00:00Z", by: SYNC) { at size added removed syncNumber }'),
    ).toEqual([
      { at: '2026-03-01T12:00:50.000Z', size: 1, added: 2, removed: 1, syncNumber: 1 },
      { at: '2026-03-01T12:01:21.000Z', size: 2, added: 1, removed: 0, syncNumber: null },
      { at: '2026-03-01T12:02:21.000Z', size: 3, added: 1, removed: 0, syncNumber: 2 },
    ]);
  });

  test('the size history by day carries on over days without a change, and ends today', async () => {
    await add('ada', 'bob');
    clock.advance(3 * DAY);
    await remove('ada');
    clock.advance(DAY);
    const byDay = (args: string) => ofCohort(`sizeHistory(${args}) { at size added removed }`);
    const day = (date: string, size: number, added = 0, removed = 0) => ({
      at: `2026-${date}T00:00:00.000Z`,
      size,
      added,
      removed,
    });
    expect(await byDay('from: "2026-02-28T23:00:00Z", to: "2030-01-01T00:00:00Z"')).toEqual([
      day('02-28', 0),
      day('03-01', 2, 2),
      day('03-02', 2),
      day('03-03', 2),
      day('03-04', 1, 0, 1),
      day('03-05', 1),
    ]);
    expect(await byDay('from: "2026-03-02T05:00:00Z", to: "2026-03-04T00:00:00Z"')).toEqual([
      day('03-02', 2),
      day('03-03', 2),
      day('03-04', 1, 0, 1),
    ]);
  });

  test('a size history that cannot be answered is refused with its path', async () => {
    await add('ada');
    const refused = async (args: string) => {
      const { errors } = await ws.ask(`{ cohort(by: { name: "c" }) { sizeHistory(${args}) { size } } }`);
      return [errors?.[0]?.extensions?.code, errors?.[0]?.extensions?.inputPath];
    };
    expect(await refused('from: "2026-03-01T12:00:00Z", to: "2026-03-01T11:00:00Z"')).toEqual([
      'INVALID_INPUT',
      ['to'],
    ]);
    expect(await refused('from: "2026-03-02T12:00:00Z"')).toEqual(['INVALID_INPUT', ['from']]);
    expect(await refused('from: "2020-01-01T00:00:00Z"')).toEqual(['LIMIT_EXCEEDED', ['from']]);
    const rows = Array.from({ length: 2_000 }, (_, i) => ({ at: new Date(clock.now().getTime() + i), syncNo: 1 + i }));
    const [cohort] = await ws.domain.cohorts.findCohorts([{ name: 'c' }]);
    await seedBatches(ws.ctx, cohort?.id ?? 0, rows);
    clock.advance(HOUR);
    expect(await refused('from: "2026-03-01T00:00:00Z", by: BATCH')).toEqual(['LIMIT_EXCEEDED', ['from']]);
    expect(await refused('from: "2026-03-01T12:00:00.001Z", by: BATCH')).toEqual([undefined, undefined]);
  });

  test('the points of all histories of a request are counted before they are read', async () => {
    await add('ada');
    await send(ws.ctx, 'd', adds({ externalIds: ['ada'] }));
    const times = (n: number) =>
      Array.from({ length: n }, (_, i) => `h${i}: sizeHistory(from: "2026-03-01T00:00:00Z", by: SYNC) { size }`).join(
        ' ',
      );
    const many = async (n: number) => codeOf(await ws.ask(`{ cohorts { nodes { ${times(n)} } } }`));
    // Of 100,000: two cohorts with 24 histories of 2,000 points each, and the page of cohorts.
    expect(await many(24)).toBeNull();
    expect(await many(25)).toBe('LIMIT_EXCEEDED');
  });

  test('members as of a time are those of today’s users who were in then, page by page', async () => {
    await add('ada', 'bob', 'cyd');
    clock.advance(HOUR);
    await send(ws.ctx, 'c', removes({ externalIds: ['ada', 'bob'] }), adds({ externalIds: ['dan'] }));
    clock.advance(HOUR);
    await ws.domain.identities.deleteUsers({ items: [{ user: { externalId: 'bob' } }] });
    const then = (at: string, args = '') =>
      ofCohort<Connection<{ externalId: string }>>(
        `members(asOf: $at${args}) { totalCount nodes { externalId } pageInfo { endCursor hasNextPage } }`,
        { at },
      );
    const names = ({ nodes }: Connection<{ externalId: string }>) => nodes.map((u) => u.externalId);
    expect(await then('2026-03-01T11:59:59.999Z')).toMatchObject({ totalCount: 0, nodes: [] });
    const early = await then('2026-03-01T12:30:00Z', ', first: 1');
    expect(early).toMatchObject({ totalCount: 2, nodes: [{ externalId: 'ada' }], pageInfo: { hasNextPage: true } });
    expect(names(await then('2026-03-01T12:30:00Z', `, first: 1, after: "${early.pageInfo.endCursor}"`))).toEqual([
      'cyd',
    ]);
    expect(names(await then('2026-03-01T12:30:00Z', ', last: 1'))).toEqual(['cyd']);
    expect(names(await then('2026-03-01T14:00:00Z'))).toEqual(['cyd', 'dan']);
    expect(await ofCohort('members { totalCount nodes { externalId } }')).toEqual({
      totalCount: 2,
      nodes: [{ externalId: 'cyd' }, { externalId: 'dan' }],
    });
    // A cursor belongs to its time.
    const other = await ws.ask(
      `{ cohort(by: { name: "c" }) { members(asOf: "2026-03-01T13:30:00Z", after: "${early.pageInfo.endCursor}") { nodes { id } } } }`,
    );
    expect(codeOf(other)).toBe('INVALID_CURSOR');
  });

  test('members of a time to come, or of one that the ledger has forgotten, are refused; the message says how far back it remembers', async () => {
    await add('ada');
    clock.advance(HOUR);
    await add('bob');
    clock.advance(20 * DAY);
    await add('cyd');
    clock.advance(15 * DAY);
    await forget();
    const as = (at: string) =>
      ws.ask(
        `query ($at: DateTime!) { cohort(by: { name: "c" }) { members(asOf: $at) { totalCount nodes { externalId } } } }`,
        {
          at,
        },
      );
    const future = await as('2026-04-06T00:00:00Z');
    expect([codeOf(future), future.errors?.[0]?.extensions?.inputPath]).toEqual(['INVALID_INPUT', ['asOf']]);
    const forgotten = await as('2026-03-01T12:59:59.999Z');
    expect(forgotten.errors?.[0]).toMatchObject({
      message: 'The ledger remembers who moved since 2026-03-01T13:00:00.000Z: ask for then or later.',
      extensions: { code: 'NOT_RETAINED', inputPath: ['asOf'] },
    });
    expect(await as('2026-03-01T13:00:00Z')).toMatchObject({
      data: { cohort: { members: { totalCount: 2, nodes: [{ externalId: 'ada' }, { externalId: 'bob' }] } } },
    });
    // Sizes need no users: they reach back to the beginning.
    expect(await ofCohort('sizeHistory(from: "2026-03-01T00:00:00Z", by: BATCH) { size }')).toEqual([
      { size: 1 },
      { size: 2 },
      { size: 3 },
    ]);
  });

  test('the workspace and the partner list the newest batches of all their cohorts', async () => {
    await add('ada');
    await send(ws.ctx, 'd', adds({ externalIds: ['ada', 'bob'] }));
    await ws.domain.cohorts.applyChanges({
      partner: 'mixpanel',
      partnerCohortId: 'm',
      changes: [adds({ externalIds: ['ada'] })],
      source: { dialect: 'mixpanel' },
    });
    await add('bob');
    const list = '{ totalCount nodes { cohort { name } sizeAfter } }';
    const batch = (name: string, sizeAfter: number) => ({ cohort: { name }, sizeAfter });
    expect(
      await ask(`{ workspace { batches ${list} sent: batches(dialect: "mixpanel") ${list} } amplitude: partner(name: "amplitude") { batches(first: 2) ${list} }
        mixpanel: partner(name: "mixpanel") { batches ${list} } nobody: partner(name: "nobody") { batches ${list} } }`),
    ).toEqual({
      workspace: {
        batches: { totalCount: 4, nodes: [batch('c', 2), batch('m', 1), batch('d', 2), batch('c', 1)] },
        sent: { totalCount: 1, nodes: [batch('m', 1)] },
      },
      amplitude: { batches: { totalCount: 3, nodes: [batch('c', 2), batch('d', 2)] } },
      mixpanel: { batches: { totalCount: 1, nodes: [batch('m', 1)] } },
      nobody: { batches: { totalCount: 0, nodes: [] } },
    });
    // A list that is being staged is nobody's cohort, and what happens to it is in nobody's ledger.
    const staged = await ws.domain.cohorts.beginReplacement({
      partner: 'amplitude',
      partnerCohortId: 'c',
      source: { dialect: 'graphql' },
    });
    await ws.domain.cohorts.addToReplacement({ id: staged.id, change: adds({ externalIds: ['cyd'] }) });
    expect(await ask('{ workspace { batches { totalCount nodes { id } } } }')).toMatchObject({
      workspace: { batches: { totalCount: 4, nodes: { length: 4 } } },
    });
  });
});
