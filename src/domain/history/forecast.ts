import { sql } from 'drizzle-orm';
import { intArray, queryRows, textArray } from '../../db/client.ts';
import type { Ctx } from '../context.ts';
import { addDays, type Day, dayOf, startOf } from '../usage/day.ts';
import { countDifferences, type Differences, type Movement } from './differences.ts';
import {
  checkForecastDays,
  FORECAST_MAX_TRANSITIONS,
  forecast,
  type LedgerDay,
  newestDays,
  type UsageForecast,
} from './usage-forecast.ts';

/** A cohort, and how many UTC days of it to look back on, today included. */
export interface ForecastAsk {
  readonly cohortId: number;
  /** 1 to 366. */
  readonly days: number;
}

/** What each cohort asked for has, before its transitions are read. */
interface Ground {
  readonly cohortId: number;
  readonly from: Day;
  readonly days: readonly LedgerDay[];
  readonly written: ReadonlyMap<Day, number>;
  readonly firstDay: Day | null;
  readonly size: number;
}

/**
 * What syncing cohorts cost, and what each cadence would have cost over the same history, in the order asked. What users and operators
 * changed is no sender's, and is left out. One statement, and one for each 100,000 transitions read; at most 2,000,000 of them, shared
 * evenly by the cohorts: of what is more, the newest whole days are read and the answer says so.
 * Errors: INVALID_INPUT, LIMIT_EXCEEDED over 366 days.
 */
export async function forecastUsage(ctx: Ctx, asks: readonly ForecastAsk[]): Promise<UsageForecast[]> {
  for (const { days } of asks) checkForecastDays(days);
  if (asks.length === 0) return [];
  const today = dayOf(ctx.now());
  const share = Math.floor(FORECAST_MAX_TRANSITIONS / asks.length);
  const grounds = await readGrounds(ctx, asks, today);
  const wanted = grounds.flatMap((ground, n) =>
    newestDays(ground.days, share).days.map((day) => ({ n, cohortId: ground.cohortId, ...day })),
  );
  const read = await readDifferences(ctx, wanted);
  return grounds.map(({ days, ...ground }, n) => {
    const differences = read[n] ?? new Map<Day, Differences>();
    // Retention may have come between the two statements.
    const remembered = (one: LedgerDay) => one.transitions === 0 || differences.has(one.day);
    const within = newestDays(days, share).days;
    const known = days.map((one) => (within.includes(one) && !remembered(one) ? { ...one, isForgotten: true } : one));
    return forecast({ ...ground, today, differences, stretch: newestDays(known, share) });
  });
}

/** Clocks of several servers may differ by this much: batches of a cohort are numbered in order, and timed almost so. */
const CLOCK_SKEW_MS = 3_600_000;

/** What the ledger and the meters say of each cohort, day by day. */
async function readGrounds(ctx: Ctx, asks: readonly ForecastAsk[], today: Day): Promise<Ground[]> {
  const froms = asks.map(({ days }) => addDays(today, 1 - days));
  const oldest = froms.map((from) => new Date(startOf(from).getTime() - CLOCK_SKEW_MS).toISOString());
  const ofCohort = sql`b.workspace_id = ${ctx.workspaceId}::int and b.cohort_id`;
  const rows = await queryRows<GroundRow>(
    ctx.db,
    sql`/* forecastGrounds */ with recursive a as materialized (
        select (n - 1)::int as n, cohort_id, from_day, oldest from unnest(${intArray(asks.map((ask) => ask.cohortId))},
          ${textArray(froms)}::date[], ${textArray(oldest)}::timestamptz[]) with ordinality as a(cohort_id, from_day, oldest, n)),
      -- Halves the numbers of a cohort's batches until it has the first that is young enough: its older ones are never read.
      search(n, cohort_id, oldest, low, high) as (
        select a.n, a.cohort_id, a.oldest, (select b.id from batches b where ${ofCohort} = a.cohort_id order by b.id limit 1),
          (select b.id + 1 from batches b where ${ofCohort} = a.cohort_id order by b.id desc limit 1) from a
        union all
        select s.n, s.cohort_id, s.oldest, case when p.applied_at < s.oldest then p.id + 1 else s.low end,
          case when p.applied_at < s.oldest then s.high else (s.low + s.high) / 2 end
        from search s cross join lateral (select b.id, b.applied_at from batches b where ${ofCohort} = s.cohort_id
          and b.id >= (s.low + s.high) / 2 order by b.id limit 1) p
        where s.low < s.high),
      days as materialized (
        select a.n, (b.applied_at at time zone 'UTC')::date as day, count(*)::int as batches, sum(b.added_count + b.removed_count) as transitions,
          bool_or(b.added_count + b.removed_count > 0 and (b.added is null or b.removed is null)) as is_forgotten,
          min(b.id) as first, max(b.id) as last
        from a join search s on s.n = a.n and s.low >= s.high
        join batches b on ${ofCohort} = s.cohort_id and b.id >= s.low
        where b.sync_no is not null and (b.applied_at at time zone 'UTC')::date between a.from_day and ${today}::date
        group by a.n, day),
      spent as materialized (
        select a.n, u.day, sum(u.written) as written from a join usage_daily u
          on u.workspace_id = ${ctx.workspaceId}::int and u.cohort_id = a.cohort_id and u.day between a.from_day and ${today}::date
        group by a.n, u.day)
      select (select json_agg(json_build_object('day', d.day, 'batches', d.batches, 'transitions', d.transitions, 'isForgotten', d.is_forgotten,
          'firstBatchId', d.first::text, 'lastBatchId', d.last::text) order by d.day)::text from days d where d.n = a.n) as days,
        (select json_agg(json_build_array(s.day, s.written))::text from spent s where s.n = a.n) as written,
        (select to_char(b.applied_at at time zone 'UTC', 'YYYY-MM-DD') from batches b where ${ofCohort} = a.cohort_id
          and b.sync_no is not null order by b.sync_no, b.id limit 1) as "firstDay",
        (select coalesce(sum(bit_count(m.bits)), 0)::int from membership_blocks m
          where m.workspace_id = ${ctx.workspaceId}::int and m.cohort_id = a.cohort_id) as size
      from a order by a.n`,
  );
  return asks.map(({ cohortId }, n) => {
    const row = rows[n];
    return {
      cohortId,
      from: froms[n] ?? today,
      days: JSON.parse(row?.days ?? '[]') as LedgerDay[],
      written: new Map(JSON.parse(row?.written ?? '[]') as [Day, number][]),
      firstDay: row?.firstDay ?? null,
      size: row?.size ?? 0,
    };
  });
}

