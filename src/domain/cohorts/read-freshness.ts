import { sql } from 'drizzle-orm';
import { intArray, queryPrepared } from '../../db/client.ts';
import type { Ctx } from '../context.ts';
import type { Cadence } from './cohort.ts';
import { type Freshness, judgeFreshness, OBSERVED_SYNCS } from './freshness.ts';

/** How fresh one cohort is, and what people call it. */
export interface CohortFreshness extends Freshness {
  readonly cohortId: number;
  readonly name: string;
}

interface Row {
  readonly id: number;
  readonly name: string;
  readonly cadence: Cadence | null;
  readonly reported_cadence: Cadence | null;
  readonly success: string | null;
  readonly failure: string | null;
  readonly received: string | null;
  readonly starts: string | null;
}

/**
 * How fresh each cohort is; numbers of none are missing. One statement of short index reads: one for the last batch of a cohort, and one
 * each for the beginnings of its last syncs where nobody says its cadence, however long its ledger is.
 */
export async function freshnessByCohortIds(ctx: Ctx, ids: readonly number[]): Promise<Map<number, CohortFreshness>> {
  if (ids.length === 0) return new Map();
  const rows = await queryPrepared<Row>(
    ctx.db,
    sql`/* freshnessByCohortIds */ select c.id, c.name, c.cadence, c.reported_cadence, to_json(c.reported_success_at)::text as success,
        to_json(c.reported_failure_at)::text as failure, to_json(l.applied_at)::text as received, s.starts
      from cohorts c
      left join lateral (
        select b.sync_no, b.applied_at from batches b
        where b.workspace_id = ${ctx.workspaceId}::int and b.cohort_id = c.id and b.sync_no is not null
        order by b.sync_no desc, b.id desc limit 1) l on true
      left join lateral (
        select json_agg(f.applied_at)::text as starts from generate_series(greatest(l.sync_no - ${OBSERVED_SYNCS - 1}::int, 1), l.sync_no) n(sync_no)
        cross join lateral (
          select b.applied_at from batches b
          where b.workspace_id = ${ctx.workspaceId}::int and b.cohort_id = c.id and b.sync_no = n.sync_no order by b.id limit 1) f
        where c.cadence is null and c.reported_cadence is null) s on true
      where c.workspace_id = ${ctx.workspaceId}::int and c.id > 0 and c.id = any(${intArray(ids)})`,
  );
  const now = ctx.now();
  return new Map(rows.map((row) => [row.id, { cohortId: row.id, name: row.name, ...judge(row, now) }]));
}

function judge(row: Row, now: Date): Freshness {
  const facts = {
    declaredCadence: row.cadence,
    reportedCadence: row.reported_cadence,
    syncStarts: readTimes(row.starts),
    lastReceivedAt: readTime(row.received),
    reportedSuccessAt: readTime(row.success),
    reportedFailureAt: readTime(row.failure),
  };
  return judgeFreshness(facts, now);
}

function readTime(json: string | null): Date | null {
  return json === null ? null : new Date(JSON.parse(json) as string);
}

function readTimes(json: string | null): Date[] {
  return json === null ? [] : (JSON.parse(json) as string[]).map((text) => new Date(text));
}
