import { and, eq, like, lte } from 'drizzle-orm';
import { jobs } from '../../db/tables/workspaces.ts';
import type { Ctx } from '../context.ts';
import { BUDGET_WARNINGS_PERCENT, type Budget, reaches } from './budget.ts';
import { monthOf, startOf } from './day.ts';
import { getBudget } from './usage.ts';

const NAME = 'budget_warned_';

/**
 * Logs one line when the month reaches 80 % of the budget and one when it reaches all of it. What was said is a row beside the background
 * work, which only one server can make; it goes when the month ends, and when a raised budget makes the next crossing a new one.
 */
export async function warnBudget(ctx: Ctx): Promise<void> {
  const now = ctx.now();
  await ctx.db
    .delete(jobs)
    .where(and(eq(jobs.workspaceId, ctx.workspaceId), like(jobs.name, `${NAME}%`), lte(jobs.dueAt, now)));
  const budget = await getBudget(ctx);
  for (const percent of BUDGET_WARNINGS_PERCENT) {
    const name = `${NAME}${budget.month}_${percent}`;
    if (budget.monthlyBudget === null || !reaches(percent, budget.used, budget.monthlyBudget)) await forget(ctx, name);
    else if (await remember(ctx, name, startOf(monthOf(now).next))) say(ctx, percent, budget);
  }
}

/** True for the one who remembers it first. */
async function remember(ctx: Ctx, name: string, until: Date): Promise<boolean> {
  const made = await ctx.db
    .insert(jobs)
    .values({ workspaceId: ctx.workspaceId, name, dueAt: until })
    .onConflictDoNothing()
    .returning({ name: jobs.name });
  return made.length > 0;
}

async function forget(ctx: Ctx, name: string): Promise<void> {
  await ctx.db.delete(jobs).where(and(eq(jobs.workspaceId, ctx.workspaceId), eq(jobs.name, name)));
}

function say(ctx: Ctx, percent: number, { month, used, monthlyBudget, overBudget, projected }: Budget): void {
  ctx.log.warn(
    { workspaceId: ctx.workspaceId, month, percent, used, monthlyBudget, overBudget, projected },
    `${percent} % of the month's data points are used`,
  );
}
