import { and, eq, sql } from 'drizzle-orm';
import { v7 as newId } from 'uuid';
import { pulls } from '../../db/tables/cohorts.ts';
import { jobs } from '../../db/tables/workspaces.ts';
import type { Ctx } from '../context.ts';
import type { Pull } from './pull.ts';

/** What a pull is made of, in the table. */
export const pullColumns = {
  id: pulls.id,
  partner: pulls.partner,
  partnerCohortId: pulls.partnerCohortId,
  state: pulls.state,
  askedBy: pulls.askedBy,
  askedAt: pulls.askedAt,
  startedAt: pulls.startedAt,
  finishedAt: pulls.finishedAt,
  refusedRows: pulls.refusedRows,
  error: pulls.error,
  batchId: pulls.batchId,
};

/** A pull that has not ended. In words of the index that finds what is due. */
export const isActive = sql`${pulls.state} in ('WAITING', 'RUNNING')`;

/** The row as callers see it: nothing of the columns that only whoever goes on with it needs. */
export function toPull(row: Pull): Pull {
  const { id, partner, partnerCohortId, state, askedBy, askedAt, startedAt, finishedAt, refusedRows, error, batchId } =
    row;
  return {
    id,
    partner,
    partnerCohortId,
    state,
    askedBy,
    askedAt,
    startedAt,
    finishedAt,
    refusedRows,
    error,
    batchId,
  };
}

const LOCK = 'pulls';

/** Lets one caller at a time decide about the pulls of a workspace. Call it first in a transaction, with a statement of its own. */
export async function lockPulls(tx: Ctx): Promise<void> {
  const { workspaceId } = tx;
  await tx.db.insert(jobs).values({ workspaceId, name: LOCK, dueAt: tx.now() }).onConflictDoNothing();
  await tx.db
    .select({ name: jobs.name })
    .from(jobs)
    .where(and(eq(jobs.workspaceId, workspaceId), eq(jobs.name, LOCK)))
    .for('update');
}

/** A new pull that waits. The caller has the lock and has seen that none is active. */
export async function insertPull(
  tx: Ctx,
  input: { readonly partner: string; readonly partnerCohortId: string; readonly askedBy: string },
): Promise<Pull> {
  const now = tx.now();
  const [row] = await tx.db
    .insert(pulls)
    .values({ workspaceId: tx.workspaceId, id: newId(), ...input, state: 'WAITING', askedAt: now, dueAt: now })
    .returning(pullColumns);
  if (!row) throw new Error('An insert returns its row.');
  return toPull(row);
}
