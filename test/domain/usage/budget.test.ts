import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { acceptedChanges } from '../../../src/db/tables/cohorts.ts';
import { jobs } from '../../../src/db/tables/workspaces.ts';
import { acceptChanges, applyAccepted, applyChanges } from '../../../src/domain/cohorts/cohorts.ts';
import { commandToText } from '../../../src/domain/cohorts/command-text.ts';
import type { Ctx } from '../../../src/domain/context.ts';
import { runDueJobs } from '../../../src/domain/jobs/jobs.ts';
import { assessBudget, reaches } from '../../../src/domain/usage/budget.ts';
import { getBudget, listUsage } from '../../../src/domain/usage/usage.ts';
import { warnBudget } from '../../../src/domain/usage/warn-budget.ts';
import { updateWorkspace } from '../../../src/domain/workspaces/workspaces.ts';
import { makeContext, otherWorkspace } from '../../support/context.ts';
import { DATABASES, openTestDatabase, secondServer, type TestDatabase } from '../../support/database.ts';
import { adds, command, seedIdentified, send } from '../../support/seed.ts';

const settings = { monthlyBudget: 1_000, overBudget: 'WARN' } as const;
const MINUTE_MS = 60_000;

describe('a budget is judged', () => {
  const at = (time: string, used: number, set: Partial<Parameters<typeof assessBudget>[0]> = {}) =>
    assessBudget({ ...settings, ...set }, used, new Date(time));

  test.each([
    [0, 'WITHIN', 0],
    [799, 'WITHIN', 0.799],
    [800, 'NEAR', 0.8],
    [999, 'NEAR', 0.999],
    [1_000, 'OVER', 1],
    [2_500, 'OVER', 2.5],
  ])('%i of 1,000 used is %s', (used, status, share) => {
    expect(at('2026-11-15T00:00:00Z', used)).toMatchObject({ status, share, used, month: '2026-11' });
  });

  test('without a budget there is no share to speak of', () => {
    expect(at('2026-11-16T00:00:00Z', 10, { monthlyBudget: null })).toEqual({
      month: '2026-11',
      monthlyBudget: null,
      overBudget: 'WARN',
      used: 10,
      share: null,
      status: 'NONE',
      projected: 20,
      reasoning: '10 data points are used in 2026-11, without a budget; at this pace 2026-11 comes to 20.',
    });
  });

  test.each([
    ['2026-11-16T00:00:00.000Z', 500, 1_000],
    ['2028-02-15T12:00:00.000Z', 500, 1_000],
    // The first day counts as a whole one, so that the first minute says nothing wild.
    ['2026-11-01T00:00:00.000Z', 10, 300],
    ['2026-11-01T23:59:59.999Z', 10, 300],
    ['2026-11-30T23:59:59.999Z', 777, 777],
    ['2026-11-20T00:00:00.000Z', 0, 0],
  ])('at %s %i points project to %i', (time, used, projected) => {
    expect(at(time, used).projected).toBe(projected);
  });

  test('the sentence says what is used, where it leads, and what happens beyond', () => {
    expect(at('2026-11-16T00:00:00Z', 420).reasoning).toBe(
      '420 of 1,000 data points (42 %) are used in 2026-11; at this pace 2026-11 comes to 840.',
    );
    expect(at('2026-12-31T12:00:00Z', 1_234).reasoning).toMatch(/\(123.4 %\).* Nothing is refused\.$/);
    expect(at('2026-12-31T12:00:00Z', 1_234, { overBudget: 'REFUSE' }).reasoning).toMatch(
      / Further changes are refused until 2027-01-01 begins \(UTC\)\.$/,
    );
  });

  test('a share is reached exactly there, however large the numbers', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 46 }), fc.constantFrom(80, 100), (hundredth, percent) => {
        expect(reaches(percent, hundredth * percent, hundredth * 100)).toBe(true);
        expect(reaches(percent, hundredth * percent - 1, hundredth * 100)).toBe(false);
      }),
    );
  });
});

