import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Domain } from '../domain/index.ts';
import { addDays, dayOf, parseDay } from '../domain/usage/day.ts';
import { type Meter, USAGE_GROUPS, type UsageGroup, type UsageRow } from '../domain/usage/meter.ts';
import { type InWorkspace, withDomain, workspaceOption } from './open.ts';
import { formatTable } from './table.ts';

const DEFAULT_DAYS = 30;

interface Asked extends InWorkspace {
  readonly from?: string;
  readonly to?: string;
  readonly by: readonly UsageGroup[];
}

/** `muster usage`: data points, and how the month stands with its budget. */
export function addUsageCommand(program: Command): void {
  program
    .command('usage')
    .description('data points by UTC day, month, cohort and key')
    .option('--from <day>', `the first day, as 2026-02-01 (default: the last ${DEFAULT_DAYS})`)
    .option('--to <day>', 'the last day (default: today)')
    .addOption(
      new Option('--by <groups>', `separated by commas: ${USAGE_GROUPS.join(', ').toLowerCase()}`)
        .argParser(parseGroups)
        .default(['DAY'] satisfies UsageGroup[], 'day'),
    )
    .addOption(workspaceOption())
    .action((options: Asked) => withDomain(options, (domain) => printUsage(domain, options)));
}

function parseGroups(text: string): UsageGroup[] {
  return text.split(',').map((name) => {
    const group = USAGE_GROUPS.find((one) => one === name.trim().toUpperCase());
    if (!group)
      throw new InvalidArgumentError(`Some of ${USAGE_GROUPS.join(', ').toLowerCase()}, separated by commas.`);
    return group;
  });
}

async function printUsage(domain: Domain, { from, to, by }: Asked): Promise<void> {
  const last = to ?? dayOf(new Date());
  const first = from ?? addDays(parseDay(last, ['to']), 1 - DEFAULT_DAYS);
  const usage = await domain.usage.listUsage({ from: first, to: last, groupBy: by });
  const nameOf = await readNames(domain, usage.rows);
  const groups = USAGE_GROUPS.filter((group) => by.includes(group));
  const head = [
    ...groups.map((group) => group.toLowerCase()),
    'received',
    'matched',
    'written',
    'changed',
    'unchanged',
  ];
  const rows = usage.rows.map((row) => [...groups.map((group) => nameOf(row, group)), ...numbers(row)]);
  const total = [...groups.map((_, i) => (i === 0 ? 'in all' : '')), ...numbers(usage.totals)];
  const { reasoning } = await domain.usage.getBudget();
  process.stdout.write(`${formatTable([head, ...rows, ...(groups.length === 0 ? [] : [total])])}\n${reasoning}\n`);
}

function numbers({ received, matched, written, changed, unchanged }: Meter): string[] {
  return [received, matched, written, changed, unchanged].map((n) => n.toLocaleString('en-US'));
}

/** Reads what cohorts and keys are called, and answers how each group of a row is shown. */
async function readNames(
  domain: Domain,
  rows: readonly UsageRow[],
): Promise<(row: UsageRow, group: UsageGroup) => string> {
  const [cohorts, keys] = await Promise.all([
    domain.cohorts.cohortsByIds([...new Set(rows.flatMap((row) => row.cohortId ?? []))]),
    domain.keys.keysByIds([...new Set(rows.flatMap((row) => row.keyId ?? []))]),
  ]);
  return (row, group) => {
    if (group === 'DAY') return row.day ?? '';
    if (group === 'MONTH') return row.month ?? '';
    if (group === 'COHORT') return cohorts.get(row.cohortId ?? 0)?.name ?? String(row.cohortId);
    const key = keys.get(row.keyId ?? '');
    return key ? `${key.prefix}...${key.name === null ? '' : ` ${key.name}`}` : 'no key';
  };
}
