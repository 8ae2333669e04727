import { sql } from 'drizzle-orm';
import { queryRows, textArray } from '../../db/client.ts';
import type { Ctx } from '../context.ts';
import type { CohortChanges } from './change.ts';
import type { Cohort, Outcome } from './cohort.ts';
import type { Prepared } from './look-up.ts';

/** A request that was applied before, or is the same as an earlier one of its group. */
export type Repeat = { readonly outcome: Outcome } | { readonly of: number };

/** Which requests of a group have been applied already or are held, by position. The caller holds the cohort's row. */
export async function findRepeats(
  tx: Ctx,
  cohort: Cohort,
  group: readonly Prepared[],
): Promise<ReadonlyMap<number, Repeat>> {
  const repeats = new Map<number, Repeat>();
  const ids = group.map((p) => (p.approval ? undefined : p.command.source.requestId));
  if (ids.every((id) => id === undefined)) return repeats;
  const applied = await outcomesOf(
    tx,
    cohort,
    ids.filter((id) => id !== undefined),
  );
  ids.forEach((id, i) => {
    if (id === undefined) return;
    const outcome = applied.get(id);
    const earlier = ids.indexOf(id);
    if (outcome) repeats.set(i, { outcome });
    else if (earlier < i) repeats.set(i, { of: earlier });
  });
  return repeats;
}

/** What became of a request that was applied before. */
export async function outcomeOfRequest(ctx: Ctx, cohort: Cohort, command: CohortChanges): Promise<Outcome> {
  const id = command.source.requestId ?? '';
  const outcome = (await outcomesOf(ctx, cohort, [id])).get(id);
  if (!outcome) throw new Error('A batch never leaves the ledger.');
  return outcome;
}

interface Row {
  readonly request_id: string;
  readonly batch_id: string | null;
  readonly held_id: string | null;
  readonly received: number;
  readonly matched: number;
  readonly held: number;
  readonly ignored: number;
  readonly added: number;
  readonly removed: number;
  readonly unchanged: number;
  readonly reasons: string;
}

async function outcomesOf(ctx: Ctx, cohort: Cohort, requestIds: readonly string[]): Promise<Map<string, Outcome>> {
  const rows = await queryRows<Row>(
    ctx.db,
    sql`/* outcomesOfRequests */ select b.request_id, b.id::text as batch_id, null::text as held_id, b.received_count as received, b.matched_count as matched,
        b.held_count as held, b.ignored_count as ignored, b.added_count as added, b.removed_count as removed,
        coalesce(cardinality(b.unchanged), 0) as unchanged, b.reasons::text as reasons
      from batches b where b.workspace_id = ${ctx.workspaceId}::int and b.cohort_id = ${cohort.id}::int and b.request_id = any(${textArray(requestIds)})
      union all
      select h.command::json -> 'source' ->> 'requestId', null, h.id::text, 0, 0, 0, 0, 0, 0, 0, '{}'
      from held_changes h where h.workspace_id = ${ctx.workspaceId}::int and h.cohort_id = ${cohort.id}::int
        and h.command::json -> 'source' ->> 'requestId' = any(${textArray(requestIds)})`,
  );
  return new Map(rows.map((row) => [row.request_id, toOutcome(cohort, row)]));
}

function toOutcome(cohort: Cohort, row: Row): Outcome {
  const { received, matched, held, ignored, added, removed } = row;
  return {
    cohort,
    received,
    matched,
    held,
    ignored,
    reasons: JSON.parse(row.reasons) as Record<string, number>,
    written: added + removed + row.unchanged,
    added,
    removed,
    batchId: row.batch_id === null ? null : Number(row.batch_id),
    isDuplicate: true,
    heldChangesId: row.held_id,
  };
}
