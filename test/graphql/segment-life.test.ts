import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Scope } from '../../src/domain/keys/scopes.ts';
import { openTestApp, type TestApp, type TestWorkspace } from '../support/app.ts';
import { fakeClock } from '../support/context.ts';
import { DATABASES } from '../support/database.ts';
import { inSegment } from '../support/drafts.ts';
import {
  ArchiveSegmentDocument,
  type ArchiveSegmentInput,
  AuditLogDocument,
  type AuditLogQueryVariables,
  CreateSegmentDocument,
  type CreateSegmentInput,
  DuplicateSegmentDocument,
  LifeOfDocument,
  RollbackSegmentDocument,
  type SegmentFilterInput,
  SegmentsDocument,
  SizesOfDocument,
  UpdateSegmentDocument,
  type UpdateSegmentInput,
} from '../support/gql/graphql.ts';
import { asker, codeOf, dataOf, successOf } from '../support/graphql.ts';
import { seedCohort, seedIdentified } from '../support/seed.ts';

const inCohort = (name: string): SegmentFilterInput => ({ amplitudeCohorts: { includesValue: { name } } });

describe.each(DATABASES)('the life of a segment over GraphQL on %s', (kind) => {
  const clock = fakeClock();
  let app: TestApp;
  let ws: TestWorkspace;
  beforeAll(async () => {
    app = await openTestApp(kind, { now: clock.now, background: false });
  });
  afterAll(() => app.close());
  beforeEach(async () => {
    ws = await app.workspace();
    await seedIdentified(ws.ctx, 'both', 'left', 'right', 'none');
    await seedCohort(ws.ctx, 'L', { externalIds: ['both', 'left'] });
    await seedCohort(ws.ctx, 'R', { externalIds: ['both', 'right'] });
  });

  const create = async (input: CreateSegmentInput) =>
    successOf(dataOf(await ws.ask(CreateSegmentDocument, { input })).createSegment).segment;
  const update = async (input: UpdateSegmentInput) =>
    dataOf(await ws.ask(UpdateSegmentDocument, { input })).updateSegment;
  const archive = async (input: Omit<ArchiveSegmentInput, 'force'> & { force?: boolean }) =>
    dataOf(await ws.ask(ArchiveSegmentDocument, { input: { force: false, ...input } })).archiveSegment;
  const lifeOf = async (id: string, page: { first?: number; after?: string | null } = {}) => {
    const { segment } = dataOf(await ws.ask(LifeOfDocument, { by: { id }, ...page }));
    if (!segment) throw new Error('It was just made.');
    return segment;
  };
  const log = async (variables: AuditLogQueryVariables = {}) =>
    dataOf(await ws.ask(AuditLogDocument, variables)).auditLog;
  const uuidOf = (nodeId: string) => Buffer.from(nodeId, 'base64').toString().replace('Segment:', '');
  /** Lets one segment refer to another. */
  const use = async (name: string, id: string) =>
    ws.domain.segments.createSegment({ name, filter: inSegment(uuidOf(id)) });

  test('versions say what changed in the words of clients, and who changed it', async () => {
    const { id, filterJson } = await create({ name: 'S', tags: ['a'], filter: inCohort('L') });
    const { key, secret } = await ws.domain.keys.createApiKey({ name: 'Builder', scopes: ['segments:write'] });
    const byKey = asker(app.muster.fetch, { authorization: `Bearer ${secret}` });
    clock.advance(1000);
    const input = { id, filter: { not: inCohort('L') }, name: 'T' };
    const changed = successOf(dataOf(await byKey(UpdateSegmentDocument, { input })).updateSegment).segment;
    const { versions, history, version, tags } = await lifeOf(id);
    expect([version, tags, versions.totalCount]).toEqual([2, ['a'], 2]);
    const diff = [
      { field: 'name', before: 'S', after: 'T' },
      { field: 'filter', before: filterJson, after: { not: filterJson } },
    ];
    const author = {
      kind: 'API_KEY',
      name: 'Builder',
      apiKeyId: Buffer.from(`ApiKey:${key.id}`).toString('base64'),
    };
    expect(versions.nodes[0]).toEqual({
      version: 2,
      name: 'T',
      description: null,
      tags: ['a'],
      filterJson: changed.filterJson,
      archivedAt: null,
      change: 'UPDATED',
      ofVersion: null,
      author,
      at: clock.now().toISOString(),
      reason: null,
      diff,
    });
    expect(versions.nodes[1]).toMatchObject({ version: 1, change: 'CREATED', author: { kind: 'HOST' }, diff: [] });
    expect(history.nodes[0]).toEqual({
      at: clock.now().toISOString(),
      actor: author,
      action: 'SEGMENT_UPDATED',
      subject: 'SEGMENT',
      subjectId: id,
      subjectName: 'T',
      changes: diff,
      details: { version: 2 },
      reason: null,
    });
    expect(history.nodes[1]).toMatchObject({ action: 'SEGMENT_CREATED', changes: [] });
    const tree = await ws.ask(
      'query ($id: ID!) { segment(by: { id: $id }) { versions { nodes { filterText filter { __typename ... on NotFilter { not { ... on PartnerCohortsFilter { cohorts { name } } } } } } } } }',
      { id },
    );
    expect(tree.data).toMatchObject({
      segment: {
        versions: {
          nodes: [
            { filterText: 'not amplitude_cohorts includes_value "L"', filter: { not: { cohorts: [{ name: 'L' }] } } },
            { filterText: 'amplitude_cohorts includes_value "L"' },
          ],
        },
      },
    });
  });

  test('versions are paged', async () => {
    const { id } = await create({ name: 'S', filter: inCohort('L') });
    for (const name of ['T', 'U', 'V']) successOf(await update({ id, name }));
    const first = (await lifeOf(id, { first: 3 })).versions;
    expect([first.nodes.map(({ name }) => name), first.pageInfo.hasNextPage]).toEqual([['V', 'U', 'T'], true]);
    const rest = (await lifeOf(id, { first: 3, after: first.pageInfo.endCursor })).versions;
    expect([rest.nodes.map(({ name }) => name), rest.pageInfo.hasNextPage]).toEqual([['S'], false]);
  });

  test('a roll back and a copy answer the segment; what stands in the way is typed', async () => {
    const before = await create({ name: 'S', tags: ['a'], filter: inCohort('L') });
    const { id } = before;
    expect(await update({ id, name: 'T', tags: [], filter: inCohort('R'), ifVersion: 2 })).toMatchObject({
      __typename: 'ConflictError',
      code: 'VERSION_CHANGED',
      path: ['ifVersion'],
    });
    successOf(await update({ id, name: 'T', tags: [], filter: inCohort('R'), ifVersion: 1 }));
    const rollback = async (version: number) =>
      dataOf(await ws.ask(RollbackSegmentDocument, { input: { id, version, reason: 'Was better.' } })).rollbackSegment;
    expect(await rollback(7)).toMatchObject({ __typename: 'NotFoundError', path: ['version'] });
    expect(successOf(await rollback(1)).segment).toEqual(before);
    const { versions, tags } = await lifeOf(id);
    expect(versions.nodes[0]).toMatchObject({ version: 3, change: 'ROLLED_BACK', ofVersion: 1, reason: 'Was better.' });
    expect(tags).toEqual(['a']);
    const copy = dataOf(await ws.ask(DuplicateSegmentDocument, { input: { id } })).duplicateSegment;
    expect(successOf(copy).segment).toMatchObject({ name: 'Copy of S', filterJson: before.filterJson, size: 2 });
    const none = { __typename: 'NotFoundError', code: 'NOT_FOUND', path: ['id'] };
    expect(dataOf(await ws.ask(DuplicateSegmentDocument, { input: { id: 'none' } })).duplicateSegment).toMatchObject(
      none,
    );
  });

  test('what is used says by what, and is archived only by force and with a reason', async () => {
    const { id } = await create({ name: 'Base', filter: inCohort('L') });
    await use('User', id);
    expect((await lifeOf(id)).usedBy).toEqual([{ name: 'User' }]);
    expect(await archive({ id })).toMatchObject({
      __typename: 'ConflictError',
      code: 'IN_USE',
      path: ['id'],
      message: expect.stringContaining('"User"'),
    });
    expect(await archive({ id, force: true })).toMatchObject({ code: 'INVALID_INPUT', path: ['reason'] });
    const { segment } = successOf(await archive({ id, force: true, reason: 'Moved.' }));
    expect(segment).toMatchObject({ archivedAt: clock.now().toISOString(), size: 2 });
    expect((await lifeOf(id)).history.nodes[0]).toMatchObject({ reason: 'Moved.', details: { usedBy: ['User'] } });
    const user = await ws.ask('{ segment(by: { name: "User" }) { size } }');
    expect(user).toEqual({ data: { segment: { size: 2 } } });
  });

  test('each of several changes in one request is answered as it was after that change', async () => {
    const { id } = await create({ name: 'S', filter: inCohort('L') });
    await use('User', id);
    const of = `... on UpdateSegmentSuccess { segment { version versions { totalCount } sizeHistory(from: "2020-01-01T00:00:00Z") { version }
      filter { ... on PartnerCohortsFilter { cohorts { name size } } } usedBy { ... on Segment { size } } } }`;
    const applied = await ws.ask(
      `mutation ($id: ID!, $R: SegmentFilterInput!) {
        a: updateSegment(input: { id: $id, name: "T" }) { ${of} }
        apply: applyCohortChanges(input: { cohort: { name: "R" }, changes: [{ externalIds: ["left"] }] }) { ... on ApplyCohortChangesSuccess { cohort { size } } }
        b: updateSegment(input: { id: $id, filter: $R }) { ${of} }
        again: applyCohortChanges(input: { cohort: { name: "R" }, changes: [{ externalIds: ["none"] }] }) { ... on ApplyCohortChangesSuccess { cohort { size } } }
      }`,
      { id, R: inCohort('R') },
    );
    const segment = (version: number, name: string, size: number) => ({
      segment: {
        version,
        versions: { totalCount: version },
        sizeHistory: [{ version }],
        filter: { cohorts: [{ name, size }] },
        usedBy: [{ size }],
      },
    });
    expect(dataOf(applied)).toEqual({
      a: segment(2, 'L', 2),
      apply: { cohort: { size: 3 } },
      b: segment(3, 'R', 3),
      again: { cohort: { size: 4 } },
    });
  });

  test('segments are listed by tags', async () => {
    for (const [name, tags] of [
      ['one', ['x', 'y']],
      ['two', ['x']],
    ] as const)
      await create({ name, tags: [...tags], filter: inCohort('L') });
    const list = async (tags: string[]) => {
      const { segments } = dataOf(await ws.ask(SegmentsDocument, { includeArchived: false, tags }));
      expect(segments.totalCount).toBe(segments.edges.length);
      return segments.edges.map(({ node }) => node.name);
    };
    expect([await list(['x']), await list(['y', 'x']), await list(['z'])]).toEqual([['one', 'two'], ['one'], []]);
  });

  test('sizes are told with the version that was counted', async () => {
    const { id } = await create({ name: 'S', filter: inCohort('L') });
    const from = clock.now().toISOString();
    clock.advance(1000);
    successOf(await update({ id, filter: { not: { any: [inCohort('L'), inCohort('R')] } } }));
    const sizes = async (span: { from: string; to?: string }) =>
      dataOf(await ws.ask(SizesOfDocument, { by: { id }, ...span })).segment?.sizeHistory;
    expect(await sizes({ from })).toEqual([
      { at: from, size: 2, version: 1, reason: 'CHANGE' },
      { at: clock.now().toISOString(), size: 1, version: 2, reason: 'CHANGE' },
    ]);
    expect(await sizes({ from, to: from })).toHaveLength(1);
    const backwards = await ws.ask(SizesOfDocument, { by: { id }, from, to: '2020-01-01T00:00:00Z' });
    expect(codeOf(backwards)).toBe('INVALID_INPUT');
  });

  test('the audit log tells of segments, keys and settings, by kind, by thing and by action', async () => {
    const { id } = await create({ name: 'S', filter: inCohort('L') });
    await create({ name: 'Other', filter: inCohort('L') });
    successOf(await update({ id, name: 'T' }));
    await ws.importKey();
    await ws.domain.workspaces.updateWorkspace({ monthlyBudget: 7 });
    const all = await log();
    expect(all.nodes.map(({ action, subject, subjectName }) => `${action} ${subject} ${subjectName}`)).toEqual([
      expect.stringContaining('WORKSPACE_UPDATED WORKSPACE'),
      expect.stringContaining('DATA_IMPORT_KEY_GENERATED DATA_IMPORT_KEY'),
      'SEGMENT_UPDATED SEGMENT T',
      'SEGMENT_CREATED SEGMENT Other',
      'SEGMENT_CREATED SEGMENT S',
    ]);
    const [workspace, key] = all.nodes;
    expect([workspace?.actor.kind, workspace?.changes]).toEqual([
      'LIBRARY',
      [{ field: 'monthlyBudget', before: null, after: 7 }],
    ]);
    for (const entry of [workspace, key])
      expect(await log({ of: entry?.subjectId })).toMatchObject({ totalCount: 1, nodes: [entry] });
    expect((await log({ of: id })).totalCount).toBe(2);
    expect((await log({ of: id, action: 'SEGMENT_UPDATED' })).totalCount).toBe(1);
    expect((await log({ of: id, subject: 'API_KEY' })).totalCount).toBe(0);
    expect((await log({ of: 'nonsense' })).totalCount).toBe(0);
    expect((await log({ subject: 'SEGMENT' })).totalCount).toBe(3);
    expect((await log({ action: 'SEGMENT_CREATED' })).totalCount).toBe(2);
    const first = await log({ first: 2 });
    expect((await log({ first: 9, after: first.pageInfo.endCursor })).nodes).toEqual(all.nodes.slice(2));
    // What is said of a thing is there with the thing: who may not read keys has no log.
    const others: Scope[] = ['segments:read', 'segments:write', 'cohorts:read', 'users:read'];
    expect(codeOf(await ws.askWith(others)(AuditLogDocument, {}))).toBe('FORBIDDEN');
  });
});
