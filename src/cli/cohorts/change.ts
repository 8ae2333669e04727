import type { Cohort } from '../../domain/cohorts/cohort.ts';
import type { Domain } from '../../domain/index.ts';
import type { Totals } from '../import/import-members.ts';
import { formatCount } from '../progress.ts';
import { UserError } from '../user-error.ts';
import { findCohort, hints, type Import, nameOf, readAll } from './read-all.ts';
import { formatSpeed, formatTotals } from './summary.ts';

/**
 * Adds the people of a file to a cohort, or removes them; the others stay. Errors: `UserError` that says which rows are in, when it stops
 * before the end, nobody was named, or the shrink guard holds something.
 */
export async function changeMembers(it: Import, domain: Domain): Promise<void> {
  const { target, options } = it;
  const before = await findCohort(domain, target);
  if (options.remove && !before)
    throw new UserError(`There is no cohort ${JSON.stringify(target.partnerCohortId)} of ${target.partner}.`);
  // Named once, at the beginning: somebody may name it otherwise meanwhile.
  let { name } = target;
  const { totals, milliseconds, failure, isUntouched } = await readAll(it, async (changes) => {
    const outcome = await domain.cohorts.applyChanges({ ...target, name, changes });
    name = undefined;
    return outcome;
  });
  if (totals.rows > 0 || failure === undefined) {
    const after = await findCohort(domain, target).catch(() => before);
    process.stdout.write(summarise(it, totals, milliseconds, after, before === null));
  }
  if (failure !== undefined) throw new UserError(`${failure} ${isUntouched ? NOTHING_DONE : formatStop(totals.line)}`);
  if (totals.received === 0) throw new UserError(`${it.file.name} names nobody: nothing was changed.`);
  if (totals.heldChangesIds.length > 0) throw new UserError(HELD);
}

const NOTHING_DONE = 'Nothing was changed.';
const HELD =
  'The shrink guard holds some of the changes, because too many would leave at once: `muster cohorts held` shows them.';

function formatStop(line: number): string {
  const done = line > 0 ? `The rows up to line ${line} are in.` : 'Some rows may be in.';
  return `${done} Importing the file again does them no harm.`;
}

function summarise(it: Import, totals: Totals, milliseconds: number, cohort: Cohort | null, isNew: boolean): string {
  const parts = [`${it.file.name}: ${formatSpeed(totals, milliseconds)}.\n`, formatTotals(totals)];
  if (cohort) {
    const made = isNew ? ' It is new.' : '';
    parts.push(
      `Cohort ${nameOf(cohort)}: ${formatCount(totals.added)} entered, ${formatCount(totals.removed)} left.${made}\n`,
    );
  }
  parts.push(hints(it, totals));
  return parts.join('');
}
