import { and, eq, sql } from 'drizzle-orm';
import { queryRows } from '../../db/client.ts';
import { cohorts } from '../../db/tables/cohorts.ts';
import type { Ctx } from '../context.ts';
import { fail } from '../errors.ts';
import { STAGED_BELOW } from '../membership/bits.ts';
import type { Cohort } from './cohort.ts';

/** How long a request waits for the writers before it, in its lane and on the cohort's row, before it is LOCKED. */
export const PATIENCE_MS = 5_000;

export const cohortColumns = {
  id: cohorts.id,
  partner: cohorts.partner,
  partnerCohortId: cohorts.partnerCohortId,
  name: cohorts.name,
  isNamed: cohorts.isNamed,
  createdAt: cohorts.createdAt,
  cadence: cohorts.cadence,
};

/** The cohort a partner calls so; null if there is none. */
export async function findPartnerCohort(ctx: Ctx, partner: string, partnerCohortId: string): Promise<Cohort | null> {
  const [row] = await ctx.db
    .select(cohortColumns)
    .from(cohorts)
    .where(
      and(
        eq(cohorts.workspaceId, ctx.workspaceId),
        eq(cohorts.partner, partner),
        eq(cohorts.partnerCohortId, partnerCohortId),
      ),
    );
  return row ?? null;
}

/**
 * The cohort a partner calls so, made if there is none: unnamed, its id for a name. No partner at all makes the set of a staged list. Runs inside a transaction and takes the workspace
 * row, so it must come before any other lock; from there on the transaction waits for locks with patience only.
 */
export async function ensureCohort(
  tx: Ctx,
  input: { readonly partner: string; readonly partnerCohortId: string; readonly createdAt?: Date | undefined },
): Promise<Cohort> {
  const [row] = await queryRows<{ id: number }>(
    tx.db,
    sql`/* ensureCohort */ select next_cohort_id::int as id, set_config('lock_timeout', ${`${PATIENCE_MS}ms`}, true) as patience from workspaces where id = ${tx.workspaceId} for no key update`,
  );
  if (!row) throw fail('NOT_FOUND', 'There is no such workspace.');
  // Whoever held the row before may have made the very same cohort.
  const made = await findPartnerCohort(tx, input.partner, input.partnerCohortId);
  if (made) return made;
  await tx.db.execute(sql`update workspaces set next_cohort_id = next_cohort_id + 1 where id = ${tx.workspaceId}`);
  const [cohort] = await tx.db
    .insert(cohorts)
    .values({
      workspaceId: tx.workspaceId,
      id: input.partner === '' ? STAGED_BELOW - row.id : row.id,
      partner: input.partner,
      partnerCohortId: input.partnerCohortId,
      name: input.partnerCohortId,
      createdAt: input.createdAt ?? tx.now(),
    })
    .returning(cohortColumns);
  if (!cohort) throw new Error('An insert returns its row.');
  return cohort;
}

/** Names a cohort of this transaction. Says what it is now. */
export async function setCohortName(tx: Ctx, cohort: Cohort, name: string): Promise<Cohort> {
  if (cohort.isNamed && cohort.name === name) return cohort;
  await tx.db
    .update(cohorts)
    .set({ name, isNamed: true })
    .where(and(eq(cohorts.workspaceId, tx.workspaceId), eq(cohorts.id, cohort.id)));
  return { ...cohort, name, isNamed: true };
}
