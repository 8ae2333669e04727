import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** What a program took from its start to its end. */
export interface Ran {
  readonly seconds: number;
  /** The most resident memory it had, bytes. */
  readonly peak: number;
  readonly stdout: string;
}

const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url));

/** Runs the command line as its users do, in a process of its own. */
export async function runCli(args: readonly string[], env: Record<string, string>): Promise<Ran> {
  return runScript(CLI, args, env);
}

/** Runs a script in a process of its own. Errors: when it does not end with 0. */
export async function runScript(script: string, args: readonly string[], env: Record<string, string>): Promise<Ran> {
  const start = performance.now();
  const child = spawn(process.execPath, ['--import', 'tsx', script, ...args], {
    env: { ...process.env, LOG_LEVEL: 'warn', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  let peak = 0;
  const watch = setInterval(() => {
    if (child.pid) peak = Math.max(peak, peakOf(child.pid));
  }, 100);
  const code = await new Promise<number | null>((done) => child.once('close', done));
  clearInterval(watch);
  if (code !== 0) throw new Error(`${script} ${args.join(' ')} ended with ${code}:\n${stdout}`);
  return { seconds: (performance.now() - start) / 1000, peak, stdout };
}

/** The most resident memory a process has had, bytes; 0 once it has ended. */
export function peakOf(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
