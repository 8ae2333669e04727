import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestApp, type TestApp, type TestWorkspace } from '../support/app.ts';
import { DATABASES } from '../support/database.ts';
import { seedCohort, seedUsers } from '../support/seed.ts';

// Everything that names a thing of one workspace, said in another, is answered like the same thing said of nothing.

describe.each(DATABASES)('another workspace on %s', (kind) => {
  let app: TestApp;
  let ours: TestWorkspace;
  let theirs: TestWorkspace;
  let names: Names;
  beforeAll(async () => {
    app = await openTestApp(kind);
    // Ours comes later and has other numbers of everything, so that no number of theirs happens to be one of ours.
    [theirs, ours] = [await app.workspace(), await app.workspace()];
    await furnish(theirs, 'theirs', 3);
    await furnish(ours, 'ours', 1);
    names = await namesOf(theirs);
  });
  afterAll(() => app.close());

  /** Every question that takes a name, with the same question about nothing. */
  const questions: readonly (readonly [string, string, (names: Names) => object, object])[] = [
    ...(['user', 'cohort', 'batch', 'segment', 'importKey', 'apiKey', 'workspace'] as const).flatMap((what) => [
      [
        `node of a ${what}`,
        'query ($id: ID!) { node(id: $id) { __typename id } }',
        (n: Names) => ({ id: n.ids[what] }),
        { id: NOTHING },
      ] as const,
      [
        `nodes of a ${what}`,
        'query ($id: ID!) { nodes(ids: [$id]) { __typename id } }',
        (n: Names) => ({ id: n.ids[what] }),
        { id: NOTHING },
      ] as const,
    ]),
    ...(['user', 'cohort', 'segment'] as const).map(
      (what) =>
        [
          `${what} by id`,
          `query ($id: ID!) { ${what}(by: { id: $id }) { id } }`,
          (n: Names) => ({ id: n.ids[what] }),
          { id: NOTHING },
        ] as const,
    ),
    [
      'users by id',
      'query ($id: ID!) { users(by: [{ id: $id }]) { id } }',
      (n) => ({ id: n.ids.user }),
      { id: NOTHING },
    ],
    [
      'user by external id',
      'query ($x: String!) { user(by: { externalId: $x }) { id } }',
      () => ({ x: 'theirs 0' }),
      { x: 'nobody' },
    ],
    [
      'user by device',
      'query ($x: String!) { user(by: { deviceId: $x }) { id } }',
      () => ({ x: 'theirs device' }),
      { x: 'nobody' },
    ],
    [
      'user by alias',
      'query ($x: String!) { user(by: { alias: { label: "crm", name: $x } }) { id } }',
      () => ({ x: 'theirs alias' }),
      { x: 'nobody' },
    ],
    [
      'cohort by name',
      'query ($x: String!) { cohort(by: { name: $x }) { id } }',
      () => ({ x: 'theirs cohort' }),
      { x: 'none' },
    ],
    [
      'cohort by partner id',
      'query ($x: String!) { cohort(by: { partnerCohort: { partner: "amplitude", cohortId: $x } }) { id } }',
      () => ({ x: 'theirs cohort' }),
      { x: 'none' },
    ],
    [
      'segment by name',
      'query ($x: String!) { segment(by: { name: $x }) { id } }',
      () => ({ x: 'theirs segment' }),
      { x: 'none' },
    ],
    [
      'search of cohorts',
      'query ($x: String!) { cohorts(search: $x) { totalCount nodes { id } } }',
      () => ({ x: 'theirs' }),
      { x: 'none' },
    ],
    [
      'search of segments',
      'query ($x: String!) { segments(search: $x, includeArchived: true) { totalCount nodes { id } } }',
      () => ({ x: 'theirs' }),
      { x: 'none' },
    ],
    [
      'keys of a partner',
      'query ($x: String!) { dataImportKeys(partner: $x) { totalCount } partner(name: $x) { cohorts { totalCount } } }',
      () => ({ x: 'theirs' }),
      { x: 'none' },
    ],
    ...(['cohort', 'segment'] as const).map(
      (what) =>
        [
          `includes of a user, in a ${what}`,
          `query ($id: ID!) { ${what}s { nodes { includes(user: { id: $id }) } } }`,
          (n: Names) => ({ id: n.ids.user }),
          { id: NOTHING },
        ] as const,
    ),
    [
      'membership of a user',
      `query ($u: [UserRef!]!) { membership(users: $u, segments: []) { ... on MembershipSuccess { memberships { user { id } segments } } } }`,
      (n) => ({ u: [{ id: n.ids.user }, { externalId: 'theirs 0' }] }),
      { u: [{ id: NOTHING }, { externalId: 'nobody' }] },
    ],
    [
      'membership in a segment',
      `query ($id: ID!) { membership(users: [], segments: [$id]) { __typename ${FAULT} } }`,
      (n) => ({ id: n.ids.segment }),
      { id: NOTHING },
    ],
    ...[
      ['by id', (n: Names) => ({ id: n.ids.cohort }), { id: NOTHING }] as const,
      ['by name', () => ({ name: 'theirs cohort' }), { name: 'none' }] as const,
      [
        'by partner id',
        () => ({ partnerCohort: { partner: 'amplitude', cohortId: 'theirs cohort' } }),
        { partnerCohort: { partner: 'amplitude', cohortId: 'none' } },
      ] as const,
    ].flatMap(([how, ref, nothing]) => [
      [
        `a filter naming a cohort ${how}`,
        `query ($c: CohortRef!) { previewSegment(filter: { not: { amplitudeCohorts: { includesAnyOf: [$c] } } }) { __typename ${FAULT} } }`,
        (n: Names) => ({ c: ref(n) }),
        { c: nothing },
      ] as const,
      [
        `a segment naming a cohort ${how}`,
        `mutation ($c: CohortRef!) { createSegment(input: { name: "x", filter: { amplitudeCohorts: { includesValue: $c } } }) { __typename ${FAULT} } }`,
        (n: Names) => ({ c: ref(n) }),
        { c: nothing },
      ] as const,
    ]),
    ...[
      ['by id', (n: Names) => ({ id: n.ids.cohort }), { id: NOTHING }] as const,
      ['by name', () => ({ name: 'theirs cohort' }), { name: 'none' }] as const,
    ].flatMap(([how, ref, nothing]) => [
      [
        `a cadence of a cohort ${how}`,
        `mutation ($c: CohortRef!) { updateCohort(input: { cohort: $c, cadence: DAILY }) { __typename ${FAULT} } }`,
        (n: Names) => ({ c: ref(n) }),
        { c: nothing },
      ] as const,
      [
        `changes to a cohort ${how}`,
        `mutation ($c: CohortRef!) { applyCohortChanges(input: { cohort: $c, changes: [{ externalIds: ["a"] }] }) { __typename ${FAULT} } }`,
        (n: Names) => ({ c: ref(n) }),
        { c: nothing },
      ] as const,
    ]),
    ...['undoBatch', 'replayBatch'].map(
      (field) =>
        [
          field,
          `mutation ($id: ID!) { ${field}(input: { batch: $id }) { __typename ${FAULT} } }`,
          (n: Names) => ({ id: n.ids.batch }),
          { id: NOTHING },
        ] as const,
    ),
    [
      'audit log of a segment',
      'query ($id: ID!) { auditLog(of: $id) { totalCount nodes { subjectName } } }',
      (n) => ({ id: n.ids.segment }),
      { id: NOTHING },
    ],
    [
      'audit log of a key',
      'query ($id: ID!) { auditLog(of: $id) { totalCount nodes { subjectName } } }',
      (n) => ({ id: n.ids.apiKey }),
      { id: NOTHING },
    ],
    ...(
      [
        ['updateSegment', ''],
        ['archiveSegment', ''],
        ['restoreSegment', ''],
        ['rollbackSegment', ', version: 1'],
        ['duplicateSegment', ''],
      ] as const
    ).map(
      ([field, more]) =>
        [
          field,
          `mutation ($id: ID!) { ${field}(input: { id: $id${more} }) { __typename ${FAULT} } }`,
          (n: Names) => ({ id: n.ids.segment }),
          { id: NOTHING },
        ] as const,
    ),
    ...['rotateDataImportKey', 'invalidateDataImportKey'].map(
      (field) =>
        [
          field,
          `mutation ($id: ID!) { ${field}(input: { id: $id }) { __typename ${FAULT} } }`,
          (n: Names) => ({ id: n.ids.importKey }),
          { id: NOTHING },
        ] as const,
    ),
    ...['rotateApiKey', 'revokeApiKey'].map(
      (field) =>
        [
          field,
          `mutation ($id: ID!) { ${field}(input: { id: $id }) { __typename ${FAULT} } }`,
          (n: Names) => ({ id: n.ids.apiKey }),
          { id: NOTHING },
        ] as const,
    ),
    ...LISTS.map(
      ([list, field]) =>
        [
          `a cursor of ${list}`,
          `query ($after: String) { ${field.replace('PAGE', 'first: 1, after: $after')} }`,
          (n: Names) => ({ after: n.cursors.get(list) }),
          { after: NOTHING },
        ] as const,
    ),
  ];

  test.each(questions)('%s is nothing', async (_, query, foreign, nothing) => {
    const before = await namesOf(theirs);
    const answer = await ours.ask(query, foreign(names));
    expect(answer).toEqual(await ours.ask(query, nothing));
    // The question is a real one: where the thing is at home, it is answered otherwise.
    expect(await theirs.ask(query, foreign(before))).not.toEqual(answer);
  });

  test('the same names may be used by both', async () => {
    const input = { name: 'theirs segment', filter: { amplitudeCohorts: { includesValue: { name: 'ours cohort' } } } };
    const create = 'mutation ($input: CreateSegmentInput!) { createSegment(input: $input) { __typename } }';
    expect(await ours.ask(create, { input })).toEqual({
      data: { createSegment: { __typename: 'CreateSegmentSuccess' } },
    });
    const upsert =
      'mutation { upsertUsers(input: { users: [{ externalId: "theirs 0" }] }) { ... on UpsertUsersSuccess { created } } }';
    expect(await ours.ask(upsert)).toEqual({ data: { upsertUsers: { created: 1 } } });
  });
});

