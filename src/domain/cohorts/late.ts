import { createHash } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { intArray, queryRows, textArray } from '../../db/client.ts';
import type { Ctx } from '../context.ts';
import { type Identity, identityKey } from '../users/identity.ts';
import type { CohortChange } from './change.ts';
import { identitiesOf } from './fold.ts';

/** Who must be left alone, because something newer has spoken of them already. */
export interface Late {
  readonly users: ReadonlySet<number>;
  /** Hashes of identities that nobody had when they were spoken of. */
  readonly hashes: ReadonlySet<string>;
  /** The ledger no longer knows whom the newer batches named: everybody is left alone. */
  readonly everybody: boolean;
}

/** What counts as newer: what the sender computed later, or what was applied after a batch. */
export type Than = { readonly computedAt: Date } | { readonly batchId: number };

/** True when the cohort has a batch that is newer. The caller holds the cohort's row. */
export async function isLate(tx: Ctx, cohortId: number, than: Than): Promise<boolean> {
  const [row] = await queryRows<{ late: boolean }>(
    tx.db,
    sql`/* isLate */ select exists (select 1 from batches b where ${newer(tx, cohortId, than)}) as late`,
  );
  return row?.late === true;
}

/** Of the users and identities of a request, those that newer batches of the cohort named. The caller holds the cohort's row. */
export async function findLate(
  tx: Ctx,
  cohortId: number,
  than: Than,
  named: { readonly users: readonly number[] | Int32Array; readonly changes: readonly CohortChange[] },
): Promise<Late> {
  const hashes = [...identitiesOf(named.changes)].map(hashOf);
  const [row] = await queryRows<{ users: string; hashes: string; everybody: boolean }>(
    tx.db,
    sql`/* findLate */ with newer as materialized (select b.added, b.removed, b.unchanged, b.unmatched_hashes from batches b where ${newer(tx, cohortId, than)})
      select (select coalesce(json_agg(distinct abs(v)), '[]')::text from newer n, unnest(n.added || n.removed || n.unchanged) v
          where abs(v) = any(${intArray(named.users)})) as users,
        (select coalesce(json_agg(distinct h::text), '[]')::text from newer n, unnest(n.unmatched_hashes) h
          where h = any(${textArray(hashes)}::bigint[])) as hashes,
        coalesce((select bool_or(n.added is null) from newer n), false) as everybody`,
  );
  return {
    users: new Set(JSON.parse(row?.users ?? '[]') as number[]),
    hashes: new Set(JSON.parse(row?.hashes ?? '[]') as string[]),
    everybody: row?.everybody === true,
  };
}

function newer(tx: Ctx, cohortId: number, than: Than) {
  return sql`b.workspace_id = ${tx.workspaceId}::int and b.cohort_id = ${cohortId}::int and ${
    'batchId' in than
      ? sql`b.id > ${than.batchId}::bigint`
      : sql`b.computed_at > ${than.computedAt.toISOString()}::timestamptz`
  }`;
}

/** A number of 64 bits that stands for an identity in the ledger, where its text has no business once nobody has it. */
export function hashOf(identity: Identity): string {
  return createHash('sha256').update(identityKey(identity)).digest().readBigInt64BE().toString();
}
