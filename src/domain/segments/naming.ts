import { sql } from 'drizzle-orm';
import { intArray, queryPrepared, textArray } from '../../db/client.ts';
import { COHORT_NAME_MAX_CHARACTERS, cohortTextFault } from '../cohorts/change.ts';
import type { Ctx } from '../context.ts';
import { cohortsOf, type Filter, segmentsOf } from './filter.ts';
import type { IdWriter } from './filter-ids.ts';
import type { Naming } from './filter-printer.ts';
import { quote } from './filter-quote.ts';

interface NameRow<Id> {
  readonly id: Id;
  readonly name: string;
}

/** How the text of these filters calls what they mention: by a name that finds it again, else by id. */
export async function readNaming(ctx: Ctx, filters: readonly Filter[], ids: IdWriter): Promise<Naming> {
  const cohorts = await cohortNames(ctx, [...new Set(filters.flatMap(cohortsOf))]);
  const segments = await segmentNames(ctx, [...new Set(filters.flatMap(segmentsOf))]);
  const called = (name: string | undefined, id: string) => (name === undefined ? `#${quote(id)}` : quote(name));
  return {
    cohort: (id) => called(cohorts.get(id), ids.writeCohort(id)),
    segment: (id) => called(segments.get(id), ids.writeSegment(id)),
  };
}

/** The names of cohorts that no other cohort of their partner has. */
async function cohortNames(ctx: Ctx, ids: readonly number[]): Promise<Map<number, string>> {
  if (ids.length === 0) return new Map();
  const rows = await queryPrepared<NameRow<number>>(
    ctx.db,
    sql`/* cohortNames */ select c.id, c.name from cohorts c
      where c.workspace_id = ${ctx.workspaceId}::int and c.id > 0 and c.id = any(${intArray(ids)}) and not exists (select 1 from cohorts o
        where o.workspace_id = ${ctx.workspaceId}::int and o.name = c.name and o.partner = c.partner and o.id > 0 and o.id <> c.id)`,
  );
  const isReadable = (name: string) => cohortTextFault(name, COHORT_NAME_MAX_CHARACTERS) === null;
  return new Map(rows.flatMap(({ id, name }) => (isReadable(name) ? [[id, name]] : [])));
}

/** The names of segments that live: those of archived ones mean nothing, or another segment. */
async function segmentNames(ctx: Ctx, ids: readonly string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map();
  const rows = await queryPrepared<NameRow<string>>(
    ctx.db,
    sql`/* segmentNames */ select id::text as id, name from segments
      where workspace_id = ${ctx.workspaceId}::int and id = any(${textArray(ids)}::uuid[]) and archived_at is null`,
  );
  return new Map(rows.map(({ id, name }) => [id, name]));
}
