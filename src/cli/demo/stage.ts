import { type Progress, startProgress } from '../progress.ts';
import { green } from '../style.ts';

/** Writes a line of the demo. */
export function say(line = ''): void {
  process.stdout.write(line === '' ? '\n' : `  ${line}\n`);
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
    say(`${green('✓')} ${options.label.padEnd(9)} ${outcome}`);
  } finally {
    progress.stop();
  }
}
