import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { listAudit } from '../../../src/domain/audit/audit.ts';
import type { Cohort } from '../../../src/domain/cohorts/cohort.ts';
import type { Ctx } from '../../../src/domain/context.ts';
import type { ErrorCode, Path } from '../../../src/domain/errors.ts';
import {
  archiveSegment,
  createSegment,
  duplicateSegment,
  restoreSegment,
  rollbackSegment,
  updateSegment,
} from '../../../src/domain/segments/changes.ts';
import { EXPANDED_MAX_NODES } from '../../../src/domain/segments/expand.ts';
import { countMembers } from '../../../src/domain/segments/members.ts';
import type { Segment } from '../../../src/domain/segments/segment.ts';
import { listSegmentSizes } from '../../../src/domain/segments/segment-sizes.ts';
import {
  countSegments,
  findSegments,
  listSegments,
  segmentsByCohortIds,
  segmentsUsing,
} from '../../../src/domain/segments/segments.ts';
import { countVersions, pageVersions } from '../../../src/domain/segments/versions.ts';
import { fakeClock, makeContext, otherWorkspace } from '../../support/context.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { anyOf, inCohort, inSegment, notIn } from '../../support/drafts.ts';
import { seedCohort, seedIdentified } from '../../support/seed.ts';

const NOBODY = '00000000-0000-0000-0000-000000000000';

const failing = (code: ErrorCode, path?: Path) => expect.objectContaining({ code, ...(path ? { path } : {}) });

