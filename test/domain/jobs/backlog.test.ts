import { sql } from 'drizzle-orm';
import { v7 as newId } from 'uuid';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { beginReplacement } from '../../../src/domain/cohorts/cohorts.ts';
import { measureBacklog } from '../../../src/domain/jobs/backlog.ts';
import { makeContext } from '../../support/context.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../../support/database.ts';

const NOW = new Date('2026-03-01T12:00:00.000Z');
const EMPTY = { accepted: 0, oldestAcceptedSeconds: 0, held: 0, openReplacements: 0, runningPulls: 0 };

describe.each(DATABASES)('the backlog on %s', (kind) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await openTestDatabase(kind);
  });
  afterAll(() => database.close());

  test('is what waits in all workspaces, and nothing where nothing waits', async () => {
    const { db } = database;
    expect(await measureBacklog(db, NOW)).toEqual(EMPTY);
    for (const secondsAgo of [90, 12.5]) {
      const ctx = await makeContext(database);
      const at = new Date(NOW.getTime() - secondsAgo * 1000).toISOString();
      await db.execute(sql`insert into accepted_changes (workspace_id, partner, partner_cohort_id, command, accepted_at, due_at)
        values (${ctx.workspaceId}, 'amplitude', 'c', '{}', ${at}::timestamptz, ${at}::timestamptz)`);
      await db.execute(sql`insert into held_changes (workspace_id, id, cohort_id, dialect, after_batch_id, held_at, size, would_remove, would_add)
        values (${ctx.workspaceId}, ${newId()}, 1, 'braze', 0, ${at}::timestamptz, 10, 9, 0)`);
      for (const state of ['RUNNING', 'WAITING', 'DONE'])
        await db.execute(sql`insert into pulls (workspace_id, id, partner, partner_cohort_id, state, asked_by, asked_at, due_at)
          values (${ctx.workspaceId}, ${newId()}, 'amplitude', 'c', ${state}, 'schedule', ${at}::timestamptz, ${at}::timestamptz)`);
      await beginReplacement(ctx, { partner: 'amplitude', partnerCohortId: 'whole', source: { dialect: 'library' } });
    }
    expect(await measureBacklog(db, NOW)).toEqual({
      accepted: 2,
      oldestAcceptedSeconds: 90,
      held: 2,
      openReplacements: 2,
      runningPulls: 2,
    });
  });

  test('has nothing that waits since before it came, when a clock is behind', async () => {
    const { oldestAcceptedSeconds } = await measureBacklog(database.db, new Date(NOW.getTime() - 3_600_000));
    expect(oldestAcceptedSeconds).toBe(0);
  });
});
