import { and, asc, desc, eq, ilike, inArray, isNull, type SQL, sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import { intArray, postgresCode } from '../../db/client.ts';
import { segmentCohorts, segments } from '../../db/tables/segments.ts';
import { type Ctx, inTransaction } from '../context.ts';
import { fail } from '../errors.ts';
import { type Page, type PageArgs, parsePage, toPage } from '../page.ts';
import { cohortsOf, type Filter, type FilterDraft } from './filter.ts';
import { fromJson, toJson } from './filter-json.ts';
import { readFilter } from './read-filter.ts';
import {
  SEGMENT_DESCRIPTION_MAX_CHARACTERS,
  SEGMENT_NAME_MAX_CHARACTERS,
  type Segment,
  type SegmentOrder,
  type SegmentRef,
} from './segment.ts';

/**
 * Saves a filter under a name. The name is 1 to 200 characters and free among live segments; the description at most 2,000.
 * Errors: INVALID_INPUT, LIMIT_EXCEEDED, NOT_FOUND, AMBIGUOUS (of the filter, with the path), NAME_TAKEN.
 */
export async function createSegment(
  ctx: Ctx,
  input: { readonly name: string; readonly description?: string | null | undefined; readonly filter: FilterDraft },
): Promise<Segment> {
  const filter = await readFilter(ctx, input.filter);
  const now = ctx.now();
  const values = {
    workspaceId: ctx.workspaceId,
    id: uuidv7(),
    name: checkName(input.name),
    description: checkDescription(input.description ?? null),
    filter: toJson(filter),
    createdAt: now,
    updatedAt: now,
  };
  return orNameTaken(() =>
    inTransaction(ctx, async (tx) => {
      const [row] = await tx.db.insert(segments).values(values).returning();
      await mention(tx, values.id, filter);
      return toSegment(row);
    }),
  );
}

/**
 * Changes what is given and leaves the rest; an empty description removes it. Errors: as `createSegment`, and NOT_FOUND for the segment,
 * NOT_ACTIVE when it is archived.
 */
export async function updateSegment(
  ctx: Ctx,
  input: {
    readonly id: string;
    readonly name?: string | null | undefined;
    readonly description?: string | null | undefined;
    readonly filter?: FilterDraft | null | undefined;
  },
): Promise<Segment> {
  const filter = input.filter ? await readFilter(ctx, input.filter) : null;
  const changes = {
    ...(input.name === null || input.name === undefined ? {} : { name: checkName(input.name) }),
    ...(input.description === null || input.description === undefined
      ? {}
      : { description: checkDescription(input.description) }),
    ...(filter ? { filter: toJson(filter) } : {}),
  };
  return orNameTaken(() =>
    inTransaction(ctx, async (tx) => {
      const now = await lockSegment(tx, input.id);
      if (now.archivedAt)
        throw fail('NOT_ACTIVE', 'The segment is archived: restore it before changing it.', { path: ['id'] });
      if (filter) await mention(tx, input.id, filter);
      return writeSegment(tx, input.id, { ...changes, updatedAt: tx.now() });
    }),
  );
}

/** Puts a segment away: it leaves lists and its name becomes free. A second call changes nothing. Errors: NOT_FOUND. */
export async function archiveSegment(ctx: Ctx, input: { readonly id: string }): Promise<Segment> {
  return inTransaction(ctx, async (tx) => {
    const now = await lockSegment(tx, input.id);
    return now.archivedAt ? now : writeSegment(tx, input.id, { archivedAt: tx.now() });
  });
}

/** Brings an archived segment back. A second call changes nothing. Errors: NOT_FOUND, NAME_TAKEN when a live one has its name now. */
export async function restoreSegment(ctx: Ctx, input: { readonly id: string }): Promise<Segment> {
  return orNameTaken(() =>
    inTransaction(ctx, async (tx) => {
      const now = await lockSegment(tx, input.id);
      return now.archivedAt ? writeSegment(tx, input.id, { archivedAt: null }) : now;
    }),
  );
}

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

interface SegmentFilter {
  /** Part of the name or of the description, in any case. */
  readonly search?: string | null | undefined;
  readonly includeArchived?: boolean | null | undefined;
}

/** A page of segments; live ones by name unless asked otherwise. Errors: as `parsePage`. */
export async function listSegments(
  ctx: Ctx,
  input: SegmentFilter & PageArgs & { readonly orderBy?: SegmentOrder | null | undefined },
): Promise<Page<Segment>> {
  const order = input.orderBy ?? { field: 'NAME', direction: 'ASC' };
  const { search, includeArchived } = input;
  const list = JSON.stringify([ctx.workspaceId, 'segments', search, includeArchived, order.field, order.direction]);
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

/** How many segments a list has in all. */
export async function countSegments(ctx: Ctx, input: SegmentFilter): Promise<number> {
  const [row] = await ctx.db.select({ n: sql<number>`count(*)::int` }).from(segments).where(segmentFilter(ctx, input));
  return row?.n ?? 0;
}

function segmentFilter(ctx: Ctx, input: SegmentFilter): SQL | undefined {
  const like = input.search ? `%${input.search.replace(/[\\%_]/g, '\\$&')}%` : null;
  return and(
    eq(segments.workspaceId, ctx.workspaceId),
    input.includeArchived ? undefined : isNull(segments.archivedAt),
    like ? sql`(${ilike(segments.name, like)} or ${ilike(segments.description, like)})` : undefined,
  );
}

/** Notes which cohorts the filter of a segment mentions. */
async function mention(tx: Ctx, segmentId: string, filter: Filter): Promise<void> {
  await tx.db
    .delete(segmentCohorts)
    .where(and(eq(segmentCohorts.workspaceId, tx.workspaceId), eq(segmentCohorts.segmentId, segmentId)));
  await tx.db.execute(sql`insert into segment_cohorts (workspace_id, segment_id, cohort_id)
    select ${tx.workspaceId}::int, ${segmentId}::uuid, c from unnest(${intArray(cohortsOf(filter))}) as u(c)`);
}

async function lockSegment(tx: Ctx, id: string): Promise<Segment> {
  const [row] = await tx.db
    .select()
    .from(segments)
    .where(and(eq(segments.workspaceId, tx.workspaceId), eq(segments.id, id)))
    .for('update');
  if (!row) throw fail('NOT_FOUND', 'There is no such segment in this workspace.', { path: ['id'] });
  return toSegment(row);
}

async function writeSegment(tx: Ctx, id: string, changes: Partial<typeof segments.$inferInsert>): Promise<Segment> {
  const [row] = await tx.db
    .update(segments)
    .set(changes)
    .where(and(eq(segments.workspaceId, tx.workspaceId), eq(segments.id, id)))
    .returning();
  return toSegment(row);
}

function toSegment(row: typeof segments.$inferSelect | undefined): Segment {
  if (!row) throw new Error('A write returns its row.');
  const { workspaceId: _, filter, ...rest } = row;
  return { ...rest, filter: fromJson(filter) };
}

function checkName(value: string): string {
  const name = value.trim();
  if (name === '') throw fail('INVALID_INPUT', 'A segment needs a name.', { path: ['name'] });
  if (name.length > SEGMENT_NAME_MAX_CHARACTERS)
    throw fail('INVALID_INPUT', `A segment name has at most ${SEGMENT_NAME_MAX_CHARACTERS} characters.`, {
      path: ['name'],
    });
  return checkText(name, 'name');
}

function checkDescription(value: string | null): string | null {
  if (value === null || value.trim() === '') return null;
  if (value.length > SEGMENT_DESCRIPTION_MAX_CHARACTERS)
    throw fail('INVALID_INPUT', `A description has at most ${SEGMENT_DESCRIPTION_MAX_CHARACTERS} characters.`, {
      path: ['description'],
    });
  return checkText(value, 'description');
}

function checkText(value: string, field: string): string {
  if (value.includes('\u0000') || !value.isWellFormed())
    throw fail('INVALID_INPUT', 'Text must be well-formed Unicode without NUL.', { path: [field] });
  return value;
}

async function orNameTaken<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (postgresCode(error) !== '23505') throw error;
    throw fail('NAME_TAKEN', 'A live segment has this name: choose another, or archive that one.', {
      path: ['name'],
      cause: error,
    });
  }
}
