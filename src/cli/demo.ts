import { relative, resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { pino } from 'pino';
import { createMuster, type Muster } from '../app.ts';
import { type Config, readConfig } from '../config.ts';
import type { Domain } from '../domain/index.ts';
import { SCOPES } from '../domain/keys/scopes.ts';
import { ListenError, listen, type RunningServer } from '../server.ts';
import { type DemoTarget, pushCohort } from './demo/client.ts';
import { DEMO_COHORTS, movementsOf } from './demo/cohorts.ts';
import { emptyDemoFolder } from './demo/folder.ts';
import { personOf } from './demo/people.ts';
import { done, say, stage } from './demo/stage.ts';
import { tellStory } from './demo/story.ts';
import { formatCount, formatDuration } from './progress.ts';
import { stopOnSignal } from './signals.ts';
import { bold, dim } from './style.ts';

/** How many users the demo has unless told otherwise. */
export const DEMO_USERS = 100_000;
/** Users of one upsert. */
const UPSERT_USERS = 2_500;
/** How many ports after the first one are tried. */
const PORTS = 20;
const log = pino({ level: 'warn' }, pino.destination(2));

/**
 * The showcase: users and cohorts made up from a seed, pushed through the server's own HTTP, and the segment of the product's story saved
 * and read. It has a data folder of its own, made anew at each start; on PostgreSQL, a new workspace. The server stays until a signal.
 */
export async function runDemo(options: { readonly users: number }): Promise<void> {
  const config = readConfig();
  const folder = `${resolve(config.dataDir)}-demo`;
  say();
  say(bold('Muster: who is in this segment, exactly, now?'));
  say(
    dim(
      config.databaseUrl
        ? 'data: a new workspace on the PostgreSQL of DATABASE_URL'
        : `data: ${shortPath(folder)}, made anew`,
    ),
  );
  say();
  const startedAt = performance.now();
  const { muster, domain } = await openDemo(config, folder);
  let server: RunningServer | undefined;
  try {
    server = await listenSomewhere(muster, config);
    stopOnSignal(server, log);
    const target = await makeKeys(server.url, domain);
    done('Server', `${server.url}, up in ${formatDuration(performance.now() - startedAt)}`);
    await loadUsers(domain, options.users);
    await pushCohorts(target, options.users);
    await tellStory(target);
  } catch (error) {
    await (server?.stop() ?? muster.close());
    throw error;
  }
}

function shortPath(path: string): string {
  const short = relative('', path);
  return short.startsWith('..') ? path : short;
}

async function openDemo(config: Config, folder: string): Promise<{ muster: Muster; domain: Domain }> {
  const common = { graphiql: true, log };
  if (!config.databaseUrl) {
    await emptyDemoFolder(folder);
    const muster = await createMuster({ ...common, database: { folder } });
    return { muster, domain: muster.domain() };
  }
  const muster = await createMuster({ ...common, database: { url: config.databaseUrl } });
  const name = `Demo of ${new Date().toISOString()}`;
  const workspace = await muster.domain().workspaces.createWorkspace({ name });
  return { muster, domain: muster.domain(workspace?.id) };
}

async function listenSomewhere(muster: Muster, { host, port }: Config): Promise<RunningServer> {
  for (let tried = 0; ; tried++) {
    try {
      return await listen(muster, { host, port: port === 0 ? 0 : port + tried });
    } catch (error) {
      if (!(error instanceof ListenError) || tried === PORTS) throw error;
    }
  }
}

async function makeKeys(url: string, { keys }: Domain): Promise<DemoTarget> {
  const api = await keys.createApiKey({ name: 'demo', scopes: SCOPES });
  const dataImport = await keys.generateDataImportKey({ partner: 'amplitude', name: 'demo' });
  return { url, apiKey: api.secret, importKey: dataImport.secret };
}

async function loadUsers({ users }: Domain, count: number): Promise<void> {
  await stage({ label: 'Users', total: count }, async (progress) => {
    const startedAt = performance.now();
    const rate = (done: number) => `${formatCount((done * 1_000) / (performance.now() - startedAt))}/s`;
    for (let from = 0; from < count; from += UPSERT_USERS) {
      const size = Math.min(UPSERT_USERS, count - from);
      await users.upsertUsers({ users: Array.from({ length: size }, (_, i) => personOf(from + i)) });
      // The embedded database answers without the event loop, which also has signals to hear.
      await setImmediate();
      progress.update(from + size, `${formatCount(from + size)} users, ${rate(from + size)}`);
    }
    return `${formatCount(count)} loaded in ${formatDuration(performance.now() - startedAt)} (${rate(count)})`;
  });
}

async function pushCohorts(target: DemoTarget, population: number): Promise<void> {
  const movements = movementsOf(population);
  const total = movements.reduce((sum, { joining, leaving }) => sum + joining.length + leaving.length, 0);
  await stage({ label: 'Cohorts', total }, async (progress) => {
    const startedAt = performance.now();
    let sent = 0;
    let requests = 0;
    const rate = () => `${formatCount((sent * 1_000) / (performance.now() - startedAt))}/s`;
    for (const movement of movements)
      await pushCohort(target, movement, (count) => {
        sent += count;
        requests++;
        progress.update(sent, `${formatCount(sent)} identifiers, ${rate()}, ${movement.cohort.name}`);
      });
    const took = formatDuration(performance.now() - startedAt);
    return `${DEMO_COHORTS.length} pushed over HTTP in ${took}: ${formatCount(sent)} identifiers in ${requests} requests (${rate()})`;
  });
}
