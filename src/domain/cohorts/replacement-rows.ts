import { and, eq, sql } from 'drizzle-orm';
import { queryRows } from '../../db/client.ts';
import { replacements } from '../../db/tables/cohorts.ts';
import type { Ctx } from '../context.ts';
import { fail } from '../errors.ts';
import type { Replacement } from './replacement.ts';

// The rows of replacements, read and written plainly.

export type ReplacementRow = typeof replacements.$inferSelect;

/** Null where there is none. */
export async function findRow(ctx: Ctx, id: string): Promise<ReplacementRow | null> {
  const [row] = await ctx.db
    .select()
    .from(replacements)
    .where(and(eq(replacements.workspaceId, ctx.workspaceId), eq(replacements.id, id)));
  return row ?? null;
}

/** Errors: NOT_FOUND. */
export async function requireReplacement(ctx: Ctx, id: string): Promise<ReplacementRow> {
  const row = await findRow(ctx, id);
  if (!row) throw fail('NOT_FOUND', 'There is no such replacement in this workspace.', { path: ['id'] });
  return row;
}

/** Errors: NOT_FOUND. */
export async function lockReplacement(tx: Ctx, id: string): Promise<ReplacementRow> {
  const [row] = await tx.db
    .select()
    .from(replacements)
    .where(and(eq(replacements.workspaceId, tx.workspaceId), eq(replacements.id, id)))
    .for('update');
  if (!row) throw fail('NOT_FOUND', 'There is no such replacement in this workspace.', { path: ['id'] });
  return row;
}

/** The run of this name, if it was begun. */
export async function findSession(
  ctx: Ctx,
  {
    partner,
    partnerCohortId,
    session,
  }: { readonly partner: string; readonly partnerCohortId: string; readonly session?: string | undefined },
): Promise<Replacement | null> {
  const [row] = await ctx.db
    .select()
    .from(replacements)
    .where(
      and(
        eq(replacements.workspaceId, ctx.workspaceId),
        eq(replacements.partner, partner),
        eq(replacements.partnerCohortId, partnerCohortId),
        eq(replacements.session, session ?? ''),
      ),
    );
  return row ? toReplacement(row) : null;
}

/** Writes down that a page came; says how many different ones did. */
export async function notePage(ctx: Ctx, id: string, page: number): Promise<number> {
  const [row] = await queryRows<{ n: number }>(
    ctx.db,
    sql`/* notePage */ update replacements set touched_at = ${ctx.now().toISOString()}::timestamptz,
        pages = case when ${page}::int = any(pages) then pages else pages || ${page}::int end
      where workspace_id = ${ctx.workspaceId}::int and id = ${id}::uuid returning cardinality(pages)::int as n`,
  );
  return row?.n ?? 0;
}

/** A page came. */
export async function touch(ctx: Ctx, id: string): Promise<void> {
  await ctx.db
    .update(replacements)
    .set({ touchedAt: ctx.now() })
    .where(and(eq(replacements.workspaceId, ctx.workspaceId), eq(replacements.id, id)));
}

export function toReplacement(row: ReplacementRow): Replacement {
  const { id, partner, partnerCohortId, name, state, dialect, createdAt, touchedAt, batchId } = row;
  return { id, partner, partnerCohortId, name, state, dialect, createdAt, touchedAt, batchId };
}

export function ended(): Error {
  return fail('NOT_ACTIVE', 'This replacement has ended: begin another one.', { path: ['id'] });
}
