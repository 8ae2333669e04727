import { and, eq } from 'drizzle-orm';
import { heldChanges, replacements } from '../../db/tables/cohorts.ts';
import { workspaces } from '../../db/tables/workspaces.ts';
import { type Ctx, inTransaction } from '../context.ts';
import { appendBatches } from '../membership/ledger.ts';
import { createUnknown } from '../users/create-unknown.ts';
import { lockCohort, nothing, syncPause } from './apply-changes.ts';
import type { Cohort, Outcome } from './cohort.ts';
import { ensureCohort, setCohortName } from './ensure-cohort.ts';
import { endHold, isTooMany } from './guard.ts';
import { observed } from './observed.ts';
import type { PageOutcome } from './replacement.ts';
import { ended, lockReplacement, type ReplacementRow, requireReplacement } from './replacement-rows.ts';
import {
  adoptPending,
  type Comparison,
  countDifference,
  discardSet,
  listDifference,
  sumPages,
  unknownOf,
} from './staged-set.ts';

/** Where the workspace says nothing: a list that removes more than half of a cohort is more often a broken list than a true one. */
const DEFAULT_GUARD_PERCENT = 50;

/**
 * Makes a list what the cohort is: the difference is one batch, one row of the ledger. People and identities that the cohort's batches
 * named since the list was begun stay as those batches left them. Held for an operator where too many would leave, unless `approve`d.
 * Committing twice answers the same. Errors: NOT_FOUND, NOT_ACTIVE (abandoned), LOCKED.
 */
export async function commitReplacement(
  ctx: Ctx,
  input: { readonly id: string; readonly approve?: boolean | undefined },
): Promise<Outcome> {
  const { dialect } = await requireReplacement(ctx, input.id);
  return observed(ctx, dialect, () => commitList(ctx, input));
}

/** As `commitReplacement`, for whoever tells the observer of the whole request. */
export async function commitList(
  ctx: Ctx,
  input: { readonly id: string; readonly approve?: boolean | undefined },
): Promise<Outcome> {
  const startedAt = performance.now();
  const { partner, partnerCohortId } = await requireReplacement(ctx, input.id);
  return inTransaction(ctx, async (tx) => {
    // The workspace first, and strongly: users who appear meanwhile would take pending members from under this.
    const target = await ensureCohort(tx, { partner, partnerCohortId });
    const staged = await lockReplacement(tx, input.id);
    if (staged.state === 'COMMITTED') return { ...nothing(target), batchId: staged.batchId, isDuplicate: true };
    if (staged.state === 'ABANDONED') throw ended();
    const makesUsers = (await policyOf(tx)) === 'CREATE';
    if (makesUsers) await createUnknown(tx, await unknownOf(tx, staged.setId));
    for (const id of [staged.setId, target.id]) await lockCohort(tx, id);
    const { size, leaving, entering } = await countDifference(tx, comparisonOf(staged, target));
    if (!input.approve && isTooMany(leaving, size, await guardPercent(tx)))
      return hold(tx, staged, target, { size, leaving, entering });
    return apply(tx, staged, target, { startedAt, makesUsers });
  });
}

/** The share of a cohort that a list may remove. */
export async function guardPercent(ctx: Ctx): Promise<number> {
  const [row] = await ctx.db
    .select({ percent: workspaces.shrinkGuardPercent })
    .from(workspaces)
    .where(eq(workspaces.id, ctx.workspaceId));
  return row?.percent ?? DEFAULT_GUARD_PERCENT;
}

export function comparisonOf(staged: ReplacementRow, target: Cohort | null): Comparison {
  return { set: staged.setId, cohort: target?.id ?? null, afterBatchId: staged.afterBatchId };
}

interface Commit {
  readonly startedAt: number;
  /** External ids and aliases that nobody had are users now; the devices left over are nobody's. */
  readonly makesUsers: boolean;
}

async function apply(
  tx: Ctx,
  staged: ReplacementRow,
  target: Cohort,
  { startedAt, makesUsers }: Commit,
): Promise<Outcome> {
  const pages = await sumPages(tx, staged.setId);
  const totals = makesUsers ? afterMaking(pages, (await unknownOf(tx, staged.setId)).length) : pages;
  const changes = await listDifference(tx, comparisonOf(staged, target));
  const [done] = await appendBatches(tx, [
    {
      ...totals,
      cohortId: target.id,
      dialect: staged.dialect,
      keyId: staged.keyId,
      requestId: null,
      syncPauseSeconds: syncPause(target),
      durationMs: performance.now() - startedAt,
      written: changes.length,
      changes,
    },
  ]);
  if (!done) throw new Error('A batch has a row.');
  if (!makesUsers) await adoptPending(tx, { set: staged.setId, cohort: target.id, before: staged.createdAt });
  const cohort = staged.name ? await setCohortName(tx, target, staged.name) : target;
  await end(tx, staged, 'COMMITTED', done.batchId);
  return { ...nothing(cohort), ...totals, ...done, written: changes.length };
}

/** Of the identities that nobody had, `left` are devices, which make nobody; the others have a user now. */
function afterMaking(pages: PageOutcome, left: number): PageOutcome {
  const { unknown_external_id: _, unknown_alias: __, ...reasons } = pages.reasons;
  const { received, matched, held, ignored } = pages;
  return { received, matched: matched + held - left, held: 0, ignored: ignored + left, reasons };
}

async function hold(
  tx: Ctx,
  staged: ReplacementRow,
  target: Cohort,
  weight: { size: number; leaving: number; entering: number },
): Promise<Outcome> {
  const { size, leaving, entering } = weight;
  // Held once, under its own id: a page or a commit that comes again finds it so.
  await tx.db
    .insert(heldChanges)
    .values({
      workspaceId: tx.workspaceId,
      id: staged.id,
      cohortId: target.id,
      replacementId: staged.id,
      dialect: staged.dialect,
      keyId: staged.keyId,
      afterBatchId: staged.afterBatchId,
      heldAt: tx.now(),
      size,
      wouldRemove: leaving,
      wouldAdd: entering,
    })
    .onConflictDoNothing();
  await tx.db
    .update(replacements)
    .set({ state: 'HELD', touchedAt: tx.now() })
    .where(and(eq(replacements.workspaceId, tx.workspaceId), eq(replacements.id, staged.id)));
  tx.log.warn(
    { workspaceId: tx.workspaceId, cohortId: target.id, dialect: staged.dialect, size, wouldRemove: leaving },
    'a whole list is held: it would remove more of the cohort than the shrink guard lets pass',
  );
  return { ...nothing(target), heldChangesId: staged.id };
}

/** Forgets the list, says what became of it, and ends its hold. */
export async function end(
  tx: Ctx,
  staged: ReplacementRow,
  state: 'COMMITTED' | 'ABANDONED',
  batchId: number | null,
): Promise<void> {
  await discardSet(tx, staged.setId);
  await endHold(tx, staged.id);
  await tx.db
    .update(replacements)
    .set({ state, batchId, touchedAt: tx.now() })
    .where(and(eq(replacements.workspaceId, tx.workspaceId), eq(replacements.id, staged.id)));
}

async function policyOf(ctx: Ctx): Promise<string | undefined> {
  const [row] = await ctx.db
    .select({ policy: workspaces.unknownIdentityPolicy })
    .from(workspaces)
    .where(eq(workspaces.id, ctx.workspaceId));
  return row?.policy;
}
