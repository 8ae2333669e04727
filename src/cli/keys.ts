import { type Command, InvalidArgumentError } from 'commander';
import { validate as isUuid } from 'uuid';
import { fail } from '../domain/errors.ts';
import { DEFAULT_OVERLAP_HOURS, type Key, type NewKey } from '../domain/keys/key.ts';
import { SCOPES } from '../domain/keys/scopes.ts';
import type { KeyKind } from '../domain/keys/secret.ts';
import { type InWorkspace, withDomain, workspaceOption } from './open.ts';
import { formatTable, formatTime } from './table.ts';

/** `muster keys ...` for data import keys and `muster api-keys ...` for API keys. */
export function addKeyCommands(program: Command): void {
  const keys = program.command('keys').description('data import keys: a partner imports cohorts with them');
  keys
    .command('generate <partner>')
    .description('make a data import key, for example for amplitude')
    .option('--name <name>', 'for people')
    .addOption(workspaceOption())
    .action((partner: string, options: InWorkspace & { name?: string }) =>
      withDomain(options, async (domain) =>
        printNew(await domain.keys.generateDataImportKey({ partner, name: options.name })),
      ),
    );
  addCommon(keys, 'data_import', 'invalidate');

  const apiKeys = program.command('api-keys').description('API keys: for GraphQL and exports');
  apiKeys
    .command('create <name>')
    .description('make an API key')
    .option('--scopes <list>', 'separated by commas (default: all)', (list: string) => list.split(','))
    .addOption(workspaceOption())
    .action((name: string, options: InWorkspace & { scopes?: string[] }) =>
      withDomain(options, async (domain) =>
        printNew(await domain.keys.createApiKey({ name, scopes: options.scopes ?? SCOPES })),
      ),
    );
  addCommon(apiKeys, 'api', 'revoke');
}

function addCommon(command: Command, kind: KeyKind, end: string): void {
  command
    .command('list')
    .description('the keys there are, the newest first')
    .addOption(workspaceOption())
    .action((options: InWorkspace) =>
      withDomain(options, async (domain) => printList(await domain.keys.listKeys({ kind }))),
    );
  command
    .command('rotate <id>')
    .description('make a successor; both work until the overlap ends')
    .option('--overlap-hours <hours>', 'how long the old key still works', parseHours, DEFAULT_OVERLAP_HOURS)
    .addOption(workspaceOption())
    .action((id: string, options: InWorkspace & { overlapHours: number }) =>
      withDomain(options, async (domain) =>
        printNew(await domain.keys.rotateKey({ kind, id: checkId(id), overlapHours: options.overlapHours })),
      ),
    );
  command
    .command(`${end} <id>`)
    .description('end a key: its very next request is refused')
    .addOption(workspaceOption())
    .action((id: string, options: InWorkspace) =>
      withDomain(options, async (domain) => printList([await domain.keys.invalidateKey({ kind, id: checkId(id) })])),
    );
}

function parseHours(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('Not a number of hours.');
  return value;
}

/** What is no id at all is the id of no key; the database would not even compare it. */
function checkId(id: string): string {
  if (!isUuid(id)) throw fail('NOT_FOUND', 'There is no such key: `list` shows the ids.');
  return id;
}

function printNew({ key, secret }: NewKey): void {
  process.stdout.write(`id      ${key.id}\nsecret  ${secret}\n        Keep it: it is shown this once.\n`);
}

function printList(keys: readonly Key[]): void {
  if (keys.length === 0) {
    process.stdout.write('There are none.\n');
    return;
  }
  const isApi = keys[0]?.kind === 'api';
  const head = ['id', isApi ? 'scopes' : 'partner', 'begins with', 'state', 'created (UTC)', 'last used', 'name'];
  const rows = keys.map((key) => [
    key.id,
    key.partner ?? formatScopes(key.scopes),
    key.prefix,
    key.state,
    formatTime(key.createdAt),
    formatTime(key.lastUsedAt),
    key.name ?? '',
  ]);
  process.stdout.write(formatTable([head, ...rows]));
}

function formatScopes(scopes: readonly string[]): string {
  return scopes.length === SCOPES.length ? 'all' : scopes.join(',');
}
