import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openTestApp, type TestApp, type TestWorkspace } from '../support/app.ts';
import { fakeClock } from '../support/context.ts';
import { DATABASES } from '../support/database.ts';
import {
  ArchiveSegmentDocument,
  CreateSegmentDocument,
  type CreateSegmentInput,
  MembersDocument,
  type MembersQueryVariables,
  PreviewDocument,
  RestoreSegmentDocument,
  SegmentByDocument,
  type SegmentFilterInput,
  SegmentsDocument,
  type SegmentsQueryVariables,
  UpdateSegmentDocument,
  type UpdateSegmentInput,
} from '../support/gql/graphql.ts';
import { codeOf, dataOf, successOf } from '../support/graphql.ts';
import { seedCohort, seedIdentified, seedUsers } from '../support/seed.ts';

const inCohort = (name: string): SegmentFilterInput => ({ amplitudeCohorts: { includesValue: { name } } });

describe.each(DATABASES)('segments on %s', (kind) => {
  const clock = fakeClock();
  let app: TestApp;
  let ws: TestWorkspace;
  beforeAll(async () => {
    app = await openTestApp(kind, { now: clock.now });
  });
  afterAll(() => app.close());
  beforeEach(async () => {
    ws = await app.workspace();
    await seedIdentified(ws.ctx, 'both', 'left', 'right', 'none');
    await seedCohort(ws.ctx, 'L', { externalIds: ['both', 'left'] });
    await seedCohort(ws.ctx, 'R', { externalIds: ['both', 'right'] });
  });

  const create = async (input: CreateSegmentInput) =>
    dataOf(await ws.ask(CreateSegmentDocument, { input })).createSegment;
  const made = async (name: string, filter = inCohort('L')) => successOf(await create({ name, filter })).segment;
  const update = async (input: UpdateSegmentInput) =>
    dataOf(await ws.ask(UpdateSegmentDocument, { input })).updateSegment;
  const archive = async (id: string) => dataOf(await ws.ask(ArchiveSegmentDocument, { input: { id } })).archiveSegment;
  const restore = async (id: string) => dataOf(await ws.ask(RestoreSegmentDocument, { input: { id } })).restoreSegment;
  const segmentBy = async (by: { id: string } | { name: string }) =>
    dataOf(await ws.ask(SegmentByDocument, { by })).segment;
  const list = async (variables: Partial<SegmentsQueryVariables>) =>
    dataOf(await ws.ask(SegmentsDocument, { includeArchived: false, ...variables })).segments;
  const names = async (variables: Partial<SegmentsQueryVariables>) =>
    (await list(variables)).edges.map(({ node }) => node.name);
  const preview = async (filter: SegmentFilterInput) =>
    dataOf(await ws.ask(PreviewDocument, { filter })).previewSegment;
  const members = async (filter: SegmentFilterInput) => {
    const { size, users } = successOf(await preview(filter));
    expect([size, users.totalCount]).toEqual([users.nodes.length, users.nodes.length]);
    return users.nodes.map((user) => user.externalId);
  };

  test('a saved segment is found by id and by name, with its exact size', async () => {
    const segment = await made('Left');
    expect(segment).toMatchObject({ name: 'Left', description: null, size: 2, archivedAt: null });
    expect(segment.createdAt).toBe(clock.now().toISOString());
    expect(await segmentBy({ id: segment.id })).toEqual(segment);
    expect(await segmentBy({ name: 'Left' })).toEqual(segment);
    expect(await segmentBy({ name: 'left' })).toBeNull();
  });

  test('a filter is stored by cohort, so that a rename breaks nothing', async () => {
    const segment = await made('Left');
    await ws.domain.cohorts.nameCohort({ partner: 'amplitude', partnerCohortId: 'L', name: 'Renamed' });
    expect(await segmentBy({ id: segment.id })).toEqual(segment);
    expect(await preview(inCohort('L'))).toMatchObject({ code: 'NOT_FOUND' });
  });

  test('every operator and every group means what it says', async () => {
    const [L, R] = [{ name: 'L' }, { name: 'R' }];
    const cohorts = (condition: NonNullable<SegmentFilterInput['amplitudeCohorts']>): SegmentFilterInput => ({
      amplitudeCohorts: condition,
    });
    expect(await members(cohorts({ includesValue: L }))).toEqual(['both', 'left']);
    expect(await members(cohorts({ doesNotIncludeValue: L }))).toEqual(['right', 'none']);
    expect(await members(cohorts({ includesAnyOf: [L, R] }))).toEqual(['both', 'left', 'right']);
    expect(await members(cohorts({ includesAllOf: [L, R] }))).toEqual(['both']);
    expect(await members(cohorts({ includesNoneOf: [L, R] }))).toEqual(['none']);
    expect(await members({ all: [inCohort('L'), { not: inCohort('R') }] })).toEqual(['left']);
    expect(await members({ any: [inCohort('R'), { not: inCohort('L') }] })).toEqual(['both', 'right', 'none']);
    expect(await members({ not: { any: [inCohort('L'), inCohort('R')] } })).toEqual(['none']);
    expect(await members({ partnerCohorts: { partner: 'amplitude', condition: { includesValue: L } } })).toEqual([
      'both',
      'left',
    ]);
  });

  test('the filter is answered as a tree and as canonical JSON that spells it as Braze does, groups of one as their part', async () => {
    await ws.domain.cohorts.nameCohort({ partner: 'mixpanel', partnerCohortId: 'M', name: 'M' });
    const { id } = await made('Tree', {
      all: [
        inCohort('L'),
        { not: { partnerCohorts: { partner: 'mixpanel', condition: { includesAnyOf: [{ name: 'M' }] } } } },
        { any: [{ amplitudeCohorts: { doesNotIncludeValue: { name: 'R' } } }] },
      ],
    });
    const answer = await ws.ask(
      `query ($id: ID!) { segment(by: { id: $id }) { filterJson filter { ... on AllFilter { all {
        ... on PartnerCohortsFilter { filter operator partner cohorts { name } }
        ... on NotFilter { not { ... on PartnerCohortsFilter { filter operator cohorts { name } } } }
        } } } } l: cohort(by: { name: "L" }) { id }
        m: cohort(by: { name: "M" }) { id } r: cohort(by: { name: "R" }) { id } }`,
      { id },
    );
    const { l, m, r } = (answer as { data: Record<'l' | 'm' | 'r', { id: string }> }).data;
    expect(answer).toMatchObject({
      data: {
        segment: {
          filterJson: {
            all: [
              { filter: 'amplitude_cohorts', operator: 'includes_value', value: l.id },
              { not: { filter: 'mixpanel_cohorts', operator: 'includes_any_of', value: [m.id] } },
              { filter: 'amplitude_cohorts', operator: 'does_not_include_value', value: r.id },
            ],
          },
          filter: {
            all: [
              {
                filter: 'amplitude_cohorts',
                operator: 'INCLUDES_VALUE',
                partner: 'amplitude',
                cohorts: [{ name: 'L' }],
              },
              { not: { filter: 'mixpanel_cohorts', operator: 'INCLUDES_ANY_OF', cohorts: [{ name: 'M' }] } },
              { filter: 'amplitude_cohorts', operator: 'DOES_NOT_INCLUDE_VALUE' },
            ],
          },
        },
      },
    });
  });

  test('a name is unique among live segments, whoever makes, renames or restores one', async () => {
    const taken = { __typename: 'ConflictError', code: 'NAME_TAKEN', path: ['name'] };
    const one = await made('One');
    expect(await create({ name: ' One ', filter: inCohort('R') })).toMatchObject(taken);
    const two = await made('Two');
    expect(await update({ id: two.id, name: 'One' })).toMatchObject(taken);
    successOf(await archive(one.id));
    const heir = await made('One', inCohort('R'));
    expect(await restore(one.id)).toMatchObject({ code: 'NAME_TAKEN' });
    expect((await segmentBy({ name: 'One' }))?.id).toBe(heir.id);
    successOf(await update({ id: heir.id, name: 'Heir' }));
    expect(successOf(await restore(one.id)).segment).toMatchObject({ name: 'One', archivedAt: null });
  });

  test('of many who take one name at the same time, one gets it', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => create({ name: 'Wanted', filter: inCohort('L') })),
    );
    const refused = answers.filter((answer) => '__typename' in answer);
    expect(refused).toHaveLength(7);
    for (const answer of refused) expect(answer).toMatchObject({ code: 'NAME_TAKEN' });
    expect(await names({ search: 'Wanted' })).toHaveLength(1);
  });

  test('an update changes what is given and leaves the rest', async () => {
    const before = successOf(await create({ name: 'S', description: 'why', filter: inCohort('L') })).segment;
    clock.advance(1000);
    const renamed = successOf(await update({ id: before.id, name: 'T' })).segment;
    expect(renamed).toEqual({ ...before, name: 'T', updatedAt: clock.now().toISOString() });
    const other = successOf(await update({ id: before.id, filter: { not: inCohort('L') }, description: '' })).segment;
    expect(other).toMatchObject({ name: 'T', description: null, size: 2, filterJson: { not: {} } });
    const { nodes } = (
      (await ws.ask('{ cohort(by: { name: "L" }) { segments { nodes { name } } } }')) as {
        data: { cohort: { segments: { nodes: unknown } } };
      }
    ).data.cohort.segments;
    expect(nodes).toEqual([{ name: 'T' }]);
  });

  test('an archived segment leaves lists and cannot be changed, but is still found by id, and comes back', async () => {
    const segment = await made('S');
    const archived = successOf(await archive(segment.id)).segment;
    expect(archived.archivedAt).toBe(clock.now().toISOString());
    clock.advance(1000);
    expect(successOf(await archive(segment.id)).segment).toEqual(archived);
    expect(await segmentBy({ name: 'S' })).toBeNull();
    expect(await segmentBy({ id: segment.id })).toEqual(archived);
    expect(await names({})).toEqual([]);
    expect(await names({ includeArchived: true })).toEqual(['S']);
    expect(await update({ id: segment.id, name: 'T' })).toMatchObject({
      __typename: 'ConflictError',
      code: 'NOT_ACTIVE',
      path: ['id'],
    });
    for (const _ of [1, 2]) expect(successOf(await restore(segment.id)).segment).toEqual(segment);
  });

  test('a segment nobody knows is not found by any change', async () => {
    const none = { __typename: 'NotFoundError', code: 'NOT_FOUND', path: ['id'] };
    expect(await update({ id: 'none', name: 'T' })).toMatchObject(none);
    expect(await archive('none')).toMatchObject(none);
    expect(await restore('none')).toMatchObject(none);
  });

  test.each([
    ['no name', { name: '' }, ['name']],
    ['a blank name', { name: ' \t' }, ['name']],
    ['a long name', { name: 'n'.repeat(201) }, ['name']],
    ['a name with NUL', { name: 'a\u0000b' }, ['name']],
    ['a name with half a character', { name: '\ud800' }, ['name']],
    ['a long description', { name: 'n', description: 'd'.repeat(2_001) }, ['description']],
    ['a description with NUL', { name: 'n', description: '\u0000' }, ['description']],
  ])('%s is refused with its path, made or changed', async (_, input, path) => {
    const refused = { __typename: 'InvalidInputError', code: 'INVALID_INPUT', path };
    expect(await create({ ...input, filter: inCohort('L') })).toMatchObject(refused);
    const { id } = await made('S');
    expect(await update({ ...input, id })).toMatchObject(refused);
  });

  test('the list runs by name or time, is searched in names and descriptions, and paged in both directions', async () => {
    for (const [name, description] of [
      ['b', 'Second'],
      ['a', 'x_y'],
      ['c', null],
    ] as const) {
      clock.advance(1000);
      successOf(await create({ name, description, filter: inCohort('L') }));
    }
    clock.advance(1000);
    successOf(await update({ id: (await segmentBy({ name: 'b' }))?.id ?? '', description: 'second, changed' }));
    expect(await names({})).toEqual(['a', 'b', 'c']);
    expect(await names({ orderBy: { field: 'CREATED_AT', direction: 'DESC' } })).toEqual(['c', 'a', 'b']);
    expect(await names({ orderBy: { field: 'UPDATED_AT', direction: 'DESC' } })).toEqual(['b', 'c', 'a']);
    expect(await names({ search: 'SECOND' })).toEqual(['b']);
    expect(await names({ search: '_' })).toEqual(['a']);
    for (const field of ['NAME', 'CREATED_AT', 'UPDATED_AT'] as const) {
      const orderBy = { field, direction: 'ASC' } as const;
      const all = await names({ orderBy });
      const first = await list({ orderBy, first: 2 });
      expect(first).toMatchObject({ totalCount: 3, pageInfo: { hasNextPage: true, hasPreviousPage: false } });
      const rest = await list({ orderBy, first: 2, after: first.pageInfo.endCursor });
      expect(rest.edges.map(({ node }) => node.name)).toEqual(all.slice(2));
      const back = await list({ orderBy, last: 2, before: rest.pageInfo.startCursor });
      expect(back.edges.map(({ node }) => node.name)).toEqual(all.slice(0, 2));
      expect(
        codeOf(await ws.ask(SegmentsDocument, { includeArchived: true, orderBy, after: first.pageInfo.endCursor })),
      ).toBe('INVALID_CURSOR');
    }
  });

  test('members are paged in both directions, with totals that hold', async () => {
    await seedIdentified(ws.ctx, ...Array.from({ length: 20 }, (_, i) => `more ${i}`));
    await made('Everybody else', { not: inCohort('L') });
    const read = async (page: Omit<MembersQueryVariables, 'by'>) => {
      const { segment } = dataOf(await ws.ask(MembersDocument, { by: { name: 'Everybody else' }, ...page }));
      if (!segment) throw new Error('It was just made.');
      return { ids: segment.users.nodes.map((user) => user.externalId), ...segment.users };
    };
    const all = (await read({})).ids;
    expect(all).toHaveLength(22);
    const first = await read({ first: 9 });
    const second = await read({ first: 9, after: first.pageInfo.endCursor });
    const third = await read({ first: 9, after: second.pageInfo.endCursor });
    expect([...first.ids, ...second.ids, ...third.ids]).toEqual(all);
    expect(
      [first, second, third].map(({ totalCount, pageInfo: p }) => [totalCount, p.hasPreviousPage, p.hasNextPage]),
    ).toEqual([
      [22, false, true],
      [22, true, true],
      [22, true, false],
    ]);
    const last = await read({ last: 9 });
    expect(last.ids).toEqual(all.slice(-9));
    expect((await read({ last: 9, before: last.pageInfo.startCursor })).ids).toEqual(all.slice(4, 13));
  });

  test('segments are evaluated when they are asked for', async () => {
    const { id } = await made('Not left', { not: inCohort('L') });
    await seedUsers(ws.ctx, { externalId: 'new' }, { deviceIds: ['new device'] });
    expect((await segmentBy({ id }))?.size).toBe(4);
    const answer = await ws.ask(
      `query ($id: ID!) { segment(by: { id: $id }) { yes: includes(user: { deviceId: "new device" })
        no: includes(user: { externalId: "left" }) nobody: includes(user: { externalId: "?" }) } }`,
      { id },
    );
    expect(answer).toEqual({ data: { segment: { yes: true, no: false, nobody: false } } });
  });

  test('a user’s segments are the live ones they are in, by name', async () => {
    await made('2 left');
    await made('1 not right', { not: inCohort('R') });
    await made('3 right', inCohort('R'));
    successOf(await archive((await made('0 archived')).id));
    const answer = await ws.ask(
      '{ users(by: [{ externalId: "left" }, { externalId: "right" }]) { segments { name } } }',
    );
    expect(answer).toEqual({
      data: {
        users: [{ segments: [{ name: '1 not right' }, { name: '2 left' }] }, { segments: [{ name: '3 right' }] }],
      },
    });
  });
});
