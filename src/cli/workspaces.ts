import { Argument, type Command, InvalidArgumentError } from 'commander';
import type { UnknownIdentityPolicy, Workspace } from '../domain/workspaces/workspaces.ts';
import { type InWorkspace, withDomain, withMuster, workspaceOption } from './open.ts';
import { formatTable, formatTime } from './table.ts';

const POLICIES: readonly UnknownIdentityPolicy[] = ['HOLD', 'IGNORE', 'CREATE'];

/** `muster workspaces ...` and `muster settings ...`. */
export function addWorkspaceCommands(program: Command): void {
  const workspaces = program.command('workspaces').description('the tenants: each has its own users, cohorts and keys');
  workspaces
    .command('list')
    .description('the workspaces there are')
    .action(() => withMuster(async (muster) => printWorkspaces(await muster.domain().workspaces.listWorkspaces())));
  workspaces
    .command('create <name>')
    .description('make a workspace')
    .action((name: string) =>
      withMuster(async (muster) => {
        const made = await muster.domain().workspaces.createWorkspace({ name });
        // Null: another process took the same number in the same moment.
        if (!made) throw new Error('Another workspace was made at the same time: try again.');
        printWorkspaces([made]);
      }),
    );

  program
    .command('settings')
    .description('settings of a workspace')
    .command('set-unknown-identity-policy')
    .description('what becomes of an identity that a cohort names and no user has: kept, dropped, or made into a user')
    .addArgument(new Argument('<policy>', POLICIES.join(', ')).argParser(parsePolicy))
    .addOption(workspaceOption())
    .action((policy: UnknownIdentityPolicy, options: InWorkspace) =>
      withDomain(options, async (domain) =>
        printWorkspaces([await domain.workspaces.setUnknownIdentityPolicy(policy)]),
      ),
    );
}

function parsePolicy(text: string): UnknownIdentityPolicy {
  const policy = POLICIES.find((p) => p === text.toUpperCase());
  if (!policy) throw new InvalidArgumentError(`One of ${POLICIES.join(', ')}.`);
  return policy;
}

function printWorkspaces(workspaces: readonly Workspace[]): void {
  const head = ['id', 'name', 'unknown identities', 'created (UTC)'];
  const rows = workspaces.map((w) => [String(w.id), w.name, w.unknownIdentityPolicy, formatTime(w.createdAt)]);
  process.stdout.write(formatTable([head, ...rows]));
}