describe.each(DATABASES)('a budget on %s', (kind) => {
  let database: TestDatabase;
  let ctx: Ctx;
  let now: Date;
  let lines: { fields: object; message: string }[];

  beforeAll(async () => {
    database = await openTestDatabase(kind);
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    now = new Date('2028-02-29T23:59:58.500Z');
    lines = [];
    const made = await makeContext(database, { now: () => now });
    ctx = { ...made, log: { ...made.log, warn: (fields, message) => void lines.push({ fields, message }) } };
    await seedIdentified(ctx, ...people(10));
  });

  const people = (count: number) => Array.from({ length: count }, (_, i) => `u${i}`);
  /** Spends so many data points. */
  const spend = (count: number, cohort = 'c') => send(ctx, cohort, adds({ externalIds: people(count) }));
  const used = async (of = ctx) => (await getBudget(of)).used;
  /** Lets background work come round, and answers what it said. */
  async function said(of: Ctx = ctx) {
    now = new Date(now.getTime() + 10 * MINUTE_MS);
    await runDueJobs(of);
    return lines.splice(0);
  }

  test('refuses from the limit on and not before, says for how long, and applies nothing', async () => {
    await updateWorkspace(ctx, { monthlyBudget: 12, overBudget: 'REFUSE' });
    await spend(6);
    await spend(5, 'd');
    expect(await getBudget(ctx)).toMatchObject({ used: 11, status: 'NEAR', overBudget: 'REFUSE' });
    // One is left, so the whole request still passes.
    expect(await spend(3)).toMatchObject({ written: 3 });
    expect(await getBudget(ctx)).toMatchObject({ used: 14, status: 'OVER' });
    await expect(spend(1)).rejects.toMatchObject({
      code: 'BUDGET_EXCEEDED',
      retryAfterSeconds: 2,
      message:
        'The 12 data points of 2028-02 are used up. Nothing was applied: raise the budget, or send again when 2028-03-01 begins (UTC).',
    });
    const { totals } = await listUsage(ctx, { from: '2028-02-29', to: '2028-02-29' });
    expect(totals).toMatchObject({ received: 14, written: 14 });
  });

  test('refuses at exactly the limit', async () => {
    await updateWorkspace(ctx, { monthlyBudget: 6, overBudget: 'REFUSE' });
    await spend(5);
    expect(await spend(1, 'd')).toMatchObject({ written: 1 });
    await expect(spend(1)).rejects.toMatchObject({ code: 'BUDGET_EXCEEDED' });
  });

  test('begins again with the next UTC month, after the leap day and after the year', async () => {
    await updateWorkspace(ctx, { monthlyBudget: 5, overBudget: 'REFUSE' });
    await spend(5);
    now = new Date('2028-02-29T23:59:59.999Z');
    await expect(spend(1)).rejects.toMatchObject({ code: 'BUDGET_EXCEEDED', retryAfterSeconds: 1 });
    now = new Date('2028-03-01T00:00:00.000Z');
    expect(await used()).toBe(0);
    await spend(5);
    await expect(spend(1)).rejects.toMatchObject({ code: 'BUDGET_EXCEEDED', retryAfterSeconds: 31 * 86_400 });
    now = new Date('2028-12-31T23:59:59.000Z');
    await spend(5);
    await expect(spend(1)).rejects.toMatchObject({ code: 'BUDGET_EXCEEDED', retryAfterSeconds: 1 });
    now = new Date('2029-01-01T00:00:00.000Z');
    await spend(1);
    expect(await used()).toBe(1);
  });

  test('passes everything where it only warns, where it was raised, and where there is none', async () => {
    await updateWorkspace(ctx, { monthlyBudget: 1 });
    await spend(5);
    await spend(5);
    await updateWorkspace(ctx, { overBudget: 'REFUSE' });
    await expect(spend(1)).rejects.toMatchObject({ code: 'BUDGET_EXCEEDED' });
    await updateWorkspace(ctx, { monthlyBudget: 11 });
    await spend(1);
    await expect(spend(1)).rejects.toMatchObject({ code: 'BUDGET_EXCEEDED' });
    await updateWorkspace(ctx, { monthlyBudget: null });
    await spend(1);
    expect(await getBudget(ctx)).toMatchObject({ status: 'NONE', used: 12 });
  });

  test('does not refuse what costs nothing: a test of credentials, a name, a repeat of what was applied', async () => {
    const request = command('c', [adds({ externalIds: people(3) })], { source: { dialect: 'braze', requestId: 'r1' } });
    await updateWorkspace(ctx, { monthlyBudget: 3, overBudget: 'REFUSE' });
    await applyChanges(ctx, request);
    await expect(spend(1)).rejects.toMatchObject({ code: 'BUDGET_EXCEEDED' });
    expect(await applyChanges(ctx, command('unknown', []))).toMatchObject({ cohort: null });
    expect(await applyChanges(ctx, command('c', [], { name: 'C' }))).toMatchObject({ cohort: { name: 'C' } });
    expect(await applyChanges(ctx, request)).toMatchObject({ isDuplicate: true, written: 3 });
    await expect(acceptChanges(ctx, command('c', [adds({ externalIds: ['u1'] })]))).rejects.toMatchObject({
      code: 'BUDGET_EXCEEDED',
    });
    expect(await used()).toBe(3);
  });

  test('does not refuse what was acknowledged before the month was used up', async () => {
    const accepted = command('c', [adds({ externalIds: people(2) })], {
      source: { dialect: 'amplitude_webhook', requestId: 'm1' },
    });
    await ctx.db.insert(acceptedChanges).values({
      workspaceId: ctx.workspaceId,
      partner: accepted.partner,
      partnerCohortId: accepted.partnerCohortId,
      command: commandToText(accepted, null),
      acceptedAt: now,
      dueAt: now,
    });
    await updateWorkspace(ctx, { monthlyBudget: 4, overBudget: 'REFUSE' });
    await spend(4, 'd');
    await expect(applyChanges(ctx, accepted)).rejects.toMatchObject({ code: 'BUDGET_EXCEEDED' });
    expect(await applyAccepted(ctx)).toBe(1);
    expect(await used()).toBe(6);
  });

  test('is one workspace’s own', async () => {
    const other = await otherWorkspace(ctx);
    await updateWorkspace(ctx, { monthlyBudget: 1, overBudget: 'REFUSE' });
    await spend(5);
    await seedIdentified(other, 'u0');
    await updateWorkspace(other, { monthlyBudget: 2, overBudget: 'REFUSE' });
    await send(other, 'c', adds({ externalIds: ['u0'] }));
    await send(other, 'c', adds({ externalIds: ['u0'] }));
    await expect(send(other, 'c', adds({ externalIds: ['u0'] }))).rejects.toMatchObject({ code: 'BUDGET_EXCEEDED' });
    expect([await used(), await used(other)]).toEqual([5, 2]);
  });

  test('warns once at 80 % and once at 100 %, and again the next month', async () => {
    now = new Date('2028-02-10T12:00:00.000Z');
    await updateWorkspace(ctx, { monthlyBudget: 10 });
    await spend(7);
    expect(await said()).toEqual([]);
    await spend(1);
    expect(await said()).toEqual([
      {
        message: "80 % of the month's data points are used",
        fields: {
          workspaceId: ctx.workspaceId,
          month: '2028-02',
          percent: 80,
          used: 8,
          monthlyBudget: 10,
          overBudget: 'WARN',
          projected: expect.any(Number),
        },
      },
    ]);
    expect(await said()).toEqual([]);
    await spend(1);
    expect(await said()).toEqual([]);
    await spend(1);
    expect(await said()).toMatchObject([{ fields: { percent: 100, used: 10 } }]);
    await spend(5);
    expect(await said()).toEqual([]);
    now = new Date('2028-03-01T00:00:00.000Z');
    expect(await said()).toEqual([]);
    await spend(10);
    expect(await said()).toMatchObject([
      { fields: { percent: 80, month: '2028-03', used: 10 } },
      { fields: { percent: 100, month: '2028-03', used: 10 } },
    ]);
    expect(await said()).toEqual([]);
  });

  test('a raised budget makes the next crossing a new one', async () => {
    now = new Date('2028-02-10T12:00:00.000Z');
    await updateWorkspace(ctx, { monthlyBudget: 10 });
    await spend(8);
    expect(await said()).toMatchObject([{ fields: { percent: 80, used: 8 } }]);
    await updateWorkspace(ctx, { monthlyBudget: 20 });
    expect(await said()).toEqual([]);
    await spend(8);
    expect(await said()).toMatchObject([{ fields: { percent: 80, used: 16, monthlyBudget: 20 } }]);
    expect(await said()).toEqual([]);
  });

  test('what was said is forgotten when the month is over', async () => {
    await updateWorkspace(ctx, { monthlyBudget: 1 });
    now = new Date('2028-02-10T12:00:00.000Z');
    await spend(2);
    expect(await said()).toHaveLength(2);
    const names = async () =>
      (await ctx.db.select({ name: jobs.name, of: jobs.workspaceId }).from(jobs))
        .filter(({ of, name }) => of === ctx.workspaceId && name.startsWith('budget_warned'))
        .map(({ name }) => name)
        .sort();
    expect(await names()).toEqual(['budget_warned_2028-02_100', 'budget_warned_2028-02_80']);
    now = new Date('2028-03-01T00:00:00.000Z');
    await said();
    expect(await names()).toEqual([]);
  });

  test('of several servers that look at once, each crossing is said by one', async () => {
    await updateWorkspace(ctx, { monthlyBudget: 5 });
    await spend(5);
    now = new Date('2028-02-29T23:40:00.000Z');
    const others = database.url === null ? [] : [secondServer(database), secondServer(database)];
    try {
      const seats = [ctx, ...others.map((server) => ({ ...ctx, db: server.db }))];
      await Promise.all([...seats, ...seats].flatMap((seat) => [runDueJobs(seat), warnBudget(seat)]));
      expect(lines.map(({ fields }) => (fields as { percent: number }).percent).sort()).toEqual([100, 80]);
    } finally {
      for (const server of others) await server.close();
    }
  });

  test('a month over a budget that refuses still warns, and workspaces without a budget never do', async () => {
    now = new Date('2028-02-10T12:00:00.000Z');
    await spend(9);
    expect(await said()).toEqual([]);
    await updateWorkspace(ctx, { monthlyBudget: 9, overBudget: 'REFUSE' });
    expect(await said()).toMatchObject([
      { fields: { percent: 80, overBudget: 'REFUSE' } },
      { fields: { percent: 100, overBudget: 'REFUSE' } },
    ]);
  });
});
