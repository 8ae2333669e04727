import { type SQL, sql } from 'drizzle-orm';

// The row lock of the workspace keeps imports and a change of what identities mean apart, but it is no queue: while imports hold it
// together, later ones join them past whoever waits to have it alone, and under steady imports that wait has no end. So both pass a gate
// first, where PostgreSQL queues: once somebody waits for it alone, later imports wait behind.

/** Any constant, beside the workspace's number: advisory locks of Muster that are of this kind. */
const GATE = 731_620;

/** A column that lets a statement through the gate together with others. Only for who takes the workspace row `for key share`. */
export function passGate(workspaceId: number): SQL {
  return sql`pg_advisory_xact_lock_shared(${GATE}::int, ${workspaceId}::int)::text as gate`;
}

/** A column that waits until everybody has left the gate, and closes it until the transaction ends. */
export function closeGate(workspaceId: number): SQL {
  return sql`pg_advisory_xact_lock(${GATE}::int, ${workspaceId}::int)::text as gate`;
}
