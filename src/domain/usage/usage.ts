import { type SQL, sql } from 'drizzle-orm';
import { queryRows } from '../../db/client.ts';
import type { Ctx } from '../context.ts';
import { fail } from '../errors.ts';
import { NO_KEY } from '../membership/ledger.ts';
import { assessBudget, type Budget, type BudgetSettings } from './budget.ts';
import { monthOf, parseDays } from './day.ts';
import { sumUp, USAGE_GROUPS, USAGE_MAX_ROWS, type Usage, type UsageGroup, type UsageRow } from './meter.ts';

/**
 * Data points of some UTC days, the first and the last included, grouped as asked. One statement.
 * Errors: INVALID_INPUT, LIMIT_EXCEEDED over 366 days or 10,000 rows.
 */
export async function listUsage(
  ctx: Ctx,
  input: { readonly from: string; readonly to: string; readonly groupBy?: readonly UsageGroup[] | undefined },
): Promise<Usage> {
  const { from, to } = parseDays(input);
  const by = USAGE_GROUPS.filter((group) => input.groupBy?.includes(group));
  const rows = await queryRows<Columns>(
    ctx.db,
    sql`/* listUsage */ select ${column(by, 'DAY')} as day, ${column(by, 'MONTH')} as month, ${column(by, 'COHORT')} as cohort_id,
        ${column(by, 'KEY')}::text as key_id, coalesce(sum(u.received), 0)::text as received, coalesce(sum(u.matched), 0)::text as matched,
        coalesce(sum(u.written), 0)::text as written, coalesce(sum(u.changed), 0)::text as changed
      from usage_daily u where u.workspace_id = ${ctx.workspaceId}::int and u.day between ${from}::date and ${to}::date
      ${by.length === 0 ? sql`` : sql`group by ${list(by)} order by ${list(by)}`} limit ${USAGE_MAX_ROWS + 1}`,
  );
  if (rows.length > USAGE_MAX_ROWS)
    throw fail('LIMIT_EXCEEDED', `An answer has at most ${USAGE_MAX_ROWS} rows: ask for fewer days or fewer groups.`, {
      path: ['groupBy'],
    });
  const read = rows.map(toRow);
  return { from, to, rows: read, totals: sumUp(read) };
}

/** How the workspace stands with its budget in the UTC month under way. One statement. Errors: NOT_FOUND. */
export async function getBudget(ctx: Ctx): Promise<Budget> {
  const now = ctx.now();
  const { first, next } = monthOf(now);
  const [row] = await queryRows<{ budget: string | null; over: BudgetSettings['overBudget']; used: string }>(
    ctx.db,
    sql`/* getBudget */ select w.monthly_budget::text as budget, w.over_budget as over,
        (select coalesce(sum(u.written), 0)::text from usage_daily u where u.workspace_id = ${ctx.workspaceId}::int
          and u.day >= ${first}::date and u.day < ${next}::date) as used
      from workspaces w where w.id = ${ctx.workspaceId}::int`,
  );
  if (!row) throw fail('NOT_FOUND', 'There is no such workspace.');
  const monthlyBudget = row.budget === null ? null : Number(row.budget);
  return assessBudget({ monthlyBudget, overBudget: row.over }, Number(row.used), now);
}

const EXPRESSIONS: { readonly [G in UsageGroup]: SQL } = {
  DAY: sql`to_char(u.day, 'YYYY-MM-DD')`,
  MONTH: sql`to_char(u.day, 'YYYY-MM')`,
  COHORT: sql`u.cohort_id`,
  KEY: sql`u.key_id`,
};

function column(by: readonly UsageGroup[], group: UsageGroup): SQL {
  return by.includes(group) ? EXPRESSIONS[group] : sql`null`;
}

function list(by: readonly UsageGroup[]): SQL {
  return sql.join(
    by.map((group) => EXPRESSIONS[group]),
    sql`, `,
  );
}

interface Columns {
  readonly day: string | null;
  readonly month: string | null;
  readonly cohort_id: number | null;
  readonly key_id: string | null;
  readonly received: string;
  readonly matched: string;
  readonly written: string;
  readonly changed: string;
}

function toRow(row: Columns): UsageRow {
  const written = Number(row.written);
  const changed = Number(row.changed);
  return {
    day: row.day,
    month: row.month,
    cohortId: row.cohort_id,
    keyId: row.key_id === NO_KEY ? null : row.key_id,
    received: Number(row.received),
    matched: Number(row.matched),
    written,
    changed,
    unchanged: written - changed,
  };
}
