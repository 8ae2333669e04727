import { type Progress, startProgress } from '../progress.ts';
import { green } from '../style.ts';

/** Writes a line of the demo. */
export function say(line = ''): void {
  process.stdout.write(line === '' ? '\n' : `  ${line}\n`);
}

/** Says that a part of the demo is done, and what came of it. */
export function done(label: string, outcome: string): void {
  say(`${green('✓')} ${label.padEnd(9)} ${outcome}`);
}

/** Runs a part of the demo behind a progress bar and then says in a line what came of it. */
export async function stage(
  options: { readonly label: string; readonly total: number },
  work: (progress: Progress) => Promise<string>,
): Promise<void> {
  const progress = startProgress(options);
  try {
    const outcome = await work(progress);
    progress.stop();
    done(options.label, outcome);
  } finally {
    progress.stop();
  }
}
