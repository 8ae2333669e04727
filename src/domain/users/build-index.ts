import { sql } from 'drizzle-orm';
import { queryPrepared } from '../../db/client.ts';
import { type Ctx, inTransaction } from '../context.ts';
import { BLOCK_MASK } from '../membership/bits.ts';
import { shortValue, storedFacets } from './facets.ts';
import { DROPPING } from './live-indexes.ts';
import { Postings, writePostings } from './postings.ts';

/** How long a slice waits for the workspace row: writers hold it for about a second at most. */
const PATIENCE_MS = 30_000;
/** The most bytes of values that one slice takes into memory, the first user's aside. */
const SLICE_MAX_BYTES = 8 * 2 ** 20;
/** Rows of an index thrown away in one transaction. */
const DROP_MAX_ROWS = 20_000;

/**
 * Takes an index one step further, in a transaction of its own: throws away what an earlier index of that name left, adds the users of one
 * more block, or declares it ready. Answers whether there is more to do. Users are not written meanwhile, which is some tens of
 * milliseconds; several servers may do this at once, each then does other slices.
 */
export async function buildSlice(ctx: Ctx, name: string): Promise<boolean> {
  return inTransaction(ctx, async (tx) => {
    const [workspace] = await queryPrepared<{ last: number }>(
      tx.db,
      sql`/* lockToBuild */ select next_user_id - 1 as last, set_config('lock_timeout', ${`${PATIENCE_MS}ms`}, true) as patience
        from workspaces where id = ${tx.workspaceId}::int for no key update`,
    );
    // A statement of its own: one that waits for the lock sees what was there before.
    const [index] = await queryPrepared<{ built_to: number }>(
      tx.db,
      sql`/* indexToBuild */ select built_to from attribute_indexes
        where workspace_id = ${tx.workspaceId}::int and name = ${name} and state = 'BUILDING'`,
    );
    if (!workspace || !index) return false;
    if (index.built_to <= 0 && !(await isCleared(tx, name))) return true;
    if (index.built_to === DROPPING) {
      await forgetIndex(tx, name);
      return false;
    }
    const builtTo = await addUsers(tx, name, index.built_to, workspace.last);
    const isReady = builtTo >= workspace.last;
    await queryPrepared(
      tx.db,
      sql`/* moveIndexOn */ update attribute_indexes set built_to = ${builtTo}::int, state = ${isReady ? 'READY' : 'BUILDING'}
        where workspace_id = ${tx.workspaceId}::int and name = ${name}`,
    );
    return !isReady;
  });
}

/** Throws away rows of an index that has nobody yet, or nobody any more; true when none is left. */
async function isCleared(tx: Ctx, name: string): Promise<boolean> {
  const [gone] = await queryPrepared<{ n: number }>(
    tx.db,
    sql`/* clearIndex */ with gone as (
        delete from attribute_blocks b where b.workspace_id = ${tx.workspaceId}::int and b.ctid = any(array(
          select a.ctid from attribute_blocks a where a.workspace_id = ${tx.workspaceId}::int and a.name = ${name} limit ${DROP_MAX_ROWS}::int))
        returning 1)
      select count(*)::int as n from gone`,
  );
  return (gone?.n ?? 0) < DROP_MAX_ROWS;
}

async function forgetIndex(tx: Ctx, name: string): Promise<void> {
  await queryPrepared(
    tx.db,
    sql`/* forgetIndex */ delete from attribute_indexes where workspace_id = ${tx.workspaceId}::int and name = ${name}`,
  );
}

/**
 * Adds users after `from`, to the end of their block at most: each row of the index is then written once. Answers the last user who is in
 * it now; an earlier one where the values are large.
 */
async function addUsers(tx: Ctx, name: string, from: number, last: number): Promise<number> {
  const to = Math.min(last, (from + 1) | BLOCK_MASK);
  const rows = await queryPrepared<{ id: number; short: string; is_last: boolean }>(
    tx.db,
    sql`/* usersToIndex */ select id, short, running > ${SLICE_MAX_BYTES}::int as is_last from (
        select id, short, sum(octet_length(short)) over (order by id) as running, octet_length(short) as bytes from (
          select u.id, ${shortValue(sql`(u.attributes -> ${name}::text)`)} as short from users u
          where u.workspace_id = ${tx.workspaceId}::int and u.id > ${from}::int and u.id <= ${to}::int and u.attributes ? ${name}::text offset 0) v) r
      where running - bytes <= ${SLICE_MAX_BYTES}::int order by id`,
  );
  const postings = new Postings();
  for (const { id, short } of rows) for (const facet of storedFacets(short)) postings.gain(name, facet, id);
  await writePostings(tx, postings);
  const final = rows.at(-1);
  return final?.is_last ? final.id : to;
}
