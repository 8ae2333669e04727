import type { Cohort, CohortRef } from '../cohorts/cohort.ts';
import { findCohorts } from '../cohorts/cohorts.ts';
import type { Ctx } from '../context.ts';
import { DomainError, fail, type Path } from '../errors.ts';
import { checkFilter } from './check-filter.ts';
import { type Filter, type FilterDraft, leavesOf, mapValues } from './filter.ts';

interface Named {
  readonly ref: CohortRef;
  readonly path: Path;
}

/**
 * Reads a filter somebody asks: checks its limits and finds its cohorts, one statement a partner. Errors: INVALID_INPUT, LIMIT_EXCEEDED,
 * NOT_FOUND (no such cohort of that partner in this workspace), AMBIGUOUS (several of that name), with the path in the filter.
 */
export async function readFilter(ctx: Ctx, draft: FilterDraft): Promise<Filter> {
  checkFilter(draft, ['filter']);
  const byPartner = new Map<string, Named[]>();
  for (const leaf of leavesOf(draft))
    if (leaf.type === 'cohorts') byPartner.set(leaf.partner, [...(byPartner.get(leaf.partner) ?? []), ...leaf.values]);
  const numbers = new Map<Named, number>();
  for (const [partner, named] of byPartner) {
    const cohorts = await findOfPartner(ctx, partner, named);
    named.forEach((value, i) => {
      const cohort = cohorts[i];
      if (!cohort)
        throw fail('NOT_FOUND', `There is no such cohort of ${partner} in this workspace.`, { path: value.path });
      numbers.set(value, cohort.id);
    });
  }
  return mapValues(
    draft,
    (value) => numbers.get(value) ?? 0,
    ({ path }) => {
      throw fail('INVALID_INPUT', 'Filters by other segments cannot be read yet.', { path });
    },
  );
}

async function findOfPartner(ctx: Ctx, partner: string, named: readonly Named[]): Promise<(Cohort | null)[]> {
  try {
    return await findCohorts(
      ctx,
      named.map((value) => value.ref),
      partner,
    );
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    const [position] = error.path ?? [];
    throw fail(error.code, error.message, { path: named[Number(position ?? 0)]?.path });
  }
}