const NOTHING = 'bm90aGluZw==';
const FAULT = '... on Error { code message path }';

/** Every list that has cursors, and how it is asked. */
const LISTS = [
  ['everyone', 'everyone(PAGE) { nodes { id } pageInfo { endCursor } }'],
  ['cohorts', 'cohorts(PAGE) { nodes { id } pageInfo { endCursor } }'],
  ['cohorts of a partner', 'it: partner(name: "amplitude") { cohorts(PAGE) { nodes { id } pageInfo { endCursor } } }'],
  ['batches', 'workspace { batches(PAGE) { nodes { id } pageInfo { endCursor } } }'],
  ['batches of a partner', 'it: partner(name: "amplitude") { batches(PAGE) { nodes { id } pageInfo { endCursor } } }'],
  [
    'batches of a cohort',
    'cohorts(search: "cohort") { nodes { batches(PAGE) { nodes { id } pageInfo { endCursor } } } }',
  ],
  [
    'syncs of a cohort',
    'cohorts(search: "cohort") { nodes { syncs(PAGE) { nodes { number } pageInfo { endCursor } } } }',
  ],
  ['segments', 'segments(PAGE) { nodes { id } pageInfo { endCursor } }'],
  ['import keys', 'dataImportKeys(PAGE) { nodes { id } pageInfo { endCursor } }'],
  ['API keys', 'apiKeys(PAGE) { nodes { id } pageInfo { endCursor } }'],
  ['users of a cohort', 'cohorts(search: "cohort") { nodes { users(PAGE) { nodes { id } pageInfo { endCursor } } } }'],
  [
    'segments of a cohort',
    'cohorts(search: "cohort") { nodes { segments(PAGE) { nodes { id } pageInfo { endCursor } } } }',
  ],
  ['versions of a segment', 'segments { nodes { versions(PAGE) { nodes { version } pageInfo { endCursor } } } }'],
  ['history of a segment', 'segments { nodes { history(PAGE) { nodes { at } pageInfo { endCursor } } } }'],
  ['audit log', 'auditLog(PAGE) { nodes { subjectId } pageInfo { endCursor } }'],
  ['users of a segment', 'segments { nodes { users(PAGE) { nodes { id } pageInfo { endCursor } } } }'],
  ['cohorts of a user', 'everyone(first: 1) { nodes { cohorts(PAGE) { nodes { id } pageInfo { endCursor } } } }'],
] as const;

