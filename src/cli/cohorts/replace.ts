import type { CohortChange } from '../../domain/cohorts/change.ts';
import type { Outcome } from '../../domain/cohorts/cohort.ts';
import type { Difference } from '../../domain/cohorts/replacement.ts';
import type { Domain } from '../../domain/index.ts';
import type { Sent, Totals } from '../import/import-members.ts';
import { persistently } from '../import/persistently.ts';
import { formatCount, formatOf } from '../progress.ts';
import { explain } from '../report.ts';
import { UserError } from '../user-error.ts';
import { findCohort, hints, type Import, nameOf, readAll } from './read-all.ts';
import { formatDifference, formatSpeed, formatTotals } from './summary.ts';

/**
 * Makes a file what a cohort is. The list is staged, compared and shown before anybody is asked; whatever goes wrong before the answer
 * leaves the cohort as it was. Errors: `UserError`, when nothing was changed or the shrink guard holds it.
 */
export async function replaceMembers(it: Import, domain: Domain): Promise<void> {
  const { id } = await domain.cohorts.beginReplacement(it.target);
  let isCommitting = false;
  try {
    const totals = await stage(it, domain, id);
    const difference = await domain.cohorts.previewReplacement(id);
    process.stdout.write(await describe(it, domain, difference));
    await requireConsent(it, totals, difference);
    isCommitting = true;
    const outcome = await persistently(() => domain.cohorts.commitReplacement({ id }));
    if (outcome.heldChangesId !== null) throw new HeldError(outcome.heldChangesId);
    // Asked twice because the first answer was lost, it answers without counts.
    const { entering, leaving } = difference;
    report(outcome.isDuplicate ? { ...outcome, added: entering, removed: leaving } : outcome);
  } catch (error) {
    if (error instanceof HeldError) throw error;
    throw new UserError(`${explain(error)} ${await leave(domain, id, isCommitting)}`);
  }
}

/** The list waits for an operator. */
class HeldError extends UserError {
  constructor(id: string) {
    super(
      `Held: more members would leave than the shrink guard lets pass. \`muster cohorts approve ${id}\` applies the list, ` +
        `\`muster cohorts discard ${id}\` drops it.`,
    );
  }
}

/** Drops the list, and says what that means for the cohort. */
async function leave(domain: Domain, id: string, isCommitting: boolean): Promise<string> {
  try {
    await domain.cohorts.abandonReplacement(id);
    const { state } = await domain.cohorts.getReplacement(id);
    return state === 'COMMITTED' ? 'The members were replaced all the same.' : 'Nothing was changed.';
  } catch {
    // A list that nobody goes on with is dropped after a day.
    return isCommitting ? 'The members may have been replaced: import the file again.' : 'Nothing was changed.';
  }
}

/** Reads the whole file into the list. A row that says to remove somebody has no place in one. */
async function stage(it: Import, domain: Domain, id: string): Promise<Totals> {
  const { file } = it;
  const { totals, milliseconds, failure } = await readAll(it, (changes) => addPage(domain, id, changes));
  if (failure !== undefined) throw new UserError(failure);
  process.stdout.write(
    `${file.name}: ${formatSpeed(totals, milliseconds)}.\n${formatTotals(totals)}${hints(it, totals)}`,
  );
  if (totals.received === 0) throw new UserError(`${file.name} names nobody, and a cohort is not emptied by that.`);
  return totals;
}

async function addPage(domain: Domain, id: string, changes: readonly CohortChange[]): Promise<Sent> {
  const [change] = changes;
  if (!change || changes.length > 1 || change.remove)
    throw new UserError(
      'The file says to remove somebody: --replace takes a list of who is in, without any operation.',
    );
  return domain.cohorts.addToReplacement({ id, change });
}

async function describe(it: Import, domain: Domain, difference: Difference): Promise<string> {
  const cohort = await findCohort(domain, it.target);
  const name = cohort ? nameOf(cohort) : nameOf({ ...it.target, name: it.target.name ?? it.target.partnerCohortId });
  return `Cohort ${name}${cohort ? '' : ', which is new'}:\n${formatDifference(difference)}`;
}

/** Errors: `UserError` unless somebody agreed. */
async function requireConsent({ confirm, options }: Import, totals: Totals, difference: Difference): Promise<void> {
  const lost = totals.refused - totals.nameless;
  if (options.signal.aborted) throw new UserError('Interrupted.');
  if (confirm === 'nobody')
    throw new UserError('There is no terminal to ask on: say --yes to replace the members without being asked.');
  if (confirm === 'yes') {
    if (lost > 0)
      throw new UserError(
        `${formatOf(lost, 'row')} could not be read, and whoever is named there would leave: mend the file, or run this on a terminal without --yes.`,
      );
    return;
  }
  const warnings = [
    ...(lost > 0 ? [`${formatOf(lost, 'row')} could not be read, and whoever is named there will leave.`] : []),
    ...(difference.wouldBeHeld ? ['More will leave than the shrink guard lets pass: it will wait for approval.'] : []),
  ];
  const agreed = await confirm([...warnings, 'Replace the members?'].join(' '), options.signal);
  if (!agreed) throw new UserError(options.signal.aborted ? 'Interrupted.' : 'Left as it was.');
}

function report({ added, removed, cohort }: Outcome): void {
  process.stdout.write(
    `Cohort ${cohort ? nameOf(cohort) : ''}: ${formatCount(added)} entered, ${formatCount(removed)} left.\n`,
  );
}
