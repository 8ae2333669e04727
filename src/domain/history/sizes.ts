import { type SQL, sql } from 'drizzle-orm';
import { intArray, numberLiteral, queryPrepared } from '../../db/client.ts';
import type { Ctx } from '../context.ts';
import { fail } from '../errors.ts';
import { readTime } from './batch.ts';
import { byList } from './by-list.ts';
import { checkTime, countDays, dayAfter, dayOf } from './instants.ts';
import { HISTORY_MAX_POINTS, type HistoryInput, type HistoryStep, type SizePoint } from './size-point.ts';

// How large cohorts were. There is no counter to go wrong: a size then is the size now without what the batches since have changed. The
// ledger keeps its counts for ever, so sizes reach back to the first batch.

/** How many users a cohort had before and after a batch. */
export interface SizesAround {
  readonly before: number;
  readonly after: number;
}

/**
 * How many users a cohort had around each batch, exactly, by the batch's number. One statement, one snapshot: it reads the counts of every
 * batch since the oldest one asked for.
 */
export async function sizesAroundBatches(
  ctx: Ctx,
  batches: readonly { readonly cohortId: number; readonly batchId: number }[],
): Promise<Map<number, SizesAround>> {
  const rows = await queryPrepared<{ id: string; before: number; after: number }>(
    ctx.db,
    sql`/* sizesAroundBatches */ with a as materialized (select * from
        unnest(${intArray(batches.map((b) => b.cohortId))}, ${numberLiteral(batches.map((b) => b.batchId))}::text::bigint[]) as a(cohort_id, id)),
      c as materialized (select g.id, g.low, ${sizeNow(ctx, sql`g.id`)} as size from (select cohort_id as id, min(id) as low from a group by 1) g),
      r as materialized (
        select b.id, b.net, c.size - coalesce(sum(b.net) over (partition by c.id order by b.id desc
            rows between unbounded preceding and 1 preceding), 0) as after
        from c cross join lateral (select b.id, b.added_count - b.removed_count as net from batches b
          where b.workspace_id = ${ctx.workspaceId}::int and b.cohort_id = c.id and b.id >= c.low offset 0) b)
      select r.id::text as id, (r.after - r.net)::int as before, r.after::int as after from r where r.id in (select a.id from a)`,
  );
  return new Map(rows.map(({ id, before, after }) => [Number(id), { before, after }]));
}

/** Refuses a history that cannot be answered, and says how many points it may have. Errors: INVALID_INPUT, LIMIT_EXCEEDED. */
export async function checkHistory(ctx: Ctx, input: HistoryInput): Promise<number> {
  const { from, to } = readSpan(ctx, input);
  if (input.by !== 'DAY') return HISTORY_MAX_POINTS;
  const days = countDays(from, to);
  if (days > HISTORY_MAX_POINTS) throw tooManyPoints();
  return days;
}

/**
 * How the size of each cohort went, exactly, the oldest point first, in the order asked. One statement. Whatever changed a cohort counts:
 * users who joined, merged or were deleted, and what was undone.
 *
 * `BATCH`: a point a batch. `SYNC`: a point a sync that ended in that time, and one for each run of changes between two syncs that no sender
 * sent. `DAY`: a point a UTC day, from the one `from` is in to the one `to` is in but no later than today, days without a change too.
 * Errors: INVALID_INPUT (the end lies before the beginning), LIMIT_EXCEEDED (more than 2,000 points).
 */
export async function listSizes(ctx: Ctx, cohortIds: readonly number[], input: HistoryInput): Promise<SizePoint[][]> {
  await checkHistory(ctx, input);
  const { from, to } = readSpan(ctx, input);
  const begin = input.by === 'DAY' ? new Date(dayOf(from)) : from;
  const end = input.by === 'DAY' ? new Date(dayAfter(dayOf(to), 1).getTime() - 1) : to;
  const rows = await readSteps(ctx, cohortIds, input.by, begin, end);
  return byList(rows, cohortIds.length).map((mine) => {
    // A step that the beginning goes through may have ended before it.
    const points = accumulate(mine).filter(({ at }) => at >= begin);
    if (points.length > HISTORY_MAX_POINTS) throw tooManyPoints();
    return input.by === 'DAY' ? fillDays(points, mine[0]?.base ?? 0, begin, countDays(from, to)) : points;
  });
}

interface Step {
  readonly n: number;
  /** The size before the first step. */
  readonly base: number;
  /** Null where the cohort has no step at all. */
  readonly at: string | null;
  readonly added: number;
  readonly removed: number;
  readonly sync_no: number | null;
}

/**
 * The steps of each cohort between two times. A batch counts as applied no later than any that came after it, so that clocks of several
 * servers cannot put a point out of order.
 */
