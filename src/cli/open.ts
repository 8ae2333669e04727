import { pino } from 'pino';
import { createMuster, type DatabaseOption, type Muster } from '../app.ts';
import { type Config, readConfig } from '../config.ts';

/** Where the environment says the data is. */
export function databaseOf(config: Config): DatabaseOption {
  return config.databaseUrl ? { url: config.databaseUrl } : { folder: config.dataDir };
}

/** Opens Muster as the environment says, for a command that is not the server. */
export async function openFromEnvironment(): Promise<Muster> {
  const config = readConfig();
  return createMuster({ database: databaseOf(config), log: pino({ level: config.logLevel }, pino.destination(2)) });
}

/** Runs a command over an open Muster and closes it whatever happens. */
export async function withMuster(work: (muster: Muster) => Promise<void>): Promise<void> {
  const muster = await openFromEnvironment();
  try {
    await work(muster);
  } finally {
    await muster.close();
  }
}
