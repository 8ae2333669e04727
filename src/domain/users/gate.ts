import { type SQL, sql } from 'drizzle-orm';
import { queryPrepared } from '../../db/client.ts';
import type { Ctx } from '../context.ts';

// The row lock of the workspace keeps imports and a change of what identities mean apart, but it is no queue: while imports hold it
// together, later ones join them past whoever waits to have it alone, and under steady imports that wait has no end. So both pass a gate
// first, where PostgreSQL queues: once somebody waits for it alone, later imports wait behind.

/** Any constant, beside the workspace's number: advisory locks of Muster that are of this kind. */
const GATE = 731_620;

/** A column that lets a statement through the gate together with others. Only for who takes the workspace row `for key share`. */
export function passGate(workspaceId: number): SQL {
  return sql`pg_advisory_xact_lock_shared(${GATE}::int, ${workspaceId}::int)::text as gate`;
}

/**
 * Keeps everybody else's imports and changes of users out until the transaction ends, having waited for those under way. The caller has
 * the row `for no key update` already: of two who came without it, each would wait at what the other one holds.
 */
export async function takeWorkspaceAlone(tx: Ctx): Promise<void> {
  await queryPrepared(
    tx.db,
    // From the workspace's row, as imports pass it: on a cluster both must meet on the node that has the workspace.
    sql`/* closeGate */ select pg_advisory_xact_lock(${GATE}::int, id)::text as gate from workspaces where id = ${tx.workspaceId}::int`,
  );
  await queryPrepared(
    tx.db,
    sql`/* takeAlone */ select 1 from workspaces where id = ${tx.workspaceId}::int for update`,
  );
}
