import { sql } from 'drizzle-orm';
import { intArray, queryPrepared, textArray } from '../../db/client.ts';
import type { Ctx } from '../context.ts';
import type { Identity } from './identity.ts';

// How an import and the creation of the very user it names are made to wait for each other: an identity nobody has is a row of
// `identities` without a user, and both sides take that row before they decide.

/**
 * Locks identities that nobody has until the transaction ends. Those to hold are given a row without a user where they have none; those
 * to drop are locked where they have one. Whoever has created the user meanwhile is waited for, so resolve again after this. All in one
 * statement, because all writers go through the identities once and in the order of their bytes: two that went in two orders, or twice,
 * would wait for each other.
 */
export async function lockUnknown(tx: Ctx, toHold: readonly Identity[], toDrop: readonly Identity[]): Promise<void> {
  const held = sql`select k, l, v from ${table(toHold)}`;
  const dropped = sql`select k, l, v from ${table(toDrop)} where exists (select 1 from identities e
    where e.workspace_id = ${tx.workspaceId}::int and e.kind = k and e.label = l and e.value = v)`;
  // The update never happens: a row in conflict is locked before the condition is looked at.
  await queryPrepared(
    tx.db,
    sql`/* lockUnknown */ insert into identities as i (workspace_id, kind, label, value)
    select ${tx.workspaceId}::int, k, l, v from (${toDrop.length === 0 ? held : sql`${held} union ${dropped}`}) as u order by k, l, v
    on conflict (workspace_id, kind, label, value) do update set user_id = i.user_id where false`,
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

/** Identities as a table `w(k, l, v)`, whose texts sort by their bytes as those in the tables do, whatever the database's collation. */
export function table(identities: readonly Identity[]) {
  return sql`(select k, l collate "C" as l, v collate "C" as v from unnest(${intArray(identities.map((i) => i.kind))}::smallint[],
    ${textArray(identities.map((i) => i.label))}, ${textArray(identities.map((i) => i.value))}) as u(k, l, v)) as w`;
}
