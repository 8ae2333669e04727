import { type SQL, sql } from 'drizzle-orm';
import { queryRows } from '../../db/client.ts';
import type { Ctx } from '../context.ts';
import { fail } from '../errors.ts';
import { usersOfBlock } from '../membership/bits.ts';
import type { Identity, Kind } from '../users/identity.ts';
import type { PageOutcome } from './replacement.ts';

// What is done with the set in which a list is staged: compared with its cohort bit by bit, taken over, and thrown away.

/** A list against its cohort. What batches after `afterBatchId` named is left as they left it. */
export interface Comparison {
  readonly set: number;
  /** Null where the cohort does not exist yet. */
  readonly cohort: number | null;
  readonly afterBatchId: number;
}

/**
 * How many are in the cohort, would enter and would leave, and how many identities of the list nobody has. One statement. Errors:
 * NOT_RETAINED where the ledger has forgotten whom later batches named.
 */
export async function countDifference(ctx: Ctx, comparison: Comparison) {
  const [row] = await queryRows<{
    size: number;
    entering: number;
    leaving: number;
    pending: number;
    forgotten: boolean;
  }>(
    ctx.db,
    sql`/* countDifference */ with ${compared(ctx, comparison)}
      select coalesce(sum(bit_count(t)), 0)::int as size, coalesce(sum(bit_count(entering)), 0)::int as entering,
        coalesce(sum(bit_count(leaving)), 0)::int as leaving,
        (select count(*) from pending_members p where p.workspace_id = ${ctx.workspaceId}::int and p.cohort_id = ${comparison.set}::int)::int as pending,
        exists (select 1 from batches b where b.workspace_id = ${ctx.workspaceId}::int and b.cohort_id = ${comparison.cohort ?? 0}::int
          and b.id > ${comparison.afterBatchId}::bigint and b.added is null) as forgotten
      from compared`,
  );
  if (!row) throw new Error('An aggregate answers one row.');
  if (row.forgotten)
    throw fail(
      'NOT_RETAINED',
      'The cohort has changed since this list was begun, and the ledger no longer remembers how: begin another list.',
    );
  const { size, entering, leaving, pending } = row;
  return { size, willHave: size + entering - leaving, entering, leaving, staying: size - leaving, pending };
}

/** The users who would enter, positive, and leave, negative. */
export async function listDifference(ctx: Ctx, comparison: Comparison): Promise<Int32Array> {
  const rows = await queryRows<{ block: number; entering: string | null; leaving: string | null }>(
    ctx.db,
    sql`/* listDifference */ with ${compared(ctx, comparison)}
      select block, case when bit_count(entering) > 0 then entering::text end as entering, case when bit_count(leaving) > 0 then leaving::text end as leaving
      from compared where bit_count(entering | leaving) > 0 order by block`,
  );
  const parts = rows.map(({ block, entering, leaving }) => [
    ...(entering ? usersOfBlock(block, entering) : []),
    ...(leaving ? usersOfBlock(block, leaving).map((user) => -user) : []),
  ]);
  const changes = new Int32Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    changes.set(part, at);
    at += part.length;
  }
  return changes;
}

/** `compared(block, t, entering, leaving)`: the cohort's bits, and what the list makes of them. */
function compared(ctx: Ctx, { set, cohort, afterBatchId }: Comparison): SQL {
  const none = sql`0::bit(8192)`;
  const blocks = (id: number) =>
    sql`select block, bits from membership_blocks where workspace_id = ${ctx.workspaceId}::int and cohort_id = ${id}::int`;
  // Set 0 is everyone, so a cohort that does not exist yet is read as one without blocks.
  const target = cohort === null ? sql`${blocks(set)} and false` : blocks(cohort);
  return sql`later as materialized (
      select abs(v) >> 13 as block, bit_or(set_bit(${none}, abs(v) & 8191, 1)) as bits
      from batches b, unnest(b.added || b.removed || b.unchanged) v
      where b.workspace_id = ${ctx.workspaceId}::int and b.cohort_id = ${cohort ?? 0}::int and b.id > ${afterBatchId}::bigint group by 1),
    pairs as materialized (
      select coalesce(s.block, t.block) as block, coalesce(s.bits, ${none}) as s, coalesce(t.bits, ${none}) as t
      from (${blocks(set)}) s full join (${target}) t on t.block = s.block),
    compared as materialized (
      select p.block, p.t, p.s & (~ p.t) & (~ coalesce(l.bits, ${none})) as entering, p.t & (~ p.s) & (~ coalesce(l.bits, ${none})) as leaving
      from pairs p left join later l on l.block = p.block)`;
}

