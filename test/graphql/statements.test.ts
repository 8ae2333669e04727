import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestApp, type TestApp, type TestWorkspace } from '../support/app.ts';
import { DATABASES } from '../support/database.ts';
import { seedCohort, seedUsers } from '../support/seed.ts';

// How many statements each list costs. The numbers do not depend on how long the lists are: here they have 20 items and more.

const SIZE = 20;
const YESTERDAY = new Date(Date.now() - 86_400_000).toISOString();

describe.each(DATABASES)('statements on %s', (kind) => {
  let app: TestApp;
  let ws: TestWorkspace;
  beforeAll(async () => {
    app = await openTestApp(kind, { background: false });
    ws = await app.workspace();
    const users = Array.from({ length: SIZE }, (_, i) => ({
      externalId: `u${i}`,
      aliases: [{ label: 'crm', name: `a${i}` }],
      deviceIds: [`d${i}`],
    }));
    await seedUsers(ws.ctx, ...users);
    for (let i = 0; i < SIZE; i++) {
      await seedCohort(ws.ctx, `c${i}`, { externalIds: users.slice(0, i + 1).map((user) => user.externalId) });
      const create = 'mutation ($input: CreateSegmentInput!) { createSegment(input: $input) { __typename } }';
      const filter = {
        any: [
          { amplitudeCohorts: { includesValue: { name: `c${i}` } } },
          { not: { amplitudeCohorts: { includesAnyOf: [{ name: 'c0' }, { name: `c${i}` }] } } },
        ],
      };
      await ws.ask(create, { input: { name: `s${i}`, filter } });
    }
  });
  afterAll(() => app.close());

  /** The statements of one question, which must be answered without a fault. */
  async function statementsOf(query: string, variables?: object): Promise<string[]> {
    app.statements.take();
    const answer = await ws.ask(query, variables);
    expect(answer.errors).toBeUndefined();
    return app.statements.take();
  }

  const page = 'nodes { id } pageInfo { hasNextPage }';
  const costs: readonly (readonly [string, number, string])[] = [
    ['cohorts', 1, `{ cohorts { ${page} } }`],
    ['cohorts and their total', 2, `{ cohorts { totalCount ${page} } }`],
    ['the total of cohorts alone', 1, '{ cohorts { totalCount } }'],
    ['cohorts with sizes', 2, '{ cohorts { nodes { name size } } }'],
    ['cohorts with sizes and times', 3, '{ cohorts { nodes { size lastReceivedAt lastChangedAt } } }'],
    ['cohorts with their freshness', 2, '{ cohorts { nodes { cadence freshness { status reasoning } } } }'],
    ['cohorts with whether somebody is in them', 3, '{ cohorts { nodes { includes(user: { externalId: "u3" }) } } }'],
    [
      'cohorts with the segments that mention them',
      2,
      '{ cohorts { nodes { segments { totalCount nodes { name } } } } }',
    ],
    [
      'cohorts with their users',
      4,
      '{ cohorts { nodes { users(first: 5) { nodes { externalId aliases { name } deviceIds } } } } }',
    ],
    [
      'cohorts with their users and sizes',
      5,
      '{ cohorts { nodes { size users(first: 5) { totalCount nodes { id } } } } }',
    ],
    ['batches of cohorts', 2, '{ cohorts { nodes { batches(first: 5) { nodes { dialect added } } } } }'],
    [
      'batches of cohorts with everything there is to them',
      7,
      '{ cohorts { nodes { batches(first: 5) { totalCount nodes { id unchanged sizeBefore sizeAfter cohort { name } ofBatch { id } addedUsers(first: 3) { totalCount } } } } } }',
    ],
    [
      'who entered with the batches of cohorts',
      5,
      '{ cohorts { nodes { batches(first: 5) { nodes { addedUsers(first: 3) { nodes { externalId } } } } } } }',
    ],
    ['the newest batches of all cohorts', 3, '{ workspace { batches { nodes { id cohort { name } } } } }'],
    [
      'the newest batches of a partner',
      2,
      '{ partner(name: "amplitude") { batches { nodes { id cohort { name } } } } }',
    ],
    ['syncs of cohorts', 2, '{ cohorts { nodes { syncs(first: 5) { nodes { number received reasons dialects } } } } }'],
    [
      'syncs of cohorts with their batches, keys, sizes and totals',
      6,
      '{ cohorts { nodes { syncs(first: 5) { totalCount nodes { sizeBefore sizeAfter keys { prefix } batches(first: 2) { totalCount nodes { id } } } } } } }',
    ],
    [
      'how the sizes of cohorts went',
      3,
      `{ cohorts { nodes { byDay: sizeHistory(from: "${YESTERDAY}") { size } bySync: sizeHistory(from: "${YESTERDAY}", by: SYNC) { size } } } }`,
    ],
    [
      'who was in cohorts at a time',
      6,
      '{ cohorts { nodes { members(asOf: "NOW", first: 5) { totalCount nodes { externalId } } then: members(asOf: "2026-01-01T00:00:00Z") { totalCount } } } }',
    ],
    ['a partner’s cohorts', 1, `{ partner(name: "amplitude") { name endpoints { path } cohorts { ${page} } } }`],
    ['cohorts with their pulls', 2, '{ cohorts { nodes { pulls { state } } } }'],
    ['one cohort', 1, '{ cohort(by: { name: "c1" }) { id } }'],
    [
      'several cohorts by name, id and partner',
      1,
      '{ a: cohort(by: { name: "c1" }) { id } b: cohort(by: { partnerCohort: { partner: "amplitude", cohortId: "c2" } }) { id } }',
    ],
    ['segments', 1, `{ segments { ${page} } }`],
    ['segments with sizes', 2, '{ segments { nodes { name size } } }'],
    [
      'segments with their filters and the cohorts in them',
      2,
      '{ segments { nodes { filterJson filter { ... on AnyFilter { any { ... on PartnerCohortsFilter { cohorts { name } } ... on NotFilter { not { ... on PartnerCohortsFilter { cohorts { name } } } } } } } } } }',
    ],
    ['segments with their filters as text', 2, '{ segments { nodes { filterText } } }'],
    [
      'segments with their users and sizes',
      5,
      '{ segments { nodes { size users(first: 5) { totalCount nodes { externalId } } } } }',
    ],
    [
      'segments with their versions and their part of the audit log',
      5,
      '{ segments { nodes { versions(first: 2) { totalCount nodes { name diff { field before } } } history(first: 2) { totalCount nodes { action changes { after } } } } } }',
    ],
    [
      'segments with their versions as text',
      3,
      '{ segments { nodes { versions(first: 2) { nodes { filterText } } } } }',
    ],
    ['segments with those that refer to them', 2, '{ segments { nodes { usedBy { ... on Segment { name } } } } }'],
    [
      'how the sizes of segments went',
      3,
      `{ segments { nodes { a: sizeHistory(from: "${YESTERDAY}") { size } b: sizeHistory(from: "${YESTERDAY}", to: "NOW") { size } } } }`,
    ],
    ['the audit log and its total', 2, '{ auditLog { totalCount nodes { action subjectId changes { before } } } }'],
    ['segments with their freshness', 2, '{ segments { nodes { freshness { status reasoning } } } }'],
    [
      'segments of which a greatest age is allowed',
      2,
      '{ a: segment(by: { name: "s1" }, maxAge: 86400) { freshness { status } } b: segment(by: { name: "s2" }, maxAge: 86400) { freshness { status } } }',
    ],
    ['segments with whether somebody is in them', 3, '{ segments { nodes { includes(user: { externalId: "u3" }) } } }'],
    [
      'one segment by name and another by id',
      1,
      '{ a: segment(by: { name: "s1" }) { id } b: segment(by: { name: "s2" }) { id } }',
    ],
    ['everyone', 3, `{ everyone { ${page} } }`],
    [
      'everyone with their identities',
      3,
      '{ everyone { nodes { externalId aliases { label } deviceIds attributes } } }',
    ],
    ['everyone with their cohorts', 5, '{ everyone { nodes { cohorts { totalCount nodes { name } } } } }'],
    ['everyone with their segments', 5, '{ everyone { nodes { segments { name } } } }'],
    [
      'everyone with cohorts and segments',
      7,
      '{ everyone { nodes { cohorts { nodes { name } } segments { name } } } }',
    ],
    ['the number of users', 2, '{ workspace { userCount } }'],
    [
      'a preview of size and members',
      5,
      '{ previewSegment(filter: { not: { amplitudeCohorts: { includesValue: { name: "c3" } } } }) { ... on SegmentPreview { size users(first: 5) { totalCount nodes { externalId } } } } }',
    ],
    ['import keys', 1, '{ dataImportKeys { totalCount nodes { id } } }'],
    ['API keys', 1, '{ apiKeys { totalCount nodes { id } } }'],
    [
      'three levels: cohorts, their users, their cohorts with sizes',
      7,
      '{ cohorts { nodes { users(first: 5) { nodes { cohorts { nodes { name size } } } } } } }',
    ],
    [
      'four levels: segments, users, cohorts, users',
      9,
      '{ segments { nodes { users(first: 3) { nodes { cohorts(first: 3) { nodes { users(last: 3) { nodes { externalId } } } } } } } } }',
    ],
  ];
  test.each(costs)('%s: %i', async (_, count, query) => {
    const now = new Date().toISOString();
    expect(await statementsOf(query.replace('NOW', now))).toHaveLength(count);
  });

  test('users by references of all kinds: 3, and 4 more for their cohorts and segments', async () => {
    const by = Array.from(
      { length: SIZE },
      (_, i) => [{ externalId: `u${i}` }, { alias: { label: 'crm', name: `a${i}` } }, { deviceId: `d${i}` }][i % 3],
    );
    const plain = await statementsOf('query ($by: [UserRef!]!) { users(by: $by) { externalId } }', { by });
    expect(plain).toHaveLength(3);
    const nested = await statementsOf(
      'query ($by: [UserRef!]!) { users(by: $by) { cohorts { nodes { name } } segments { name } } }',
      { by },
    );
    expect(nested).toHaveLength(7);
  });

  test('membership of many users in many segments: 3, 1 more for how old they may be, and 2 more for who they are', async () => {
    const { data } = (await ws.ask('{ segments { nodes { id } } }')) as {
      data: { segments: { nodes: { id: string }[] } };
    };
    const variables = {
      users: Array.from({ length: SIZE }, (_, i) => ({ externalId: `u${i}` })),
      segments: data.segments.nodes.map(({ id }) => id),
    };
    const ask = (of: string, maxAge?: number) =>
      statementsOf(
        `query ($users: [UserRef!]!, $segments: [ID!]!, $maxAge: Int) { membership(users: $users, segments: $segments, maxAge: $maxAge) { ... on MembershipSuccess { memberships { ${of} } } } }`,
        { ...variables, maxAge },
      );
    expect(await ask('segments')).toHaveLength(3);
    expect(await ask('segments', 86_400)).toHaveLength(4);
    expect(await ask('user { externalId } segments')).toHaveLength(5);
  });

  test('nodes of every kind cost what their kinds cost, however many there are', async () => {
    const { data } = (await ws.ask(
      '{ everyone { nodes { id } } cohorts { nodes { id } } segments { nodes { id } } }',
    )) as {
      data: Record<string, { nodes: { id: string }[] }>;
    };
    const ids = Object.values(data).flatMap(({ nodes }) => nodes.map(({ id }) => id));
    expect(ids).toHaveLength(3 * SIZE);
    expect(await statementsOf('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', { ids })).toHaveLength(4);
  });

  test('a key costs one statement to look up, and one more in the minute in which it is first used', async () => {
    const { secret } = await ws.domain.keys.createApiKey({ name: 'k', scopes: ['cohorts:read'] });
    const ask = async () => {
      app.statements.take();
      const url = 'http://muster.test/graphql?query={cohorts{totalCount}}';
      const response = await app.muster.fetch(new Request(url, { headers: { authorization: `Bearer ${secret}` } }));
      expect(response.status).toBe(200);
      return app.statements.take();
    };
    expect(await ask()).toHaveLength(3);
    expect(await ask()).toHaveLength(2);
  });
});
