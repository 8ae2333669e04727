import type { Command } from 'commander';
import type { Workspace } from '../domain/workspaces/workspaces.ts';
import { withMuster } from './open.ts';
import { formatTable, formatTime } from './table.ts';

/** `muster workspaces ...`. */
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
}

export function printWorkspaces(workspaces: readonly Workspace[]): void {
  const head = ['id', 'name', 'unknown identities', 'created (UTC)'];
  const rows = workspaces.map((w) => [String(w.id), w.name, w.unknownIdentityPolicy, formatTime(w.createdAt)]);
  process.stdout.write(formatTable([head, ...rows]));
}
