import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OpenDatabase } from '../../../src/db/client.ts';
import { listAudit } from '../../../src/domain/audit/audit.ts';
import type { Ctx } from '../../../src/domain/context.ts';
import { DomainError, type ErrorCode } from '../../../src/domain/errors.ts';
import {
  archiveSegment,
  createSegment,
  duplicateSegment,
  updateSegment,
} from '../../../src/domain/segments/changes.ts';
import { EXPANDED_MAX_NODES } from '../../../src/domain/segments/expand.ts';
import { countMembers } from '../../../src/domain/segments/members.ts';
import type { Segment } from '../../../src/domain/segments/segment.ts';
import { findSegments, liveSegments, segmentsUsing } from '../../../src/domain/segments/segments.ts';
import { pageVersions } from '../../../src/domain/segments/versions.ts';
import { makeContext, seenBy } from '../../support/context.ts';
import { openTestDatabase, secondServer, type TestDatabase } from '../../support/database.ts';
import { anyOf, inCohort, inSegment, notIn } from '../../support/drafts.ts';
import { seedCohort, seedIdentified } from '../../support/seed.ts';

// Real connections of two servers change the segments of one workspace. No test says who wins: each says what must be true whoever does.

const ROUNDS = Number(process.env.MUSTER_RACE_ROUNDS ?? 10);

/** The workspace as each of the two servers sees it. */
interface Round {
  readonly one: Ctx;
  readonly two: Ctx;
  readonly create: (name: string, filter?: Parameters<typeof createSegment>[1]['filter']) => Promise<Segment>;
}

