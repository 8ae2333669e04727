import { sql } from 'drizzle-orm';
import { queryPrepared, textArray } from '../../db/client.ts';
import type { Actor, Ctx } from '../context.ts';
import { byList, parsePages, toPages } from '../history/by-list.ts';
import type { Page, PageArgs } from '../page.ts';
import { fromJson } from './filter-json.ts';
import { diffSegments, type SegmentChange, type SegmentVersion } from './version.ts';

/** A page of the versions of each segment, the newest first, all with the same arguments. One statement. Errors: as `parsePage`. */
export async function pageVersions(
  ctx: Ctx,
  segmentIds: readonly string[],
  args: PageArgs,
): Promise<Page<SegmentVersion>[]> {
  const names = segmentIds.map((id) => JSON.stringify([ctx.workspaceId, 'versions', id]));
  const slice = parsePages(args, names, ['number']);
  if (!slice) return [];
  const edge = slice.key === null ? null : Number(slice.key[0]);
  const direction = slice.isForward ? sql`desc` : sql`asc`;
  const rows = await queryPrepared<{ readonly n: number; readonly version: string; readonly before: string | null }>(
    ctx.db,
    sql`/* pageVersions */ select (l.n - 1)::int as n, to_json(v)::text as version, to_json(b)::text as before
      from unnest(${textArray(segmentIds)}::uuid[]) with ordinality as l(id, n) cross join lateral (
        select v.* from segment_versions v where v.workspace_id = ${ctx.workspaceId}::int and v.segment_id = l.id
          and (${edge}::int is null or v.version ${slice.isForward ? sql`<` : sql`>`} ${edge}::int)
        order by v.version ${direction} limit ${slice.limit + 1}::int) v
      left join segment_versions b on b.workspace_id = ${ctx.workspaceId}::int and b.segment_id = v.segment_id and b.version = v.version - 1
      order by l.n, v.version ${direction}`,
  );
  const found = byList(rows, segmentIds.length).map((mine) =>
    mine.map(({ version, before }) =>
      readVersion(JSON.parse(version) as Stored, before === null ? null : (JSON.parse(before) as Stored)),
    ),
  );
  return toPages(slice, names, found, ({ version }) => [version]);
}

/** How many versions each segment has. One statement. */
export async function countVersions(ctx: Ctx, segmentIds: readonly string[]): Promise<Map<string, number>> {
  const rows = await queryPrepared<{ id: string; n: number }>(
    ctx.db,
    sql`/* countVersions */ select v.segment_id::text as id, count(*)::int as n from segment_versions v
      where v.workspace_id = ${ctx.workspaceId}::int and v.segment_id = any(${textArray(segmentIds)}::uuid[]) group by 1`,
  );
  return new Map(rows.map(({ id, n }) => [id, n]));
}

/** A row of `segment_versions` as JSON. */
interface Stored {
  readonly segment_id: string;
  readonly version: number;
  readonly name: string;
  readonly description: string | null;
  readonly filter: unknown;
  readonly tags: readonly string[];
  readonly archived_at: string | null;
  readonly change: SegmentChange;
  readonly of_version: number | null;
  readonly reason: string | null;
  readonly actor_kind: Actor['kind'];
  readonly actor_id: string | null;
  readonly actor_name: string | null;
  readonly at: string;
}

function readVersion(row: Stored, before: Stored | null): SegmentVersion {
  const content = contentOf(row);
  return {
    ...content,
    segmentId: row.segment_id,
    version: row.version,
    change: row.change,
    ofVersion: row.of_version,
    reason: row.reason,
    author: { kind: row.actor_kind, id: row.actor_id, name: row.actor_name },
    at: new Date(row.at),
    diff: before === null ? [] : diffSegments(contentOf(before), content),
  };
}

function contentOf({ name, description, filter, tags, archived_at }: Stored) {
  return {
    name,
    description,
    filter: fromJson(filter),
    tags,
    archivedAt: archived_at === null ? null : new Date(archived_at),
  };
}
