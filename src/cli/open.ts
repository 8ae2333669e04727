import { InvalidArgumentError, Option } from 'commander';
import { pino } from 'pino';
import { createMuster, type DatabaseOption, type Muster, type MusterOptions } from '../app.ts';
import { type Config, readConfig } from '../config.ts';
import type { Actor } from '../domain/context.ts';
import type { Domain } from '../domain/index.ts';

/** Who a command is for, in the audit log: whoever may run it on the server's machine. */
const COMMAND_LINE: Actor = { kind: 'command_line', id: null, name: null };

/** Where the environment says the data is. */
export function databaseOf(config: Config): DatabaseOption {
  return config.databaseUrl ? { url: config.databaseUrl } : { folder: config.dataDir };
}

/** Opens Muster as the environment says, for a command that is not the server. */
export async function openFromEnvironment(rest: MusterOptions = {}): Promise<Muster> {
  const config = readConfig();
  return createMuster({
    database: databaseOf(config),
    amplitude: config.amplitude,
    log: pino({ level: config.logLevel }, pino.destination(2)),
    ...rest,
  });
}

/** Runs a command over an open Muster and closes it whatever happens. */
export async function withMuster(work: (muster: Muster) => Promise<void>, rest: MusterOptions = {}): Promise<void> {
  const muster = await openFromEnvironment(rest);
  try {
    await work(muster);
  } finally {
    await muster.close();
  }
}

/** The options of a command about one workspace. */
export interface InWorkspace {
  readonly workspace?: number;
}

/** `--workspace <id>`, of every command about one workspace. */
export function workspaceOption(): Option {
  return new Option('--workspace <id>', 'which workspace (default: the first)').argParser((text) => {
    const id = Number(text);
    if (!(Number.isInteger(id) && id > 0 && id < 2 ** 31))
      throw new InvalidArgumentError('Not the number of a workspace.');
    return id;
  });
}

/** Runs a command about one workspace. Errors: NOT_FOUND when there is no such workspace. */
export async function withDomain(
  options: InWorkspace,
  work: (domain: Domain) => Promise<void>,
  rest: MusterOptions = {},
): Promise<void> {
  await withMuster(async (muster) => {
    const domain = muster.domain(options.workspace, COMMAND_LINE);
    await domain.workspaces.getWorkspace();
    await work(domain);
  }, rest);
}
