import { createServer } from 'node:http';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type AmplitudeApi, amplitudeApi, type Sleep } from '../../src/pull/amplitude-api.ts';
import { PullFault } from '../../src/pull/fault.ts';
import { type AmplitudeSettings, readAccounts } from '../../src/pull/settings.ts';
import { type AmplitudeServer, csvOf, openAmplitudeServer } from '../support/amplitude-server.ts';

describe('the client of Amplitude', () => {
  let amplitude: AmplitudeServer;
  let waits: number[];
  let stop: AbortController;
  beforeEach(async () => {
    amplitude = await openAmplitudeServer();
    waits = [];
    stop = new AbortController();
  });
  afterEach(() => amplitude.close());

  const sleep: Sleep = async (ms) => void waits.push(ms);
  function apiOf(settings: AmplitudeSettings = amplitude.settings): AmplitudeApi {
    const account = readAccounts(settings, 1).get(1);
    if (!account) throw new Error('Settings are an account.');
    return amplitudeApi(account, { now: () => new Date('2026-03-01T12:00:00Z'), sleep, stop: stop.signal });
  }
  async function faultOf(call: Promise<unknown>): Promise<PullFault> {
    const fault = await call.then(
      () => null,
      (error: unknown) => error,
    );
    if (!(fault instanceof PullFault)) throw new Error(`Not a fault: ${String(fault)}`);
    expect(fault.message).not.toMatch(/project-key|project-secret/);
    return fault;
  }
  async function readyJob(api: AmplitudeApi): Promise<string> {
    const job = await api.requestCohort('c 1/ä');
    while (!(await api.isReady(job)));
    return job;
  }

  test('lists, requests, looks and downloads as documented, with the keys in each call', async () => {
    amplitude.put({
      id: 'c 1/ä',
      name: 'Power users',
      size: 2,
      users: ['ada', 'grace'],
      syncs: [{ target: 'braze', frequency: 'hourly', last_successful: '2026-01-01T00:00:00Z', last_failure: null }],
    });
    amplitude.behaviour.looks = 2;
    const api = apiOf();
    expect(await api.listCohorts()).toMatchObject([
      { id: 'c 1/ä', name: 'Power users', size: 2, syncMetadata: [{ target: 'braze', frequency: 'hourly' }] },
    ]);
    const job = await api.requestCohort('c 1/ä');
    expect(await api.isReady(job)).toBe(false);
    expect(await api.isReady(job)).toBe(true);
    expect(await text(await api.openFile(job))).toBe(csvOf(['ada', 'grace']));
    expect(amplitude.calls.map(({ path }) => path)).toEqual([
      '/api/3/cohorts?includeSyncInfo=true',
      '/api/5/cohorts/request/c%201%2F%C3%A4',
      `/api/5/cohorts/request-status/${job}`,
      `/api/5/cohorts/request-status/${job}`,
      `/api/5/cohorts/request/${job}/file`,
    ]);
    const basic = `Basic ${Buffer.from('project-key:project-secret').toString('base64')}`;
    expect(new Set(amplitude.calls.map(({ authorization }) => authorization))).toEqual(new Set([basic]));
    expect(waits).toEqual([]);
  });

  test.each(['none', 'encoding', 'file', 'both'] as const)('takes a file that is compressed: %s', async (gzip) => {
    amplitude.put({ id: 'c 1/ä', users: ['ada'] });
    amplitude.behaviour.gzip = gzip;
    for (const delivery of ['body', 'redirect'] as const) {
      amplitude.behaviour.delivery = delivery;
      const api = apiOf();
      expect(await text(await api.openFile(await readyJob(api)))).toBe(csvOf(['ada']));
    }
  });

  test('takes files that are empty or of one byte', async () => {
    for (const file of ['', 'x', '\u001f']) {
      amplitude.put({ id: 'c 1/ä', file });
      amplitude.behaviour.gzip = 'none';
      const api = apiOf();
      expect(await text(await api.openFile(await readyJob(api)))).toBe(file);
    }
  });

  test('shows the keys to Amplitude only, not to the storage it redirects to', async () => {
    amplitude.put({ id: 'c 1/ä', users: ['ada'] });
    amplitude.behaviour.delivery = 'redirect';
    const api = apiOf();
    await text(await api.openFile(await readyJob(api)));
    expect(amplitude.count('storage')).toBe(1);
    for (const { call, authorization } of amplitude.calls) expect(authorization === null).toBe(call === 'storage');
  });

  test('asks Amplitude for a new link when the one to the storage is over', async () => {
    amplitude.put({ id: 'c 1/ä', users: ['ada'] });
    amplitude.behaviour.delivery = 'redirect';
    amplitude.fail('storage', { status: 403 });
    const api = apiOf();
    expect(await text(await api.openFile(await readyJob(api)))).toBe(csvOf(['ada']));
    expect([amplitude.count('file'), amplitude.count('storage')]).toEqual([2, 2]);
  });

  test.each([
    ['encoding', 'body'],
    ['encoding', 'redirect'],
    ['file', 'body'],
    ['both', 'redirect'],
  ] as const)('never takes a gzip file that breaks off for a whole one: %s, %s', async (gzip, delivery) => {
    amplitude.put({ id: 'c 1/ä', users: Array.from({ length: 5_000 }, (_, i) => `user ${i * 7_919}`) });
    Object.assign(amplitude.behaviour, { gzip, delivery });
    const api = apiOf();
    const job = await readyJob(api);
    for (const missing of [1, 8, 9, 1_000, 10_000]) {
      amplitude.behaviour.missing = missing;
      const read = async (): Promise<string> => text((await api.openFile(job)) as Readable);
      await expect(read()).rejects.toThrow(/unexpected end of file/);
    }
  });

  test('each region knows its own keys, and the wrong ones are told so', async () => {
    const eu = await openAmplitudeServer({ apiKey: 'eu-key', secretKey: 'eu-secret' });
    try {
      eu.put({ id: 'theirs' });
      amplitude.put({ id: 'ours' });
      expect(await apiOf(eu.settings).listCohorts()).toMatchObject([{ id: 'theirs' }]);
      expect(await apiOf().listCohorts()).toMatchObject([{ id: 'ours' }]);
      const fault = await faultOf(apiOf({ ...eu.settings, baseUrl: amplitude.settings.baseUrl }).listCohorts());
      expect(fault.message).toMatch(/refuses the keys \(403\).*other region/);
      expect(waits).toEqual([]);
    } finally {
      await eu.close();
    }
  });

  test('waits as long as Amplitude asks, and ever longer where it does not say', async () => {
    amplitude.fail('list', { status: 429, retryAfter: '7' }, { status: 500 }, { break: true });
    amplitude.fail('list', { status: 429, retryAfter: 'Sun, 01 Mar 2026 12:00:09 GMT' });
    await apiOf().listCohorts();
    expect(waits).toEqual([7_000, 2_000, 4_000, 9_000]);
    expect(amplitude.count('list')).toBe(5);
  });

  test('gives up after five times, and says what the last answer was', async () => {
    amplitude.fail('list', ...Array.from({ length: 9 }, () => ({ status: 500 })));
    const fault = await faultOf(apiOf().listCohorts());
    expect(fault.message).toMatch(/failed \(500\)/);
    expect([amplitude.count('list'), waits]).toEqual([5, [1_000, 2_000, 4_000, 8_000]]);
  });

  test('does not wait in place for longer than a minute, but says how long it would have to', async () => {
    amplitude.fail('list', { status: 429, retryAfter: '600' });
    expect(await faultOf(apiOf().listCohorts())).toMatchObject({
      retryAfterMs: 600_000,
      isPassing: true,
      isRefusal: true,
    });
    expect(waits).toEqual([]);
  });

  test('asks for a download again only where Amplitude said that it did not take the request', async () => {
    amplitude.put({ id: 'c1' });
    amplitude.fail('request', { status: 429 }, { status: 503 });
    expect(await apiOf().requestCohort('c1')).toMatch(/^job-/);
    expect(amplitude.count('request')).toBe(3);
    for (const doubtful of [{ status: 500 }, { status: 502 }, { status: 504 }, { break: true }] as const) {
      amplitude.fail('request', doubtful);
      const before = amplitude.count('request');
      expect(await faultOf(apiOf().requestCohort('c1'))).toMatchObject({ isRefusal: false });
      expect(amplitude.count('request')).toBe(before + 1);
    }
  });

  test('knows a server that was never reached from one that fell silent', async () => {
    const gone = await openAmplitudeServer();
    await gone.close();
    const fault = await faultOf(apiOf(gone.settings).requestCohort('c1'));
    expect(fault).toMatchObject({ isRefusal: true, isPassing: true });
    expect(fault.message).toMatch(/cannot be reached \(ECONNREFUSED\)/);
    expect(waits).toHaveLength(4);
  });

  test.each([
    [401, /refuses the keys/],
    [403, /refuses the keys/],
    [404, /does not know/],
    [413, /larger than Amplitude lets/],
    [429, /takes no more requests/],
    [504, /too large/],
    [418, /418/],
    [302, /302/],
  ])('says what %d means', async (status, message) => {
    amplitude.fail('request', ...Array.from({ length: 5 }, () => ({ status })));
    expect((await faultOf(apiOf().requestCohort('c1'))).message).toMatch(message);
  });

  test.each([
    ['no JSON', '<html>secret-person</html>', /not JSON/],
    ['another form', '{"cohorts":[{"id":"c1"},{"name":"secret-person"}]}', /another form.*cohorts\.1\.id/],
    ['no list', '["secret-person"]', /another form/],
  ])('refuses an answer that is %s, without repeating it', async (_, body, message) => {
    amplitude.fail('list', { status: 200, body });
    const fault = await faultOf(apiOf().listCohorts());
    expect(fault.message).toMatch(message);
    expect(fault.message).not.toContain('secret-person');
    expect(amplitude.count('list')).toBe(1);
  });

  test('takes a job that went wrong for what it is', async () => {
    amplitude.fail('status', { status: 200, body: '{"async_status":"JOB FAILED"}' });
    expect((await faultOf(apiOf().isReady('job-1'))).message).toMatch(/says "JOB FAILED"/);
    amplitude.fail('status', { status: 200, body: '{"async_status":"secret-person@example.com"}' });
    expect((await faultOf(apiOf().isReady('job-1'))).message).toMatch(/an unknown state/);
  });

  test.each(['.', '..'])('never lets an id lead to another path: %s', async (id) => {
    await faultOf(apiOf().requestCohort(id));
    expect(amplitude.calls).toEqual([]);
  });

  test('follows redirects so far and no further, and only to where a file can be', async () => {
    let location = '/again';
    const loop = createServer((_, response) => response.writeHead(302, { location }).end());
    await new Promise<void>((listening) => loop.listen(0, '127.0.0.1', listening));
    try {
      const { port } = loop.address() as { port: number };
      const api = apiOf({ ...amplitude.settings, baseUrl: `http://127.0.0.1:${port}` });
      expect((await faultOf(api.openFile('job-1'))).message).toMatch(/without end/);
      for (location of ['file:///etc/passwd', 'ftp://127.0.0.1/x', 'http://'])
        expect((await faultOf(api.openFile('job-1'))).message).toMatch(/not https/);
    } finally {
      loop.close();
      loop.closeAllConnections();
    }
  });

  test('gives up at once when the server stops, but never a request that may count', async () => {
    amplitude.put({ id: 'c1' });
    stop.abort();
    await expect(apiOf().listCohorts()).rejects.toThrow();
    expect(await apiOf().requestCohort('c1')).toMatch(/^job-/);
  });
});
