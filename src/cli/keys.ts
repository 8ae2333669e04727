import { type Command, InvalidArgumentError } from 'commander';
import type { Key, NewKey } from '../domain/keys/key.ts';
import { DEFAULT_OVERLAP_HOURS } from '../domain/keys/key.ts';
import { SCOPES } from '../domain/keys/scopes.ts';
import type { KeyKind } from '../domain/keys/secret.ts';
import { withMuster } from './open.ts';

/** `muster keys ...` for data import keys and `muster api-keys ...` for API keys. */
export function addKeyCommands(program: Command): void {
  const keys = program.command('keys').description('data import keys: a partner imports cohorts with them');
  keys
    .command('generate <partner>')
    .description('make a data import key, for example for amplitude')
    .option('--name <name>', 'for people')
    .action((partner: string, options: { name?: string }) =>
      withMuster(async (muster) =>
        printNew(await muster.domain().keys.generateDataImportKey({ partner, name: options.name })),
      ),
    );
  addCommon(keys, 'data_import', 'invalidate');

  const apiKeys = program.command('api-keys').description('API keys: for GraphQL and exports');
  apiKeys
    .command('create <name>')
    .description('make an API key')
    .option('--scopes <list>', 'separated by commas', (list: string) => list.split(','), [...SCOPES])
    .action((name: string, options: { scopes: string[] }) =>
      withMuster(async (muster) => printNew(await muster.domain().keys.createApiKey({ name, scopes: options.scopes }))),
    );
  addCommon(apiKeys, 'api', 'revoke');
}

function addCommon(command: Command, kind: KeyKind, end: string): void {
  command
    .command('list')
    .description('the keys there are, the newest first')
    .action(() => withMuster(async (muster) => printList(await muster.domain().keys.listKeys({ kind }))));
  command
    .command('rotate <id>')
    .description('make a successor; both work until the overlap ends')
    .option('--overlap-hours <hours>', 'how long the old key still works', hours, DEFAULT_OVERLAP_HOURS)
    .action((id: string, options: { overlapHours: number }) =>
      withMuster(async (muster) =>
        printNew(await muster.domain().keys.rotateKey({ kind, id, overlapHours: options.overlapHours })),
      ),
    );
  command
    .command(`${end} <id>`)
    .description('end a key: its very next request is refused')
    .action((id: string) =>
      withMuster(async (muster) => printList([await muster.domain().keys.invalidateKey({ kind, id })])),
    );
}

function hours(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value)) throw new InvalidArgumentError('Not a number of hours.');
  return value;
}

function printNew({ key, secret }: NewKey): void {
  process.stdout.write(`id      ${key.id}\nsecret  ${secret}\n        Keep it: it is shown this once.\n`);
}

function printList(keys: readonly Key[]): void {
  if (keys.length === 0) process.stdout.write('There are none.\n');
  const time = (date: Date | null) => date?.toISOString().slice(0, 16).replace('T', ' ') ?? '-';
  const rows = keys.map((k) => [
    k.id,
    k.partner ?? k.scopes.join(','),
    k.prefix,
    k.state,
    time(k.createdAt),
    time(k.lastUsedAt),
    k.name ?? '',
  ]);
  const head = [
    'id',
    keys[0]?.kind === 'api' ? 'scopes' : 'partner',
    'begins with',
    'state',
    'created (UTC)',
    'last used',
    'name',
  ];
  if (rows.length > 0) process.stdout.write(formatTable([head, ...rows]));
}

function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0))) ?? [];
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell.padEnd(widths[i] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}
