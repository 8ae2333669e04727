import { createInterface } from 'node:readline/promises';
import { STANDARD_INPUT } from '../import/open-bytes.ts';

/** How the caller agrees: beforehand, when asked, or not at all, because there is nobody to ask. */
export type Confirm = 'yes' | 'nobody' | ((question: string, signal: AbortSignal) => Promise<boolean>);

/** Asks on the terminal, where there is one that the file does not come from. */
export function askOnTerminal(path: string): Confirm {
  return process.stdin.isTTY && process.stderr.isTTY && path !== STANDARD_INPUT ? ask : 'nobody';
}

/** Everything but yes is no. */
async function ask(question: string, signal: AbortSignal): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  // A terminal that is read line by line gives Ctrl-C to whoever reads it.
  lines.once('SIGINT', () => process.emit('SIGINT'));
  try {
    const answer = await lines.question(`${question} [y/N] `, { signal });
    return /^y(es)?$/i.test(answer.trim());
  } catch (error) {
    // The end of input, Ctrl-D, comes as one too.
    if (error instanceof Error && error.name === 'AbortError') return false;
    throw error;
  } finally {
    lines.close();
  }
}
