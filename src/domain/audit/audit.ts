import { and, asc, count, desc, eq, type SQL, sql } from 'drizzle-orm';
import { queryPrepared, textArray } from '../../db/client.ts';
import { auditLog } from '../../db/tables/segments.ts';
import type { Actor, Ctx } from '../context.ts';
import { fail } from '../errors.ts';
import { type Page, type PageArgs, parsePage, toPage } from '../page.ts';
import {
  AUDIT_ACTIONS,
  AUDIT_SUBJECTS,
  type AuditAction,
  type AuditEntry,
  type AuditSubject,
  type FieldChange,
} from './entry.ts';

/** Which entries; those that say nothing of it are all. */
export interface AuditFilter {
  readonly subjectType?: AuditSubject | null | undefined;
  readonly subjectId?: string | null | undefined;
  readonly action?: AuditAction | null | undefined;
}

/** A page of what was done, the newest first. Errors: INVALID_INPUT, and as `parsePage`. */
export async function listAudit(ctx: Ctx, input: AuditFilter & PageArgs): Promise<Page<AuditEntry>> {
  const { subjectType, subjectId, action } = input;
  const list = JSON.stringify([ctx.workspaceId, 'audit', subjectType, subjectId, action]);
  const slice = parsePage(input, list, ['bigint']);
  const [at] = slice.key ?? [];
  const after = at === undefined ? undefined : sql`${auditLog.id} ${beyond(slice.isForward)} ${String(at)}::bigint`;
  const rows = await ctx.db
    .select()
    .from(auditLog)
    .where(and(matching(ctx, input), after))
    .orderBy((slice.isForward ? desc : asc)(auditLog.id))
    .limit(slice.limit + 1);
  return toPage(slice, list, rows.map(toEntry), (entry) => [entry.id]);
}

/** How many entries a list has in all. Errors: INVALID_INPUT. */
export async function countAudit(ctx: Ctx, input: AuditFilter): Promise<number> {
  const [row] = await ctx.db.select({ n: count() }).from(auditLog).where(matching(ctx, input));
  return row?.n ?? 0;
}

/** A page of what was done to each of these, the newest first, all with the same arguments. One statement. Errors: as `parsePage`. */
export async function pageAuditOfSubjects(
  ctx: Ctx,
  subjectType: AuditSubject,
  subjectIds: readonly string[],
  args: PageArgs,
): Promise<Page<AuditEntry>[]> {
  const names = subjectIds.map((id) => JSON.stringify([ctx.workspaceId, 'audit of', subjectType, id]));
  const [slice] = names.map((name) => parsePage(args, name, ['bigint']));
  if (!slice) return [];
  const edge = slice.key === null ? null : String(slice.key[0]);
  const rows = await queryPrepared<Row & { readonly n: number }>(
    ctx.db,
    sql`/* pageAudit */ select (l.n - 1)::int as n, a.* from unnest(${textArray(subjectIds)}) with ordinality as l(id, n) cross join lateral (
        select e.id::text as id, to_json(e.at)::text as at, e.actor_kind as "actorKind", e.actor_id as "actorId", e.actor_name as "actorName",
          e.action, e.subject_type as "subjectType", e.subject_id as "subjectId", e.subject_name as "subjectName", e.details::text as details, e.reason
        from audit_log e where e.workspace_id = ${ctx.workspaceId}::int and e.subject_type = ${subjectType}::text and e.subject_id = l.id
          and (${edge}::bigint is null or e.id ${beyond(slice.isForward)} ${edge}::bigint)
        order by e.id ${slice.isForward ? sql`desc` : sql`asc`} limit ${slice.limit + 1}::int) a
      order by l.n, a.id::bigint ${slice.isForward ? sql`desc` : sql`asc`}`,
  );
  return names.map((name, n) => {
    const mine = rows.filter((row) => row.n === n).map(toEntry);
    return toPage(slice, name, mine, (entry) => [entry.id]);
  });
}

/** How often something was done to each of these; those to which nothing was done are missing. One statement. */
export async function countAuditOfSubjects(
  ctx: Ctx,
  subjectType: AuditSubject,
  subjectIds: readonly string[],
): Promise<Map<string, number>> {
  const rows = await queryPrepared<{ id: string; n: number }>(
    ctx.db,
    sql`/* countAudit */ select e.subject_id as id, count(*)::int as n from audit_log e where e.workspace_id = ${ctx.workspaceId}::int
      and e.subject_type = ${subjectType}::text and e.subject_id = any(${textArray(subjectIds)}) group by 1`,
  );
  return new Map(rows.map(({ id, n }) => [id, n]));
}

function matching(ctx: Ctx, { subjectType, subjectId, action }: AuditFilter): SQL | undefined {
  if (isGiven(subjectType) && !AUDIT_SUBJECTS.includes(subjectType))
    throw fail('INVALID_INPUT', `A subject is one of ${AUDIT_SUBJECTS.join(', ')}.`, { path: ['subjectType'] });
  if (isGiven(action) && !Object.hasOwn(AUDIT_ACTIONS, action))
    throw fail('INVALID_INPUT', 'There is no such action.', { path: ['action'] });
  if (isGiven(subjectId) && (subjectId.includes('\u0000') || !subjectId.isWellFormed()))
    throw fail('INVALID_INPUT', 'Text must be well-formed Unicode without NUL.', { path: ['subjectId'] });
  return and(
    eq(auditLog.workspaceId, ctx.workspaceId),
    isGiven(subjectType) ? eq(auditLog.subjectType, subjectType) : undefined,
    isGiven(subjectId) ? eq(auditLog.subjectId, subjectId) : undefined,
    isGiven(action) ? eq(auditLog.action, action) : undefined,
  );
}

function isGiven<T>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined;
}

/** Newer first: on is down. */
function beyond(isForward: boolean): SQL {
  return isForward ? sql`<` : sql`>`;
}

/** A row as either way of reading gives it. */
interface Row {
  readonly id: string | number;
  readonly at: string | Date;
  readonly actorKind: string;
  readonly actorId: string | null;
  readonly actorName: string | null;
  readonly action: string;
  readonly subjectType: string;
  readonly subjectId: string;
  readonly subjectName: string | null;
  readonly details: string | Readonly<Record<string, unknown>>;
  readonly reason: string | null;
}

function toEntry(row: Row): AuditEntry {
  const { changes, ...details } = (typeof row.details === 'string' ? JSON.parse(row.details) : row.details) as {
    changes?: readonly FieldChange[];
  };
  return {
    id: Number(row.id),
    at: typeof row.at === 'string' ? new Date(JSON.parse(row.at) as string) : row.at,
    // These three are written by this product only.
    actor: { kind: row.actorKind as Actor['kind'], id: row.actorId, name: row.actorName },
    action: row.action as AuditAction,
    subjectType: row.subjectType as AuditSubject,
    subjectId: row.subjectId,
    subjectName: row.subjectName,
    changes: changes ?? [],
    details,
    reason: row.reason,
  };
}
