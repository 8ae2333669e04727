import { type SQL, sql } from 'drizzle-orm';
import { fail } from '../errors.ts';
import type { OverBudget } from '../workspaces/workspaces.ts';
import { DAY_MS, type Month, monthOf, startOf } from './day.ts';

export interface BudgetSettings {
  /** Data points (`written`) a UTC month may cost; null: no budget. */
  readonly monthlyBudget: number | null;
  readonly overBudget: OverBudget;
}

/** From this share of the budget on, operators are warned: of what is coming, and of what has come. */
export const BUDGET_WARNINGS_PERCENT = [80, 100] as const;
const [NEAR_PERCENT, OVER_PERCENT] = BUDGET_WARNINGS_PERCENT;

export type BudgetStatus = 'NONE' | 'WITHIN' | 'NEAR' | 'OVER';

/** How a workspace stands with its budget in a UTC month. */
export interface Budget extends BudgetSettings {
  /** As `2026-02`. */
  readonly month: string;
  /** Data points written in it so far. */
  readonly used: number;
  /** `used` of `monthlyBudget`, 1 where all of it is used; null without a budget. */
  readonly share: number | null;
  /** `NEAR` from 80 % on, `OVER` from 100 % on. */
  readonly status: BudgetStatus;
  /** What the month comes to if it goes on as it has begun; its first day counts as a whole one. */
  readonly projected: number;
  /** Why it is so, as a sentence. */
  readonly reasoning: string;
}

/** Judges what a month used by now. */
export function assessBudget(settings: BudgetSettings, used: number, now: Date): Budget {
  const month = monthOf(now);
  const { monthlyBudget } = settings;
  const judged = { ...settings, month: month.name, used, projected: project(month, used, now) };
  const status = statusOf(monthlyBudget, used);
  return {
    ...judged,
    share: monthlyBudget === null ? null : used / monthlyBudget,
    status,
    reasoning: explain({ ...judged, status }, month),
  };
}

/** True where so many per cent of the budget are used. In whole numbers: a share that was rounded may not reach a limit that was. */
export function reaches(percent: number, used: number, monthlyBudget: number): boolean {
  return BigInt(used) * 100n >= BigInt(monthlyBudget) * BigInt(percent);
}

function statusOf(monthlyBudget: number | null, used: number): BudgetStatus {
  if (monthlyBudget === null) return 'NONE';
  if (reaches(OVER_PERCENT, used, monthlyBudget)) return 'OVER';
  return reaches(NEAR_PERCENT, used, monthlyBudget) ? 'NEAR' : 'WITHIN';
}

function project(month: Month, used: number, now: Date): number {
  const elapsed = Math.max(now.getTime() - startOf(month.first).getTime(), DAY_MS);
  return Math.max(used, Math.round((used * month.days * DAY_MS) / elapsed));
}

const count = (n: number) => n.toLocaleString('en-US');

function explain(budget: Omit<Budget, 'share' | 'reasoning'>, month: Month): string {
  const { monthlyBudget, used, status, projected, overBudget } = budget;
  const pace = `at this pace ${budget.month} comes to ${count(projected)}`;
  if (monthlyBudget === null)
    return `${count(used)} data points are used in ${budget.month}, without a budget; ${pace}.`;
  const percent = Math.floor((used / monthlyBudget) * 1000) / 10;
  const so = `${count(used)} of ${count(monthlyBudget)} data points (${percent} %) are used in ${budget.month}; ${pace}.`;
  if (status !== 'OVER') return so;
  return overBudget === 'REFUSE'
    ? `${so} Further changes are refused until ${month.next} begins (UTC).`
    : `${so} Nothing is refused.`;
}

/** What `budgetColumns` reads. `used` is known where it decides: under a budget that refuses. */
export interface BudgetRow {
  readonly monthly_budget: string | null;
  readonly month_used: string | null;
}

/**
 * The budget of the workspace `w` as columns of a larger statement, so that an import asks in the round trip it needs anyway. The meters of
 * the month are summed only where the budget refuses; elsewhere it costs nothing. Read with `checkBudget`.
 */
export function budgetColumns(workspaceId: number, now: Date): SQL {
  const { first, next } = monthOf(now);
  return sql`w.monthly_budget::text as monthly_budget, case when w.monthly_budget is null or w.over_budget <> 'REFUSE' then null else (
    select coalesce(sum(u.written), 0)::text from usage_daily u where u.workspace_id = ${workspaceId}::int
      and u.day >= ${first}::date and u.day < ${next}::date) end as month_used`;
}

/**
 * Refuses where the month's budget is used up and the workspace says so. What was in hand meanwhile is let through, so that a month ends
 * over its budget by what was under way. Errors: BUDGET_EXCEEDED, with the seconds until the next UTC month.
 */
export function checkBudget(row: BudgetRow, now: Date): void {
  if (row.monthly_budget === null || row.month_used === null) return;
  const monthlyBudget = Number(row.monthly_budget);
  if (Number(row.month_used) < monthlyBudget) return;
  const { name, next } = monthOf(now);
  throw fail(
    'BUDGET_EXCEEDED',
    `The ${count(monthlyBudget)} data points of ${name} are used up. Nothing was applied: raise the budget, or send again when ${next} begins (UTC).`,
    { retryAfterSeconds: Math.ceil((startOf(next).getTime() - now.getTime()) / 1_000) },
  );
}
