import { and, desc, eq, gte, inArray, lte, or, type SQL, sql } from 'drizzle-orm';
import { validate as isUuid } from 'uuid';
import { textArray } from '../../db/client.ts';
import { pulls } from '../../db/tables/cohorts.ts';
import { jobs } from '../../db/tables/workspaces.ts';
import { COHORT_ID_MAX_CHARACTERS, cohortTextFault } from '../cohorts/change.ts';
import { type Ctx, inTransaction } from '../context.ts';
import { fail } from '../errors.ts';
import { parsePartner } from '../keys/partner.ts';
import { type Page, type PageArgs, parsePage, toPage } from '../page.ts';
import type { Admission, ClaimedPull, Pull, PullEnd, PullLease, PullLimits, ReportedSync } from './pull.ts';
import * as schedule from './schedule.ts';
import { insertPull, isActive, lockPulls, pullColumns, toPull } from './stored.ts';

/** The longest name of who asked, in characters. */
const ASKED_BY_MAX_CHARACTERS = 200;

/**
 * Asks for a whole cohort to be fetched from its sender, as soon as somebody can. A cohort that nobody knows is made when its members come.
 * While one pull of a cohort waits or runs, asking again answers that one. `askedBy` is for people, at most 200 characters.
 * Errors: INVALID_INPUT, NOT_ACTIVE where this program was not told how to reach the sender.
 */
export async function requestPull(
  ctx: Ctx,
  input: { readonly partner: string; readonly partnerCohortId: string; readonly askedBy?: string | null | undefined },
): Promise<Pull> {
  const partner = parsePartner(input.partner);
  const idFault = cohortTextFault(input.partnerCohortId, COHORT_ID_MAX_CHARACTERS);
  if (idFault) throw fail('INVALID_INPUT', `A cohort id ${idFault}.`, { path: ['partnerCohortId'] });
  const askedBy = input.askedBy ?? 'library';
  const nameFault = cohortTextFault(askedBy, ASKED_BY_MAX_CHARACTERS);
  if (nameFault) throw fail('INVALID_INPUT', `Who asks ${nameFault}.`, { path: ['askedBy'] });
  const cannot = ctx.whyNoPulls
    ? ctx.whyNoPulls(ctx.workspaceId, partner)
    : 'This program was not set up to pull cohorts.';
  if (cannot !== null) throw fail('NOT_ACTIVE', cannot);
  return inTransaction(ctx, async (tx) => {
    await lockPulls(tx);
    const [active] = await tx.db
      .select(pullColumns)
      .from(pulls)
      .where(and(ofCohort(tx, partner, input.partnerCohortId), isActive));
    if (active) return toPull(active);
    return insertPull(tx, { partner, partnerCohortId: input.partnerCohortId, askedBy });
  });
}

/** A pull by id. Errors: NOT_FOUND. */
export async function getPull(ctx: Ctx, id: string): Promise<Pull> {
  const found = (await pullsByIds(ctx, [id])).get(id);
  if (!found) throw fail('NOT_FOUND', 'There is no such pull in this workspace.', { path: ['id'] });
  return found;
}

/** Pulls by id; ids of none are missing. */
export async function pullsByIds(ctx: Ctx, ids: readonly string[]): Promise<Map<string, Pull>> {
  const possible = ids.filter((id) => isUuid(id));
  if (possible.length === 0) return new Map();
  const rows = await ctx.db
    .select(pullColumns)
    .from(pulls)
    .where(and(eq(pulls.workspaceId, ctx.workspaceId), sql`${pulls.id} = any(${textArray(possible)}::uuid[])`));
  return new Map(rows.map((row) => [row.id, toPull(row)]));
}

/** A page of pulls, the newest first; of one partner or one cohort if asked. Errors: as `parsePage`. */
export async function listPulls(
  ctx: Ctx,
  input: PageArgs & {
    readonly partner?: string | null | undefined;
    readonly partnerCohortId?: string | null | undefined;
  } = {},
): Promise<Page<Pull>> {
  const list = JSON.stringify([ctx.workspaceId, 'pulls', input.partner, input.partnerCohortId]);
  const slice = parsePage(input, list, ['time', 'uuid']);
  const [at, id] = slice.key ?? [];
  const order = slice.isForward ? desc : (column: SQL | typeof pulls.askedAt | typeof pulls.id) => sql`${column} asc`;
  const after =
    slice.key === null
      ? undefined
      : sql`(${pulls.askedAt}, ${pulls.id}) ${slice.isForward ? sql`<` : sql`>`} (${String(at)}::timestamptz, ${String(id)}::uuid)`;
  const rows = await ctx.db
    .select(pullColumns)
    .from(pulls)
    .where(
      and(
        eq(pulls.workspaceId, ctx.workspaceId),
        input.partner ? eq(pulls.partner, input.partner) : undefined,
        input.partnerCohortId ? eq(pulls.partnerCohortId, input.partnerCohortId) : undefined,
        after,
      ),
    )
    .orderBy(order(pulls.askedAt), order(pulls.id))
    .limit(slice.limit + 1);
  return toPage(slice, list, rows.map(toPull), (pull) => [pull.askedAt.toISOString(), pull.id]);
}

