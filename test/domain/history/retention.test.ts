import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { queryRows } from '../../../src/db/client.ts';
import { applyChanges, beginReplacement, getReplacement } from '../../../src/domain/cohorts/cohorts.ts';
import type { Ctx } from '../../../src/domain/context.ts';
import { trimLedger } from '../../../src/domain/history/retention.ts';
import { runDueJobs } from '../../../src/domain/jobs/jobs.ts';
import { updateWorkspace } from '../../../src/domain/workspaces/workspaces.ts';
import { type FakeClock, fakeClock, makeContext, otherWorkspace } from '../../support/context.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { adds, command, removes, seedIdentified, send } from '../../support/seed.ts';
import { DAY, HOUR, namedCohort, seedBatches } from '../../support/syncs.ts';

describe.each(DATABASES)('what the ledger forgets, on %s', (kind) => {
  let clock: FakeClock;
  let database: TestDatabase;
  let ctx: Ctx;
  beforeAll(async () => {
    database = await openTestDatabase(kind);
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    clock = fakeClock();
    ctx = await makeContext(database, { now: () => clock.now() });
    await seedIdentified(ctx, 'ada', 'bob');
  });

  /** What the ledger remembers, the oldest batch first: `-` where it has forgotten. */
  const remembered = async (of = ctx) => {
    const rows = await queryRows<{ text: string }>(
      of.db,
      sql`select coalesce(added::text || removed::text || unchanged::text, '-') || coalesce(cardinality(unmatched_hashes)::text, '') as text
        from batches where workspace_id = ${of.workspaceId} order by id`,
    );
    return rows.map(({ text }) => text);
  };
  const sweep = async (of = ctx) => {
    const seen: number[] = [];
    for (let n = await trimLedger(of); n > 0; n = await trimLedger(of)) seen.push(n);
    return seen;
  };

  test('whom a batch named is forgotten after 30 days, not a moment earlier, and counts stay', async () => {
    await send(ctx, 'c', adds({ externalIds: ['ada', 'nobody'] }));
    await applyChanges(
      ctx,
      command('c', [adds({ externalIds: ['ada', 'nobody'] })], { source: { dialect: 'x', computedAt: clock.now() } }),
    );
    clock.advance(DAY);
    await send(ctx, 'c', removes({ externalIds: ['ada', 'bob'] }));
    clock.advance(29 * DAY);
    expect(await sweep()).toEqual([]);
    expect(await remembered()).toEqual(['{1}{}{}', '{}{}{1}1', '{}{1}{-2}']);
    clock.advance(1);
    expect(await sweep()).toEqual([2]);
    expect(await remembered()).toEqual(['-', '-', '{}{1}{-2}']);
    clock.advance(DAY);
    expect(await sweep()).toEqual([1]);
    const [row] = await queryRows<object>(
      ctx.db,
      sql`select sum(received_count)::int as received, sum(matched_count)::int as matched, sum(added_count)::int as added,
        sum(removed_count)::int as removed from batches where workspace_id = ${ctx.workspaceId}`,
    );
    expect(row).toEqual({ received: 6, matched: 4, added: 1, removed: 1 });
  });

  test('it goes in slices of 1,000, remembers how far it went, and leaves other workspaces alone', async () => {
    const other = await otherWorkspace(ctx);
    await seedIdentified(other, 'ada');
    await send(other, 'c', adds({ externalIds: ['ada'] }));
    const { id } = await namedCohort(ctx, 'c');
    const rows = Array.from({ length: 2_500 }, (_, i) => ({ at: new Date(clock.now().getTime() + i), syncNo: 1 + i }));
    await seedBatches(ctx, id, rows);
    clock.advance(31 * DAY);
    expect(await trimLedger(ctx)).toBe(1_000);
    expect(await sweep()).toEqual([1_000, 500]);
    expect(await remembered(other)).toEqual(['{1}{}{}']);
    expect(await sweep(other)).toEqual([1]);
  });

  test('a workspace says how long, and may say for ever', async () => {
    await send(ctx, 'c', adds({ externalIds: ['ada'] }));
    await updateWorkspace(ctx, { ledgerRetentionDays: null });
    clock.advance(400 * DAY);
    expect(await sweep()).toEqual([]);
    await updateWorkspace(ctx, { ledgerRetentionDays: 401 });
    expect(await sweep()).toEqual([]);
    await updateWorkspace(ctx, { ledgerRetentionDays: 1 });
    expect(await sweep()).toEqual([1]);
    // What is forgotten does not come back.
    await updateWorkspace(ctx, { ledgerRetentionDays: null });
    expect(await remembered()).toEqual(['-']);
  });

  test('background work does it each hour, and throws away lists that nobody goes on with', async () => {
    await send(ctx, 'c', adds({ externalIds: ['ada'] }));
    await runDueJobs(ctx);
    expect(await remembered()).toEqual(['{1}{}{}']);
    clock.advance(31 * DAY);
    const list = await beginReplacement(ctx, {
      partner: 'amplitude',
      partnerCohortId: 'c',
      source: { dialect: 'file' },
    });
    await runDueJobs(ctx);
    expect(await remembered()).toEqual(['-']);
    expect(await getReplacement(ctx, list.id)).toMatchObject({ state: 'OPEN' });
    clock.advance(DAY + HOUR);
    await runDueJobs(ctx);
    expect(await getReplacement(ctx, list.id)).toMatchObject({ state: 'ABANDONED' });
  });
});
