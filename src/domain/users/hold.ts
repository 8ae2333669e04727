import { sql } from 'drizzle-orm';
import { intArray, queryPrepared, textArray } from '../../db/client.ts';
import type { Ctx } from '../context.ts';
import type { Identity } from './identity.ts';

// How an import and the creation of the very user it names are made to wait for each other: an identity nobody has is a row of
// `identities` without a user, and both sides take that row before they decide.

/**
 * Gives each identity that nobody has a row without a user, and locks the rows until the transaction ends; rows that exist are locked
 * as they are. Whoever has created the user meanwhile is waited for, so resolve again after this. All writers go in index order.
 */
export async function lockForHolding(tx: Ctx, identities: readonly Identity[]): Promise<void> {
  // The update never happens: a row in conflict is locked before the condition is looked at.
  await queryPrepared(
    tx.db,
    sql`/* lockForHolding */ insert into identities as i (workspace_id, kind, label, value)
    select ${tx.workspaceId}::int, k, l, v from ${table(identities)} order by k, l, v
    on conflict (workspace_id, kind, label, value) do update set user_id = i.user_id where false`,
  );
}

/** Locks the rows of identities that have been held before, and leaves alone those that have none. */
export async function lockHeld(tx: Ctx, identities: readonly Identity[]): Promise<void> {
  await queryPrepared(
    tx.db,
    sql`/* lockHeld */ select 1 from ${table(identities)}
    join identities i on i.workspace_id = ${tx.workspaceId}::int and i.kind = k and i.label = l and i.value = v
    order by i.kind, i.label, i.value for no key update of i`,
  );
}

/** Adds pending members to a cohort. The caller holds the identities. */
export async function holdMembers(tx: Ctx, cohortId: number, identities: readonly Identity[]): Promise<void> {
  await queryPrepared(
    tx.db,
    sql`/* holdMembers */ insert into pending_members (workspace_id, kind, label, value, cohort_id, held_at)
    select ${tx.workspaceId}::int, k, l, v, ${cohortId}::int, ${tx.now().toISOString()}::timestamptz from ${table(identities)}
    order by k, l, v on conflict do nothing`,
  );
}

/** Drops pending members of a cohort: a remove of an identity that was held. */
export async function dropMembers(tx: Ctx, cohortId: number, identities: readonly Identity[]): Promise<void> {
  await queryPrepared(
    tx.db,
    sql`/* dropMembers */ delete from pending_members p using ${table(identities)}
    where p.workspace_id = ${tx.workspaceId}::int and p.kind = k and p.label = l and p.value = v and p.cohort_id = ${cohortId}::int`,
  );
}

/** Identities as a table `w(k, l, v)`. */
export function table(identities: readonly Identity[]) {
  return sql`unnest(${intArray(identities.map((i) => i.kind))}::smallint[], ${textArray(identities.map((i) => i.label))},
    ${textArray(identities.map((i) => i.value))}) as w(k, l, v)`;
}
