import { type Command, InvalidArgumentError, Option } from 'commander';
import { AMPLITUDE } from '../domain/keys/partner.ts';
import { approveHeld, discardHeld, printHeld } from './cohorts/held.ts';
import { type ImportCommand, importFile } from './cohorts/import.ts';
import { printCohorts } from './cohorts/list.ts';
import { type IdentityKind, kindOfName, nameOfKind } from './import/member.ts';
import { FORMATS } from './import/open-rows.ts';
import { type InWorkspace, withDomain, workspaceOption } from './open.ts';

/** `muster cohorts ...`. Answers the command, for those that belong below it. */
export function addCohortCommands(program: Command): Command {
  const cohorts = program.command('cohorts').description('who is in which cohort, as partners say');
  addImport(cohorts);
  cohorts
    .command('list')
    .description('the cohorts there are, with their exact sizes')
    .option('--partner <partner>', 'of this partner only')
    .option('--search <text>', 'with this in the name or in the id of the partner')
    .addOption(workspaceOption())
    .action((options: InWorkspace & { partner?: string; search?: string }) =>
      withDomain(options, (domain) => printCohorts(domain, options)),
    );
  cohorts
    .command('held')
    .description('changes that would remove too much of a cohort, and wait for somebody to decide')
    .addOption(workspaceOption())
    .action((options: InWorkspace) => withDomain(options, printHeld));
  cohorts
    .command('approve <id>')
    .description('apply held changes')
    .addOption(workspaceOption())
    .action((id: string, options: InWorkspace) => withDomain(options, (domain) => approveHeld(domain, id)));
  cohorts
    .command('discard <id>')
    .description('drop held changes')
    .addOption(workspaceOption())
    .action((id: string, options: InWorkspace) => withDomain(options, (domain) => discardHeld(domain, id)));
  return cohorts;
}

function addImport(cohorts: Command): void {
  cohorts
    .command('import <file>')
    .description('add the people of a CSV or NDJSON file to a cohort, remove them, or make the file what the cohort is')
    .requiredOption('--cohort <id>', "the partner's id of the cohort; it is made if there is none")
    .option('--partner <partner>', 'whose cohort it is', AMPLITUDE)
    .option('--name <name>', 'what to call the cohort')
    .addOption(new Option('--replace', 'whoever is not in the file leaves; asks first').conflicts('remove'))
    .option('--remove', 'the people of the file leave')
    .option('--yes', 'do not ask before replacing')
    .option('--column <name>', 'the column or field that holds the identifiers')
    .addOption(
      new Option('--identity <kind>', 'what they are: external_id, device_id or alias:<label>').argParser(
        parseIdentity,
      ),
    )
    .option('--no-header', 'the first line of a file of one column is an identifier')
    .addOption(
      new Option('--format <format>', 'if neither the name of the file nor its first line says').choices(FORMATS),
    )
    .option('--refused <file>', 'where refused rows go (default: beside the file, as <name>.refused.<format>)')
    .addOption(workspaceOption())
    .addHelpText('after', '\nFILE may be packed with gzip; - is standard input.')
    .action((file: string, options: ImportCommand) => importFile(file, options));
}

function parseIdentity(text: string): IdentityKind {
  const kind = kindOfName(text);
  if (!kind || nameOfKind(kind) !== text)
    throw new InvalidArgumentError('One of external_id, device_id, alias:<label>.');
  return kind;
}
