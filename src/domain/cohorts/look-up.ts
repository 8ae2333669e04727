import { sql } from 'drizzle-orm';
import { queryPrepared } from '../../db/client.ts';
import type { Ctx } from '../context.ts';
import { fail } from '../errors.ts';
import { keyColumn, readKeyColumn, requireImportKey } from '../keys/key.ts';
import { type BudgetRow, budgetColumns, checkBudget } from '../usage/budget.ts';
import { type IdentityLists, type Resolved, type ResolvedRow, readResolved, resolveColumns } from '../users/resolve.ts';
import type { UnknownIdentityPolicy } from '../workspaces/workspaces.ts';
import type { CohortChanges } from './change.ts';
import type { Cadence, Cohort } from './cohort.ts';

/** A request whose identities were looked up, before any lock. */
export interface Prepared {
  readonly ctx: Ctx;
  readonly command: CohortChanges;
  readonly keyId: string | null;
  readonly startedAt: number;
  readonly lists: IdentityLists;
  readonly resolved: Resolved;
  readonly epoch: number;
  readonly policy: UnknownIdentityPolicy;
  readonly cohort: Cohort | null;
  /** A request that removes more than this share of the cohort is held; null: none is. */
  readonly guardPercent: number | null;
  /** An operator let the request pass that the shrink guard had held. */
  readonly approval?: Approval | undefined;
}

export interface Approval {
  readonly heldChangesId: string;
  /** What was applied after this batch is newer than the request. */
  readonly afterBatchId: number;
}

/**
 * One round trip: is the key good, which cohort is it, what do the identities mean, what is the policy, has this very request been
 * applied, and does anything of the cohort wait to be applied. What would cost data points and was not acknowledged before is refused
 * where the month's budget is used up. Errors: UNAUTHENTICATED, FORBIDDEN, BUDGET_EXCEEDED.
 */
export async function lookUp(ctx: Ctx, command: CohortChanges, lists: IdentityLists, isAcknowledged = false) {
  const hash = command.source.presentedHash;
  const requestId = command.source.requestId;
  const cohortWhere = sql`c.workspace_id = ${ctx.workspaceId}::int and c.partner = ${command.partner} and c.partner_cohort_id = ${command.partnerCohortId}`;
  const now = ctx.now();
  const [row] = await queryPrepared<
    ResolvedRow &
      BudgetRow & {
        key: string | null;
        epoch: number;
        policy: UnknownIdentityPolicy;
        cohort: string | null;
        guard: number | null;
        applied: boolean;
        waits: boolean;
      }
  >(
    ctx.db,
    sql`/* lookUp */ select ${hash === undefined ? sql`null::text as key` : keyColumn(ctx.workspaceId, hash)},
      w.identity_epoch::int as epoch, w.unknown_identity_policy as policy,
      w.shrink_guard_percent::int as guard, ${budgetColumns(ctx.workspaceId, now)}, (select to_jsonb(c)::text from cohorts c where ${cohortWhere}) as cohort,
      ${requestId === undefined ? sql`false` : sql`exists (select 1 from cohorts c join batches b on b.workspace_id = c.workspace_id and b.cohort_id = c.id where ${cohortWhere} and b.request_id = ${requestId})`} as applied,
      exists (select 1 from accepted_changes a where a.workspace_id = ${ctx.workspaceId}::int and a.partner = ${command.partner}
        and a.partner_cohort_id = ${command.partnerCohortId}) as waits,
      ${resolveColumns(ctx.workspaceId, lists)}
      from workspaces w where w.id = ${ctx.workspaceId}::int`,
  );
  const key = hash === undefined ? null : requireImportKey(readKeyColumn(row?.key ?? null, now), command.partner);
  if (!row) throw fail('NOT_FOUND', 'There is no such workspace.');
  if (command.changes.length > 0 && !row.applied && !isAcknowledged) checkBudget(row, now);
  return {
    key,
    epoch: row.epoch,
    policy: row.policy,
    cohort: readCohort(row.cohort),
    guardPercent: row.guard,
    isApplied: row.applied,
    waits: row.waits,
    resolved: readResolved(row),
  };
}

function readCohort(text: string | null): Cohort | null {
  if (text === null) return null;
  const row = JSON.parse(text) as Record<string, string> & { id: number; is_named: boolean; cadence: Cadence | null };
  return {
    id: row.id,
    partner: String(row.partner),
    partnerCohortId: String(row.partner_cohort_id),
    name: String(row.name),
    isNamed: row.is_named,
    createdAt: new Date(String(row.created_at)),
    cadence: row.cadence,
  };
}