async function readSteps(
  ctx: Ctx,
  cohortIds: readonly number[],
  by: HistoryStep,
  from: Date,
  to: Date,
): Promise<Step[]> {
  const step = {
    BATCH: { key: sql`id`, sync: sql`max(sync_no)` },
    // Between two numbers: what no sender sent, unless it came amid a sync.
    SYNC: { key: sql`past, past is distinct from next`, sync: sql`case when max(past) = max(next) then max(past) end` },
    DAY: { key: sql`(at at time zone 'UTC')::date`, sync: sql`null::int` },
  }[by];
  return queryPrepared<Step>(
    ctx.db,
    // What comes after a row is looked at from the end: a frame that reaches to the end would be gone through anew for each row.
    sql`/* readSizes */ with c as materialized (
        select l.id, (l.n - 1)::int as n, ${sizeNow(ctx, sql`l.id`)} as size, coalesce((select b.id from batches b
          where b.workspace_id = ${ctx.workspaceId}::int and b.cohort_id = l.id and b.applied_at < ${from.toISOString()}::timestamptz
          order by b.id desc limit 1), 0) as cut
        from unnest(${intArray(cohortIds)}) with ordinality as l(id, n)),
      k as materialized (select c.id, c.n, c.size, ${by === 'SYNC' ? wholeSyncs(ctx) : sql`c.cut`} as cut from c),
      r as materialized (
        select k.n, b.id, b.sync_no, b.added_count, b.removed_count,
          min(b.applied_at) over (partition by k.n order by b.id desc) as at,
          max(b.sync_no) over (partition by k.n order by b.id) as past, min(b.sync_no) over (partition by k.n order by b.id desc) as next
        from k cross join lateral (select b.id, b.sync_no, b.added_count, b.removed_count, b.applied_at from batches b
          where b.workspace_id = ${ctx.workspaceId}::int and b.cohort_id = k.id and b.id > k.cut offset 0) b),
      s as materialized (
        select n, max(id) as id, max(at) as at, sum(added_count)::int as added, sum(removed_count)::int as removed, ${step.sync} as sync_no
        from r group by n, ${step.key}),
      p as materialized (
        select s.*, row_number() over (partition by n order by id) as place from s where s.at <= ${to.toISOString()}::timestamptz)
      select k.n, (k.size - coalesce((select sum(r.added_count - r.removed_count) from r where r.n = k.n), 0))::int as base,
        to_json(p.at)::text as at, coalesce(p.added, 0) as added, coalesce(p.removed, 0) as removed, p.sync_no
      from k left join p on p.n = k.n and p.place <= ${HISTORY_MAX_POINTS + 2}::int order by k.n, p.place`,
  );
}

/** The cut moved back to before the sync, or the run between two syncs, that it goes through. */
function wholeSyncs(ctx: Ctx): SQL {
  const batches = sql`from batches b where b.workspace_id = ${ctx.workspaceId}::int and b.cohort_id = c.id and b.sync_no is not null`;
  const past = (column: SQL) => sql`(select ${column} ${batches} and b.id <= c.cut order by b.id desc limit 1)`;
  const next = sql`(select b.sync_no ${batches} and b.id > c.cut order by b.id limit 1)`;
  return sql`case when ${past(sql`b.sync_no`)} = ${next}
    then (select b.id - 1 ${batches} and b.sync_no = ${next} order by b.id limit 1) else coalesce(${past(sql`b.id`)}, 0) end`;
}

/** How many users a cohort has now. */
function sizeNow(ctx: Ctx, cohortId: SQL): SQL {
  return sql`coalesce((select sum(bit_count(m.bits)) from membership_blocks m
    where m.workspace_id = ${ctx.workspaceId}::int and m.cohort_id = ${cohortId}), 0)`;
}

function accumulate(steps: readonly Step[]): SizePoint[] {
  let size = steps[0]?.base ?? 0;
  return steps.flatMap(({ at, added, removed, sync_no }) => {
    if (at === null) return [];
    size += added - removed;
    return [{ at: readTime(at), size, added, removed, syncNumber: sync_no }];
  });
}

function fillDays(points: readonly SizePoint[], base: number, begin: Date, days: number): SizePoint[] {
  const byDay = new Map(points.map((point) => [dayOf(point.at), point]));
  let size = base;
  return Array.from({ length: days }, (_, i) => {
    const at = dayAfter(begin.getTime(), i);
    const { added = 0, removed = 0, size: after = size } = byDay.get(at.getTime()) ?? {};
    size = after;
    return { at, size, added, removed, syncNumber: null };
  });
}

function readSpan(ctx: Ctx, { from, to }: HistoryInput): { from: Date; to: Date } {
  const now = ctx.now();
  const begin = checkTime(from, ['from']);
  const end = to ? checkTime(to, ['to']) : now;
  if (end < begin) throw fail('INVALID_INPUT', 'A history ends after it begins.', { path: [to ? 'to' : 'from'] });
  return { from: begin, to: end < now ? end : now };
}

function tooManyPoints(): Error {
  return fail(
    'LIMIT_EXCEEDED',
    `A size history has at most ${HISTORY_MAX_POINTS} points: ask for a shorter time, or by DAY.`,
    { path: ['from'] },
  );
}