interface Names {
  readonly ids: Readonly<
    Record<'user' | 'cohort' | 'batch' | 'segment' | 'importKey' | 'apiKey' | 'workspace', string>
  >;
  readonly cursors: ReadonlyMap<string, string>;
}

/** One of everything, called by a word; `padding` moves its numbers. */
async function furnish(ws: TestWorkspace, word: string, padding: number): Promise<void> {
  await seedUsers(ws.ctx, ...Array.from({ length: padding }, (_, i) => ({ externalId: `${word} ${i}` })));
  await seedUsers(ws.ctx, { aliases: [{ label: 'crm', name: `${word} alias` }] }, { deviceIds: [`${word} device`] });
  const externalIds = Array.from({ length: padding }, (_, i) => `${word} ${i}`);
  for (let i = 1; i < padding; i++)
    await ws.domain.cohorts.nameCohort({ partner: word, partnerCohortId: `${i}`, name: `padding ${i}` });
  await seedCohort(ws.ctx, `${word} cohort`, { externalIds });
  await ws.importKey(word);
  await ws.domain.keys.createApiKey({ name: word, scopes: ['users:read'] });
  const create = 'mutation ($input: CreateSegmentInput!) { createSegment(input: $input) { __typename } }';
  await ws.ask(create, {
    input: { name: `${word} segment`, filter: { amplitudeCohorts: { includesValue: { name: `${word} cohort` } } } },
  });
}