describe.each(DATABASES)('the life of a segment on %s', (kind) => {
  const clock = fakeClock();
  let database: TestDatabase;
  let ctx: Ctx;
  let L: Cohort;
  let R: Cohort;
  beforeAll(async () => {
    database = await openTestDatabase(kind);
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    ctx = await makeContext(database, { now: clock.now });
    ctx = { ...ctx, actor: { kind: 'host', id: null, name: 'Ada' } };
    await seedIdentified(ctx, 'both', 'left', 'right', 'none');
    L = await seedCohort(ctx, 'L', { externalIds: ['both', 'left'] });
    R = await seedCohort(ctx, 'R', { externalIds: ['both', 'right'] });
  });

  const create = (name: string, filter = inCohort('L')) => createSegment(ctx, { name, filter });
  const now = async (id: string): Promise<Segment> => {
    const [found] = await findSegments(ctx, [{ id }]);
    if (!found) throw new Error('It was just made.');
    return found;
  };
  const versions = async (id: string, of: Ctx = ctx) =>
    ((await pageVersions(of, [id], {}))[0]?.items ?? []).map(({ item }) => item);
  const history = async (subjectId: string) =>
    (await listAudit(ctx, { subjectType: 'segment', subjectId })).items.map(({ item }) => item);
  const sizes = async (id: string) => (await listSegmentSizes(ctx, [id], { from: new Date(0) }))[0] ?? [];
  const sizeOf = async (id: string) => (await countMembers(ctx, [(await now(id)).filter]))[0];
  const usersOf = async (id: string) => ((await segmentsUsing(ctx, [id])).get(id) ?? []).map(({ name }) => name);
  /** Everything that a change leaves behind. */
  const traces = async (id: string) => [await now(id), await versions(id), await history(id), await sizes(id)];

  test('every change makes a version that says who made what of it, when and why', async () => {
    const { id } = await create('S');
    clock.advance(1000);
    const bob: Ctx = { ...ctx, actor: { kind: 'api_key', id: NOBODY, name: 'Bob' } };
    await updateSegment(bob, { id, name: 'T', tags: ['vip'] });
    await updateSegment(ctx, { id, filter: inCohort('R'), description: 'why' });
    await archiveSegment(ctx, { id, reason: ' Over. ' });
    await restoreSegment(ctx, { id });
    await rollbackSegment(ctx, { id, version: 2, reason: 'Was better.' });
    const all = await versions(id);
    expect(
      all.map(({ version, change, author, reason, ofVersion }) => [version, change, author.name, reason, ofVersion]),
    ).toEqual([
      [6, 'rolled_back', 'Ada', 'Was better.', 2],
      [5, 'restored', 'Ada', null, null],
      [4, 'archived', 'Ada', 'Over.', null],
      [3, 'updated', 'Ada', null, null],
      [2, 'updated', 'Bob', null, null],
      [1, 'created', 'Ada', null, null],
    ]);
    const json = (cohort: Cohort) => ({
      filter: 'amplitude_cohorts',
      operator: 'includes_value',
      value: String(cohort.id),
    });
    const [left, right] = [json(L), json(R)];
    expect(all.map(({ diff }) => diff)).toEqual([
      [
        { field: 'description', before: 'why', after: null },
        { field: 'filter', before: right, after: left },
      ],
      [{ field: 'archivedAt', before: clock.now().toISOString(), after: null }],
      [{ field: 'archivedAt', before: null, after: clock.now().toISOString() }],
      [
        { field: 'description', before: null, after: 'why' },
        { field: 'filter', before: left, after: right },
      ],
      [
        { field: 'name', before: 'S', after: 'T' },
        { field: 'tags', before: [], after: ['vip'] },
      ],
      [],
    ]);
    expect(all[4]).toMatchObject({ name: 'T', author: bob.actor, at: clock.now() });
    const { name, description, filter, tags, archivedAt, version } = await now(id);
    expect(all[0]).toMatchObject({ name, description, filter, tags, archivedAt, version });
    expect([name, description, tags, await sizeOf(id)]).toEqual(['T', null, ['vip'], 2]);
  });

  test('every change is in the audit log as its version says, and a point of the size history', async () => {
    const { id } = await create('S', anyOf(inCohort('L'), inCohort('R')));
    clock.advance(1000);
    await updateSegment(ctx, { id, filter: notIn(inCohort('L')) });
    clock.advance(1000);
    await seedIdentified(ctx, 'new');
    await archiveSegment(ctx, { id, reason: 'Over.' });
    const all = await versions(id);
    expect(
      (await history(id)).map(({ action, at, actor, changes, reason, details }) => [
        action,
        at,
        actor,
        changes,
        reason,
        details,
      ]),
    ).toEqual(all.map((v) => [`segment.${v.change}`, v.at, v.author, v.diff, v.reason, { version: v.version }]));
    expect(all).toHaveLength(3);
    expect(await sizes(id)).toEqual(
      [3, 2, 3].map((size, i) => ({ at: all[2 - i]?.at, size, version: i + 1, reason: 'CHANGE' })),
    );
  });

  test('a change that changes nothing leaves no trace', async () => {
    const { id } = await createSegment(ctx, { name: 'S', description: 'd', tags: ['a'], filter: inCohort('L') });
    const before = await traces(id);
    clock.advance(1000);
    await updateSegment(ctx, { id });
    await updateSegment(ctx, {
      id,
      name: ' S ',
      description: 'd',
      tags: ['a', 'a'],
      filter: inCohort('L'),
      ifVersion: 1,
    });
    await rollbackSegment(ctx, { id, version: 1 });
    await restoreSegment(ctx, { id });
    expect(await traces(id)).toEqual(before);
  });

  test('a change that is refused leaves no trace', async () => {
    await create('Taken');
    const { id } = await create('S');
    const before = [await traces(id), await countSegments(ctx, {})];
    clock.advance(1000);
    await expect(updateSegment(ctx, { id, name: 'Taken', filter: inCohort('R') })).rejects.toThrow(
      failing('NAME_TAKEN', ['name']),
    );
    await expect(updateSegment(ctx, { id, name: 'T', filter: inCohort('?') })).rejects.toThrow(failing('NOT_FOUND'));
    await expect(createSegment(ctx, { name: 'Taken', filter: inCohort('R') })).rejects.toThrow(failing('NAME_TAKEN'));
    expect([await traces(id), await countSegments(ctx, {})]).toEqual(before);
  });

  test('a filter that cannot be is refused as such, whether or not there is the segment to be changed', async () => {
    const refused = failing('INVALID_INPUT', ['filter']);
    await expect(updateSegment(ctx, { id: NOBODY, filter: anyOf() })).rejects.toThrow(refused);
    await expect(updateSegment(ctx, { id: NOBODY, filter: inCohort('L') })).rejects.toThrow(
      failing('NOT_FOUND', ['id']),
    );
  });

  test('a change of a version that is no longer the newest is refused', async () => {
    const { id } = await create('S');
    expect((await updateSegment(ctx, { id, name: 'T', ifVersion: 1 })).version).toBe(2);
    for (const ifVersion of [0, 1, 3])
      await expect(updateSegment(ctx, { id, name: 'U', ifVersion })).rejects.toThrow(
        failing('VERSION_CHANGED', ['ifVersion']),
      );
    expect(await now(id)).toMatchObject({ name: 'T', version: 2 });
  });

  test('a roll back is refused to what never was, of what is archived, and to a name that is taken', async () => {
    const { id } = await create('S');
    await updateSegment(ctx, { id, name: 'T' });
    await create('S');
    for (const version of [0, -1, 3, 1.5, 2 ** 40, Number.NaN])
      await expect(rollbackSegment(ctx, { id, version })).rejects.toThrow(failing('NOT_FOUND', ['version']));
    await expect(rollbackSegment(ctx, { id, version: 1 })).rejects.toThrow(failing('NAME_TAKEN', ['version']));
    await archiveSegment(ctx, { id });
    await expect(rollbackSegment(ctx, { id, version: 1 })).rejects.toThrow(failing('NOT_ACTIVE', ['id']));
    expect((await versions(id)).length).toBe(3);
  });

  test('tags are kept once each, without white space around them', async () => {
    const { id, tags } = await createSegment(ctx, { name: 'S', tags: [' b ', 'a', 'b', 'B'], filter: inCohort('L') });
    expect(tags).toEqual(['b', 'a', 'B']);
    expect((await updateSegment(ctx, { id, name: 'T' })).tags).toEqual(['b', 'a', 'B']);
    expect((await updateSegment(ctx, { id, tags: [] })).tags).toEqual([]);
    const twenty = Array.from({ length: 20 }, (_, i) => `${i}`.padEnd(50, 't'));
    expect((await updateSegment(ctx, { id, tags: twenty })).tags).toEqual(twenty);
  });

  test.each([
    ['21 tags', Array.from({ length: 21 }, String), 'LIMIT_EXCEEDED', ['tags']],
    ['an empty tag', ['a', ' '], 'INVALID_INPUT', ['tags', 1]],
    ['a tag of 51 characters', ['a'.repeat(51)], 'INVALID_INPUT', ['tags', 0]],
    ['a tag with NUL', ['a', 'b', '\u0000c'], 'INVALID_INPUT', ['tags', 2]],
    ['a tag with half a character', ['\ud800'], 'INVALID_INPUT', ['tags', 0]],
  ] as const)('%s: refused with the path, made, changed or looked for', async (_, tags, code, path) => {
    const refused = failing(code, path);
    await expect(createSegment(ctx, { name: 'S', tags, filter: inCohort('L') })).rejects.toThrow(refused);
    const { id } = await create('S');
    await expect(updateSegment(ctx, { id, tags })).rejects.toThrow(refused);
    await expect(listSegments(ctx, { tags })).rejects.toThrow(refused);
    await expect(countSegments(ctx, { tags })).rejects.toThrow(refused);
  });

  test('segments are found by all of some tags, and by part of a tag in any case', async () => {
    for (const [name, tags] of [
      ['one', ['VIP', 'eu "west"']],
      ['two', ['VIP', 'us,east']],
      ['three', ['vip']],
    ] as const)
      await createSegment(ctx, { name, tags, filter: inCohort('L') });
    const names = async (input: Parameters<typeof listSegments>[1]) => {
      const found = (await listSegments(ctx, input)).items.map(({ item }) => item.name);
      expect(await countSegments(ctx, input)).toBe(found.length);
      return found;
    };
    expect(await names({ tags: ['VIP'] })).toEqual(['one', 'two']);
    expect(await names({ tags: ['eu "west"', 'VIP'] })).toEqual(['one']);
    expect(await names({ tags: ['us,east', 'eu "west"'] })).toEqual([]);
    expect(await names({ tags: [] })).toEqual(['one', 'three', 'two']);
    expect(await names({ search: 'vIp' })).toEqual(['one', 'three', 'two']);
    expect(await names({ search: 'S,E' })).toEqual(['two']);
    expect(await names({ search: '%' })).toEqual([]);
    expect(await names({ search: 'ee', tags: ['vip'] })).toEqual(['three']);
    const { items } = await listSegments(ctx, { first: 1, tags: ['VIP'] });
    await expect(listSegments(ctx, { after: items[0]?.cursor })).rejects.toThrow(failing('INVALID_CURSOR'));
  });

  test('a copy is like what it is of, under the first free name, and goes its own way', async () => {
    const of = await createSegment(ctx, { name: 'S', description: 'd', tags: ['a'], filter: inCohort('L') });
    const copies = [];
    for (let i = 0; i < 3; i++) copies.push(await duplicateSegment(ctx, { id: of.id }));
    expect(copies.map(({ name }) => name)).toEqual(['Copy of S', 'Copy of S 2', 'Copy of S 3']);
    const [copy] = copies;
    expect(copy).toEqual({
      ...of,
      id: copy?.id,
      name: 'Copy of S',
      createdAt: copy?.createdAt,
      updatedAt: copy?.updatedAt,
    });
    await updateSegment(ctx, { id: copy?.id ?? '', filter: inCohort('R'), description: '' });
    expect(await now(of.id)).toEqual(of);
    expect(await versions(copy?.id ?? '')).toMatchObject([{ change: 'updated' }, { version: 1, change: 'duplicated' }]);
    expect((await history(copy?.id ?? '')).at(-1)?.details).toEqual({ version: 1, of: { name: 'S', version: 1 } });
    await archiveSegment(ctx, { id: of.id });
    expect((await duplicateSegment(ctx, { id: of.id, name: ' Mine ' })).name).toBe('Mine');
    await expect(duplicateSegment(ctx, { id: of.id, name: 'Mine' })).rejects.toThrow(failing('NAME_TAKEN', ['name']));
    await expect(duplicateSegment(ctx, { id: of.id, name: ' ' })).rejects.toThrow(failing('INVALID_INPUT', ['name']));
  });

  test('the name of a copy is never too long, and never cut through a character', async () => {
    const { id } = await create(`${'x'.repeat(191)}😀${'x'.repeat(7)}`);
    const names = [await duplicateSegment(ctx, { id }), await duplicateSegment(ctx, { id })].map(({ name }) => name);
    expect(names).toEqual([`Copy of ${'x'.repeat(191)}`, `Copy of ${'x'.repeat(190)} 2`]);
  });

  test('who is used is known, and is not archived without a reason and force', async () => {
    const { id } = await create('Base');
    const users = [];
    for (let i = 1; i <= 7; i++) users.push(await create(`User ${i}`, anyOf(inCohort('R'), inSegment(id))));
    const far = await create('Far', inSegment(users[0]?.id ?? ''));
    expect(await usersOf(id)).toEqual(users.map(({ name }) => name));
    expect(await usersOf(far.id)).toEqual([]);
    await archiveSegment(ctx, { id: users[6]?.id ?? '' });
    const refused = archiveSegment(ctx, { id });
    await expect(refused).rejects.toThrow(failing('IN_USE', ['id']));
    await expect(refused).rejects.toThrow('"User 1", "User 2", "User 3", "User 4", "User 5" and 1 more:');
    for (const reason of [undefined, null, '', ' \n'])
      await expect(archiveSegment(ctx, { id, force: true, reason })).rejects.toThrow(
        failing('INVALID_INPUT', ['reason']),
      );
    for (const reason of ['r'.repeat(1_001), '\u0000', '\ud800'])
      await expect(archiveSegment(ctx, { id, force: true, reason })).rejects.toThrow(
        failing('INVALID_INPUT', ['reason']),
      );
    expect((await now(id)).archivedAt).toBeNull();
    await archiveSegment(ctx, { id, force: true, reason: 'Moved.' });
    expect((await versions(id))[0]).toMatchObject({ change: 'archived', reason: 'Moved.' });
    expect((await history(id))[0]).toMatchObject({
      reason: 'Moved.',
      details: { usedBy: ['User 1', 'User 2', 'User 3', 'User 4', 'User 5', 'User 6'] },
    });
    // It goes on counting for those that refer to it, however far away.
    expect([await sizeOf(users[0]?.id ?? ''), await sizeOf(far.id)]).toEqual([3, 3]);
  });

  test('where a cohort is used follows the filter through changes and roll backs', async () => {
    const { id } = await create('S');
    const users = async () => {
      const found = await segmentsByCohortIds(ctx, [L.id, R.id]);
      return [L, R].map((cohort) => (found.get(cohort.id) ?? []).length);
    };
    expect(await users()).toEqual([1, 0]);
    await updateSegment(ctx, { id, filter: anyOf(inCohort('R'), inCohort('R')) });
    expect(await users()).toEqual([0, 1]);
    await rollbackSegment(ctx, { id, version: 1 });
    expect(await users()).toEqual([1, 0]);
    await duplicateSegment(ctx, { id });
    expect(await users()).toEqual([2, 0]);
  });

  test('whoever no longer refers to a segment does not keep it, and whoever is archived does not either', async () => {
    const { id } = await create('Base');
    const one = await create('One', inSegment(id));
    const two = await create('Two', inSegment(id));
    await updateSegment(ctx, { id: one.id, filter: inCohort('L') });
    expect(await usersOf(id)).toEqual(['Two']);
    await rollbackSegment(ctx, { id: one.id, version: 1 });
    expect(await usersOf(id)).toEqual(['One', 'Two']);
    await updateSegment(ctx, { id: one.id, filter: inCohort('L') });
    await archiveSegment(ctx, { id: two.id });
    expect((await archiveSegment(ctx, { id })).archivedAt).not.toBeNull();
    // Who comes back refers to what is archived meanwhile, and may.
    await restoreSegment(ctx, { id: two.id });
    expect([await usersOf(id), await sizeOf(two.id)]).toEqual([['Two'], 2]);
    expect((await updateSegment(ctx, { id: two.id, filter: anyOf(inSegment(id), inCohort('R')) })).version).toBe(4);
    expect(await sizeOf(two.id)).toBe(3);
  });

  test('nothing begins to refer to what is archived: no update, no roll back, no copy', async () => {
    const { id } = await create('Base');
    const user = await create('User', anyOf(inCohort('R'), inSegment(id)));
    await updateSegment(ctx, { id: user.id, filter: inCohort('R') });
    await archiveSegment(ctx, { id });
    await expect(updateSegment(ctx, { id: user.id, filter: inSegment(id) })).rejects.toThrow(
      expect.objectContaining({ path: ['filter', 'value'] }),
    );
    await expect(create('New', inSegment(id))).rejects.toThrow(expect.objectContaining({ path: ['filter', 'value'] }));
    await expect(rollbackSegment(ctx, { id: user.id, version: 1 })).rejects.toThrow(
      expect.objectContaining({ path: ['version', 'any', 1, 'value'] }),
    );
    expect([await usersOf(id), (await now(user.id)).version]).toEqual([[], 2]);
    await restoreSegment(ctx, { id });
    expect((await rollbackSegment(ctx, { id: user.id, version: 1 })).version).toBe(3);
    await archiveSegment(ctx, { id, force: true, reason: 'Gone.' });
    await expect(duplicateSegment(ctx, { id: user.id })).rejects.toThrow(
      expect.objectContaining({ path: ['id', 'any', 1, 'value'] }),
    );
  });

  test('no change closes a circle: no update, no roll back', async () => {
    const a = await create('A');
    const b = await create('B', inSegment(a.id));
    const c = await create('C', inSegment(b.id));
    for (const { id } of [a, b, c]) {
      const refused = updateSegment(ctx, { id: a.id, filter: notIn(inSegment(id)) });
      await expect(refused).rejects.toThrow(failing('INVALID_INPUT', ['filter', 'value']));
    }
    await updateSegment(ctx, { id: c.id, filter: inCohort('L') });
    await updateSegment(ctx, { id: a.id, filter: inSegment(c.id) });
    await expect(rollbackSegment(ctx, { id: c.id, version: 1 })).rejects.toThrow(
      failing('INVALID_INPUT', ['version', 'value']),
    );
    expect(await sizeOf(b.id)).toBe(2);
  });

  test('a change that would make something too large to be evaluated is refused, naming what', async () => {
    const wide = (id: string, times: number) => anyOf(...Array.from({ length: times }, () => inSegment(id)));
    const base = await create('Base');
    const middle = await create('Middle', wide(base.id, 40));
    // 1 + 60 * (1 + 1 + 40 * 2)
    const top = await create('Top', wide(middle.id, 60));
    expect(1 + 60 * 82).toBeLessThanOrEqual(EXPANDED_MAX_NODES);
    const grow = () => updateSegment(ctx, { id: base.id, filter: notIn(inCohort('L')) });
    await expect(grow()).rejects.toThrow(failing('LIMIT_EXCEEDED', ['filter']));
    await expect(grow()).rejects.toThrow('"Top"');
    await expect(create('More', wide(middle.id, 61))).rejects.toThrow(failing('LIMIT_EXCEEDED', ['filter']));
    await archiveSegment(ctx, { id: top.id });
    expect((await grow()).version).toBe(2);
    expect(await sizeOf(middle.id)).toBe(2);
  });

  test('versions are read for many segments at once, in pages, both ways', async () => {
    const a = await create('A');
    const b = await create('B');
    for (let i = 0; i < 4; i++) await updateSegment(ctx, { id: a.id, name: `A ${i}` });
    const numbers = (pages: Awaited<ReturnType<typeof pageVersions>>) =>
      pages.map(({ items }) => items.map(({ item }) => item.version));
    const first = await pageVersions(ctx, [a.id, NOBODY, b.id], { first: 2 });
    expect(numbers(first)).toEqual([[5, 4], [], [1]]);
    expect(first.map(({ hasNextPage }) => hasNextPage)).toEqual([true, false, false]);
    const after = first[0]?.items.at(-1)?.cursor;
    const rest = await pageVersions(ctx, [a.id], { after });
    expect(numbers(rest)).toEqual([[3, 2, 1]]);
    expect(rest[0]?.items[0]?.item.diff).toEqual([{ field: 'name', before: 'A 0', after: 'A 1' }]);
    expect(numbers(await pageVersions(ctx, [a.id], { last: 2, before: rest[0]?.items[1]?.cursor }))).toEqual([[4, 3]]);
    await expect(pageVersions(ctx, [b.id], { after })).rejects.toThrow(failing('INVALID_CURSOR'));
    expect([...(await countVersions(ctx, [a.id, NOBODY, b.id]))].sort()).toEqual(
      [
        [a.id, 5],
        [b.id, 1],
      ].sort(),
    );
  });

  test('segments of another workspace are like none', async () => {
    const { id } = await create('S');
    await create('User', inSegment(id));
    const other: Ctx = await otherWorkspace(ctx);
    await seedCohort(other, 'L', {});
    for (const change of [
      () => updateSegment(other, { id, name: 'T' }),
      () => archiveSegment(other, { id, force: true, reason: 'r' }),
      () => restoreSegment(other, { id }),
      () => rollbackSegment(other, { id, version: 1 }),
      () => duplicateSegment(other, { id }),
    ])
      await expect(change()).rejects.toThrow(failing('NOT_FOUND', ['id']));
    await expect(createSegment(other, { name: 'S', filter: inSegment(id) })).rejects.toThrow(
      failing('NOT_FOUND', ['filter', 'value']),
    );
    expect(await versions(id, other)).toEqual([]);
    expect(await countVersions(other, [id])).toEqual(new Map());
    expect(await segmentsUsing(other, [id])).toEqual(new Map());
    expect(await listSegmentSizes(other, [id], { from: new Date(0) })).toEqual([[]]);
    expect((await listAudit(other, { subjectId: id })).items).toEqual([]);
    expect((await now(id)).version).toBe(1);
  });

  test('what a version says of its cohorts stays true after a rename', async () => {
    const { id } = await create('S');
    await updateSegment(ctx, { id, filter: inCohort('R') });
    await ctx.db.execute(
      sql`update cohorts set name = 'Renamed' where workspace_id = ${ctx.workspaceId}::int and name = 'L'`,
    );
    expect((await rollbackSegment(ctx, { id, version: 1 })).filter).toEqual((await versions(id)).at(-1)?.filter);
  });
});
