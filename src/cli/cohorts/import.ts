import { checkChanges } from '../../domain/cohorts/change.ts';
import type { Cohort } from '../../domain/cohorts/cohort.ts';
import type { Domain } from '../../domain/index.ts';
import type { Totals } from '../import/import-members.ts';
import type { IdentityKind, Member, MemberChoice } from '../import/member.ts';
import { type Format, type ImportFile, openMembers } from '../import/open-rows.ts';
import { openRefused, type RefusedFile } from '../import/refused.ts';
import { type InWorkspace, withDomain } from '../open.ts';
import { formatCount } from '../progress.ts';
import { UserError } from '../user-error.ts';
import { askOnTerminal } from './confirm.ts';
import { findCohort, hints, type Import, nameOf, readAll } from './read-all.ts';
import { replaceMembers } from './replace.ts';
import { formatSpeed, formatTotals } from './summary.ts';

/** What `muster cohorts import` was told. */
export interface ImportCommand extends InWorkspace {
  readonly cohort: string;
  readonly partner: string;
  readonly name?: string;
  readonly replace?: boolean;
  readonly remove?: boolean;
  readonly yes?: boolean;
  readonly column?: string;
  readonly identity?: IdentityKind;
  readonly header: boolean;
  readonly format?: Format;
  readonly refused?: string;
}

/** `muster cohorts import`. Errors: `UserError` for what the file or the caller can mend; nothing is opened before both were looked at. */
export async function importFile(path: string, command: ImportCommand): Promise<void> {
  const target = {
    partner: command.partner,
    partnerCohortId: command.cohort,
    name: command.name,
    source: { dialect: 'file' },
  };
  checkChanges({ ...target, changes: [] });
  const choice: MemberChoice = { column: command.column, identity: command.identity, hasHeader: command.header };
  const file = await openMembers(path, command.format, choice);
  const confirm = command.yes ? 'yes' : askOnTerminal(path);
  await withDomain(command, async (domain) => {
    const refusedPath = command.refused ?? file.refusedPath;
    await untilInterrupted(file, refusedPath, (refused, signal) => {
      const options = { remove: command.remove ?? false, refused, signal };
      const it = { file, refusedPath, target, options, confirm };
      return command.replace ? replaceMembers(it, domain) : changeMembers(it, domain);
    });
  });
}

/** Gives the work a file of refused rows, and a signal for when somebody wants to stop. */
async function untilInterrupted(
  file: ImportFile<Member>,
  refusedPath: string,
  work: (refused: RefusedFile, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const refused = await openRefused(refusedPath, file);
  const interrupt = new AbortController();
  const stop = () => {
    interrupt.abort();
    file.close();
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    await work(refused, interrupt.signal);
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
    file.close();
    await refused.close();
  }
}

/** Adds the people of a file to a cohort, or removes them; the others stay. */
async function changeMembers(it: Import, domain: Domain): Promise<void> {
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
