import { and, eq, gt } from 'drizzle-orm';
import { cohorts } from '../../db/tables/cohorts.ts';
import { changesBetween } from '../audit/entry.ts';
import { noteAudit } from '../audit/note-audit.ts';
import { type Ctx, inTransaction } from '../context.ts';
import { fail } from '../errors.ts';
import { CADENCES, type Cadence, type Cohort } from './cohort.ts';
import { cohortColumns } from './ensure-cohort.ts';

/** The longest pause between two fetches, in hours: thirty days. */
export const PULL_EVERY_MAX_HOURS = 720;

/** What an operator says of a cohort; what is left out stays. */
export interface CohortSettings {
  /** How often its sender sends; null: nobody says, so that it is observed. */
  readonly cadence?: Cadence | null | undefined;
  /** Fetch it from its sender this often, the first time at once; null: only when asked. */
  readonly pullEveryHours?: number | null | undefined;
}

/** See `updateCohort` in `cohorts.ts`. */
export async function updateCohort(ctx: Ctx, input: CohortSettings & { readonly cohortId: number }): Promise<Cohort> {
  const { cohortId, cadence, pullEveryHours } = input;
  if (cadence !== undefined && cadence !== null && !CADENCES.includes(cadence))
    throw fail('INVALID_INPUT', `A cadence is one of ${CADENCES.join(', ')}, or null.`, { path: ['cadence'] });
  if (pullEveryHours !== undefined && pullEveryHours !== null) checkHours(pullEveryHours);
  const which = and(eq(cohorts.workspaceId, ctx.workspaceId), gt(cohorts.id, 0), eq(cohorts.id, cohortId));
  const changes = {
    ...(cadence === undefined ? {} : { cadence }),
    ...(pullEveryHours === undefined ? {} : { pullEveryHours, nextPullAt: pullEveryHours === null ? null : ctx.now() }),
  };
  const refused = () => fail('NOT_FOUND', 'There is no such cohort in this workspace.', { path: ['cohortId'] });
  if (Object.keys(changes).length === 0) {
    const [cohort] = await ctx.db.select(cohortColumns).from(cohorts).where(which);
    if (!cohort) throw refused();
    return cohort;
  }
  return inTransaction(ctx, async (tx) => {
    const columns = { ...cohortColumns, pullEveryHours: cohorts.pullEveryHours };
    const [before] = await tx.db.select(columns).from(cohorts).where(which).for('no key update');
    const [row] = await tx.db.update(cohorts).set(changes).where(which).returning(columns);
    if (!before || !row) throw refused();
    const { pullEveryHours: _, ...after } = row;
    const noted = changesBetween(before, row, ['cadence', 'pullEveryHours']);
    if (noted.length > 0)
      await noteAudit(tx, {
        action: 'cohort.updated',
        subjectType: 'cohort',
        subjectId: after.id,
        subjectName: after.name,
        changes: noted,
      });
    return after;
  });
}

function checkHours(hours: number): void {
  if (!Number.isInteger(hours) || hours < 1 || hours > PULL_EVERY_MAX_HOURS)
    throw fail('INVALID_INPUT', `A whole number of hours from 1 to ${PULL_EVERY_MAX_HOURS}, or null for none.`, {
      path: ['pullEveryHours'],
    });
}
