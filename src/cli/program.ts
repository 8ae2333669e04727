import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { addCohortCommands } from './cohorts.ts';
import { DEMO_USERS, runDemo } from './demo.ts';
import { addKeyCommands } from './keys.ts';
import { addLedgerCommands } from './ledger.ts';
import { openFromEnvironment } from './open.ts';
import { addPendingCommands } from './pending.ts';
import { addPullCommand } from './pull.ts';
import { addSegmentCommands } from './segments.ts';
import { serve } from './serve.ts';
import { addSettingsCommands } from './settings.ts';
import { addUsageCommand } from './usage.ts';
import { addUserCommands } from './users.ts';
import { addWorkspaceCommands } from './workspaces.ts';

const SETTINGS = `
Where the data is and where to listen comes from the environment:
  MUSTER_DATA_DIR (./.muster) or DATABASE_URL, PORT (4000), HOST (127.0.0.1), MUSTER_API_KEY,
  MUSTER_PARTNER_API_KEYS, MUSTER_METRICS (on), LOG_LEVEL (info).
Cohorts are pulled from Amplitude with MUSTER_AMPLITUDE_API_KEY and MUSTER_AMPLITUDE_SECRET_KEY; MUSTER_AMPLITUDE_REGION (us) may be eu.`;

/** The command line. Every command is a thin door over the functions the library has. */
export function buildProgram(): Command {
  const program = new Command('muster')
    .description('Who is in this segment, exactly, now?')
    .version(readVersion())
    .addHelpText('after', SETTINGS)
    .showHelpAfterError();
  program
    .command('serve')
    .description('run the server')
    .option('--dev', 'serve GraphiQL at /graphql')
    .action((options: { dev?: boolean }) => serve(options));
  program
    .command('demo')
    .description('run a server full of made-up users and cohorts, to play with')
    .option('--users <count>', 'how many users', parseUsers, DEMO_USERS)
    .action(runDemo);
  program
    .command('migrate')
    .description("bring the database to this version's tables and exit")
    .action(async () => {
      const muster = await openFromEnvironment();
      await muster.close();
      process.stdout.write('The database has the tables of this version.\n');
    });
  addKeyCommands(program);
  addUserCommands(program);
  const cohorts = addCohortCommands(program);
  addPullCommand(cohorts);
  addLedgerCommands(cohorts);
  addSegmentCommands(program);
  addPendingCommands(program);
  addUsageCommand(program);
  addWorkspaceCommands(program);
  addSettingsCommands(program);
  return program;
}

function parseUsers(text: string): number {
  const count = Number(text);
  if (!(Number.isInteger(count) && count > 0)) throw new InvalidArgumentError('Not a number of users.');
  return count;
}

function readVersion(): string {
  const about = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(about) as { readonly version: string }).version;
}
