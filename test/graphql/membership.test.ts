import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestApp, type TestApp, type TestWorkspace } from '../support/app.ts';
import { DATABASES } from '../support/database.ts';
import {
  CreateSegmentDocument,
  MembershipDocument,
  type SegmentFilterInput,
  type UserRef,
} from '../support/gql/graphql.ts';
import { codeOf, dataOf, successOf } from '../support/graphql.ts';
import { seedCohort, seedIdentified } from '../support/seed.ts';

describe.each(DATABASES)('membership on %s', (kind) => {
  let app: TestApp;
  let ws: TestWorkspace;
  let segments: string[];
  beforeAll(async () => {
    app = await openTestApp(kind);
    ws = await app.workspace();
    await seedIdentified(ws.ctx, ...Array.from({ length: 1_000 }, (_, i) => `u${i}`));
    segments = [];
    // Segment i holds the users whose number has bit i, or, for odd i, those whose number has not.
    for (let bit = 0; bit < 10; bit++) {
      const externalIds = Array.from({ length: 1_000 }, (_, i) => i).filter((i) => (i >> bit) & 1);
      await seedCohort(ws.ctx, `bit ${bit}`, { externalIds: externalIds.map((i) => `u${i}`) });
      const leaf: SegmentFilterInput = { amplitudeCohorts: { includesValue: { name: `bit ${bit}` } } };
      const filter = bit % 2 ? { not: leaf } : leaf;
      const created = dataOf(
        await ws.ask(CreateSegmentDocument, { input: { name: `bit ${bit}`, filter } }),
      ).createSegment;
      segments.push(successOf(created).segment.id);
    }
  });
  afterAll(() => app.close());

  const right = (user: number, segment: number) => Boolean((user >> segment) & 1) !== Boolean(segment % 2);
  const ask = async (users: UserRef[], ids: string[]) =>
    dataOf(await ws.ask(MembershipDocument, { users, segments: ids })).membership;

  test('1,000 users and 100 segments are answered in the caller’s order, repeats included', async () => {
    const order = Array.from({ length: 1_000 }, (_, i) => (i * 7) % 1_000);
    const hundred = Array.from({ length: 100 }, (_, i) => (i * 3) % 10);
    const { memberships } = successOf(
      await ask(
        order.map((i) => ({ externalId: `u${i}` })),
        hundred.map((s) => segments[s] ?? ''),
      ),
    );
    expect(memberships.map(({ user }) => user?.externalId)).toEqual(order.map((i) => `u${i}`));
    expect(memberships.map((row) => row.segments)).toEqual(order.map((i) => hundred.map((s) => right(i, s))));
  });

  test('whom nobody knows is null and in nothing, wherever they stand', async () => {
    const refs = [
      { externalId: 'nobody' },
      { externalId: 'u1' },
      { deviceId: 'nobody' },
      { id: 'nonsense' },
      { alias: { label: 'a', name: 'b' } },
    ];
    const { memberships } = successOf(await ask(refs, [segments[0] ?? '', segments[1] ?? '']));
    expect(memberships.map(({ user, segments: row }) => [user?.externalId ?? null, ...row])).toEqual([
      [null, false, false],
      ['u1', true, true],
      [null, false, false],
      [null, false, false],
      [null, false, false],
    ]);
  });

  test('none of either is none', async () => {
    expect(successOf(await ask([], segments))).toEqual({ memberships: [] });
    expect(successOf(await ask([{ externalId: 'u1' }], []))).toMatchObject({ memberships: [{ segments: [] }] });
  });

  test('1,001 users or 101 segments are refused', async () => {
    const users = Array.from({ length: 1_001 }, () => ({ externalId: 'u1' }));
    expect(await ask(users, [])).toMatchObject({
      __typename: 'LimitExceededError',
      code: 'LIMIT_EXCEEDED',
      path: ['users'],
    });
    const ids = Array.from({ length: 101 }, () => segments[0] ?? '');
    expect(await ask([], ids)).toMatchObject({ code: 'LIMIT_EXCEEDED', path: ['segments'] });
  });

  test('an unknown segment is refused with its position', async () => {
    const refused = await ask([{ externalId: 'u1' }], [segments[0] ?? '', 'nonsense']);
    expect(refused).toMatchObject({ __typename: 'NotFoundError', code: 'NOT_FOUND', path: ['segments', '1'] });
  });

  test('an archived segment is still answered', async () => {
    const [, , , , , , , , , id = ''] = segments;
    const archive = 'mutation ($id: ID!) { archiveSegment(input: { id: $id }) { __typename } }';
    expect(await ws.ask(archive, { id })).toEqual({
      data: { archiveSegment: { __typename: 'ArchiveSegmentSuccess' } },
    });
    const { memberships } = successOf(await ask([{ externalId: 'u0' }], [id]));
    expect(memberships).toMatchObject([{ segments: [true] }]);
  });

  test('every kind of thing is a node, and nodes come in order, null where there is none', async () => {
    await ws.domain.keys.generateDataImportKey({ partner: 'amplitude' });
    await ws.domain.keys.createApiKey({ name: 'k', scopes: ['users:read'] });
    const { data } =
      (await ws.ask(`{ workspace { id } user(by: { externalId: "u1" }) { id } cohort(by: { name: "bit 0" }) { id }
      segment(by: { name: "bit 0" }) { id } dataImportKeys { nodes { id } } apiKeys { nodes { id } } }`)) as {
        data: Ids;
      };
    const ids = [
      data.workspace.id,
      data.user.id,
      data.cohort.id,
      data.segment.id,
      ...data.dataImportKeys.nodes.map(({ id }) => id),
      ...data.apiKeys.nodes.map(({ id }) => id),
    ];
    const query = 'query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }';
    const mixed = [...ids, 'nonsense', ...ids.toReversed(), ''];
    const kinds = ['Workspace', 'User', 'Cohort', 'Segment', 'DataImportKey', 'ApiKey'];
    const nodes = kinds.map((__typename, i) => ({ __typename, id: ids[i] }));
    expect(await ws.ask(query, { ids: mixed })).toEqual({
      data: { nodes: [...nodes, null, ...nodes.toReversed(), null] },
    });
    for (const node of nodes)
      expect(await ws.ask('query ($id: ID!) { node(id: $id) { __typename id } }', { id: node.id })).toEqual({
        data: { node },
      });
  });

  test('1,001 nodes are refused', async () => {
    const answer = await ws.ask('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', {
      ids: Array.from({ length: 1_001 }, () => 'x'),
    });
    expect(codeOf(answer)).toBe('LIMIT_EXCEEDED');
  });
});

type Ids = { readonly [K in 'workspace' | 'user' | 'cohort' | 'segment']: { readonly id: string } } & {
  readonly [K in 'dataImportKeys' | 'apiKeys']: { readonly nodes: readonly { readonly id: string }[] };
};
