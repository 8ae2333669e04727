import { once } from 'node:events';
import { type Command, Option } from 'commander';
import { stringify } from 'csv-stringify/sync';
import type { Cohort } from '../domain/cohorts/cohort.ts';
import type { Domain } from '../domain/index.ts';
import { PAGE_MAX } from '../domain/page.ts';
import type { PendingMember } from '../domain/users/pending-member.ts';
import { type InWorkspace, withDomain, workspaceOption } from './open.ts';
import { formatTable } from './table.ts';

/** `muster pending ...`: identities that cohorts named and no user has yet. */
export function addPendingCommands(program: Command): void {
  const pending = program.command('pending').description('identities that cohorts named and no user has yet');
  pending
    .command('summary')
    .description('how many wait, why, in which cohorts, and what was dropped')
    .addOption(workspaceOption())
    .action((options: InWorkspace) => withDomain(options, printSummary));
  pending
    .command('export')
    .description('write every pending member to standard output')
    .addOption(
      new Option('--format <format>', 'one object or one row a line').choices(['ndjson', 'csv']).default('ndjson'),
    )
    .addOption(workspaceOption())
    .action((options: InWorkspace & { format: 'ndjson' | 'csv' }) =>
      withDomain(options, (domain) => exportPending(domain, options.format)),
    );
}

const COLUMNS = ['reason', 'label', 'value', 'partner', 'cohort_id', 'cohort', 'held_at'] as const;
type Row = Record<(typeof COLUMNS)[number], string | null>;

/** Page by page, waiting for whoever reads: any number in constant memory. */
async function exportPending(domain: Domain, format: 'ndjson' | 'csv'): Promise<void> {
  if (format === 'csv') await write(stringify([COLUMNS.slice()]));
  let after: string | undefined;
  do {
    const page = await domain.pending.listPending({ first: PAGE_MAX, after });
    const cohorts = await domain.cohorts.cohortsByIds([...new Set(page.items.map(({ item }) => item.cohortId))]);
    const rows = page.items.map(({ item }) => toRow(item, cohorts.get(item.cohortId)));
    await write(
      format === 'csv'
        ? stringify(rows, { columns: COLUMNS.slice() })
        : rows.map((row) => `${JSON.stringify(row)}\n`).join(''),
    );
    after = page.hasNextPage ? page.items.at(-1)?.cursor : undefined;
  } while (after !== undefined);
}

function toRow(member: PendingMember, cohort: Cohort | undefined): Row {
  return {
    reason: member.reason,
    label: member.label,
    value: member.value,
    partner: cohort?.partner ?? null,
    cohort_id: cohort?.partnerCohortId ?? null,
    cohort: cohort?.name ?? null,
    held_at: member.heldAt.toISOString(),
  };
}

async function write(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain');
}

async function printSummary(domain: Domain): Promise<void> {
  const summary = await domain.pending.summarizePending();
  const cohorts = await domain.cohorts.cohortsByIds(summary.largestCohorts.map((c) => c.cohortId));
  const count = (n: number) => n.toLocaleString('en-US');
  const rows = [
    ['waiting', count(summary.members)],
    ...summary.byReason.map((r) => [`  ${r.reason}`, count(r.members)]),
    ...summary.largestCohorts.map((c) => [
      `  in cohort "${cohorts.get(c.cohortId)?.name ?? c.cohortId}"`,
      count(c.members),
    ]),
    ['dropped in the last 30 days', count(summary.dropped.reduce((sum, d) => sum + d.members, 0))],
    ...summary.dropped.map((d) => [`  ${d.reason}`, count(d.members)]),
  ];
  process.stdout.write(formatTable(rows));
}
