import { sql } from 'drizzle-orm';
import { intArray, queryRows } from '../../db/client.ts';
import { type Ctx, inTransaction } from '../context.ts';
import { type Page, type PageArgs, parsePage, toPage } from '../page.ts';
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
  const slice = parsePage(input, 'pending');
  const [kind, label, value, cohort] = slice.key ?? [];
  const than = slice.isForward ? sql`>` : sql`<`;
  const order = slice.isForward ? sql`asc` : sql`desc`;
  const after =
    slice.key === null
      ? sql``
      : sql`and (kind, label, value, cohort_id) ${than} (${Number(kind)}::smallint, ${String(label)} collate "C", ${String(value)} collate "C", ${Number(cohort)}::int)`;
  const rows = await queryRows<Row>(
    ctx.db,
    sql`/* listPending */ select kind, label, value, cohort_id, to_json(held_at)::text as held_at from pending_members
      where ${condition(ctx, input)} ${after}
      order by kind ${order}, label ${order}, value ${order}, cohort_id ${order} limit ${slice.limit + 1}::int`,
  );
  return toPage(slice, 'pending', rows.map(toMember), (m) => [
    KIND_OF_REASON[m.reason],
    m.label ?? '',
    m.value,
    m.cohortId,
  ]);
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
        where workspace_id = ${ctx.workspaceId}::int group by cohort_id, kind`,
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
  const tooOld = await inTransaction(ctx, (tx) => dropOldest(tx, 'too_old'));
  const overLimit = await inTransaction(ctx, (tx) => dropOldest(tx, 'over_limit'));
  await inTransaction(ctx, forgetIdentities);
  return tooOld + overLimit;
}

async function dropOldest(tx: Ctx, reason: 'too_old' | 'over_limit'): Promise<number> {
  const condition =
    reason === 'too_old'
      ? sql`p.held_at < ${tx.now().toISOString()}::timestamptz - make_interval(days => w.pending_max_age_days)`
      : sql`true`;
  const excess =
    reason === 'too_old'
      ? sql`${TRIM_MAX}::bigint`
      : sql`least(${TRIM_MAX}::bigint, (select greatest(0, count(*) - w.pending_max_members) from pending_members c where c.workspace_id = ${tx.workspaceId}::int))`;
  // An import or a new user that holds the row decides about it; the next trim comes back.
  const rows = await queryRows<{ n: number }>(
    tx.db,
    sql`/* dropOldest */ with old as materialized (
        select p.workspace_id, p.kind, p.label, p.value, p.cohort_id from pending_members p
        join workspaces w on w.id = ${tx.workspaceId}::int
        where p.workspace_id = ${tx.workspaceId}::int and ${condition}
        order by p.held_at limit (select coalesce(${excess}, 0) from workspaces w where w.id = ${tx.workspaceId}::int)
        for update of p skip locked),
      gone as (delete from pending_members p using old o where p.workspace_id = o.workspace_id and p.kind = o.kind
        and p.label = o.label and p.value = o.value and p.cohort_id = o.cohort_id returning 1)
      select count(*)::int as n from gone`,
  );
  const dropped = rows[0]?.n ?? 0;
  await noteDrops(tx, reason, dropped);
  return dropped;
}

/** Removes identities without a user that no cohort holds. Locked first: what an import is about to hold is left alone. */
async function forgetIdentities(tx: Ctx): Promise<void> {
  const locked = await queryRows<{ kind: Kind; label: string; value: string }>(
    tx.db,
    sql`/* idleIdentities */ select i.kind, i.label, i.value from identities i
      where i.workspace_id = ${tx.workspaceId}::int and i.user_id is null and not exists (select 1 from pending_members p
        where p.workspace_id = i.workspace_id and p.kind = i.kind and p.label = i.label and p.value = i.value)
      limit ${TRIM_MAX}::int for update of i skip locked`,
  );
  if (locked.length === 0) return;
  // A statement of its own sees what was held before the lock was ours.
  await tx.db.execute(sql`/* forgetIdentities */ delete from identities i using ${table(locked)}
    where i.workspace_id = ${tx.workspaceId}::int and i.kind = w.k and i.label = w.l and i.value = w.v and i.user_id is null
      and not exists (select 1 from pending_members p
        where p.workspace_id = i.workspace_id and p.kind = i.kind and p.label = i.label and p.value = i.value)`);
}

function condition(ctx: Ctx, { cohortId, reason }: PendingFilter) {
  return sql`workspace_id = ${ctx.workspaceId}::int
    ${cohortId === null || cohortId === undefined ? sql`` : sql`and cohort_id = ${cohortId}::int`}
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
