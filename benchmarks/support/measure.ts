import { cpus, totalmem } from 'node:os';

/** Figures of one thing measured many times, in milliseconds. */
export interface Timing {
  readonly median: number;
  readonly p95: number;
  readonly runs: number;
}

/**
 * Times several formulations of one question in turn, A B C A B C ..., so that a machine that slows down slows all of them down.
 * Each is run twice first, uncounted. Stops early when `budgetMs` is spent, after at least three rounds.
 */
export async function timeInTurn<K extends string>(
  forms: { readonly [P in K]: () => Promise<unknown> },
  rounds: number,
  budgetMs = 20_000,
): Promise<{ [P in K]: Timing }> {
  const names = Object.keys(forms) as K[];
  const samples = Object.fromEntries(names.map((name) => [name, [] as number[]])) as { [P in K]: number[] };
  for (const name of names) for (let i = 0; i < 2; i++) await forms[name]();
  const end = performance.now() + budgetMs;
  for (let i = 0; i < rounds && (i < 3 || performance.now() < end); i++)
    for (const name of names) {
      const start = performance.now();
      await forms[name]();
      samples[name].push(performance.now() - start);
    }
  return Object.fromEntries(names.map((name) => [name, summarise(samples[name])])) as { [P in K]: Timing };
}

export function summarise(samples: readonly number[]): Timing {
  return { median: quantile(samples, 0.5), p95: quantile(samples, 0.95), runs: samples.length };
}

export function quantile(samples: readonly number[], q: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

/** Which machine this is, in one line. */
export function machine(): string {
  const [cpu] = cpus();
  return `${cpus().length} cores (${cpu?.model.trim() ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}, ${process.platform}`;
}

/** A Markdown table. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = [head, head.map(() => '---'), ...rows].map((row) => row.map(String));
  const widths = head.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)));
  return cells
    .map(
      (row, r) =>
        `| ${row.map((cell, i) => (r === 1 ? '-'.repeat(widths[i] ?? 3) : cell.padEnd(widths[i] ?? 0))).join(' | ')} |`,
    )
    .join('\n');
}

export const ms = (value: number) => (value < 10 ? value.toFixed(2) : value.toFixed(1));
export const thousands = (value: number) => Math.round(value).toLocaleString('en-US');
