import { Argument, type Command, InvalidArgumentError, Option } from 'commander';
import type { OverBudget, UnknownIdentityPolicy, Workspace } from '../domain/workspaces/workspaces.ts';
import { type InWorkspace, withDomain, workspaceOption } from './open.ts';
import { formatTable } from './table.ts';
import { printWorkspaces } from './workspaces.ts';

const POLICIES: readonly UnknownIdentityPolicy[] = ['HOLD', 'IGNORE', 'CREATE'];
const OVER_BUDGET: readonly OverBudget[] = ['WARN', 'REFUSE'];
const NONE = 'none';

/** As on the command line, which has no null. */
type Limit = number | typeof NONE;

interface Changes {
  readonly unknownIdentityPolicy?: UnknownIdentityPolicy;
  readonly pendingMaxMembers?: Limit;
  readonly pendingMaxAgeDays?: Limit;
  readonly shrinkGuard?: Limit;
  readonly ledgerRetentionDays?: Limit;
  readonly monthlyBudget?: Limit;
  readonly overBudget?: OverBudget;
}

/** `muster settings ...`: what a workspace does with what comes in. */
export function addSettingsCommands(program: Command): void {
  const settings = program.command('settings').description('settings of a workspace');
  settings
    .command('show')
    .description('how they are')
    .addOption(workspaceOption())
    .action((options: InWorkspace) =>
      withDomain(options, async (domain) => printSettings(await domain.workspaces.getWorkspace())),
    );
  settings
    .command('set')
    .description('change some; what is left out stays')
    .addOption(choice('unknown-identity-policy', 'what becomes of an identity that nobody has', POLICIES))
    .addOption(limit('pending-max-members', 'the most pending members kept'))
    .addOption(limit('pending-max-age-days', 'how long pending members are kept'))
    .addOption(limit('shrink-guard', 'hold requests that would remove more than this per cent of a cohort'))
    .addOption(limit('ledger-retention-days', 'how long the ledger remembers which users a batch moved'))
    .addOption(limit('monthly-budget', 'data points a UTC month may cost'))
    .addOption(choice('over-budget', 'what a month over its budget does to further requests', OVER_BUDGET))
    .addOption(workspaceOption())
    .action((options: InWorkspace & Changes) =>
      withDomain(options, async (domain) => {
        const changes = {
          unknownIdentityPolicy: options.unknownIdentityPolicy,
          pendingMaxMembers: toLimit(options.pendingMaxMembers),
          pendingMaxAgeDays: toLimit(options.pendingMaxAgeDays),
          shrinkGuardPercent: toLimit(options.shrinkGuard),
          ledgerRetentionDays: toLimit(options.ledgerRetentionDays),
          monthlyBudget: toLimit(options.monthlyBudget),
          overBudget: options.overBudget,
        };
        printSettings(await domain.workspaces.updateWorkspace(changes));
      }),
    );
  settings
    .command('set-unknown-identity-policy')
    .description('what becomes of an identity that a cohort names and no user has: kept, dropped, or made into a user')
    .addArgument(new Argument('<policy>', POLICIES.join(', ')).argParser(oneOf(POLICIES)))
    .addOption(workspaceOption())
    .action((policy: UnknownIdentityPolicy, options: InWorkspace) =>
      withDomain(options, async (domain) =>
        printWorkspaces([await domain.workspaces.setUnknownIdentityPolicy(policy)]),
      ),
    );
}

function choice<T extends string>(name: string, description: string, values: readonly T[]): Option {
  return new Option(`--${name} <one>`, `${description}: ${values.join(', ')}`).argParser(oneOf(values));
}

/** A number, or none; which numbers are allowed is for the product to say. */
function limit(name: string, description: string): Option {
  return new Option(`--${name} <number>`, `${description}, or ${NONE}`).argParser((text): Limit => {
    if (text === NONE) return text;
    if (!/^\d{1,16}$/.test(text)) throw new InvalidArgumentError(`A whole number, or ${NONE}.`);
    return Number(text);
  });
}

function toLimit(given: Limit | undefined): number | null | undefined {
  return given === NONE ? null : given;
}

function oneOf<T extends string>(values: readonly T[]): (text: string) => T {
  return (text) => {
    const value = values.find((one) => one === text.toUpperCase());
    if (!value) throw new InvalidArgumentError(`One of ${values.join(', ')}.`);
    return value;
  };
}

function printSettings(workspace: Workspace): void {
  const or = (value: number | null) => value?.toLocaleString('en-US') ?? NONE;
  const rows = [
    ['workspace', `${workspace.id}  ${workspace.name}`],
    ['unknown-identity-policy', workspace.unknownIdentityPolicy],
    ['pending-max-members', or(workspace.pendingMaxMembers)],
    ['pending-max-age-days', or(workspace.pendingMaxAgeDays)],
    ['shrink-guard', workspace.shrinkGuardPercent === null ? NONE : `${workspace.shrinkGuardPercent} %`],
    ['ledger-retention-days', or(workspace.ledgerRetentionDays)],
    ['monthly-budget', or(workspace.monthlyBudget)],
    ['over-budget', workspace.overBudget],
  ];
  process.stdout.write(formatTable(rows));
}
