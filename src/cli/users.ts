import { type Command, Option } from 'commander';
import type { Domain } from '../domain/index.ts';
import { importUsers, type Totals } from './import/import-users.ts';
import { FORMATS, type Format, type ImportFile, openUsers } from './import/open-rows.ts';
import { openRefused } from './import/refused.ts';
import { type InWorkspace, withDomain, workspaceOption } from './open.ts';
import { formatCount, formatDuration, formatOf, startProgress } from './progress.ts';
import { explain } from './report.ts';
import { UserError } from './user-error.ts';

interface ImportOptions extends InWorkspace {
  readonly format?: Format;
  readonly refused?: string;
}

/** `muster users ...`. */
export function addUserCommands(program: Command): void {
  program
    .command('users')
    .description('the people that cohorts are matched to')
    .command('import <file>')
    .description('make or update users from a CSV or NDJSON file of any size')
    .addOption(new Option('--format <format>', 'if the name of the file does not say').choices(FORMATS))
    .option('--refused <file>', 'where refused rows go (default: beside the file, as <name>.refused.<format>)')
    .addOption(workspaceOption())
    .action(async (path: string, options: ImportOptions) => {
      const file = await openUsers(path, options.format);
      await withDomain(options, (domain) => runImport(file, domain, options.refused ?? file.refusedPath));
    });
}

async function runImport(file: ImportFile<unknown>, domain: Domain, refusedPath: string): Promise<void> {
  const refused = await openRefused(refusedPath, file);
  const startedAt = performance.now();
  const interrupt = new AbortController();
  const stop = () => {
    interrupt.abort();
    file.close();
  };
  process.once('SIGINT', stop);
  const progress = startProgress({ label: file.name, total: file.size });
  let last: Totals | undefined;
  try {
    const totals = await importUsers(file.rows, domain.users, {
      refused,
      signal: interrupt.signal,
      onBatch: (now) => {
        last = now;
        progress.update(file.bytesRead(), formatRate(now, performance.now() - startedAt));
      },
    });
    progress.stop();
    process.stdout.write(summarise(file, totals, performance.now() - startedAt, refusedPath));
    if (interrupt.signal.aborted) throw new UserError(`Stopped after line ${totals.line}. ${AGAIN}`);
  } catch (error) {
    progress.stop();
    if (error instanceof UserError) throw error;
    throw new UserError(`The import stopped after line ${last?.line ?? 0}. ${AGAIN}\n${explain(error)}`);
  } finally {
    process.off('SIGINT', stop);
    file.close();
    await refused.close();
  }
}

const AGAIN = 'The rows up to there are in, and importing the file again does them no harm.';

function formatRate({ rows, refused }: Totals, milliseconds: number): string {
  const rate = `${formatOf(rows, 'row')}, ${formatCount((rows * 1000) / milliseconds)}/s`;
  return refused === 0 ? rate : `${rate}, ${formatCount(refused)} refused`;
}

function summarise(file: ImportFile<unknown>, totals: Totals, milliseconds: number, refusedPath: string): string {
  const { rows, created, updated, refused, joined } = totals;
  const rate = formatCount((rows * 1000) / Math.max(1, milliseconds));
  const lines = [
    `${file.name}: ${formatOf(rows, 'row')} in ${formatDuration(milliseconds)} (${rate}/s): ${formatCount(created)} created, ${formatCount(updated)} updated, ${formatCount(refused)} refused.`,
  ];
  if (joined > 0) lines.push(`${formatOf(joined, 'membership')} that waited for these users came into force.`);
  if (refused > 0) lines.push(`Refused rows and why: ${refusedPath}. Mend that file and import it.`);
  return `${lines.join('\n')}\n`;
}
