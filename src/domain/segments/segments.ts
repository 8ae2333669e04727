import { and, asc, desc, eq, ilike, inArray, isNull, type SQL, sql } from 'drizzle-orm';
import { intArray, textArray } from '../../db/client.ts';
import { segmentCohorts, segmentSegments, segments } from '../../db/tables/segments.ts';
import type { Ctx } from '../context.ts';
import { type Page, type PageArgs, parsePage, toPage } from '../page.ts';
import type { Segment, SegmentOrder, SegmentRef } from './segment.ts';
import { readTags } from './segment-text.ts';
import { toSegment } from './stored.ts';

/** The segments that references mean, in the caller's order; null where there is none. A name means a live segment. */
export async function findSegments(ctx: Ctx, refs: readonly SegmentRef[]): Promise<(Segment | null)[]> {
  const ids = refs.flatMap((r) => ('id' in r ? [r.id] : []));
  const names = refs.flatMap((r) => ('name' in r ? [r.name] : []));
  const either: SQL[] = [];
  if (ids.length > 0) either.push(inArray(segments.id, ids));
  if (names.length > 0) either.push(sql`(${inArray(segments.name, names)} and ${isNull(segments.archivedAt)})`);
  if (either.length === 0) return [];
  const rows = await ctx.db
    .select()
    .from(segments)
    .where(and(eq(segments.workspaceId, ctx.workspaceId), sql`(${sql.join(either, sql` or `)})`));
  const found = rows.map(toSegment);
  return refs.map(
    (ref) => found.find((s) => ('id' in ref ? s.id === ref.id : s.archivedAt === null && s.name === ref.name)) ?? null,
  );
}

/** Segments by id, archived ones too; ids of none are missing. */
export async function segmentsByIds(ctx: Ctx, ids: readonly string[]): Promise<Map<string, Segment>> {
  const found = await findSegments(
    ctx,
    ids.map((id) => ({ id })),
  );
  return new Map(found.flatMap((s) => (s ? [[s.id, s]] : [])));
}

/** Every live segment, by name. */
export async function liveSegments(ctx: Ctx): Promise<Segment[]> {
  const rows = await ctx.db
    .select()
    .from(segments)
    .where(and(eq(segments.workspaceId, ctx.workspaceId), isNull(segments.archivedAt)))
    .orderBy(asc(segments.name), asc(segments.id));
  return rows.map(toSegment);
}

/** The live segments whose filter mentions each cohort, by name; cohorts that none mentions are missing. One statement. */
export async function segmentsByCohortIds(ctx: Ctx, cohortIds: readonly number[]): Promise<Map<number, Segment[]>> {
  const rows = await ctx.db
    .select({ cohortId: segmentCohorts.cohortId, segment: segments })
    .from(segmentCohorts)
    .innerJoin(
      segments,
      and(eq(segments.workspaceId, segmentCohorts.workspaceId), eq(segments.id, segmentCohorts.segmentId)),
    )
    .where(
      and(
        eq(segmentCohorts.workspaceId, ctx.workspaceId),
        sql`${segmentCohorts.cohortId} = any(${intArray(cohortIds)})`,
        isNull(segments.archivedAt),
      ),
    )
    .orderBy(asc(segments.name), asc(segments.id));
  const found = new Map<number, Segment[]>();
  for (const { cohortId, segment } of rows) found.set(cohortId, [...(found.get(cohortId) ?? []), toSegment(segment)]);
  return found;
}

/**
 * The live segments whose filter refers to each segment, by name; segments that none refers to are missing. Those that refer to it through
 * others are not among them. One statement.
 */
