import { type SQL, sql } from 'drizzle-orm';
import { intArray, queryRows } from '../../db/client.ts';
import { type Ctx, inTransaction } from '../context.ts';
import { type Page, type PageArgs, parsePage, toPage } from '../page.ts';
import { takeWorkspaceAlone } from './gate.ts';
import { table } from './hold.ts';
import { KIND, type Kind } from './identity.ts';
import { type DropReason, noteDrops } from './pending-drops.ts';
import type { PendingMember, PendingReason, PendingSummary } from './pending-member.ts';

const KIND_OF_REASON: { readonly [R in PendingReason]: Kind } = {
  unknown_external_id: KIND.externalId,
  unknown_alias: KIND.alias,
  unknown_device_id: KIND.deviceId,
};
const REASON_OF_KIND = new Map(Object.entries(KIND_OF_REASON).map(([reason, kind]) => [kind, reason as PendingReason]));

interface PendingFilter {
  readonly cohortId?: number | null | undefined;
  readonly reason?: PendingReason | null | undefined;
}

interface Row {
  readonly kind: Kind;
  readonly label: string;
  readonly value: string;
  readonly cohort_id: number;
  readonly held_at: string;
}

/** A page of pending members, by kind and identity. Errors: as `parsePage`. */
export async function listPending(ctx: Ctx, input: PendingFilter & PageArgs): Promise<Page<PendingMember>> {
  const list = JSON.stringify([ctx.workspaceId, 'pending', input.cohortId, input.reason]);
  const slice = parsePage(input, list, ['number', 'text', 'text', 'number']);
  const [kind, label, value, cohort] = slice.key ?? [];
  const than = slice.isForward ? sql`>` : sql`<`;
  const order = slice.isForward ? sql`asc` : sql`desc`;
  const after =
    slice.key === null
      ? sql``
      : sql`and (kind, label, value, cohort_id) ${than} (${Number(kind)}::int, ${String(label)} collate "C", ${String(value)} collate "C", ${Number(cohort)}::int)`;
  const rows = await queryRows<Row>(
    ctx.db,
    sql`/* listPending */ select kind, label, value, cohort_id, to_json(held_at)::text as held_at from pending_members
      where ${condition(ctx, input)} ${after}
      order by kind ${order}, label ${order}, value ${order}, cohort_id ${order} limit ${slice.limit + 1}::int`,
  );
  return toPage(slice, list, rows.map(toMember), (m) => [KIND_OF_REASON[m.reason], m.label ?? '', m.value, m.cohortId]);
}

/** How many pending members a list has in all. */
export async function countPending(ctx: Ctx, input: PendingFilter): Promise<number> {
  const [row] = await queryRows<{ n: number }>(
    ctx.db,
    sql`/* countPending */ select count(*)::int as n from pending_members where ${condition(ctx, input)}`,
  );
  return row?.n ?? 0;
}

/** How many pending members each cohort has; cohorts without any are missing. One statement. */
export async function countPendingByCohortIds(ctx: Ctx, cohortIds: readonly number[]): Promise<Map<number, number>> {
  const rows = await queryRows<{ id: number; n: number }>(
    ctx.db,
    sql`/* countPendingByCohortIds */ select cohort_id as id, count(*)::int as n from pending_members
      where workspace_id = ${ctx.workspaceId}::int and cohort_id = any(${intArray(cohortIds)}) group by cohort_id`,
  );
  return new Map(rows.map((row) => [row.id, row.n]));
}

/** How many cohorts the summary names. */
const LARGEST_CAUSES = 10;

/** The pending pool of the workspace: how many and why, the cohorts that hold most, and what was dropped in the last 30 days. */
export async function summarizePending(ctx: Ctx): Promise<PendingSummary> {
  const [causes, drops] = await Promise.all([
    queryRows<{ cohort_id: number; kind: Kind; n: number }>(
      ctx.db,
      sql`/* summarizePending */ select cohort_id, kind, count(*)::int as n from pending_members
        where workspace_id = ${ctx.workspaceId}::int and cohort_id > 0 group by cohort_id, kind`,
    ),
    queryRows<{ reason: DropReason; n: number }>(
      ctx.db,
      sql`/* pendingDrops */ select reason, sum(members)::int as n from pending_drops where workspace_id = ${ctx.workspaceId}::int
        and day > (${ctx.now().toISOString()}::timestamptz at time zone 'UTC')::date - 30 group by reason order by reason`,
    ),
  ]);
  const byReason = new Map<PendingReason, number>();
  const byCohort = new Map<number, number>();
  for (const { cohort_id, kind, n } of causes) {
    const reason = REASON_OF_KIND.get(kind);
    if (reason) byReason.set(reason, (byReason.get(reason) ?? 0) + n);
    byCohort.set(cohort_id, (byCohort.get(cohort_id) ?? 0) + n);
  }
  const largest = [...byCohort].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, LARGEST_CAUSES);
  return {
    members: causes.reduce((sum, { n }) => sum + n, 0),
    byReason: [...byReason].map(([reason, members]) => ({ reason, members })),
    largestCohorts: largest.map(([cohortId, members]) => ({ cohortId, members })),
    dropped: drops.map(({ reason, n }) => ({ reason, members: n })),
  };
}

