import { sql } from 'drizzle-orm';
import { queryPrepared } from '../../db/client.ts';
import type { Ctx } from '../context.ts';
import { fail } from '../errors.ts';
import { keyColumn, readKeyColumn, requireImportKey } from '../keys/key.ts';
import { type IdentityLists, type Resolved, type ResolvedRow, readResolved, resolveColumns } from '../users/resolve.ts';
import type { UnknownIdentityPolicy } from '../workspaces/workspaces.ts';
import type { CohortChanges } from './change.ts';
import type { Cohort } from './cohort.ts';

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
}

/** One round trip: is the key good, which cohort is it, what do the identities mean, and what is the policy. */
export async function lookUp(ctx: Ctx, command: CohortChanges, lists: IdentityLists) {
  const hash = command.source.presentedHash;
  const [row] = await queryPrepared<
    ResolvedRow & { key: string | null; epoch: number; policy: UnknownIdentityPolicy; cohort: string | null }
  >(
    ctx.db,
    sql`/* lookUp */ select ${hash === undefined ? sql`null::text as key` : keyColumn(ctx.workspaceId, hash)},
      w.identity_epoch::int as epoch, w.unknown_identity_policy as policy,
      (select to_jsonb(c)::text from cohorts c where c.workspace_id = ${ctx.workspaceId}::int and c.partner = ${command.partner}
        and c.partner_cohort_id = ${command.partnerCohortId}) as cohort,
      ${resolveColumns(ctx.workspaceId, lists)}
      from workspaces w where w.id = ${ctx.workspaceId}::int`,
  );
  const key = hash === undefined ? null : requireImportKey(readKeyColumn(row?.key ?? null, ctx.now()), command.partner);
  if (!row) throw fail('NOT_FOUND', 'There is no such workspace.');
  return { key, epoch: row.epoch, policy: row.policy, cohort: readCohort(row.cohort), resolved: readResolved(row) };
}

function readCohort(text: string | null): Cohort | null {
  if (text === null) return null;
  const row = JSON.parse(text) as Record<string, string> & { id: number; is_named: boolean };
  return {
    id: row.id,
    partner: String(row.partner),
    partnerCohortId: String(row.partner_cohort_id),
    name: String(row.name),
    isNamed: row.is_named,
    createdAt: new Date(String(row.created_at)),
  };
}
