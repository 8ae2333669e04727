import { sql } from 'drizzle-orm';
import { queryRows } from '../../src/db/client.ts';
import type { Ctx } from '../../src/domain/context.ts';
import { RESERVED, usersOfBlock } from '../../src/domain/membership/bits.ts';
import { bucketByHand, factsByHand, factsStored } from './facts.ts';

// What a test compares: the bits, the ledger and the tables, each read on its own and as plainly as possible.

/** Who is in a cohort or a reserved set, in ascending order, from the bits. */
export async function membersOf(ctx: Ctx, cohortId: number): Promise<number[]> {
  const blocks = await queryRows<{ block: number; bits: string }>(
    ctx.db,
    sql`select block, bits::text as bits from membership_blocks
      where workspace_id = ${ctx.workspaceId} and cohort_id = ${cohortId} order by block`,
  );
  return blocks.flatMap(({ block, bits }) => usersOfBlock(block, bits));
}

/** One row of the ledger as it is stored, the oldest first. */
export interface LedgerRow {
  readonly id: number;
  readonly cohort_id: number;
  readonly dialect: string;
  readonly key_id: string | null;
  readonly request_id: string | null;
  readonly sync_no: number | null;
  readonly of_batch_id: number | null;
  readonly unchanged: number[];
  readonly received_count: number;
  readonly matched_count: number;
  readonly held_count: number;
  readonly ignored_count: number;
  readonly added_count: number;
  readonly removed_count: number;
  readonly reasons: Record<string, number>;
  readonly added: number[];
  readonly removed: number[];
}

export async function ledgerOf(ctx: Ctx, cohortId: number): Promise<LedgerRow[]> {
  const rows = await queryRows<{ row: string }>(
    ctx.db,
    sql`select to_jsonb(b)::text as row from batches b
      where b.workspace_id = ${ctx.workspaceId} and b.cohort_id = ${cohortId} order by b.id`,
  );
  return rows.map(({ row }) => JSON.parse(row) as LedgerRow);
}

/**
 * Who should be in a cohort if the ledger is right, in ascending order. Throws when a row claims a transition that was none: somebody
 * added who was in, or removed who was out, or a count that is not the length of its list.
 */
export async function replayLedger(ctx: Ctx, cohortId: number): Promise<number[]> {
  const members = new Set<number>();
  for (const row of await ledgerOf(ctx, cohortId)) {
    if (row.added.length !== row.added_count || row.removed.length !== row.removed_count)
      throw new Error(`A ledger row of cohort ${cohortId} counts otherwise than it lists.`);
    for (const user of row.added) {
      if (members.has(user)) throw new Error(`The ledger adds user ${user} to cohort ${cohortId} twice.`);
      members.add(user);
    }
    for (const user of row.removed)
      if (!members.delete(user))
        throw new Error(`The ledger removes user ${user} from cohort ${cohortId}, where nobody put them.`);
  }
  return [...members].sort((a, b) => a - b);
}

/** An identity held for a cohort, as `kind/label/value`. */
export async function pendingOf(ctx: Ctx, cohortId: number): Promise<string[]> {
  const rows = await queryRows<{ named: string }>(
    ctx.db,
    sql`select kind || '/' || label || '/' || value as named from pending_members
      where workspace_id = ${ctx.workspaceId} and cohort_id = ${cohortId}`,
  );
  return rows.map((row) => row.named).sort();
}

export async function cohortIds(ctx: Ctx): Promise<number[]> {
  const rows = await queryRows<{ id: number }>(
    ctx.db,
    sql`select id from cohorts where workspace_id = ${ctx.workspaceId} order by id`,
  );
  return rows.map((row) => row.id);
}

export interface UsageRow {
  readonly cohort_id: number;
  readonly key_id: string;
  readonly day: string;
  readonly received: number;
  readonly matched: number;
  readonly written: number;
  readonly changed: number;
}

export async function usageOf(ctx: Ctx): Promise<UsageRow[]> {
  return queryRows<UsageRow>(
    ctx.db,
    sql`select cohort_id, key_id::text as key_id, day::text as day, received::int as received, matched::int as matched,
      written::int as written, changed::int as changed from usage_daily where workspace_id = ${ctx.workspaceId}
      order by cohort_id, day, key_id`,
  );
}

/**
 * Every fault of the workspace as a sentence, none when it is sound: the ledger replays to the bits, nobody is a member who is no user, the
 * reserved sets and what is kept of attributes and aliases are what the tables say, every block knows when its users were made, and no
 * identity is held that has a user.
 */
export async function faultsOf(ctx: Ctx): Promise<string[]> {
  const faults: string[] = [];
  const same = (what: string, seen: readonly number[], right: readonly number[]) => {
    if (seen.join() !== right.join()) faults.push(`${what}: ${seen.join()} instead of ${right.join()}`);
  };
  const users = await numbers(ctx, sql`select id as n from users where workspace_id = ${ctx.workspaceId} order by id`);
  for (const id of await cohortIds(ctx)) {
    const members = await membersOf(ctx, id);
    same(`bits of cohort ${id} against the ledger`, members, await replayLedger(ctx, id));
    same(
      `members of cohort ${id} who are users`,
      members.filter((m) => users.includes(m)),
      members,
    );
  }
  same('everyone', await membersOf(ctx, RESERVED.everyone), users);
  const named = (kind: number) =>
    numbers(
      ctx,
      sql`select distinct user_id as n from identities where workspace_id = ${ctx.workspaceId} and kind = ${kind}
        and user_id is not null and not is_deprecated order by 1`,
    );
  same('identified, by bits', await membersOf(ctx, RESERVED.identified), await named(1));
  same('aliased, by bits', await membersOf(ctx, RESERVED.aliased), await named(2));
  same('with a device, by bits', await membersOf(ctx, RESERVED.deviced), await named(3));
  for (let bit = 0; bit < 14; bit++)
    same(
      `random buckets with bit ${bit}`,
      await membersOf(ctx, -10 - bit),
      users.filter((user) => (bucketByHand(user) >> bit) & 1),
    );
  same(
    'made at a time that their block does not know',
    await numbers(
      ctx,
      sql`select u.id as n from users u left join user_blocks b on b.workspace_id = u.workspace_id and b.block = u.id >> 13
        where u.workspace_id = ${ctx.workspaceId} and u.created_at between b.first_created_at and b.last_created_at is not true order by 1`,
    ),
    [],
  );
  const [kept, right] = [await factsStored(ctx), await factsByHand(ctx)];
  for (const key of new Set([...Object.keys(kept), ...Object.keys(right)]))
    if (JSON.stringify(kept[key]) !== JSON.stringify(right[key]))
      faults.push(`fact ${key}: ${JSON.stringify(kept[key])} instead of ${JSON.stringify(right[key])}`);
  same(
    'identified, by table',
    await numbers(
      ctx,
      sql`select id as n from users where workspace_id = ${ctx.workspaceId} and is_identified order by id`,
    ),
    await named(1),
  );
  const held = await numbers(
    ctx,
    sql`select i.user_id as n from pending_members p join identities i using (workspace_id, kind, label, value)
      where p.workspace_id = ${ctx.workspaceId} and i.user_id is not null order by 1`,
  );
  same('held although they have a user', held, []);
  return faults;
}

async function numbers(ctx: Ctx, query: ReturnType<typeof sql>): Promise<number[]> {
  return (await queryRows<{ n: number }>(ctx.db, query)).map((row) => row.n);
}