/** The newest pulls of many cohorts, at most `limit` each, in the order asked. One statement. */
export async function newestPullsOfCohorts(
  ctx: Ctx,
  cohorts: readonly { readonly partner: string; readonly partnerCohortId: string }[],
  limit: number,
): Promise<Pull[][]> {
  if (cohorts.length === 0) return [];
  const partners = textArray(cohorts.map((cohort) => cohort.partner));
  const ids = textArray(cohorts.map((cohort) => cohort.partnerCohortId));
  const newest = sql`(select p.id from unnest(${partners}, ${ids}) as c(partner, partner_cohort_id)
    cross join lateral (select q.id from pulls q
      where q.workspace_id = ${ctx.workspaceId}::int and q.partner = c.partner and q.partner_cohort_id = c.partner_cohort_id
      order by q.asked_at desc, q.id desc limit ${limit}::int) p)`;
  const rows = await ctx.db
    .select(pullColumns)
    .from(pulls)
    .where(and(eq(pulls.workspaceId, ctx.workspaceId), inArray(pulls.id, newest)))
    .orderBy(desc(pulls.askedAt), desc(pulls.id));
  const nameOf = (cohort: { readonly partner: string; readonly partnerCohortId: string }) =>
    JSON.stringify([cohort.partner, cohort.partnerCohortId]);
  const found = new Map<string, Pull[]>(cohorts.map((cohort) => [nameOf(cohort), []]));
  for (const row of rows) found.get(nameOf(row))?.push(toPull(row));
  return cohorts.map((cohort) => found.get(nameOf(cohort)) ?? []);
}

/** How often a partner was asked for a cohort since the beginning of this UTC month. */
export async function countPullsThisMonth(ctx: Ctx, partner: string): Promise<number> {
  return (await countStarted(ctx, partner)).thisMonth;
}

/**
 * Gives a pull that is due to whoever calls, for `leaseMs`; null when there is none. Safe to call from every server at any time: one of
 * them gets it. Whoever dies with a pull loses it when the lease ends, and the next to call goes on with it.
 */
export async function claimDuePull(
  ctx: Ctx,
  input: { readonly partner: string; readonly leaseMs: number },
): Promise<ClaimedPull | null> {
  const now = ctx.now();
  const due = sql`(select q.id from pulls q where q.workspace_id = ${ctx.workspaceId}::int and q.state in ('WAITING', 'RUNNING')
    and q.due_at <= ${now.toISOString()}::timestamptz and q.partner = ${input.partner} order by q.due_at, q.id limit 1 for update skip locked)`;
  const [row] = await ctx.db
    .update(pulls)
    .set({ dueAt: new Date(now.getTime() + input.leaseMs), attempts: sql`${pulls.attempts} + 1` })
    .where(and(eq(pulls.workspaceId, ctx.workspaceId), eq(pulls.id, due)))
    .returning({ ...pullColumns, attempts: pulls.attempts, remoteId: pulls.remoteId });
  return row ? { ...toPull(row), lease: { id: row.id, attempt: row.attempts }, remoteId: row.remoteId } : null;
}

/** Keeps a pull for `leaseMs` more, and notes how many rows were refused so far; false when somebody else has it. */
export async function keepPull(
  ctx: Ctx,
  input: PullLease & { readonly leaseMs: number; readonly refusedRows: number },
): Promise<boolean> {
  return write(ctx, input, {
    dueAt: new Date(ctx.now().getTime() + input.leaseMs),
    refusedRows: input.refusedRows,
  });
}

/** Lets go of a pull, to be gone on with from `until` on, and notes what is in the way, if anything; false when somebody else has it. */
export async function postponePull(
  ctx: Ctx,
  input: PullLease & { readonly until: Date; readonly error?: string | undefined },
): Promise<boolean> {
  return write(ctx, input, { dueAt: input.until, error: input.error ?? null });
}

/** What happened while the limits of ten minutes are looked at. */
const TEN_MINUTES_MS = 10 * 60_000;
/** Whoever has to wait for a place looks again after this long. */
const PLACE_AGAIN_MS = 15_000;

/**
 * Writes down that the sender is about to be asked, if its limits allow it: it counts from then on, whether or not an answer comes.
 * The counts of all servers together decide. Keeps the pull for `leaseMs` more.
 */
export async function admitPull(
  ctx: Ctx,
  input: PullLease & PullLimits & { readonly partner: string; readonly leaseMs: number },
): Promise<Admission> {
  return inTransaction(ctx, async (tx): Promise<Admission> => {
    await lockPulls(tx);
    const now = tx.now();
    const { thisMonth, lately, running, oldest } = await countStarted(tx, input.partner);
    if (thisMonth >= input.perMonth) return { kind: 'capped', asked: thisMonth };
    if (lately >= input.perTenMinutes)
      return { kind: 'later', until: new Date((oldest ?? now).getTime() + TEN_MINUTES_MS) };
    if (running >= input.atOnce) return { kind: 'later', until: new Date(now.getTime() + PLACE_AGAIN_MS) };
    const dueAt = new Date(now.getTime() + input.leaseMs);
    const isOurs = await write(tx, input, { state: 'RUNNING', startedAt: now, dueAt });
    return isOurs ? { kind: 'admitted', startedAt: now } : { kind: 'lost' };
  });
}