describe('changes of segments at the same time', () => {
  let database: TestDatabase;
  let servers: readonly [OpenDatabase, OpenDatabase];
  beforeAll(async () => {
    database = await openTestDatabase('postgres');
    servers = [secondServer(database, { poolSize: 6 }), secondServer(database, { poolSize: 6 })];
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.close()));
    await database.close();
  });

  async function race(work: (round: Round) => Promise<void>): Promise<void> {
    for (let round = 0; round < ROUNDS; round++) {
      const ctx = await makeContext(database);
      await seedIdentified(ctx, 'a', 'b');
      await seedCohort(ctx, 'L', { externalIds: ['a'] });
      const create: Round['create'] = (name, filter = inCohort('L')) => createSegment(ctx, { name, filter });
      await work({ one: seenBy(ctx, servers[0]), two: seenBy(ctx, servers[1]), create });
    }
  }

  /** The code with which a change was refused; null when it was done. */
  const codeOf = (change: Promise<unknown>): Promise<ErrorCode | null> =>
    change.then(
      () => null,
      (error: unknown) => {
        if (error instanceof DomainError) return error.code;
        throw error;
      },
    );
  const refusals = async (changes: readonly Promise<unknown>[]) =>
    (await Promise.all(changes.map(codeOf))).filter((code) => code !== null);
  const now = async (ctx: Ctx, id: string) => (await findSegments(ctx, [{ id }]))[0];

  test('of many who change one version, one does', async () => {
    await race(async ({ one, two, create }) => {
      const { id } = await create('S');
      const names = ['A', 'B', 'C', 'D'];
      const changes = names.map((name, i) => updateSegment(i % 2 ? one : two, { id, name, ifVersion: 1 }));
      expect(await refusals(changes)).toEqual(['VERSION_CHANGED', 'VERSION_CHANGED', 'VERSION_CHANGED']);
      expect(await now(one, id)).toMatchObject({ version: 2, name: expect.stringMatching(/^[A-D]$/) });
    });
  });

  test('changes one beside another are versions without gaps, each of which says what it changed', async () => {
    await race(async ({ one, two, create }) => {
      const { id } = await create('S');
      const changes = Array.from({ length: 8 }, (_, i) =>
        updateSegment(i % 2 ? one : two, i < 4 ? { id, name: `S ${i}` } : { id, tags: [`${i}`] }),
      );
      expect(await refusals(changes)).toEqual([]);
      const versions = ((await pageVersions(one, [id], {}))[0]?.items ?? []).map(({ item }) => item);
      expect(versions.map(({ version }) => version)).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1]);
      for (const { version, diff } of versions) expect(diff).toHaveLength(version === 1 ? 0 : 1);
      const { name, tags } = (await now(one, id)) ?? {};
      expect(versions[0]).toMatchObject({ name, tags });
      const entries = (await listAudit(one, { subjectId: id })).items.map(({ item }) => item.changes);
      expect(entries).toEqual(versions.map(({ diff }) => diff));
    });
  });

  test('who is archived while somebody begins to refer to them is either archived or used', async () => {
    await race(async ({ one, two, create }) => {
      const base = await create('Base');
      const user = await create('User');
      const refused = await refusals([
        archiveSegment(one, { id: base.id }),
        updateSegment(two, { id: user.id, filter: notIn(inSegment(base.id)) }),
      ]);
      expect(refused).toHaveLength(1);
      const used = (await segmentsUsing(one, [base.id])).size;
      const isArchived = (await now(one, base.id))?.archivedAt !== null;
      expect([used, isArchived]).toEqual(refused[0] === 'IN_USE' ? [1, false] : [0, true]);
    });
  });

  test('no two changes close a circle together, directly or through others', async () => {
    await race(async ({ one, two, create }) => {
      const a = await create('A');
      const b = await create('B');
      const [overA, overB] = [await create('Over A', inSegment(a.id)), await create('Over B', inSegment(b.id))];
      const refused = await refusals([
        updateSegment(one, { id: a.id, filter: inSegment(overB.id) }),
        updateSegment(two, { id: b.id, filter: inSegment(overA.id) }),
      ]);
      expect(refused).toEqual(['INVALID_INPUT']);
      const all = await liveSegments(one);
      // Evaluating what goes round in a circle would not end with a number.
      expect(
        await countMembers(
          two,
          all.map(({ filter }) => filter),
        ),
      ).toEqual([1, 1, 1, 1]);
    });
  });

  test('no two changes make something too large together', async () => {
    await race(async ({ one, two, create }) => {
      const wide = (id: string, times: number) => anyOf(...Array.from({ length: times }, () => inSegment(id)));
      const base = await create('Base');
      const middle = await create('Middle', wide(base.id, 8));
      const top = await create('Top', wide(middle.id, 8));
      // Each alone is fine; together they would be 1 + 80 * (2 + 80 * 2) parts.
      expect(1 + 80 * (2 + 80 * 2)).toBeGreaterThan(EXPANDED_MAX_NODES);
      const refused = await refusals([
        updateSegment(one, { id: middle.id, filter: wide(base.id, 80) }),
        updateSegment(two, { id: top.id, filter: wide(middle.id, 80) }),
      ]);
      expect(refused).toEqual(['LIMIT_EXCEEDED']);
      const { filter } = (await now(one, top.id)) ?? {};
      if (!filter) throw new Error('It was just made.');
      expect(await countMembers(one, [filter])).toEqual([1]);
    });
  });

  test('copies made at the same time have names of their own', async () => {
    await race(async ({ one, two, create }) => {
      const old = await create('S');
      await archiveSegment(one, { id: old.id });
      const { id } = await create('S');
      const copies = await Promise.all([
        duplicateSegment(one, { id: old.id }),
        duplicateSegment(two, { id }),
        duplicateSegment(two, { id: old.id }),
        duplicateSegment(one, { id }),
      ]);
      expect(copies.map(({ name }) => name).sort()).toEqual(['Copy of S', 'Copy of S 2', 'Copy of S 3', 'Copy of S 4']);
    });
  });

  test('changes wait for nobody who adds users, and those for no changes', async () => {
    const ctx = await makeContext(database);
    await seedCohort(ctx, 'L', {});
    const { id } = await createSegment(ctx, { name: 'S', filter: inCohort('L') });
    const [one, two] = [seenBy(ctx, servers[0]), seenBy(ctx, servers[1])];
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const done: string[] = [];
    const adding = one.db.transaction(async (tx) => {
      await seedIdentified({ ...one, db: tx as unknown as Ctx['db'], inTransaction: true }, 'new');
      await held;
      done.push('users');
    });
    await updateSegment(two, { id, name: 'T' });
    done.push('segment');
    release();
    await adding;
    expect(done).toEqual(['segment', 'users']);
  });
});
