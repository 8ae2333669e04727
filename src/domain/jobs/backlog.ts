import { sql } from 'drizzle-orm';
import { type Db, queryRows } from '../../db/client.ts';

/** What a server has yet to do, over all workspaces. For whoever watches the server: it names nobody's data. */
export interface Backlog {
  /** Changes that were acknowledged and are not applied yet, and how long the first of them has waited. */
  readonly accepted: number;
  readonly oldestAcceptedSeconds: number;
  /** Changes that wait for an operator because they would shrink a cohort too much. */
  readonly held: number;
  /** Whole lists that are being sent. */
  readonly openReplacements: number;
  /** Cohorts that are being fetched from their sender. */
  readonly runningPulls: number;
}

/**
 * Counts what waits. One statement about the server rather than a tenant, so it names no workspace: the tables hold what is under way
 * only, or have an index of just that.
 */
export async function measureBacklog(db: Db, now: Date): Promise<Backlog> {
  const [row] = await queryRows<Backlog>(
    db,
    sql`/* measureBacklog */ select a.accepted, a.oldest as "oldestAcceptedSeconds",
      (select count(*)::int from held_changes) as held,
      (select count(*)::int from replacements where state in ('OPEN', 'HELD')) as "openReplacements",
      (select count(*)::int from pulls where state in ('WAITING', 'RUNNING') and state = 'RUNNING') as "runningPulls"
      from (select count(*)::int as accepted,
        coalesce(greatest(extract(epoch from ${now.toISOString()}::timestamptz - min(accepted_at)), 0), 0)::float8 as oldest
        from accepted_changes) as a`,
  );
  if (!row) throw new Error('A count without groups has a row.');
  return row;
}
