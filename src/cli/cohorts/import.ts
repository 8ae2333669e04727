import { checkChanges } from '../../domain/cohorts/change.ts';
import type { IdentityKind, Member, MemberChoice } from '../import/member.ts';
import { type Format, type ImportFile, openMembers } from '../import/open-rows.ts';
import { openRefused, type RefusedFile } from '../import/refused.ts';
import { type InWorkspace, withDomain } from '../open.ts';
import { changeMembers } from './change.ts';
import { askOnTerminal } from './confirm.ts';
import { replaceMembers } from './replace.ts';

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