async function namesOf(ws: TestWorkspace): Promise<Names> {
  const first = 'nodes { id }';
  const { data } =
    (await ws.ask(`{ workspace { id batches(first: 1) { ${first} } } everyone(first: 1) { ${first} } cohorts(search: "cohort") { ${first} }
    segments { ${first} } dataImportKeys { ${first} } apiKeys { ${first} } }`)) as {
      data: { workspace: { id: string; batches: { nodes: { id: string }[] } } } & Record<
        string,
        { nodes: { id: string }[] }
      >;
    };
  const id = (field: string) => data[field]?.nodes[0]?.id ?? '';
  const cursors = new Map<string, string>();
  for (const [list, field] of LISTS) {
    const text = JSON.stringify(await ws.ask(`{ ${field.replace('PAGE', 'first: 1')} }`));
    const cursor = /"endCursor":"([^"]+)"/.exec(text)?.[1];
    if (!cursor) throw new Error(`The list of ${list} is empty: ${text}`);
    cursors.set(list, cursor);
  }
  const ids = {
    user: id('everyone'),
    cohort: id('cohorts'),
    batch: data.workspace.batches.nodes[0]?.id ?? '',
    segment: id('segments'),
    importKey: id('dataImportKeys'),
    apiKey: id('apiKeys'),
    workspace: data.workspace.id,
  };
  return { ids, cursors };
}