/** Takes an admission back: the sender said that it did not take the request. It does not count, and is made again from `until` on. */
export async function withdrawPull(
  ctx: Ctx,
  input: PullLease & { readonly until: Date; readonly error?: string | undefined },
): Promise<boolean> {
  return write(ctx, input, { state: 'WAITING', startedAt: null, dueAt: input.until, error: input.error ?? null });
}

/** Notes how the sender calls the job, and lets go of the pull until `until`. Whoever goes on never asks for another job. */
export async function notePullAsked(
  ctx: Ctx,
  input: PullLease & { readonly remoteId: string; readonly until: Date },
): Promise<boolean> {
  return write(ctx, input, { remoteId: input.remoteId, dueAt: input.until });
}

/** Notes what a pull came to, for good; false when somebody else has it. */
export async function notePullEnded(ctx: Ctx, input: PullLease & { readonly end: PullEnd }): Promise<boolean> {
  const { end } = input;
  return write(ctx, input, {
    state: end.state,
    finishedAt: ctx.now(),
    error: end.state === 'FAILED' ? end.error : null,
    batchId: end.state === 'DONE' ? end.batchId : null,
  });
}

/** See `schedule.ts`: asks for the pulls that are due by the hours their cohorts were given. */
export async function scheduleDuePulls(ctx: Ctx, partner: string): Promise<number> {
  return schedule.scheduleDuePulls(ctx, partner);
}

/** True for one caller every `everyMs`: the one who asks the sender how it sends, see `noteReportedSyncs`. */
export async function claimSyncReport(
  ctx: Ctx,
  input: { readonly partner: string; readonly everyMs: number },
): Promise<boolean> {
  const name = `sync_report_${input.partner}`;
  const now = ctx.now();
  await ctx.db.insert(jobs).values({ workspaceId: ctx.workspaceId, name, dueAt: now }).onConflictDoNothing();
  const claimed = await ctx.db
    .update(jobs)
    .set({ dueAt: new Date(now.getTime() + input.everyMs) })
    .where(and(eq(jobs.workspaceId, ctx.workspaceId), eq(jobs.name, name), lte(jobs.dueAt, now)))
    .returning({ name: jobs.name });
  return claimed.length > 0;
}

/** See `schedule.ts`: keeps what the sender says of how it sends its cohorts. */
export async function noteReportedSyncs(
  ctx: Ctx,
  input: { readonly partner: string; readonly syncs: readonly ReportedSync[] },
): Promise<number> {
  return schedule.noteReportedSyncs(ctx, input);
}

function ofCohort(ctx: Ctx, partner: string, partnerCohortId: string): SQL | undefined {
  return and(
    eq(pulls.workspaceId, ctx.workspaceId),
    eq(pulls.partner, partner),
    eq(pulls.partnerCohortId, partnerCohortId),
  );
}

/** Writes to a pull that the caller has; false when somebody else was given it, or it has ended. */
async function write(ctx: Ctx, lease: PullLease, values: Partial<typeof pulls.$inferInsert>): Promise<boolean> {
  const written = await ctx.db
    .update(pulls)
    .set(values)
    .where(
      and(eq(pulls.workspaceId, ctx.workspaceId), eq(pulls.id, lease.id), eq(pulls.attempts, lease.attempt), isActive),
    )
    .returning({ id: pulls.id });
  return written.length > 0;
}

/** A job lasts hours at most: older ones are not looked for among those under way. */
const UNDER_WAY_MS = 2 * 86_400_000;

async function countStarted(ctx: Ctx, partner: string) {
  const now = ctx.now();
  const month = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth()));
  const lately = new Date(now.getTime() - TEN_MINUTES_MS);
  const sinceLately = sql`${pulls.startedAt} > ${lately.toISOString()}::timestamptz`;
  const sinceMonth = sql`${pulls.startedAt} >= ${month.toISOString()}::timestamptz`;
  const [row] = await ctx.db
    .select({
      thisMonth: sql<number>`(count(*) filter (where ${sinceMonth}))::int`,
      lately: sql<number>`(count(*) filter (where ${sinceLately}))::int`,
      running: sql<number>`(count(*) filter (where ${pulls.state} = 'RUNNING'))::int`,
      oldest: sql<string | null>`to_json(min(${pulls.startedAt}) filter (where ${sinceLately}))::text`,
    })
    .from(pulls)
    .where(
      and(
        eq(pulls.workspaceId, ctx.workspaceId),
        eq(pulls.partner, partner),
        or(gte(pulls.startedAt, month), gte(pulls.startedAt, new Date(now.getTime() - UNDER_WAY_MS))),
      ),
    );
  if (!row) throw new Error('An aggregate answers one row.');
  const { oldest } = row;
  return { ...row, oldest: oldest === null || oldest === 'null' ? null : new Date(JSON.parse(oldest) as string) };
}
