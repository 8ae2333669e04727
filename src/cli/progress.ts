import { Presets, SingleBar } from 'cli-progress';

/** How far something is. */
export interface Progress {
  /** `note` is what stands behind the percentage. */
  update(done: number, note: string): void;
  /** Takes the bar away. */
  stop(): void;
}

const SILENT: Progress = { update: () => {}, stop: () => {} };

/**
 * Shows a bar on a terminal and nothing elsewhere: logs and pipes have the summary. It goes to standard error. Where nobody knows the total
 * there is a note without a bar.
 */
export function startProgress(options: { readonly label: string; readonly total: number | null }): Progress {
  if (!process.stderr.isTTY) return SILENT;
  const bar = new SingleBar(
    {
      format: options.total === null ? '  {label}  {note}' : '  {label}  {bar} {percentage}%  {note}',
      barsize: 24,
      hideCursor: true,
      clearOnComplete: true,
      gracefulExit: true,
      autopadding: true,
    },
    Presets.shades_classic,
  );
  bar.start(Math.max(1, options.total ?? 1), 0, { label: options.label, note: '' });
  return { update: (done, note) => bar.update(done, { note }), stop: () => bar.stop() };
}

/** A number as people read it: 12,345. */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}

/** A duration as people read it: `80 ms`, `1.2 s`, `12 s`, `3 min 20 s`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1_000) return `${Math.ceil(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

/** A count with its noun: `1 row`, `2 rows`. */
export function formatOf(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}
