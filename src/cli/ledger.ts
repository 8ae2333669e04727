import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Cohort } from '../domain/cohorts/cohort.ts';
import type { LedgerBatch } from '../domain/history/batch.ts';
import type { Reversal } from '../domain/history/reversal.ts';
import type { Sync } from '../domain/history/syncs.ts';
import type { Domain } from '../domain/index.ts';
import { AMPLITUDE } from '../domain/keys/partner.ts';
import { PAGE_MAX } from '../domain/page.ts';
import { nameOf } from './cohorts/read-all.ts';
import { type InWorkspace, withDomain, workspaceOption } from './open.ts';
import { formatCount, formatOf } from './progress.ts';
import { formatTable, formatTime } from './table.ts';
import { UserError } from './user-error.ts';

interface ListCommand extends InWorkspace {
  readonly partner: string;
  readonly limit: number;
}

const LIMIT_DEFAULT = 20;

/** `muster cohorts syncs`, `batches`, `undo` and `replay`: what was applied to a cohort, and taking it back. */
export function addLedgerCommands(cohorts: Command): void {
  const list = (
    name: string,
    description: string,
    print: (domain: Domain, cohort: Cohort, first: number) => Promise<void>,
  ) =>
    cohorts
      .command(`${name} <cohort-id>`)
      .description(description)
      .option('--partner <partner>', 'whose cohort it is', AMPLITUDE)
      .addOption(new Option('--limit <count>', 'how many, the newest').argParser(parseLimit).default(LIMIT_DEFAULT))
      .addOption(workspaceOption())
      .action((partnerCohortId: string, { partner, limit, ...where }: ListCommand) =>
        withDomain(where, async (domain) => print(domain, await findCohort(domain, partner, partnerCohortId), limit)),
      );
  const reversal = (name: string, description: string, run: (domain: Domain, batchId: number) => Promise<Reversal>) =>
    cohorts
      .command(`${name} <batch>`)
      .description(description)
      .addOption(workspaceOption())
      .action((batch: string, where: InWorkspace) =>
        withDomain(where, async (domain) => {
          process.stdout.write(await tell(domain, await run(domain, readBatch(batch))));
        }),
      );
  list('syncs', 'what a sender sent, sync by sync, the newest first', printSyncs);
  list('batches', 'what was applied to a cohort, the newest first', printBatches);
  reversal('undo', 'take a batch back: whom it added leaves, whom it removed enters again', (domain, batchId) =>
    domain.history.undoBatch({ batchId }),
  );
  reversal('replay', 'apply a batch again', (domain, batchId) => domain.history.replayBatch({ batchId }));
}

async function findCohort(domain: Domain, partner: string, cohortId: string): Promise<Cohort> {
  const [cohort] = await domain.cohorts.findCohorts([{ partnerCohort: { partner, cohortId } }]);
  if (!cohort) throw new UserError(`There is no cohort ${JSON.stringify(cohortId)} of ${partner}.`);
  return cohort;
}

async function printSyncs(domain: Domain, cohort: Cohort, first: number): Promise<void> {
  const [page] = await domain.history.pageSyncs([cohort.id], { first });
  const syncs = page?.items.map(({ item }) => item) ?? [];
  const sizes = await sizesOf(domain, cohort, syncs, (sync) => sync.lastBatchId);
  const row = (sync: Sync) => [
    String(sync.number),
    formatTime(sync.endedAt),
    sync.dialects.join(', '),
    formatCount(sync.batchCount),
    ...countsOf(sync),
    formatCount(sizes.get(sync.lastBatchId)?.after ?? 0),
  ];
  print(['sync', 'ended (UTC)', 'from', 'batches', ...COUNTS, 'size'], syncs.map(row));
}

async function printBatches(domain: Domain, cohort: Cohort, first: number): Promise<void> {
  const [page] = await domain.history.pageBatches([{ cohortId: cohort.id }], {}, { first });
  const batches = page?.items.map(({ item }) => item) ?? [];
  const sizes = await sizesOf(domain, cohort, batches, (batch) => batch.id);
  const row = (batch: LedgerBatch) => [
    String(batch.id),
    formatTime(batch.appliedAt),
    batch.ofBatchId === null ? batch.dialect : `${batch.dialect} of ${batch.ofBatchId}`,
    ...countsOf(batch),
    formatCount(sizes.get(batch.id)?.after ?? 0),
  ];
  print(['batch', 'applied (UTC)', 'from', ...COUNTS, 'size'], batches.map(row));
}

const COUNTS = ['received', 'matched', 'held', 'ignored', 'entered', 'left'] as const;

function countsOf(of: Pick<Sync, 'received' | 'matched' | 'held' | 'ignored' | 'added' | 'removed'>): string[] {
  return [of.received, of.matched, of.held, of.ignored, of.added, of.removed].map(formatCount);
}

function sizesOf<T>(domain: Domain, cohort: Cohort, items: readonly T[], batchOf: (item: T) => number) {
  return domain.history.sizesAroundBatches(items.map((item) => ({ cohortId: cohort.id, batchId: batchOf(item) })));
}

function print(head: readonly string[], rows: readonly (readonly string[])[]): void {
  process.stdout.write(rows.length === 0 ? 'Nothing was applied yet.\n' : formatTable([head, ...rows]));
}

async function tell(domain: Domain, { batch, added, removed, skipped }: Reversal): Promise<string> {
  const cohort = (await domain.cohorts.cohortsByIds([batch.cohortId])).get(batch.cohortId);
  const alone = [
    ...(skipped.later_batch ? [`${formatOf(skipped.later_batch, 'user')} left alone: a later batch named them.`] : []),
    ...(skipped.no_such_user ? [`${formatOf(skipped.no_such_user, 'user')} left alone: they are gone.`] : []),
  ];
  const done = `Cohort ${cohort ? nameOf(cohort) : batch.cohortId}: ${formatCount(added)} entered, ${formatCount(removed)} left. This is batch ${batch.id}.`;
  return [done, ...alone, ''].join('\n');
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (!(Number.isInteger(limit) && limit > 0 && limit <= PAGE_MAX))
    throw new InvalidArgumentError(`A whole number from 1 to ${PAGE_MAX}.`);
  return limit;
}

function readBatch(text: string): number {
  if (!/^[1-9][0-9]{0,14}$/.test(text))
    throw new UserError('A batch is named by its number: `muster cohorts batches` shows them.');
  return Number(text);
}
