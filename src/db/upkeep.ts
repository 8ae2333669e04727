import { sql } from 'drizzle-orm';
import { type Db, queryRows } from './client.ts';

/** As autovacuum's defaults: so many rows, and so large a part of the table, changed before it is worth while. */
const LEAST_ROWS = 50;
const ANALYZE_PART = 0.1;
const VACUUM_PART = 0.2;

interface TableState {
  readonly name: string;
  readonly live: number;
  readonly dead: number;
  readonly modified: number;
}

/**
 * Does for the embedded database what autovacuum does on a server, which PGlite has not: without statistics the planner reads whole
 * tables, without vacuum rewritten rows pile up. Cheap when there is nothing to do; blocks the process while it works, some tens of
 * milliseconds per 100,000 rows.
 */
export async function upkeep(db: Db): Promise<void> {
  // Counters reach the view when a session is idle for a while, which this one never is.
  await db.execute(sql`select pg_stat_force_next_flush()`);
  const tables = await queryRows<TableState>(
    db,
    sql`select relname as name, n_live_tup::int as live, n_dead_tup::int as dead, n_mod_since_analyze::int as modified
      from pg_stat_user_tables where schemaname = 'public'`,
  );
  for (const { name, live, dead, modified } of tables) {
    if (dead > LEAST_ROWS + VACUUM_PART * live) await db.execute(sql`vacuum (analyze) ${sql.identifier(name)}`);
    else if (modified > LEAST_ROWS + ANALYZE_PART * live) await db.execute(sql`analyze ${sql.identifier(name)}`);
  }
}
