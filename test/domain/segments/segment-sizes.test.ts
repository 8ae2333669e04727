import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Ctx, Log } from '../../../src/domain/context.ts';
import { runDueJobs } from '../../../src/domain/jobs/jobs.ts';
import { archiveSegment, createSegment, updateSegment } from '../../../src/domain/segments/changes.ts';
import { SIZES_KEPT_DAYS } from '../../../src/domain/segments/keep-sizes.ts';
import { listSegmentSizes, noteSegmentSizes } from '../../../src/domain/segments/segment-sizes.ts';
import { fakeClock, makeContext, otherWorkspace } from '../../support/context.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { inCohort, notIn } from '../../support/drafts.ts';
import { seedCohort, seedIdentified } from '../../support/seed.ts';
import { recordStatements } from '../../support/statements.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

describe.each(DATABASES)('sizes of segments on %s', (kind) => {
  const statements = recordStatements();
  let database: TestDatabase;
  let clock: ReturnType<typeof fakeClock>;
  let ctx: Ctx;
  let warnings: object[];
  beforeAll(async () => {
    database = await openTestDatabase(kind, { logger: statements.logger });
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    clock = fakeClock('2026-03-01T23:30:00.000Z');
    warnings = [];
    const log: Log = { info: () => {}, warn: (fields) => void warnings.push(fields), error: () => {} };
    ctx = { ...(await makeContext(database, { now: () => clock.now() })), log };
    await seedIdentified(ctx, 'a', 'b', 'c');
    await seedCohort(ctx, 'L', { externalIds: ['a'] });
  });

  const create = (name: string, filter = inCohort('L')) => createSegment(ctx, { name, filter });
  const history = async (id: string, from = new Date(0), to?: Date) =>
    ((await listSegmentSizes(ctx, [id], { from, to }))[0] ?? []).map(
      ({ at, size, version, reason }) => `${at.toISOString().slice(0, 16)} ${reason} ${size} v${version}`,
    );

  test('a live segment is counted once in each UTC day, however often the job comes round', async () => {
    const { id } = await create('S', notIn(inCohort('L')));
    clock.advance(60_000);
    for (let hour = 0; hour < 26; hour++) {
      await runDueJobs(ctx);
      if (hour === 10) await seedIdentified(ctx, 'd');
      clock.advance(HOUR);
    }
    expect(await history(id)).toEqual([
      '2026-03-01T23:30 CHANGE 2 v1',
      '2026-03-01T23:31 DAY 2 v1',
      '2026-03-02T00:31 DAY 2 v1',
      '2026-03-03T00:31 DAY 3 v1',
    ]);
  });

  test('what is changed is counted at once, and what is archived no longer by day', async () => {
    const { id } = await create('S');
    await noteSegmentSizes(ctx);
    clock.advance(HOUR);
    await updateSegment(ctx, { id, filter: notIn(inCohort('L')) });
    clock.advance(HOUR);
    await archiveSegment(ctx, { id });
    clock.advance(DAY);
    expect(await noteSegmentSizes(ctx)).toBe(0);
    expect(await history(id)).toEqual([
      '2026-03-01T23:30 DAY 1 v1',
      '2026-03-02T00:30 CHANGE 2 v2',
      '2026-03-02T01:30 CHANGE 2 v3',
    ]);
  });

  test('a history has its beginning and its end, and runs in the order asked for several', async () => {
    const one = await create('One');
    const two = await create('Two', notIn(inCohort('L')));
    for (let day = 0; day < 4; day++) {
      clock.advance(DAY);
      expect(await noteSegmentSizes(ctx)).toBe(2);
    }
    expect(await history(one.id, new Date('2026-03-02T23:30:00.000Z'), new Date('2026-03-03T23:30:00.000Z'))).toEqual([
      '2026-03-02T23:30 DAY 1 v1',
      '2026-03-03T23:30 DAY 1 v1',
    ]);
    const both = await listSegmentSizes(ctx, [two.id, one.id], { from: new Date('2026-03-05T00:00:00.000Z') });
    expect(both.map((points) => points.map(({ size }) => size))).toEqual([[2], [1]]);
    const backwards = { from: clock.now(), to: new Date(0) };
    await expect(listSegmentSizes(ctx, [one.id], backwards)).rejects.toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT', path: ['to'] }),
    );
    await expect(listSegmentSizes(ctx, [one.id], { from: new Date(Number.NaN) })).rejects.toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT', path: ['from'] }),
    );
  });

  test('sizes are forgotten after a while, those of this workspace only', async () => {
    const { id } = await create('S');
    const other: Ctx = await otherWorkspace(ctx);
    await seedCohort(other, 'L', {});
    const theirs = await createSegment(other, { name: 'S', filter: inCohort('L') });
    clock.advance(SIZES_KEPT_DAYS * DAY);
    await noteSegmentSizes(ctx);
    expect(await history(id)).toHaveLength(2);
    clock.advance(DAY);
    await noteSegmentSizes(ctx);
    expect(await history(id)).toEqual(['2027-04-05T23:30 DAY 1 v1', '2027-04-06T23:30 DAY 1 v1']);
    expect((await listSegmentSizes(other, [theirs.id], { from: new Date(0) }))[0]).toHaveLength(1);
  });

  test('many segments are counted in few statements', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 60; i++) ids.push((await create(`S ${i}`)).id);
    clock.advance(HOUR);
    statements.take();
    expect(await noteSegmentSizes(ctx)).toBe(60);
    // One that finds them, one that forgets, and for each fifty: to read, to count, to keep.
    expect(statements.take()).toHaveLength(8);
    const all = await listSegmentSizes(ctx, ids, { from: clock.now() });
    expect(all.map((points) => points.map(({ size }) => size))).toEqual(ids.map(() => [1]));
  });

  test('a segment that cannot be counted does not cost the others their day', async () => {
    const good = await create('Good');
    const bad = await create('Bad');
    // Nothing leads here but damage or a filter that takes too long.
    await ctx.db.execute(sql`update segments set filter = '{"filter": "segment", "operator": "is", "value": "00000000-0000-0000-0000-000000000000"}'
      where workspace_id = ${ctx.workspaceId}::int and id = ${bad.id}::uuid`);
    clock.advance(HOUR);
    expect(await noteSegmentSizes(ctx)).toBe(1);
    expect([(await history(good.id)).length, (await history(bad.id)).length]).toEqual([2, 1]);
    expect(warnings).toEqual([{ workspaceId: ctx.workspaceId, segment: bad.id, error: 'Error' }]);
  });
});
