import { sql } from 'drizzle-orm';
import { queryRows } from '../../db/client.ts';
import { type Ctx, inTransaction } from '../context.ts';
import { fail } from '../errors.ts';
import { type Page, type PageArgs, parsePage, toPage } from '../page.ts';
import { prepare, submit } from './apply-changes.ts';
import type { Outcome } from './cohort.ts';
import { commandOfText } from './command-text.ts';
import { commitReplacement } from './commit-replacement.ts';
import { endHold } from './guard.ts';
import { observed } from './observed.ts';
import { abandonReplacement } from './replace.ts';

/** Changes that the shrink guard keeps for an operator. */
export interface HeldChanges {
  readonly id: string;
  readonly cohortId: number;
  /** The list that is held; null where it is a request. */
  readonly replacementId: string | null;
  readonly dialect: string;
  readonly keyId: string | null;
  readonly heldAt: Date;
  /** The size of the cohort then, and how many would have left and entered. */
  readonly size: number;
  readonly wouldRemove: number;
  readonly wouldAdd: number;
}

interface HeldFilter {
  readonly cohortId?: number | null | undefined;
}

interface Row extends Omit<HeldChanges, 'heldAt'> {
  readonly heldAt: string;
  readonly afterBatchId: string;
  readonly command: string | null;
}

const columns = sql`h.id::text as id, h.cohort_id::int as "cohortId", h.replacement_id::text as "replacementId", h.dialect, h.key_id::text as "keyId",
  to_json(h.held_at)::text as "heldAt", h.size::int as size, h.would_remove::int as "wouldRemove", h.would_add::int as "wouldAdd",
  h.after_batch_id::text as "afterBatchId"`;

/** A page of what is held, the oldest first. Errors: as `parsePage`. */
export async function listHeldChanges(ctx: Ctx, input: HeldFilter & PageArgs): Promise<Page<HeldChanges>> {
  const list = JSON.stringify([ctx.workspaceId, 'held', input.cohortId ?? null]);
  const slice = parsePage(input, list, ['uuid']);
  const after =
    slice.key === null ? sql`` : sql`and h.id ${slice.isForward ? sql`>` : sql`<`} ${String(slice.key[0])}::uuid`;
  // Ids are made in order of time.
  const rows = await queryRows<Row>(
    ctx.db,
    sql`/* listHeldChanges */ select ${columns}, null as command from held_changes h where ${condition(ctx, input)} ${after}
      order by h.id ${slice.isForward ? sql`asc` : sql`desc`} limit ${slice.limit + 1}::int`,
  );
  return toPage(slice, list, rows.map(toHeld), (held) => [held.id]);
}

/** How much is held in all. */
export async function countHeldChanges(ctx: Ctx, input: HeldFilter): Promise<number> {
  const [row] = await queryRows<{ n: number }>(
    ctx.db,
    sql`/* countHeldChanges */ select count(*)::int as n from held_changes h where ${condition(ctx, input)}`,
  );
  return row?.n ?? 0;
}

/** What is held, by id; ids of nothing are missing. */
export async function heldChangesByIds(ctx: Ctx, ids: readonly string[]): Promise<Map<string, HeldChanges>> {
  const rows = await queryRows<Row>(
    ctx.db,
    sql`/* heldChangesByIds */ select ${columns}, null as command from held_changes h where h.workspace_id = ${ctx.workspaceId}::int
      and h.id = any(${sql.param(`{${ids.join(',')}}`)}::text::uuid[])`,
  );
  return new Map(rows.map((row) => [row.id, toHeld(row)]));
}

/**
 * Applies what is held, as its sender sent it: one row of the ledger. People whom batches of the cohort named since then stay as those
 * batches left them. Errors: NOT_FOUND, LOCKED.
 */
export async function approveHeldChanges(ctx: Ctx, id: string): Promise<Outcome> {
  const row = await requireHeld(ctx, id);
  if (row.replacementId !== null) return commitReplacement(ctx, { id: row.replacementId, approve: true });
  const command = commandOfText(row.command ?? '');
  return observed(ctx, row.dialect, () =>
    inTransaction(ctx, async (tx) => {
      // It was acknowledged long ago: a budget that was used up since then does not refuse it.
      const found = await prepare(tx, command, { isAcknowledged: true });
      if ('outcome' in found) {
        // Its request was applied in another way meanwhile.
        await endHold(tx, id);
        return found.outcome;
      }
      return submit({ ...found.prepared, approval: { heldChangesId: id, afterBatchId: Number(row.afterBatchId) } });
    }),
  );
}

/** Drops what is held. The cohort is as it was. Errors: NOT_FOUND. */
export async function discardHeldChanges(ctx: Ctx, id: string): Promise<HeldChanges> {
  const row = await requireHeld(ctx, id);
  if (row.replacementId !== null) await abandonReplacement(ctx, row.replacementId);
  else if (!(await endHold(ctx, id))) throw missing();
  return toHeld(row);
}

async function requireHeld(ctx: Ctx, id: string): Promise<Row> {
  const [row] = await queryRows<Row>(
    ctx.db,
    sql`/* requireHeld */ select ${columns}, h.command from held_changes h where h.workspace_id = ${ctx.workspaceId}::int and h.id = ${id}::uuid`,
  );
  if (!row) throw missing();
  return row;
}

function missing(): Error {
  return fail('NOT_FOUND', 'Nothing of this id is held in this workspace: it may have been decided already.', {
    path: ['id'],
  });
}

function condition(ctx: Ctx, { cohortId }: HeldFilter) {
  const one = cohortId === null || cohortId === undefined ? sql`` : sql`and h.cohort_id = ${cohortId}::int`;
  return sql`h.workspace_id = ${ctx.workspaceId}::int ${one}`;
}

function toHeld({ command: _, afterBatchId: __, ...row }: Row): HeldChanges {
  return { ...row, heldAt: new Date(JSON.parse(row.heldAt) as string) };
}