/** The most pending members one trim drops: a long queue is worked off in several short transactions. */
const TRIM_MAX = 10_000;

/**
 * Drops pending members that are older than the workspace keeps them, and the oldest beyond its limit, and forgets identities that nothing
 * holds any more. Drops are counted by reason. Answers how many were dropped; call again while that is not 0.
 */
export async function trimPending(ctx: Ctx): Promise<number> {
  const tooOld = await inTransaction(ctx, dropTooOld);
  const overLimit = (await isOverLimit(ctx)) ? await inTransaction(ctx, dropOverLimit) : 0;
  while ((await inTransaction(ctx, forgetIdentities)) === TRIM_MAX);
  return tooOld + overLimit;
}

/** What an import or a new user holds is left to them: they decide about it, and the next trim comes back. */
async function dropTooOld(tx: Ctx): Promise<number> {
  const dropped = await dropOldest(
    tx,
    sql`where p.workspace_id = ${tx.workspaceId}::int and p.cohort_id > 0 and p.held_at < ${tx.now().toISOString()}::timestamptz
        - (select make_interval(days => w.pending_max_age_days) from workspaces w where w.id = ${tx.workspaceId}::int)`,
    sql`${TRIM_MAX}::bigint for update of p skip locked`,
  );
  await noteDrops(tx, 'too_old', dropped);
  return dropped;
}

async function isOverLimit(ctx: Ctx): Promise<boolean> {
  const [row] = await queryRows<{ excess: number }>(
    ctx.db,
    sql`/* pendingExcess */ select ${excess(ctx)}::int as excess`,
  );
  return (row?.excess ?? 0) > 0;
}

/** Counting takes everybody else out: two trims at once, or a trim and an import, would each drop for the other as well. */
async function dropOverLimit(tx: Ctx): Promise<number> {
  await tx.db.execute(sql`/* lockPool */ select 1 from workspaces where id = ${tx.workspaceId}::int for no key update`);
  await takeWorkspaceAlone(tx);
  const dropped = await dropOldest(
    tx,
    sql`where p.workspace_id = ${tx.workspaceId}::int and p.cohort_id > 0`,
    excess(tx),
  );
  await noteDrops(tx, 'over_limit', dropped);
  return dropped;
}

function excess(ctx: Ctx): SQL {
  return sql`(select greatest(0, least(${TRIM_MAX}::bigint, count(*) - (select coalesce(w.pending_max_members, 2147483647) from workspaces w
    where w.id = ${ctx.workspaceId}::int))) from pending_members c where c.workspace_id = ${ctx.workspaceId}::int and c.cohort_id > 0)`;
}

/** What was held in one moment goes in the order of the pending list. */
async function dropOldest(tx: Ctx, where: SQL, limit: SQL): Promise<number> {
  const rows = await queryRows<{ n: number }>(
    tx.db,
    sql`/* dropOldest */ with old as materialized (
        select p.workspace_id, p.kind, p.label, p.value, p.cohort_id from pending_members p ${where}
        order by p.held_at, p.kind, p.label, p.value, p.cohort_id limit ${limit}),
      gone as (delete from pending_members p using old o where p.workspace_id = o.workspace_id and p.kind = o.kind
        and p.label = o.label and p.value = o.value and p.cohort_id = o.cohort_id returning 1)
      select count(*)::int as n from gone`,
  );
  return rows[0]?.n ?? 0;
}

/** Removes identities without a user that no cohort holds, and says how many it looked at. What an import is about to hold is left alone. */
async function forgetIdentities(tx: Ctx): Promise<number> {
  const locked = await queryRows<{ kind: Kind; label: string; value: string }>(
    tx.db,
    sql`/* idleIdentities */ select i.kind, i.label, i.value from identities i
      where i.workspace_id = ${tx.workspaceId}::int and i.user_id is null and not exists (select 1 from pending_members p
        where p.workspace_id = i.workspace_id and p.kind = i.kind and p.label = i.label and p.value = i.value)
      limit ${TRIM_MAX}::int for update of i skip locked`,
  );
  if (locked.length === 0) return 0;
  // A statement of its own sees what was held before the lock was ours.
  await tx.db.execute(sql`/* forgetIdentities */ delete from identities i using ${table(locked)}
    where i.workspace_id = ${tx.workspaceId}::int and i.kind = w.k and i.label = w.l and i.value = w.v and i.user_id is null
      and not exists (select 1 from pending_members p
        where p.workspace_id = i.workspace_id and p.kind = i.kind and p.label = i.label and p.value = i.value)`);
  return locked.length;
}

function condition(ctx: Ctx, { cohortId, reason }: PendingFilter) {
  return sql`workspace_id = ${ctx.workspaceId}::int
    ${cohortId === null || cohortId === undefined ? sql`and cohort_id > 0` : sql`and cohort_id = ${cohortId}::int`}
    ${reason ? sql`and kind = ${KIND_OF_REASON[reason]}::smallint` : sql``}`;
}

function toMember(row: Row): PendingMember {
  return {
    reason: REASON_OF_KIND.get(row.kind) ?? 'unknown_external_id',
    label: row.kind === KIND.alias ? row.label : null,
    value: row.value,
    cohortId: row.cohort_id,
    heldAt: new Date(JSON.parse(row.held_at) as string),
  };
}
