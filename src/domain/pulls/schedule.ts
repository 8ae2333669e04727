import { and, eq, sql } from 'drizzle-orm';
import { queryRows, textArray } from '../../db/client.ts';
import { pulls } from '../../db/tables/cohorts.ts';
import { type Ctx, inTransaction } from '../context.ts';
import { type ReportedSync, SCHEDULE } from './pull.ts';
import { insertPull, isActive, lockPulls } from './stored.ts';

/**
 * Asks for a pull of each cohort of a partner whose time has come, and moves its time on by its hours. A cohort that is being pulled anyway
 * gets no second pull; hours that passed while no server ran are not caught up with. Answers how many pulls it made. Safe to call from
 * every server at any time.
 */
export async function scheduleDuePulls(ctx: Ctx, partner: string): Promise<number> {
  // Most of the time nothing is due, and then nobody is locked out.
  if (!(await isAnyDue(ctx, partner))) return 0;
  return inTransaction(ctx, async (tx) => {
    await lockPulls(tx);
    const due = await queryRows<{ id: string }>(
      tx.db,
      sql`/* moveDuePulls */ update cohorts set next_pull_at = ${tx.now().toISOString()}::timestamptz + make_interval(hours => pull_every_hours)
        where ${isDue(tx, partner)} returning partner_cohort_id as id`,
    );
    const active = await tx.db
      .select({ id: pulls.partnerCohortId })
      .from(pulls)
      .where(and(eq(pulls.workspaceId, tx.workspaceId), eq(pulls.partner, partner), isActive));
    const busy = new Set(active.map(({ id }) => id));
    const free = due.filter(({ id }) => !busy.has(id));
    for (const { id } of free) await insertPull(tx, { partner, partnerCohortId: id, askedBy: SCHEDULE });
    return free.length;
  });
}

/**
 * Keeps what a sender says of how it sends its cohorts, for all that are known here. `syncs` is all there is: a cohort that is not in it is
 * not sent any more. Answers how many cohorts changed.
 */
export async function noteReportedSyncs(
  ctx: Ctx,
  input: { readonly partner: string; readonly syncs: readonly ReportedSync[] },
): Promise<number> {
  const of = (read: (sync: ReportedSync) => string | null) => textArray(input.syncs.map(read));
  const time = (at: Date | null) => at?.toISOString() ?? null;
  const statement = sql`/* noteReportedSyncs */ update cohorts c
      set reported_cadence = s.cadence, reported_success_at = s.success_at, reported_failure_at = s.failure_at
      from (select k.id, r.cadence, r.success_at, r.failure_at from cohorts k
        left join unnest(${of((s) => s.partnerCohortId)}, ${of((s) => s.cadence)}, ${of((s) => time(s.successAt))}::timestamptz[],
          ${of((s) => time(s.failureAt))}::timestamptz[]) as r(id, cadence, success_at, failure_at) on r.id = k.partner_cohort_id
        where k.workspace_id = ${ctx.workspaceId}::int and k.partner = ${input.partner} and k.id > 0) s
      where c.workspace_id = ${ctx.workspaceId}::int and c.id = s.id
        and (c.reported_cadence, c.reported_success_at, c.reported_failure_at)
          is distinct from (s.cadence, date_trunc('milliseconds', s.success_at), date_trunc('milliseconds', s.failure_at))
      returning c.id`;
  // It takes many rows, as others do who take several: whoever is chosen to give way tries again.
  const rows = await inTransaction(ctx, (tx) => queryRows(tx.db, statement));
  return rows.length;
}

async function isAnyDue(ctx: Ctx, partner: string): Promise<boolean> {
  const rows = await queryRows(
    ctx.db,
    sql`/* isAnyPullDue */ select 1 from cohorts where ${isDue(ctx, partner)} limit 1`,
  );
  return rows.length > 0;
}

/** A cohort that was just given hours has no time yet: it begins at once. */
function isDue(ctx: Ctx, partner: string) {
  return sql`workspace_id = ${ctx.workspaceId}::int and partner = ${partner} and id > 0 and pull_every_hours is not null
    and (next_pull_at is null or next_pull_at <= ${ctx.now().toISOString()}::timestamptz)`;
}
