import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Domain } from '../domain/index.ts';
import { AMPLITUDE } from '../domain/keys/partner.ts';
import type { Pull } from '../domain/pulls/pull.ts';
import { type InWorkspace, withDomain, workspaceOption } from './open.ts';
import { formatCount, formatOf } from './progress.ts';
import { UserError } from './user-error.ts';

interface PullCommand extends InWorkspace {
  readonly partner: string;
  readonly wait?: boolean;
}

/** `muster cohorts pull`. */
export function addPullCommand(cohorts: Command): void {
  cohorts
    .command('pull')
    .argument('<cohort>', "the partner's id of the cohort")
    .description('fetch a whole cohort from its sender and make it what the cohort is')
    .option('--partner <partner>', 'whose cohort it is', AMPLITUDE)
    .option('--wait', 'do it here if no server does, and wait for the end')
    .addOption(workspaceOption())
    .action((partnerCohortId: string, options: PullCommand) => {
      const work = async (domain: Domain) => {
        const { partner } = options;
        const pull = await domain.pulls.requestPull({ partner, partnerCohortId, askedBy: 'command line' });
        if (options.wait) await waitFor(domain, pull);
        else process.stdout.write(`Asked for as ${pull.id}: a running server does it, or this command with --wait.\n`);
      };
      // Whoever does not wait must not begin what is then left half done.
      return withDomain(options, work, { background: options.wait === true });
    });
}

const LOOK_EVERY_MS = 500;

/** The background work of this very program does it, or that of a server on the same database. */
async function waitFor(domain: Domain, asked: Pull): Promise<void> {
  const interrupt = new AbortController();
  const stop = () => interrupt.abort();
  process.once('SIGINT', stop);
  try {
    for (;;) {
      const pull = await domain.pulls.getPull(asked.id);
      if (pull.finishedAt !== null) {
        process.stdout.write(await tell(domain, pull));
        return;
      }
      await sleep(LOOK_EVERY_MS, undefined, { signal: interrupt.signal });
    }
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    throw new UserError('Nobody waits for it any more, but it is still asked for: a running server goes on with it.');
  } finally {
    process.off('SIGINT', stop);
  }
}

async function tell(domain: Domain, pull: Pull): Promise<string> {
  if (pull.state === 'FAILED') throw new UserError(pull.error ?? 'It failed.');
  if (pull.state === 'HELD')
    throw new UserError(
      'The list would remove too much of the cohort, so nothing was applied: see `muster cohorts held`.',
    );
  const batch =
    pull.batchId === null ? undefined : (await domain.history.batchesByIds([pull.batchId])).get(pull.batchId);
  const refused = pull.refusedRows > 0 ? ` ${formatOf(pull.refusedRows, 'row')} named nobody.` : '';
  return `Cohort ${pull.partnerCohortId}: ${formatCount(batch?.added ?? 0)} entered, ${formatCount(batch?.removed ?? 0)} left.${refused}\n`;
}
