import type { CohortChange } from '../../domain/cohorts/change.ts';
import type { Cohort } from '../../domain/cohorts/cohort.ts';
import type { Domain } from '../../domain/index.ts';
import { type ImportOptions, importMembers, NOTHING, type Sent, type Totals } from '../import/import-members.ts';
import type { Member } from '../import/member.ts';
import type { ImportFile } from '../import/open-rows.ts';
import { formatCount, startProgress } from '../progress.ts';
import { explain } from '../report.ts';
import type { Confirm } from './confirm.ts';
import { formatSpeed } from './summary.ts';

/** Where members go: the parts of every command. */
export interface Target {
  readonly partner: string;
  readonly partnerCohortId: string;
  readonly name: string | undefined;
  readonly source: { readonly dialect: string };
}

/** A file on its way into a cohort. */
export interface Import {
  readonly file: ImportFile<Member>;
  readonly refusedPath: string;
  readonly target: Target;
  readonly options: Omit<ImportOptions, 'onBatch'>;
  readonly confirm: Confirm;
}

/** How the reading of a file ended. */
interface Reading {
  readonly totals: Totals;
  readonly milliseconds: number;
  /** Why it stopped before the end, in a sentence. */
  readonly failure: string | undefined;
  /** Nothing was sent. */
  readonly isUntouched: boolean;
}

/** Reads a file to its end, or to where it is interrupted or fails. */
export async function readAll(
  { file, options }: Import,
  send: (changes: readonly CohortChange[]) => Promise<Sent>,
): Promise<Reading> {
  const startedAt = performance.now();
  const progress = startProgress({ label: file.name, total: file.size });
  let last: Totals | undefined;
  let failure: string | undefined;
  let isUntouched = true;
  const onBatch = (now: Totals) => {
    last = now;
    progress.update(file.bytesRead(), formatRate(now, performance.now() - startedAt));
  };
  const sendNow = (changes: readonly CohortChange[]) => {
    isUntouched = false;
    return send(changes);
  };
  const done = await importMembers(file.rows, sendNow, { ...options, onBatch }).catch((error: unknown) => {
    failure = explain(error);
    return undefined;
  });
  progress.stop();
  const totals = done ?? last ?? NOTHING;
  if (failure === undefined && options.signal.aborted) failure = 'Interrupted.';
  return { totals, milliseconds: performance.now() - startedAt, failure, isUntouched };
}

function formatRate(totals: Totals, milliseconds: number): string {
  const speed = formatSpeed(totals, milliseconds);
  return totals.refused === 0 ? speed : `${speed}, ${formatCount(totals.refused)} refused`;
}

/** What a reader of the counts should not have to find out alone. */
export function hints({ refusedPath }: Import, totals: Totals): string {
  const lines: string[] = [];
  if (totals.received > 0 && totals.matched === 0)
    lines.push(
      'No identifier belongs to a user: look whether --column and --identity say what the file holds, and whether the users are in.',
    );
  if (totals.refused > 0) lines.push(`Refused rows and why: ${refusedPath}. Mend that file and import it.`);
  return lines.map((line) => `${line}\n`).join('');
}

/** `"Spring campaign" (amplitude c1)`. */
export function nameOf({
  name,
  partner,
  partnerCohortId,
}: Pick<Cohort, 'name' | 'partner' | 'partnerCohortId'>): string {
  return `${JSON.stringify(name)} (${partner} ${partnerCohortId})`;
}

export async function findCohort(domain: Domain, target: Target): Promise<Cohort | null> {
  const { partner, partnerCohortId } = target;
  const [found] = await domain.cohorts.findCohorts([{ partnerCohort: { partner, cohortId: partnerCohortId } }]);
  return found ?? null;
}