export async function segmentsUsing(ctx: Ctx, segmentIds: readonly string[]): Promise<Map<string, Segment[]>> {
  const rows = await ctx.db
    .select({ used: segmentSegments.usesSegmentId, segment: segments })
    .from(segmentSegments)
    .innerJoin(
      segments,
      and(eq(segments.workspaceId, segmentSegments.workspaceId), eq(segments.id, segmentSegments.segmentId)),
    )
    .where(
      and(
        eq(segmentSegments.workspaceId, ctx.workspaceId),
        sql`${segmentSegments.usesSegmentId} = any(${textArray(segmentIds)}::uuid[])`,
        isNull(segments.archivedAt),
      ),
    )
    .orderBy(asc(segments.name), asc(segments.id));
  const found = new Map<string, Segment[]>();
  for (const { used, segment } of rows) found.set(used, [...(found.get(used) ?? []), toSegment(segment)]);
  return found;
}

interface SegmentFilter {
  /** Part of the name, of the description or of a tag, in any case. */
  readonly search?: string | null | undefined;
  /** Those that have all of these. */
  readonly tags?: readonly string[] | null | undefined;
  readonly includeArchived?: boolean | null | undefined;
}

/** A page of segments; live ones by name unless asked otherwise. Errors: as `parsePage`; INVALID_INPUT, LIMIT_EXCEEDED (of `tags`). */
export async function listSegments(
  ctx: Ctx,
  input: SegmentFilter & PageArgs & { readonly orderBy?: SegmentOrder | null | undefined },
): Promise<Page<Segment>> {
  const order = input.orderBy ?? { field: 'NAME', direction: 'ASC' };
  const { search, tags, includeArchived } = input;
  const what = [search, tags ?? [], includeArchived, order.field, order.direction];
  const list = JSON.stringify([ctx.workspaceId, 'segments', ...what]);
  const slice = parsePage(input, list, [order.field === 'NAME' ? 'text' : 'time', 'uuid']);
  const isAscending = (order.direction === 'ASC') === slice.isForward;
  const column = { NAME: segments.name, CREATED_AT: segments.createdAt, UPDATED_AT: segments.updatedAt }[order.field];
  const cast = order.field === 'NAME' ? sql`::text` : sql`::timestamptz`;
  const [at, id] = slice.key ?? [];
  const after =
    slice.key === null
      ? undefined
      : sql`(${column}, ${segments.id}) ${isAscending ? sql`>` : sql`<`} (${String(at)}${cast}, ${String(id)}::uuid)`;
  const direction = isAscending ? asc : desc;
  const rows = await ctx.db
    .select()
    .from(segments)
    .where(and(segmentFilter(ctx, input), after))
    .orderBy(direction(column), direction(segments.id))
    .limit(slice.limit + 1);
  const keyOf = {
    NAME: (s: Segment) => s.name,
    CREATED_AT: (s: Segment) => s.createdAt.toISOString(),
    UPDATED_AT: (s: Segment) => s.updatedAt.toISOString(),
  };
  return toPage(slice, list, rows.map(toSegment), (s) => [keyOf[order.field](s), s.id]);
}

/** How many segments a list has in all. Errors: INVALID_INPUT, LIMIT_EXCEEDED (of `tags`). */
export async function countSegments(ctx: Ctx, input: SegmentFilter): Promise<number> {
  const [row] = await ctx.db.select({ n: sql<number>`count(*)::int` }).from(segments).where(segmentFilter(ctx, input));
  return row?.n ?? 0;
}

function segmentFilter(ctx: Ctx, input: SegmentFilter): SQL | undefined {
  const like = input.search ? `%${input.search.replace(/[\\%_]/g, '\\$&')}%` : null;
  const tags = readTags(input.tags ?? []);
  const inTags = sql`exists (select 1 from unnest(${segments.tags}) as t(tag) where t.tag ilike ${like})`;
  return and(
    eq(segments.workspaceId, ctx.workspaceId),
    input.includeArchived ? undefined : isNull(segments.archivedAt),
    like ? sql`(${ilike(segments.name, like)} or ${ilike(segments.description, like)} or ${inTags})` : undefined,
    tags.length > 0 ? sql`${segments.tags} @> ${textArray(tags)}` : undefined,
  );
}
