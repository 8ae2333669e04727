import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Ctx } from '../../../src/domain/context.ts';
import { formatPath } from '../../../src/domain/errors.ts';
import { trimLedger } from '../../../src/domain/history/retention.ts';
import { createSegment } from '../../../src/domain/segments/changes.ts';
import { explainMembership } from '../../../src/domain/segments/explain.ts';
import type { ExplainedNode } from '../../../src/domain/segments/explanation.ts';
import type { FilterDraft } from '../../../src/domain/segments/filter.ts';
import { matchUsers } from '../../../src/domain/segments/members.ts';
import { type FakeClock, fakeClock, makeContext, otherWorkspace } from '../../support/context.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { adds, removes, seedUsers, send } from '../../support/seed.ts';

const inCohort = (name: string): FilterDraft => ({
  type: 'cohorts',
  partner: 'amplitude',
  operator: 'includes_value',
  values: [{ ref: { partnerCohort: { partner: 'amplitude', cohortId: name } }, path: [] }],
});

describe.each(DATABASES)('an explanation on %s', (kind) => {
  let database: TestDatabase;
  let clock: FakeClock;
  let ctx: Ctx;

  beforeAll(async () => {
    database = await openTestDatabase(kind);
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    clock = fakeClock();
    ctx = await makeContext(database, clock);
    await seedUsers(ctx, { externalId: 'ada', aliases: [{ label: 'crm', name: 'a' }] }, { externalId: 'joan' });
  });

  const explain = (segmentId: string, externalId = 'ada', asOf?: Date) =>
    explainMembership(ctx, { user: { externalId }, segmentId, asOf });
  const flat = (node: ExplainedNode): ExplainedNode[] => [node, ...node.parts.flatMap(flat)];
  const verdicts = (node: ExplainedNode) => flat(node).map((n) => [formatPath(n.path), n.verdict]);

  test('gives every part a verdict, and each cohort the batch and the identity that moved the user', async () => {
    const { batchId: entered } = await send(ctx, 'in', adds({ externalIds: ['ada', 'joan'] }));
    await send(ctx, 'out', adds({ externalIds: ['ada'] }));
    const { batchId: left } = await send(ctx, 'out', removes({ aliases: [{ label: 'crm', name: 'a' }] }));
    await send(ctx, 'in', adds({ externalIds: ['joan'] }));
    const filter: FilterDraft = {
      type: 'all',
      of: [inCohort('in'), { type: 'not', of: { type: 'any', of: [inCohort('out'), inCohort('in')] } }],
    };
    const { id } = await createSegment(ctx, { name: 's', filter });
    const explanation = await explain(id);
    expect(explanation).toMatchObject({ isMember: false, asOf: null, asOfNow: [] });
    expect(verdicts(explanation.tree)).toEqual([
      ['', false],
      ['all[0]', true],
      ['all[1]', false],
      ['all[1].not', true],
      ['all[1].not.any[0]', false],
      ['all[1].not.any[1]', true],
    ]);
    const [, into, , , outOf] = flat(explanation.tree);
    expect(into?.provenance).toMatchObject([
      { isMember: true, batch: { id: entered, dialect: 'braze' }, namedBy: [{ kind: 'external_id', value: 'ada' }] },
    ]);
    expect(outOf?.provenance).toMatchObject([
      { isMember: false, batch: { id: left }, namedBy: [{ kind: 'alias', alias: { label: 'crm', name: 'a' } }] },
    ]);
  });

  test('goes into the segments that a segment refers to', async () => {
    await send(ctx, 'in', adds({ externalIds: ['ada'] }));
    const inner = await createSegment(ctx, { name: 'inner', filter: inCohort('in') });
    const outer = await createSegment(ctx, {
      name: 'outer',
      filter: { type: 'not', of: { type: 'segment', segment: { ref: { id: inner.id }, path: [] } } },
    });
    const { tree } = await explain(outer.id);
    expect(verdicts(tree)).toEqual([
      ['', false],
      ['not', true],
      ['not.segment', true],
    ]);
  });

  test('of a moment past answers cohorts as they were, and says what it cannot', async () => {
    await send(ctx, 'in', adds({ externalIds: ['ada'] }));
    const then = clock.now();
    clock.advance(60_000);
    await send(ctx, 'in', removes({ externalIds: ['ada'] }));
    clock.advance(60_000);
    const identified: FilterDraft = { type: 'identity', test: { has: 'identified' } };
    const plain = await createSegment(ctx, { name: 'plain', filter: inCohort('in') });
    const mixed = await createSegment(ctx, {
      name: 'mixed',
      filter: { type: 'all', of: [inCohort('in'), identified] },
    });
    expect(await explain(plain.id, 'ada', then)).toMatchObject({ isMember: true, asOfNow: [] });
    expect(await explain(plain.id, 'ada', new Date(then.getTime() - 1))).toMatchObject({ isMember: false });
    expect(await explain(plain.id)).toMatchObject({ isMember: false });
    expect((await explain(mixed.id, 'ada', then)).asOfNow).not.toEqual([]);
    await expect(explain(plain.id, 'ada', new Date(clock.now().getTime() + 1))).rejects.toMatchObject({
      code: 'INVALID_INPUT',
    });
  });

  test('says where the ledger has forgotten', async () => {
    await send(ctx, 'in', adds({ externalIds: ['ada'] }));
    const { id } = await createSegment(ctx, { name: 's', filter: inCohort('in') });
    clock.advance(31 * 24 * 60 * 60_000);
    await trimLedger(ctx);
    const { tree, isMember } = await explain(id);
    expect(isMember).toBe(true);
    expect(tree.provenance).toMatchObject([{ isMember: true, batch: null, isForgotten: true }]);
  });

  test('of nobody, of nothing, and of what another workspace has is the same: not found', async () => {
    const { id } = await createSegment(ctx, { name: 's', filter: { type: 'identity', test: { has: 'device' } } });
    const elsewhere = await otherWorkspace(ctx);
    await seedUsers(elsewhere, { externalId: 'ada' });
    for (const attempt of [
      () => explain(id, 'nobody'),
      () => explain('00000000-0000-7000-8000-000000000000'),
      () => explainMembership(elsewhere, { user: { externalId: 'ada' }, segmentId: id }),
    ])
      await expect(attempt()).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('agrees with the membership of every user', async () => {
    await send(ctx, 'in', adds({ externalIds: ['ada'] }));
    const filter: FilterDraft = {
      type: 'all',
      of: [
        { type: 'not', of: inCohort('in') },
        { type: 'random_bucket', from: 0, to: 9_999 },
      ],
    };
    const segment = await createSegment(ctx, { name: 's', filter });
    const users = [1, 2];
    const matched = await matchUsers(ctx, users, [segment.filter]);
    for (const [i, id] of users.entries())
      expect((await explainMembership(ctx, { user: { id }, segmentId: segment.id })).isMember).toBe(matched[i]?.[0]);
  });
});
