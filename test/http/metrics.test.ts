import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { IngestEvent } from '../../src/domain/context.ts';
import { partnerEndpoints } from '../../src/domain/keys/endpoints.ts';
import { createMetrics, type MetricsSources } from '../../src/http/metrics.ts';
import { openTestApp, post, type TestApp } from '../support/app.ts';
import { DATABASES } from '../support/database.ts';
import { adds, command, removes, seedIdentified } from '../support/seed.ts';

const NOTHING = { accepted: 0, oldestAcceptedSeconds: 0, held: 0, openReplacements: 0, runningPulls: 0 };
const sources: MetricsSources = {
  backlog: async () => NOTHING,
  inHand: () => ({ requests: 0, identifiers: 0 }),
  bodyBytes: () => 0,
};

const event = (rest: Partial<IngestEvent>): IngestEvent => ({
  dialect: 'braze',
  outcome: 'applied',
  received: 0,
  matched: 0,
  held: 0,
  ignored: 0,
  added: 0,
  removed: 0,
  unchanged: 0,
  durationMs: 1,
  ...rest,
});

/** Every sample by its name and labels. */
function samplesOf(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

describe('what is counted', () => {
  test('is each request with its verdicts and changes, and how long it took', async () => {
    const metrics = createMetrics(sources);
    const counts = { received: 10, matched: 7, held: 2, ignored: 1, added: 4, removed: 1, unchanged: 2 };
    metrics.observer.ingested(event({ ...counts, durationMs: 40 }));
    metrics.observer.ingested(event({ ...counts, durationMs: 3_000 }));
    metrics.observer.ingested(event({ outcome: 'UNAUTHENTICATED' }));
    const samples = samplesOf(await metrics.render());
    expect(
      Object.fromEntries([...samples].filter(([name]) => /^muster_ingest_(requests|ident|changes)/.test(name))),
    ).toEqual({
      'muster_ingest_requests_total{dialect="braze",outcome="applied"}': 2,
      'muster_ingest_requests_total{dialect="braze",outcome="UNAUTHENTICATED"}': 1,
      'muster_ingest_identifiers_total{dialect="braze",verdict="matched"}': 14,
      'muster_ingest_identifiers_total{dialect="braze",verdict="held"}': 4,
      'muster_ingest_identifiers_total{dialect="braze",verdict="ignored"}': 2,
      'muster_ingest_changes_total{dialect="braze",change="added"}': 8,
      'muster_ingest_changes_total{dialect="braze",change="removed"}': 2,
      'muster_ingest_changes_total{dialect="braze",change="unchanged"}': 4,
    });
    const upTo = (le: string) => samples.get(`muster_ingest_duration_seconds_bucket{le="${le}",dialect="braze"}`);
    expect(['0.005', '0.05', '2.5', '5', '10', '+Inf'].map(upTo)).toEqual([1, 2, 2, 3, 3, 3]);
  });

  test.each([
    ...new Set(partnerEndpoints('amplitude').map(({ dialect }) => dialect)),
    'amplitude_pull',
    'graphql',
    'library',
    'file',
  ])('is counted apart for %s', async (dialect) => {
    const metrics = createMetrics(sources);
    metrics.observer.ingested(event({ dialect }));
    const samples = samplesOf(await metrics.render());
    expect(samples.get(`muster_ingest_requests_total{dialect="${dialect}",outcome="applied"}`)).toBe(1);
  });

  test('has no more series for it when senders make names up', async () => {
    const metrics = createMetrics(sources);
    for (let i = 0; i < 50; i++) metrics.observer.ingested(event({ dialect: `made up ${i}`, outcome: `odd ${i}` }));
    const samples = samplesOf(await metrics.render());
    expect(samples.get('muster_ingest_requests_total{dialect="other",outcome="other"}')).toBe(50);
    expect([...samples.keys()].filter((name) => name.includes('made up') || name.includes('odd'))).toEqual([]);
  });

  test('never makes the request fail that is counted', async () => {
    const metrics = createMetrics(sources);
    metrics.observer.ingested(event({ matched: Number.NaN, added: -1, durationMs: Number.POSITIVE_INFINITY }));
    const samples = samplesOf(await metrics.render());
    expect(samples.get('muster_ingest_requests_total{dialect="braze",outcome="applied"}')).toBe(1);
  });

  test('is each Muster by itself; the figures of the process are there once', async () => {
    const [one, two] = [createMetrics(sources), createMetrics(sources)];
    one.observer.ingested(event({}));
    const text = await two.render();
    expect(samplesOf(text).has('muster_ingest_requests_total{dialect="braze",outcome="applied"}')).toBe(false);
    for (const name of ['nodejs_eventloop_lag_p99_seconds', 'process_resident_memory_bytes'])
      expect(text.match(new RegExp(`^${name} `, 'gm'))).toHaveLength(1);
  });
});

describe('the database', () => {
  test('is asked once for scrapes that come together or soon after each other', async () => {
    let asked = 0;
    const metrics = createMetrics({ ...sources, backlog: async () => ({ ...NOTHING, accepted: ++asked }) });
    const texts = [...(await Promise.all([metrics.render(), metrics.render()])), await metrics.render()];
    expect(texts.map((text) => samplesOf(text).get('muster_accepted_changes'))).toEqual([1, 1, 1]);
  });

  test.each([
    ['fails', () => Promise.reject(new Error('gone'))],
    ['never answers', () => new Promise<never>(() => {})],
  ])('that %s costs its own figures only', async (_, backlog) => {
    const metrics = createMetrics({ ...sources, backlog, inHand: () => ({ requests: 3, identifiers: 40 }) });
    const samples = samplesOf(await metrics.render());
    expect(samples.get('muster_database_up')).toBe(0);
    expect(samples.get('muster_accepted_changes')).toBeNaN();
    expect(samples.get('muster_ingest_in_hand_identifiers')).toBe(40);
    expect(samples.get('process_resident_memory_bytes')).toBeGreaterThan(0);
  });
});

describe.each(DATABASES)('/metrics on %s', (kind) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await openTestApp(kind);
  });
  afterAll(() => app.close());

  const scrape = async () => {
    const response = await app.muster.fetch(new Request('http://muster.test/metrics'));
    expect([response.status, response.headers.get('content-type')]).toEqual([
      200,
      'text/plain; version=0.0.4; charset=utf-8',
    ]);
    return response.text();
  };

  test('tells what came of requests and what waits, and names nobody', async () => {
    const ws = await app.workspace();
    await seedIdentified(ws.ctx, 'ada', 'bob');
    const key = await ws.importKey('hightouch');
    const send = (secret: string, change: object) =>
      post(app.muster.fetch, '/partners/hightouch/cohorts/users', {
        client_secret: secret,
        cohort_id: 'secret-cohort',
        cohort_changes: [change],
      });
    expect((await send(key, { user_ids: ['ada', 'bob', 'stranger'] })).status).toBe(201);
    expect((await send(key, { user_ids: ['ada'] })).status).toBe(201);
    expect((await send('wrong', { user_ids: ['ada'] })).status).toBe(401);
    expect((await send(key, { user_ids: [7] })).status).toBe(400);
    await ws.domain.cohorts.applyChanges(
      command('c', [adds({ externalIds: ['ada'] }), removes({ externalIds: ['bob'] })], {
        source: { dialect: 'library' },
      }),
    );

    const text = await scrape();
    const samples = samplesOf(text);
    const at = (name: string) => samples.get(`muster_ingest_${name}`);
    expect(at('requests_total{dialect="braze",outcome="applied"}')).toBe(2);
    expect(at('requests_total{dialect="braze",outcome="UNAUTHENTICATED"}')).toBe(1);
    expect(at('requests_total{dialect="braze",outcome="INVALID_INPUT"}')).toBe(1);
    expect(at('requests_total{dialect="library",outcome="applied"}')).toBe(1);
    expect(at('identifiers_total{dialect="braze",verdict="matched"}')).toBe(3);
    expect(at('identifiers_total{dialect="braze",verdict="held"}')).toBe(1);
    expect(at('changes_total{dialect="braze",change="added"}')).toBe(2);
    expect(at('changes_total{dialect="braze",change="unchanged"}')).toBe(1);
    expect(samples.get('muster_database_up')).toBe(1);
    expect(samples.get('muster_accepted_changes')).toBe(0);
    expect(text).not.toMatch(/secret-cohort|hightouch|ada|stranger|muster_import|workspace/);
  });
});

test('every figure that the guide names is served, and every one of ours is in the guide', async () => {
  const guide = readFileSync(new URL('../../docs/operating.md', import.meta.url), 'utf8');
  const text = await createMetrics(sources).render();
  const served = [...text.matchAll(/^# TYPE (muster_\w+) /gm)].map(([, name]) => name);
  const named = new Set([...guide.matchAll(/\bmuster_[a-z_]+/g)].map(([name]) => name));
  expect([...named].sort()).toEqual(served.sort());
});

test('/metrics is not there where the host wants none', async () => {
  const app = await openTestApp('pglite', { metrics: false });
  const response = await app.muster.fetch(new Request('http://muster.test/metrics'));
  await app.close();
  expect(response.status).toBe(404);
});
