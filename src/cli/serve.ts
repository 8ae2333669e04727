import { pino } from 'pino';
import { createMuster, type Muster } from '../app.ts';
import { type Config, readConfig } from '../config.ts';
import { SCOPES } from '../domain/keys/scopes.ts';
import { listen, type RunningServer } from '../server.ts';
import { databaseOf } from './open.ts';
import { stopOnSignal } from './signals.ts';
import { endOnSurprise } from './surprises.ts';

export interface ServeOptions {
  /** Serves GraphiQL. */
  readonly dev?: boolean;
}

/** Starts the server as the environment says, says where it is, and runs until a signal comes. */
export async function serve(options: ServeOptions): Promise<void> {
  const config = readConfig();
  const log = pino({ level: config.logLevel }, pino.destination(2));
  endOnSurprise(log);
  const muster = await createMuster({
    database: databaseOf(config),
    partnerApiKeys: config.partnerApiKeys,
    amplitude: config.amplitude,
    graphiql: options.dev ?? false,
    metrics: config.metrics,
    log,
    ...(config.apiKey === undefined ? {} : { apiKey: config.apiKey }),
  });
  try {
    // A key that nobody could use would be lost if the port were taken, so the port comes first.
    const server = await listen(muster, config);
    stopOnSignal(server, log);
    process.stdout.write(await welcome(muster, server, config, options));
  } catch (error) {
    await muster.close();
    throw error;
  }
}

async function welcome(muster: Muster, server: RunningServer, config: Config, options: ServeOptions): Promise<string> {
  const lines = [
    '',
    '  Muster is running.',
    '',
    `  GraphQL        ${server.url}/graphql${options.dev ? '  (open it in a browser for GraphiQL)' : ''}`,
    `  REST endpoint  ${server.url}  (paste into Amplitude; cohorts arrive at /partners/amplitude/cohorts)`,
    `  Data           ${config.databaseUrl ? 'PostgreSQL of DATABASE_URL' : config.dataDir}`,
  ];
  lines.push(...(await firstKey(muster, config)));
  return `${lines.join('\n')}\n\n`;
}

/**
 * Whoever starts an empty server needs a way in. Not only at the very first start: that one may have failed later on, or have been another
 * command.
 */
async function firstKey(muster: Muster, config: Config): Promise<string[]> {
  const lines = muster.isFirstStart ? ['', '  First start: made the workspace "default".'] : [''];
  if (config.apiKey !== undefined)
    return muster.isFirstStart ? [...lines, '  MUSTER_API_KEY has every scope of it.'] : [];
  const { keys } = muster.domain();
  if ((await keys.listKeys({ kind: 'api' })).length > 0) return [];
  const { secret } = await keys.createApiKey({ name: 'first start', scopes: SCOPES });
  return [
    ...lines,
    `  API key        ${secret}`,
    '                 Keep it: it is shown this once. More are made with `muster api-keys create`.',
  ];
}
