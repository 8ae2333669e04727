import { and, eq, isNull, sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import { postgresCode } from '../../db/client.ts';
import { segments, segmentVersions } from '../../db/tables/segments.ts';
import { type Ctx, inTransaction } from '../context.ts';
import { fail } from '../errors.ts';
import type { Filter, FilterDraft } from './filter.ts';
import { toJson } from './filter-json.ts';
import { parseFilterJson } from './filter-json-reader.ts';
import { type Happened, keepVersion } from './keep-version.ts';
import { checkDraft, readFilter } from './read-filter.ts';
import { checkExpandedSizes, lockSegments, writeReferences } from './references.ts';
import type { Segment } from './segment.ts';
import { COPY_OF, copyName, readDescription, readName, readReason, readTags } from './segment-text.ts';
import { segmentsUsing } from './segments.ts';
import { toSegment } from './stored.ts';
import { diffSegments } from './version.ts';

// Every change of a segment makes a version, a note in the audit log and a point of its size history, all in its own transaction. Changes
// of one workspace take turns: see `lockSegments`. A change that changes nothing leaves no trace.

/**
 * Saves a filter under a name. The name is 1 to 200 characters and free among live segments; the description at most 2,000; at most 20
 * tags of 1 to 50. Errors: INVALID_INPUT, LIMIT_EXCEEDED, NOT_FOUND, AMBIGUOUS (of the filter, with the path), NAME_TAKEN.
 */
export async function createSegment(
  ctx: Ctx,
  input: {
    readonly name: string;
    readonly description?: string | null | undefined;
    readonly tags?: readonly string[] | null | undefined;
    readonly filter: FilterDraft;
  },
): Promise<Segment> {
  const name = readName(input.name);
  const description = readDescription(input.description ?? null);
  const tags = readTags(input.tags ?? []);
  checkDraft(input.filter);
  return inTurn(ctx, ['name'], async (tx) => {
    const filter = await readFilter(tx, input.filter);
    return insertSegment(tx, { name, description, tags, filter }, { change: 'created' });
  });
}

/**
 * Changes what is given and leaves the rest; an empty description removes it. `ifVersion`: only while this is the newest version. Errors: as
 * `createSegment`, and NOT_FOUND for the segment, NOT_ACTIVE when it is archived, VERSION_CHANGED, and LIMIT_EXCEEDED when a segment that
 * refers to it would become too large to be evaluated.
 */
export async function updateSegment(
  ctx: Ctx,
  input: {
    readonly id: string;
    readonly name?: string | null | undefined;
    readonly description?: string | null | undefined;
    readonly tags?: readonly string[] | null | undefined;
    readonly filter?: FilterDraft | null | undefined;
    readonly ifVersion?: number | null | undefined;
  },
): Promise<Segment> {
  const texts = {
    ...(isGiven(input.name) ? { name: readName(input.name) } : {}),
    ...(isGiven(input.description) ? { description: readDescription(input.description) } : {}),
    ...(isGiven(input.tags) ? { tags: readTags(input.tags) } : {}),
  };
  if (input.filter) checkDraft(input.filter);
  return inTurn(ctx, ['name'], async (tx) => {
    const now = await lockSegment(tx, input.id);
    requireLive(now);
    if (isGiven(input.ifVersion) && input.ifVersion !== now.version)
      throw fail('VERSION_CHANGED', `The segment is at version ${now.version}: read it again, and change that.`, {
        path: ['ifVersion'],
      });
    const filter = input.filter ? await readFilter(tx, input.filter, { of: now.id }) : now.filter;
    return changeSegment(tx, now, { ...texts, filter, updatedAt: tx.now() }, { change: 'updated' });
  });
}

/**
 * Puts a segment away: it leaves lists and its name becomes free. Refused while live segments refer to it, unless forced, for which there
 * must be a reason; they go on evaluating it. A second call changes nothing. Errors: NOT_FOUND, IN_USE, INVALID_INPUT.
 */
export async function archiveSegment(
  ctx: Ctx,
  input: {
    readonly id: string;
    readonly force?: boolean | null | undefined;
    readonly reason?: string | null | undefined;
  },
): Promise<Segment> {
  const reason = readReason(input.reason);
  if (input.force && reason === null)
    throw fail('INVALID_INPUT', 'Say why it is archived in spite of those that refer to it.', { path: ['reason'] });
  return inTurn(ctx, ['id'], async (tx) => {
    const now = await lockSegment(tx, input.id);
    if (now.archivedAt) return now;
    const dependents = (await segmentsUsing(tx, [now.id])).get(now.id) ?? [];
    if (dependents.length > 0 && !input.force) throw inUse(dependents);
    const details = dependents.length > 0 ? { usedBy: dependents.map(({ name }) => name) } : {};
    return changeSegment(tx, now, { archivedAt: tx.now() }, { change: 'archived', reason, details });
  });
}

/** Brings an archived segment back. A second call changes nothing. Errors: NOT_FOUND, NAME_TAKEN when a live one has its name now. */
export async function restoreSegment(ctx: Ctx, input: { readonly id: string }): Promise<Segment> {
  return inTurn(ctx, ['name'], async (tx) => {
    const now = await lockSegment(tx, input.id);
    return now.archivedAt ? changeSegment(tx, now, { archivedAt: null }, { change: 'restored' }) : now;
  });
}

/**
 * Makes a live segment again what it was in an older version: name, description, tags and filter. That is a new version. Refused where the
 * filter refers to what is not there, or is archived and not referred to now. Errors: as `updateSegment`; what is wrong with the old filter
 * with its path in it, behind `version`.
 */
export async function rollbackSegment(
  ctx: Ctx,
  input: { readonly id: string; readonly version: number; readonly reason?: string | null | undefined },
): Promise<Segment> {
  const reason = readReason(input.reason);
  return inTurn(ctx, ['version'], async (tx) => {
    const now = await lockSegment(tx, input.id);
    requireLive(now);
    const [old] = await tx.db
      .select()
      .from(segmentVersions)
      .where(
        and(
          eq(segmentVersions.workspaceId, tx.workspaceId),
          eq(segmentVersions.segmentId, now.id),
          sql`${segmentVersions.version} = ${input.version}::float8`,
        ),
      );
    if (!old) throw fail('NOT_FOUND', 'The segment never had this version.', { path: ['version'] });
    const { name, description, tags } = old;
    const filter = await readFilter(tx, parseFilterJson(old.filter, { field: 'version' }), { of: now.id });
    return changeSegment(
      tx,
      now,
      { name, description, tags, filter, updatedAt: tx.now() },
      { change: 'rolled_back', ofVersion: old.version, reason },
    );
  });
}

/**
 * Makes a segment like another, live or archived, under a name of its own: "Copy of X" if none is given, with a number where that is taken.
 * Errors: NOT_FOUND, NAME_TAKEN, INVALID_INPUT (also where X refers to an archived segment).
 */
export async function duplicateSegment(
  ctx: Ctx,
  input: { readonly id: string; readonly name?: string | null | undefined },
): Promise<Segment> {
  const given = isGiven(input.name) ? readName(input.name) : null;
  return inTurn(ctx, ['name'], async (tx) => {
    const of = await lockSegment(tx, input.id);
    const name = given ?? (await freeCopyName(tx, of.name));
    const filter = await readFilter(tx, parseFilterJson(toJson(of.filter), { field: 'id' }));
    const { description, tags } = of;
    const details = { of: { name: of.name, version: of.version } };
    return insertSegment(tx, { name, description, tags, filter }, { change: 'duplicated', details });
  });
}

/** Runs a change when it is its turn. `namePath` is where the caller finds what led to a name that is taken. */
async function inTurn(ctx: Ctx, namePath: readonly string[], work: (tx: Ctx) => Promise<Segment>): Promise<Segment> {
  try {
    return await inTransaction(ctx, async (tx) => {
      await lockSegments(tx);
      return work(tx);
    });
  } catch (error) {
    if (postgresCode(error) !== '23505') throw error;
    throw fail('NAME_TAKEN', 'A live segment has this name: choose another, or archive that one.', {
      path: namePath,
      cause: error,
    });
  }
}

interface Content {
  readonly name: string;
  readonly description: string | null;
  readonly tags: readonly string[];
  readonly filter: Filter;
}

async function insertSegment(tx: Ctx, content: Content, happened: Happened): Promise<Segment> {
  await checkExpandedSizes(tx, null, content.filter);
  const now = tx.now();
  const [row] = await tx.db
    .insert(segments)
    .values({
      ...content,
      workspaceId: tx.workspaceId,
      id: uuidv7(),
      tags: [...content.tags],
      filter: toJson(content.filter),
      createdAt: now,
      updatedAt: now,
    })
    .returning();
  const segment = toSegment(row);
  await writeReferences(tx, segment.id, segment.filter);
  await keepVersion(tx, null, segment, happened);
  return segment;
}

async function changeSegment(
  tx: Ctx,
  now: Segment,
  changes: Partial<Omit<Segment, 'id' | 'version'>>,
  happened: Happened,
): Promise<Segment> {
  const diff = diffSegments(now, { ...now, ...changes });
  if (diff.length === 0) return now;
  const isRefiltered = diff.some(({ field }) => field === 'filter');
  const { filter = now.filter, tags = now.tags, ...others } = changes;
  if (isRefiltered) await checkExpandedSizes(tx, now.id, filter);
  const [row] = await tx.db
    .update(segments)
    .set({ ...others, tags: [...tags], filter: toJson(filter), version: now.version + 1 })
    .where(and(eq(segments.workspaceId, tx.workspaceId), eq(segments.id, now.id)))
    .returning();
  const segment = toSegment(row);
  if (isRefiltered) await writeReferences(tx, segment.id, segment.filter);
  await keepVersion(tx, now, segment, happened);
  return segment;
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

function requireLive(segment: Segment): void {
  if (segment.archivedAt)
    throw fail('NOT_ACTIVE', 'The segment is archived: restore it before changing it.', { path: ['id'] });
}

/** How many of those that stand in the way are named. */
const NAMED = 5;

function inUse(dependents: readonly Segment[]): Error {
  const named = dependents.slice(0, NAMED).map(({ name }) => `"${name}"`);
  const more = dependents.length > NAMED ? ` and ${dependents.length - NAMED} more` : '';
  return fail(
    'IN_USE',
    `It is used by ${named.join(', ')}${more}: take it out of their filters first, or archive it with \`force\` and a reason.`,
    { path: ['id'] },
  );
}

async function freeCopyName(tx: Ctx, name: string): Promise<string> {
  const rows = await tx.db
    .select({ name: segments.name })
    .from(segments)
    .where(
      and(
        eq(segments.workspaceId, tx.workspaceId),
        isNull(segments.archivedAt),
        sql`starts_with(${segments.name}, ${COPY_OF})`,
      ),
    );
  const taken = new Set(rows.map((row) => row.name));
  return copyName(name, (candidate) => taken.has(candidate));
}

function isGiven<T>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined;
}
