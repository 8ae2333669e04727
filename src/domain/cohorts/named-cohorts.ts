import { sql } from 'drizzle-orm';
import { intArray, queryPrepared, textArray } from '../../db/client.ts';
import type { Ctx } from '../context.ts';
import type { CohortRef } from './cohort.ts';

/** A cohort that must be of this partner. */
export interface NamedCohort {
  readonly partner: string;
  readonly ref: CohortRef;
}

/** The numbers of the cohorts that each reference fits, in the caller's order. A name may fit several. One statement. */
export async function findNamedCohorts(ctx: Ctx, named: readonly NamedCohort[]): Promise<number[][]> {
  if (named.length === 0) return [];
  const refs = named.map(({ ref }) => ref);
  const theirs = refs.flatMap((ref) => ('partnerCohort' in ref ? [ref.partnerCohort] : []));
  const ids = new Set(refs.flatMap((ref) => ('id' in ref ? [ref.id] : [])));
  const names = new Set(refs.flatMap((ref) => ('name' in ref ? [ref.name] : [])));
  const rows = await queryPrepared<{ id: number; partner: string; partner_cohort_id: string; name: string }>(
    ctx.db,
    sql`/* findNamedCohorts */ select id, partner, partner_cohort_id, name from cohorts
      where workspace_id = ${ctx.workspaceId}::int and id > 0 and id = any(${intArray([...ids])})
      union select id, partner, partner_cohort_id, name from cohorts
      where workspace_id = ${ctx.workspaceId}::int and id > 0 and name = any(${textArray([...names])})
      union select c.id, c.partner, c.partner_cohort_id, c.name
      from unnest(${textArray(theirs.map((t) => t.partner))}, ${textArray(theirs.map((t) => t.cohortId))}) as u(partner, cohort)
      join cohorts c on c.workspace_id = ${ctx.workspaceId}::int and c.partner = u.partner and c.partner_cohort_id = u.cohort and c.id > 0`,
  );
  const fits = new Map<string, number[]>();
  const note = (key: readonly unknown[], id: number) => {
    const text = JSON.stringify(key);
    fits.set(text, [...(fits.get(text) ?? []), id]);
  };
  for (const row of rows) {
    note(['id', row.partner, row.id], row.id);
    note(['name', row.partner, row.name], row.id);
    note(['partnerCohort', row.partner, row.partner, row.partner_cohort_id], row.id);
  }
  return named.map(({ partner, ref }) => fits.get(JSON.stringify(keyOf(partner, ref))) ?? []);
}

function keyOf(partner: string, ref: CohortRef): readonly unknown[] {
  if ('id' in ref) return ['id', partner, ref.id];
  if ('name' in ref) return ['name', partner, ref.name];
  return ['partnerCohort', partner, ref.partnerCohort.partner, ref.partnerCohort.cohortId];
}
