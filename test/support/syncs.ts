import { and, eq } from 'drizzle-orm';
import { batches, cohorts } from '../../src/db/tables/cohorts.ts';
import type { Cohort } from '../../src/domain/cohorts/cohort.ts';
import { nameCohort } from '../../src/domain/cohorts/cohorts.ts';
import type { Ctx } from '../../src/domain/context.ts';

// Ledgers of a test's own making: what years of syncs leave behind, without the years.

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** A row has fourteen parameters, and a statement takes 65,534. */
const ROWS_PER_STATEMENT = 2_000;

/** A cohort that has a name and has never received anything. */
export async function namedCohort(ctx: Ctx, name: string): Promise<Cohort> {
  return nameCohort(ctx, { partner: 'amplitude', partnerCohortId: `id of ${name}`, name });
}

/** Appends empty batches to the ledger of a cohort: when, and of which sync; null for what no sender sent. */
export async function seedBatches(
  ctx: Ctx,
  cohortId: number,
  rows: readonly { readonly at: Date; readonly syncNo: number | null }[],
): Promise<void> {
  const row = ({ at, syncNo }: (typeof rows)[number]) => ({
    workspaceId: ctx.workspaceId,
    cohortId,
    dialect: syncNo === null ? 'join' : 'braze',
    syncNo,
    appliedAt: at,
    durationMs: 1,
    receivedCount: 0,
    matchedCount: 0,
    heldCount: 0,
    ignoredCount: 0,
    reasons: {},
    addedCount: 0,
    removedCount: 0,
  });
  for (let i = 0; i < rows.length; i += ROWS_PER_STATEMENT)
    await ctx.db.insert(batches).values(rows.slice(i, i + ROWS_PER_STATEMENT).map(row));
}

/** Appends syncs of one batch each, in order. */
export async function seedSyncs(ctx: Ctx, cohortId: number, starts: readonly Date[], first = 1): Promise<void> {
  await seedBatches(
    ctx,
    cohortId,
    starts.map((at, i) => ({ at, syncNo: first + i })),
  );
}

/** What the sender was last heard to say of its syncs. */
export async function seedReport(
  ctx: Ctx,
  cohortId: number,
  report: Partial<Pick<typeof cohorts.$inferInsert, 'reportedCadence' | 'reportedSuccessAt' | 'reportedFailureAt'>>,
): Promise<void> {
  await ctx.db
    .update(cohorts)
    .set(report)
    .where(and(eq(cohorts.workspaceId, ctx.workspaceId), eq(cohorts.id, cohortId)));
}
