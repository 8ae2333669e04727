import { gunzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { sql } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Scope } from '../../src/domain/keys/scopes.ts';
import type { Segment } from '../../src/domain/segments/segment.ts';
import { openTestApp, type TestApp, type TestWorkspace } from '../support/app.ts';
import { fakeClock } from '../support/context.ts';
import { DATABASES, secondServer } from '../support/database.ts';
import { inCohort, notIn } from '../support/drafts.ts';
import { seedCohort, seedIdentified, seedUsers } from '../support/seed.ts';

const HOSTILE = [
  'a,b',
  'say "hi"',
  'two\nlines',
  '\r',
  ' padded ',
  '=1+1',
  '\ufeffbom',
  'naïve 💥',
  '""',
  ';',
  "'",
  '\\',
];

describe.each(DATABASES)('streams of members on %s', (kind) => {
  let app: TestApp;
  let workspace: TestWorkspace;
  let key: string;
  let segment: Segment;

  beforeAll(async () => {
    app = await openTestApp(kind, { background: false, now: fakeClock('2026-03-01T12:00:00.000Z').now });
  });
  afterAll(() => app.close());
  beforeEach(async () => {
    workspace = await app.workspace();
    key = await keyWith('segments:read', 'cohorts:read', 'users:read');
  });

  const keyWith = async (...scopes: Scope[]) =>
    (await workspace.domain.keys.createApiKey({ name: 'reader', scopes })).secret;
  const answers: Response[] = [];
  const get = async (path: string, headers: Record<string, string> = {}, init: RequestInit = {}) => {
    const response = await app.muster.fetch(
      new Request(`http://muster.test${path}`, { headers: { authorization: `Bearer ${key}`, ...headers }, ...init }),
    );
    answers.push(response);
    return response;
  };
  // What a test leaves open would take the place of another's.
  afterEach(async () => {
    for (const { body, bodyUsed } of answers.splice(0)) if (body && !bodyUsed && !body.locked) await body.cancel();
  });
  const rows = async (path: string) => toRows(await get(path));
  const toRows = async (response: Response) => {
    expect(response.status).toBe(200);
    return linesOf(await response.text()) as Record<string, unknown>[];
  };
  const nodeId = (type: string, id: string | number) => btoa(`${type}:${id}`);
  const idOf = (user: number) => nodeId('User', `${workspace.id}.${user}`);

  /** A segment of everybody but those in cohort `L`. */
  const everybodyElse = async () => {
    await seedIdentified(workspace.ctx, 'left out');
    await seedCohort(workspace.ctx, 'L', { externalIds: ['left out'] });
    segment = await workspace.domain.segments.createSegment({ name: 'S', filter: notIn(inCohort('L')) });
    return `/segments/${segment.id}/users`;
  };
  /** Users by the thousand, made as quickly as a database makes them. */
  const seedMany = async (count: number) => {
    for (let from = 0; from < count; from += 10_000)
      await workspace.domain.users.upsertUsers({
        users: Array.from({ length: Math.min(10_000, count - from) }, (_, i) => ({ externalId: `u${from + i}` })),
      });
  };

  test('a segment is streamed as an object a line, by its node id as by its UUID, in the order of users', async () => {
    const path = await everybodyElse();
    const [a, b] = await seedUsers(workspace.ctx, { externalId: 'a' }, { deviceIds: ['d'] });
    const response = await get(path);
    expect(response.headers.get('content-type')).toBe('application/x-ndjson; charset=utf-8');
    expect(response.headers.get('x-total-count')).toBe('2');
    const found = await toRows(response);
    expect(found).toEqual([
      { id: idOf(a ?? 0), external_id: 'a' },
      { id: idOf(b ?? 0), external_id: null },
    ]);
    expect(await rows(`/segments/${encodeURIComponent(nodeId('Segment', segment.id))}/users`)).toEqual(found);
    const { nodes } = (
      (await workspace.ask(`{ segment(by: { name: "S" }) { users { nodes { id } } } }`)) as unknown as {
        data: { segment: { users: { nodes: { id: string }[] } } };
      }
    ).data.segment.users;
    expect(nodes.map(({ id }) => id)).toEqual(found.map(({ id }) => id));
  });

  test('a cohort is streamed by its node id', async () => {
    await seedIdentified(workspace.ctx, 'a', 'b', 'c');
    const { id } = await seedCohort(workspace.ctx, 'C', { externalIds: ['c', 'a'] });
    const path = `/cohorts/${encodeURIComponent(nodeId('Cohort', `${workspace.id}.${id}`))}/users`;
    expect((await rows(`${path}?columns=external_id`)).map((row) => row.external_id)).toEqual(['a', 'c']);
  });

  test('columns choose what is told, in the order asked', async () => {
    const path = await everybodyElse();
    const [ada] = await seedUsers(workspace.ctx, {
      externalId: 'old',
      aliases: [
        { label: 'web', name: 'w' },
        { label: 'crm', name: '1' },
      ],
      deviceIds: ['phone', 'a;b'],
      attributes: { plan: 'pro', 'a,b': [1], seats: 12, empty: '' },
    });
    await workspace.domain.identities.renameExternalIds({ items: [{ externalId: 'old', newExternalId: 'new' }] });
    const columns =
      'created_at,alias:crm,alias:none,attributes.seats,attributes.none,device_ids,aliases,attributes,external_id,id';
    const [row, ...others] = await rows(`${path}?columns=${columns}&column=attributes.a%2Cb`);
    expect(others).toEqual([]);
    expect(Object.keys(row ?? {})).toEqual([...columns.split(','), 'attributes.a,b']);
    expect(row).toEqual({
      created_at: '2026-03-01T12:00:00.000Z',
      'alias:crm': '1',
      'alias:none': null,
      'attributes.seats': 12,
      'attributes.none': null,
      device_ids: ['a;b', 'phone'],
      aliases: [
        { label: 'crm', name: '1' },
        { label: 'web', name: 'w' },
      ],
      attributes: { plan: 'pro', 'a,b': [1], seats: 12, empty: '' },
      external_id: 'new',
      id: idOf(ada ?? 0),
      'attributes.a,b': [1],
    });
    expect(await rows(`${path}?columns=alias:crm`)).toEqual([{ 'alias:crm': '1' }]);
    expect(await rows(`${path}?columns=attributes.plan,attributes.constructor`)).toEqual([
      { 'attributes.plan': 'pro', 'attributes.constructor': null },
    ]);
  });

  test('values of any kind come out of CSV as they went in', async () => {
    const path = await everybodyElse();
    await seedUsers(
      workspace.ctx,
      ...HOSTILE.map((value) => ({ externalId: value, attributes: { note: value } })),
      { deviceIds: HOSTILE, attributes: { note: '' } },
      { externalId: 'z', attributes: { note: { deep: 'a,"b"' } } },
    );
    const response = await get(`${path}?columns=external_id,attributes.note,device_ids`, { accept: 'text/csv' });
    expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8; header=present');
    const [head, ...read] = parse(await response.text(), { relax_column_count: false }) as string[][];
    expect(head).toEqual(['external_id', 'attributes.note', 'device_ids']);
    expect(read.slice(0, -2)).toEqual(HOSTILE.map((value) => [value, value, '[]']));
    expect(read.slice(-2)).toEqual([
      ['', '', JSON.stringify([...HOSTILE].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))))],
      ['z', '{"deep":"a,""b"""}'.replaceAll('""', '"').replace('"a,"b""', '"a,\\"b\\""'), '[]'],
    ]);
  });

  test('in CSV nobody is lost: who has nothing in the only column is a row, and no members are a header', async () => {
    const path = await everybodyElse();
    expect(await (await get(`${path}?format=csv`)).text()).toBe('id,external_id\n');
    await seedUsers(workspace.ctx, { deviceIds: ['d'] }, { externalId: 'a' });
    expect(await (await get(`${path}?format=csv&columns=external_id`)).text()).toBe('external_id\n""\na\n');
  });

  test('gzip is for whoever accepts it or asks for it, and for nobody else', async () => {
    const path = await everybodyElse();
    await seedIdentified(workspace.ctx, 'a', 'b');
    const plain = await get(path, { 'accept-encoding': 'gzip;q=0' });
    expect(plain.headers.get('content-encoding')).toBeNull();
    const text = await plain.text();
    for (const response of [await get(path, { 'accept-encoding': 'br, gzip' }), await get(`${path}?gzip=1`)]) {
      expect(response.headers.get('content-encoding')).toBe('gzip');
      expect(gunzipSync(Buffer.from(await response.arrayBuffer())).toString()).toBe(text);
    }
    expect((await get(`${path}?gzip=0`, { 'accept-encoding': 'gzip' })).headers.get('content-encoding')).toBeNull();
  });

  test('a stream that broke off goes on behind any cursor, with exactly the rest', async () => {
    const path = await everybodyElse();
    await seedMany(9_000);
    const all = await rows(`${path}?cursors=1`);
    expect(all).toHaveLength(9_000);
    for (const at of [0, 1, 8_190, 8_191, 8_192, 8_999]) {
      const rest = await get(`${path}?cursors=1&after=${all[at]?.cursor}`);
      expect(rest.headers.get('x-total-count')).toBe('9000');
      expect(await toRows(rest)).toEqual(all.slice(at + 1));
    }
    expect(await rows(`${path}?cursors=1&first=3&after=${all[8_190]?.cursor}`)).toEqual(all.slice(8_191, 8_194));
    expect(await rows(`${path}?first=0`)).toEqual([]);
  });

  test('who joins or leaves during a stream changes nothing in it, and who is deleted is left out', async () => {
    const path = await everybodyElse();
    await seedMany(20_000);
    const response = await get(`${path}?columns=external_id`);
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    const parts = [(await reader.read()).value];
    const second = kind === 'postgres' ? secondServer(app.database) : null;
    try {
      const other = second ? { ...workspace.ctx, db: second.db } : workspace.ctx;
      await seedIdentified(other, 'too late');
      await seedCohort(other, 'L', { externalIds: ['u19998'] });
      await workspace.domain.identities.deleteUsers({ items: [{ user: { externalId: 'u19999' } }] });
    } finally {
      await second?.close();
    }
    for (let part = await reader.read(); !part.done; part = await reader.read()) parts.push(part.value);
    const found = linesOf(Buffer.concat(parts.flatMap((part) => part ?? [])).toString()) as { external_id: string }[];
    expect(found.map((row) => row.external_id)).toEqual(Array.from({ length: 19_999 }, (_, i) => `u${i}`));
  });

  test.each(['identity', 'gzip'])('a client that goes away ends the reading, %s', async (encoding) => {
    const path = await everybodyElse();
    await seedMany(40_000);
    const slices = () => app.statements.take().filter((text) => text.includes('memberSlice')).length;
    app.statements.take();
    const response = await get(path, { 'accept-encoding': encoding });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    await reader.cancel();
    await new Promise((wake) => setTimeout(wake, 200));
    expect(slices()).toBeLessThan(5);
    await rows(path);
    expect(slices()).toBeGreaterThanOrEqual(5);
  });

  test('so many streams run at once; a place is free again when one has ended or was left', async () => {
    const path = await everybodyElse();
    await seedMany(3_000);
    const open = await Promise.all(Array.from({ length: 8 }, () => get(path)));
    expect(open.map(({ status }) => status)).toEqual(open.map(() => 200));
    const refused = await get(path);
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('5');
    expect(await refused.json()).toEqual({ message: expect.stringContaining('8') });
    await open[0]?.text();
    expect(await rows(path)).toHaveLength(3_000);
    await open[1]?.body?.cancel();
    await Promise.all([open[1]].map(() => rows(path)));
    for (const response of open.slice(2)) await response.body?.cancel();
    for (let i = 0; i < 9; i++) {
      expect((await get(path, {}, { method: 'HEAD' })).headers.get('x-total-count')).toBe('3000');
      expect((await get(`${path}?after=nonsense`)).status).toBe(400);
    }
    expect(await rows(path)).toHaveLength(3_000);
  });

  test('who leaves by its signal frees the place', async () => {
    const path = await everybodyElse();
    await seedMany(3_000);
    const gone = new AbortController();
    await Promise.all(Array.from({ length: 8 }, () => get(path, {}, { signal: gone.signal })));
    expect((await get(path)).status).toBe(429);
    gone.abort();
    expect(await rows(path)).toHaveLength(3_000);
  });

  test('an archived segment is streamed as it would be', async () => {
    const path = await everybodyElse();
    await seedIdentified(workspace.ctx, 'a');
    await workspace.domain.segments.archiveSegment({ id: segment.id });
    expect(await rows(`${path}?columns=external_id`)).toEqual([{ external_id: 'a' }]);
  });

  test("what is another workspace's, what is of another kind and what never was are unknown alike", async () => {
    await everybodyElse();
    const other = await app.workspace();
    await seedIdentified(other.ctx, 'a');
    const cohort = await seedCohort(other.ctx, 'L', { externalIds: ['a'] });
    const foreign = await other.domain.segments.createSegment({ name: 'F', filter: inCohort('L') });
    const bodies = new Set<string>();
    for (const path of [
      `/segments/${foreign.id}/users`,
      `/segments/${nodeId('Segment', foreign.id)}/users`,
      `/segments/${nodeId('Cohort', `${workspace.id}.1`)}/users`,
      '/segments/00000000-0000-4000-8000-000000000000/users',
      '/segments/%00/users',
      `/cohorts/${nodeId('Cohort', `${other.id}.${cohort.id}`)}/users`,
      `/cohorts/${nodeId('Cohort', `${workspace.id}.999`)}/users`,
      `/cohorts/${nodeId('Cohort', `${workspace.id}.9999999999`)}/users`,
      '/cohorts/1/users',
    ]) {
      const response = await get(path);
      expect(response.status).toBe(404);
      bodies.add(await response.text());
    }
    expect(bodies.size).toBe(1);
  });

  test('it takes a key with both scopes', async () => {
    const path = await everybodyElse();
    expect((await get(path, { authorization: '' })).status).toBe(401);
    expect((await get(path, { authorization: 'Bearer muster_api_1_nonsense' })).status).toBe(401);
    const cohort = `/cohorts/${nodeId('Cohort', `${workspace.id}.1`)}/users`;
    for (const [scope, lacking] of [
      ['segments:read', 'users:read'],
      ['users:read', 'segments:read'],
    ] as const) {
      key = await keyWith(scope);
      const response = await get(path);
      expect({ status: response.status, body: await response.json() }).toEqual({
        status: 403,
        body: { message: `This API key lacks the scope ${lacking}` },
      });
      expect((await get(cohort)).status).toBe(403);
    }
    expect((await get(path, {}, { method: 'POST' })).status).toBe(405);
  });

  test.each([
    'columns=nothing',
    'columns=id,id',
    'columns=',
    'columns=attributes.',
    'column=attributes.%00',
    'format=xml',
    'gzip=yes',
    'cursors=2',
    'first=-1',
    'first=1.5',
    'after=nonsense',
  ])('refuses ?%s', async (query) => {
    const response = await get(`${await everybodyElse()}?${query}`);
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ message: expect.any(String) });
  });

  test('a stream that fails breaks off, and does not pass for a whole one', async () => {
    const path = await everybodyElse();
    await seedMany(20_000);
    const response = await get(path);
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    await app.database.db.execute(sql`alter table identities rename column value to hidden`);
    try {
      await expect(
        (async () => {
          while (!(await reader.read()).done);
        })(),
      ).rejects.toThrow('The export broke off.');
    } finally {
      await app.database.db.execute(sql`alter table identities rename column hidden to value`);
    }
    expect(app.takeLog().filter(({ level }) => level === 'error')).toHaveLength(1);
    expect(await rows(path)).toHaveLength(20_000);
  });
});

function linesOf(text: string): unknown[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as unknown);
}
