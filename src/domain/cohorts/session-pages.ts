import { and, eq, type SQL, sql } from 'drizzle-orm';
import { replacements } from '../../db/tables/cohorts.ts';
import type { Ctx } from '../context.ts';
import { fail } from '../errors.ts';
import type { CohortChange } from './change.ts';
import type { Outcome } from './cohort.ts';
import { commitList } from './commit-replacement.ts';
import { observed } from './observed.ts';
import { abandonReplacement, addPage, type Begin, beginReplacement } from './replace.ts';
import type { Replacement } from './replacement.ts';
import { notePage, requireReplacement } from './replacement-rows.ts';

interface SessionPage extends Begin {
  readonly session: string;
  /** From 1. */
  readonly page: number;
  readonly totalPages: number;
  readonly change: CohortChange;
}

/** The most pages of one run. */
const MAX_PAGES = 100_000;

/**
 * Takes one numbered page of a run that sends a whole list, in any order and as often as it comes, and commits the list with the last
 * one missing: null until then. A run that is begun while an older one of the cohort is incomplete takes its place.
 * Errors: INVALID_INPUT, UNAUTHENTICATED, FORBIDDEN, LOCKED.
 */
export async function applySessionPage(ctx: Ctx, input: SessionPage): Promise<Outcome | null> {
  return observed(ctx, input.source.dialect, () => takePage(ctx, input));
}

async function takePage(ctx: Ctx, input: SessionPage): Promise<Outcome | null> {
  const { page, totalPages } = input;
  if (!Number.isInteger(totalPages) || totalPages < 1 || totalPages > MAX_PAGES)
    throw fail('INVALID_INPUT', `A run has 1 to ${MAX_PAGES} pages.`, { path: ['totalPages'] });
  if (!Number.isInteger(page) || page < 1 || page > totalPages)
    throw fail('INVALID_INPUT', `A page of this run has a number from 1 to ${totalPages}.`, { path: ['page'] });
  const begun = await beginReplacement(ctx, input);
  if (begun.state === 'ABANDONED') {
    if (await isFollowed(ctx, begun)) return null;
    throw fail('NOT_ACTIVE', 'This run was given up after a day without a page: send the whole list again.', {
      path: ['session'],
    });
  }
  if (begun.state === 'OPEN') {
    await abandonOlder(ctx, begun);
    await addPage(ctx, await requireReplacement(ctx, begun.id), input.change);
    if ((await notePage(ctx, begun.id, page)) < totalPages) return null;
  }
  return commitList(ctx, { id: begun.id });
}

async function abandonOlder(ctx: Ctx, begun: Replacement): Promise<void> {
  // Ids are made in order of time.
  const older = await runsOfCohort(
    ctx,
    begun,
    sql`${replacements.state} = 'OPEN' and ${replacements.id} < ${begun.id}::uuid`,
  );
  for (const { id } of older) await abandonReplacement(ctx, id);
}

/** True when a newer run has taken the place of this one. */
async function isFollowed(ctx: Ctx, begun: Replacement): Promise<boolean> {
  return (await runsOfCohort(ctx, begun, sql`${replacements.id} > ${begun.id}::uuid`)).length > 0;
}

async function runsOfCohort(ctx: Ctx, run: Replacement, which: SQL): Promise<{ id: string }[]> {
  return ctx.db
    .select({ id: replacements.id })
    .from(replacements)
    .where(
      and(
        eq(replacements.workspaceId, ctx.workspaceId),
        eq(replacements.partner, run.partner),
        eq(replacements.partnerCohortId, run.partnerCohortId),
        eq(replacements.dialect, run.dialect),
        sql`${replacements.session} is not null and ${which}`,
      ),
    );
}
