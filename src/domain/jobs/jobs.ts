import { and, eq, lte } from 'drizzle-orm';
import { jobs } from '../../db/tables/workspaces.ts';
import { abandonStale } from '../cohorts/cohorts.ts';
import type { Ctx } from '../context.ts';
import { trimLedger } from '../history/retention.ts';
import { noteSegmentSizes } from '../segments/segment-sizes.ts';
import { warnBudget } from '../usage/warn-budget.ts';
import { buildAttributeIndexes } from '../users/attribute-indexes.ts';
import { trimPending } from '../users/pending.ts';

interface Job {
  readonly name: string;
  readonly everyMs: number;
  readonly run: (ctx: Ctx) => Promise<unknown>;
}

const JOBS: readonly Job[] = [
  { name: 'trim_pending', everyMs: 10 * 60_000, run: trimAll },
  { name: 'check_budget', everyMs: 10 * 60_000, run: warnBudget },
  { name: 'trim_ledger', everyMs: 60 * 60_000, run: trimHistory },
  // Looked at every hour, so that no UTC day goes by: it does something once in each.
  { name: 'note_segment_sizes', everyMs: 60 * 60_000, run: noteSegmentSizes },
  { name: 'build_attribute_indexes', everyMs: 60_000, run: buildAttributeIndexes },
];

/**
 * Does the background work of the workspace that is due. Safe to call from every server at any time: whoever moves a job's time forward
 * does it, the others find it done. Work that fails is logged and comes round again.
 */
export async function runDueJobs(ctx: Ctx): Promise<void> {
  for (const job of JOBS) {
    if (!(await claim(ctx, job))) continue;
    try {
      await job.run(ctx);
    } catch (error) {
      ctx.log.error(
        { job: job.name, workspaceId: ctx.workspaceId, error: nameOf(error) },
        'background work failed; it is tried again when next due',
      );
    }
  }
}

async function claim(ctx: Ctx, job: Job): Promise<boolean> {
  const now = ctx.now();
  const next = new Date(now.getTime() + job.everyMs);
  await ctx.db.insert(jobs).values({ workspaceId: ctx.workspaceId, name: job.name, dueAt: now }).onConflictDoNothing();
  const claimed = await ctx.db
    .update(jobs)
    .set({ dueAt: next })
    .where(and(eq(jobs.workspaceId, ctx.workspaceId), eq(jobs.name, job.name), lte(jobs.dueAt, now)))
    .returning({ name: jobs.name });
  return claimed.length > 0;
}

async function trimAll(ctx: Ctx): Promise<void> {
  let total = 0;
  for (let dropped = await trimPending(ctx); dropped > 0; dropped = await trimPending(ctx)) total += dropped;
  if (total > 0) ctx.log.info({ workspaceId: ctx.workspaceId, dropped: total }, 'pending members dropped');
}

/** Lets the ledger forget what is older than the workspace wants to remember, and throws away lists that nobody goes on with. */
async function trimHistory(ctx: Ctx): Promise<void> {
  let total = 0;
  for (let seen = await trimLedger(ctx); seen > 0; seen = await trimLedger(ctx)) total += seen;
  if (total > 0)
    ctx.log.info({ workspaceId: ctx.workspaceId, batches: total }, 'batches have forgotten whom they named');
  let abandoned = 0;
  for (let some = await abandonStale(ctx); some > 0; some = await abandonStale(ctx)) abandoned += some;
  if (abandoned > 0) ctx.log.info({ workspaceId: ctx.workspaceId, lists: abandoned }, 'unfinished lists thrown away');
}

/** The message of a database error may hold identities. */
function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}