interface GroundRow {
  readonly days: string | null;
  readonly written: string | null;
  readonly firstDay: Day | null;
  readonly size: number;
}

/** A day of a cohort whose transitions are to be read, for the cohort asked for at place `n`. */
interface Wanted extends LedgerDay {
  readonly n: number;
  readonly cohortId: number;
}

/** So many transitions are read at once: PGlite does nothing else meanwhile. */
const TRANSITIONS_AT_ONCE = 100_000;

/** The differences of each day by place. Days that were forgotten meanwhile are missing. */
async function readDifferences(ctx: Ctx, wanted: readonly Wanted[]): Promise<Map<Day, Differences>[]> {
  const read: Map<Day, Differences>[] = [];
  for (const chunk of inChunks(wanted.filter((one) => one.transitions > 0))) {
    const movements = await readMovements(ctx, chunk);
    chunk.forEach(({ n, day }, i) => {
      const ofDay = movements[i];
      if (!ofDay) return;
      read[n] ??= new Map();
      read[n].set(day, countDifferences(ofDay));
    });
  }
  return read;
}

function inChunks(wanted: readonly Wanted[]): Wanted[][] {
  const chunks: Wanted[][] = [];
  let room = 0;
  for (const one of wanted) {
    room -= one.transitions;
    const last = chunks.at(-1);
    if (last && room >= 0) last.push(one);
    else {
      chunks.push([one]);
      room = TRANSITIONS_AT_ONCE - one.transitions;
    }
  }
  return chunks;
}

/** Who moved in which minute of each day; null where retention has dropped it. */
async function readMovements(ctx: Ctx, days: readonly Wanted[]): Promise<(Movement[] | null)[]> {
  const rows = await queryRows<{ i: number; minute: number; added: string | null; removed: string | null }>(
    ctx.db,
    sql`/* forecastMovements */ select (d.i - 1)::int as i, floor(extract(epoch from (b.applied_at at time zone 'UTC')::time) / 60)::int as minute,
        b.added::text as added, b.removed::text as removed
      from unnest(${intArray(days.map((d) => d.cohortId))}, ${textArray(days.map((d) => d.day))}::date[],
        ${textArray(days.map((d) => d.firstBatchId))}::bigint[], ${textArray(days.map((d) => d.lastBatchId))}::bigint[])
        with ordinality as d(cohort_id, day, first, last, i)
      join batches b on b.workspace_id = ${ctx.workspaceId}::int and b.cohort_id = d.cohort_id and b.id between d.first and d.last
      where b.added_count + b.removed_count > 0 and b.sync_no is not null and (b.applied_at at time zone 'UTC')::date = d.day`,
  );
  const movements: (Movement[] | null)[] = days.map(() => []);
  for (const { i, minute, added, removed } of rows) {
    if (added === null || removed === null) movements[i] = null;
    else movements[i]?.push({ minute, users: readUsers(added) }, { minute, users: readUsers(removed) });
  }
  return movements;
}

/** The numbers of an array as PostgreSQL prints it. */
function readUsers(text: string): number[] {
  return JSON.parse(`[${text.slice(1, -1)}]`) as number[];
}
