import type { Hono } from 'hono';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { IngestEvent, Observer } from '../domain/context.ts';
import { CODES } from '../domain/errors.ts';
import type { Backlog } from '../domain/jobs/backlog.ts';

// What Prometheus is told. Labels come from closed lists: neither a sender nor a tenant can make a new series, and none names a
// workspace, a key, a cohort or a person.

const DIALECTS = new Set([
  'braze',
  'amplitude_webhook',
  'amplitude_list',
  'amplitude_property',
  'amplitude_pull',
  'mixpanel',
  'graphql',
  'library',
  'file',
]);
const OUTCOMES = new Set(['applied', 'duplicate', 'queued', 'held', 'INTERNAL', ...Object.keys(CODES)]);

/** From what a small request takes to what nobody waits for. */
const DURATION_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** How long one reading of the database serves scrapes: several scrapers cost it no more than one. */
const BACKLOG_FRESH_MS = 5_000;
/** Scrapers wait ten seconds as a rule. The rest of the figures must not be lost with those of a database that does not answer. */
const BACKLOG_PATIENCE_MS = 2_000;

/** Where the gauges are read from when somebody asks. */
export interface MetricsSources {
  readonly backlog: () => Promise<Backlog>;
  /** Requests and identifiers that are being applied or wait for it, in this process. */
  readonly inHand: () => { readonly requests: number; readonly identifiers: number };
  /** Bytes of request bodies that were read and are not answered yet. */
  readonly bodyBytes: () => number;
}

export interface Metrics {
  readonly observer: Observer;
  /** The figures in Prometheus' text form. */
  render(): Promise<string>;
}

/** The metrics of one Muster. Those of the process are shared by all Musters in it. */
export function createMetrics(sources: MetricsSources): Metrics {
  const registry = new Registry();
  const observer = countIngest(registry);
  const readGauges = addGauges(registry, sources);
  return {
    observer,
    render: async () => {
      await readGauges();
      return `${await registry.metrics()}\n${await processRegistry().metrics()}`;
    },
  };
}

/** Serves `/metrics`. */
export function mountMetrics(app: Hono, metrics: Metrics): void {
  app.get('/metrics', async (c) =>
    c.body(await metrics.render(), 200, { 'content-type': Registry.PROMETHEUS_CONTENT_TYPE }),
  );
}

function countIngest(registry: Registry): Observer {
  const registers = [registry];
  const requests = new Counter({
    name: 'muster_ingest_requests_total',
    help: 'Requests that change cohorts, by wire form and by what became of them: applied, duplicate, queued, held, or an error code.',
    labelNames: ['dialect', 'outcome'],
    registers,
  });
  const identifiers = new Counter({
    name: 'muster_ingest_identifiers_total',
    help: 'Identifiers in applied requests: matched a user, held until their user appears, or ignored.',
    labelNames: ['dialect', 'verdict'],
    registers,
  });
  const changes = new Counter({
    name: 'muster_ingest_changes_total',
    help: 'Users in applied requests: added, removed, or unchanged because they were so already.',
    labelNames: ['dialect', 'change'],
    registers,
  });
  const duration = new Histogram({
    name: 'muster_ingest_duration_seconds',
    help: 'How long requests that change cohorts took, refused ones included.',
    labelNames: ['dialect'],
    buckets: DURATION_BUCKETS_SECONDS,
    registers,
  });
  return {
    ingested: (event: IngestEvent) => {
      const dialect = known(DIALECTS, event.dialect);
      requests.inc({ dialect, outcome: known(OUTCOMES, event.outcome) });
      for (const verdict of ['matched', 'held', 'ignored'] as const)
        identifiers.inc({ dialect, verdict }, count(event[verdict]));
      for (const change of ['added', 'removed', 'unchanged'] as const)
        changes.inc({ dialect, change }, count(event[change]));
      duration.observe({ dialect }, count(event.durationMs) / 1000);
    },
  };
}

/** Adds the gauges and answers what brings them up to date. */
function addGauges(registry: Registry, sources: MetricsSources): () => Promise<void> {
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers: [registry] });
  const inHandRequests = gauge(
    'muster_ingest_in_hand_requests',
    'Requests that this process is applying or that wait in it for their turn.',
  );
  const inHandIdentifiers = gauge('muster_ingest_in_hand_identifiers', 'Identifiers in those requests.');
  const bodyBytes = gauge('muster_http_body_bytes', 'Bytes of request bodies that were read and are not answered yet.');
  const databaseUp = gauge(
    'muster_database_up',
    '1 when the database said what waits in it; 0 when it did not in time.',
  );
  const backlog = {
    accepted: gauge('muster_accepted_changes', 'Requests that were acknowledged and are not applied yet.'),
    oldestAcceptedSeconds: gauge('muster_accepted_oldest_seconds', 'How long the first of those has waited.'),
    held: gauge('muster_held_changes', 'Changes that wait for approval because they would shrink a cohort too much.'),
    openReplacements: gauge(
      'muster_open_replacements',
      'Whole lists that are being sent and are neither committed nor abandoned.',
    ),
    runningPulls: gauge('muster_running_pulls', 'Cohorts that are being fetched from their sender.'),
  };
  const read = fresh(sources.backlog);
  return async () => {
    const { requests, identifiers } = sources.inHand();
    inHandRequests.set(requests);
    inHandIdentifiers.set(identifiers);
    bodyBytes.set(sources.bodyBytes());
    const found = await read();
    databaseUp.set(found ? 1 : 0);
    for (const name of Object.keys(backlog) as (keyof Backlog)[]) backlog[name].set(found?.[name] ?? Number.NaN);
  };
}

/** Reads at most now and then, never twice at once, and answers null when that fails or takes too long. */
function fresh(read: () => Promise<Backlog>): () => Promise<Backlog | null> {
  let reading: Promise<Backlog | null> = Promise.resolve(null);
  let isReading = false;
  let readAt = Number.NEGATIVE_INFINITY;
  return () => {
    if (!isReading && performance.now() - readAt > BACKLOG_FRESH_MS) {
      isReading = true;
      reading = read()
        .catch(() => null)
        .finally(() => {
          isReading = false;
          readAt = performance.now();
        });
    }
    return inTime(reading);
  };
}

async function inTime<T>(work: Promise<T | null>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, BACKLOG_PATIENCE_MS, null);
  });
  try {
    return await Promise.race([work, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

let ofProcess: Registry | undefined;

/** Memory, processor time, the lag of the event loop. Their probes can never be taken down, so they are put up once, for the first scrape. */
function processRegistry(): Registry {
  if (!ofProcess) {
    ofProcess = new Registry();
    collectDefaultMetrics({ register: ofProcess });
  }
  return ofProcess;
}

function known(names: ReadonlySet<string>, name: string): string {
  return names.has(name) ? name : 'other';
}

/** What a counter takes. It throws at anything else, and a request that is committed must not fail because it could not be counted. */
function count(value: number): number {
  return value > 0 && Number.isFinite(value) ? value : 0;
}