/** Makes the identities of the list that nobody has the pending members of the cohort, in place of those held before the list was begun. */
export async function adoptPending(
  tx: Ctx,
  input: { readonly set: number; readonly cohort: number; readonly before: Date },
): Promise<void> {
  await tx.db.execute(sql`/* dropPendingBefore */ delete from pending_members p where p.workspace_id = ${tx.workspaceId}::int and p.cohort_id = ${input.cohort}::int
    and p.held_at <= ${input.before.toISOString()}::timestamptz and not exists (select 1 from pending_members s where s.workspace_id = p.workspace_id
      and s.kind = p.kind and s.label = p.label and s.value = p.value and s.cohort_id = ${input.set}::int)`);
  await tx.db.execute(sql`/* adoptPending */ insert into pending_members (workspace_id, kind, label, value, cohort_id, held_at)
    select s.workspace_id, s.kind, s.label, s.value, ${input.cohort}::int, s.held_at from pending_members s
    where s.workspace_id = ${tx.workspaceId}::int and s.cohort_id = ${input.set}::int order by s.kind, s.label, s.value on conflict do nothing`);
}

/** The identities of a list that nobody has. */
export async function unknownOf(tx: Ctx, set: number): Promise<Identity[]> {
  return queryRows<{ kind: Kind; label: string; value: string }>(
    tx.db,
    sql`/* unknownOf */ select kind::int as kind, label, value from pending_members where workspace_id = ${tx.workspaceId}::int and cohort_id = ${set}::int
      order by kind, label, value`,
  );
}

/** What the pages of a list came to together. */
export async function sumPages(tx: Ctx, set: number): Promise<PageOutcome> {
  const [row] = await queryRows<Omit<PageOutcome, 'reasons'> & { reasons: string }>(
    tx.db,
    sql`/* sumPages */ with pages as materialized (select * from batches where workspace_id = ${tx.workspaceId}::int and cohort_id = ${set}::int)
      select coalesce(sum(received_count), 0)::int as received, coalesce(sum(matched_count), 0)::int as matched,
        coalesce(sum(held_count), 0)::int as held, coalesce(sum(ignored_count), 0)::int as ignored,
        (select coalesce(json_object_agg(k, n), '{}')::text from (select r.key as k, sum(r.value::int)::int as n
          from pages p, jsonb_each_text(p.reasons) r group by r.key) t) as reasons
      from pages`,
  );
  if (!row) throw new Error('An aggregate answers one row.');
  return { ...row, reasons: JSON.parse(row.reasons) as Record<string, number> };
}

/** Forgets a staged set: its bits, its pending members, its pages, and itself. */
export async function discardSet(tx: Ctx, set: number): Promise<void> {
  const ours = sql`workspace_id = ${tx.workspaceId}::int and cohort_id = ${set}::int`;
  await tx.db.execute(sql`/* discardPending */ delete from pending_members where ${ours}`);
  await tx.db.execute(sql`/* discardBlocks */ delete from membership_blocks where ${ours}`);
  await tx.db.execute(sql`/* discardPages */ delete from batches where ${ours}`);
  await tx.db.execute(
    sql`/* discardSet */ delete from cohorts where workspace_id = ${tx.workspaceId}::int and id = ${set}::int`,
  );
}
