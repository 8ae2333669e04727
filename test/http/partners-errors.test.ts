import { sql } from 'drizzle-orm';
import postgres from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openTestApp, post, type TestApp, type TestWorkspace } from '../support/app.ts';
import { DATABASES } from '../support/database.ts';
import { cohortIds, ledgerOf, membersOf } from '../support/members.ts';
import { adds, send as apply, seedIdentified } from '../support/seed.ts';

const CHANGES =
  'cohort_changes must be an array of objects, each with user_ids and/or device_ids as arrays of strings, or aliases';

describe.each(DATABASES)('what a partner does wrong on %s', (kind) => {
  let app: TestApp;
  let ws: TestWorkspace;
  let key: string;
  beforeAll(async () => {
    app = await openTestApp(kind);
  });
  afterAll(async () => {
    const lines = app.takeLog();
    // Every refusal is there, and nothing of it was a surprise.
    expect(new Set(lines.map(({ level, message }) => `${level}: ${message}`))).toEqual(
      new Set(['warn: a request of a partner was refused']),
    );
    expect(new Set(lines.flatMap(({ fields }) => Object.keys(fields)))).toEqual(
      new Set(['dialect', 'partner', 'workspaceId', 'code', 'path']),
    );
    await app.close();
  });
  beforeEach(async () => {
    ws = await app.workspace();
    key = await ws.importKey();
    await seedIdentified(ws.ctx, 'a', 'b');
    await apply(ws.ctx, 'known', adds({ externalIds: ['a'] }));
  });

  const send = (path: string, body: unknown) => post(app.muster.fetch, `/partners/amplitude/${path}`, body);
  const sendChanges = (cohort_changes: unknown, cohort_id: unknown = 'known') =>
    send('cohorts/users', { client_secret: key, cohort_id, cohort_changes });
  const sendName = (fields: object) =>
    send('cohorts', { client_secret: key, cohort_id: 'known', name: 'New', created_at: '2026-01-01', ...fields });

  /** Nothing of a refused request has been applied. */
  async function expectNothingHappened() {
    expect(await cohortIds(ws.ctx)).toEqual([1]);
    expect(await membersOf(ws.ctx, 1)).toEqual([1]);
    expect(await ledgerOf(ws.ctx, 1)).toHaveLength(1);
    const [cohort] = await ws.domain.cohorts.findCohorts([{ id: 1 }]);
    expect(cohort?.name).toBe('known');
  }

  test.each([
    ['no JSON', '{"cohort_id": "a"', 'valid JSON'],
    ['nothing', '', 'valid JSON'],
    ['a list', '[]', 'JSON object'],
    ['text', '"text"', 'JSON object'],
    ['null', 'null', 'JSON object'],
    ['a number', '1e999', 'JSON object'],
    ['brackets without end', '['.repeat(1_000_000), 'valid JSON'],
    ['bytes that are no text', '\u0000\u0001\u0002', 'valid JSON'],
  ])('%s for a body is refused', async (_, body, message) => {
    for (const path of ['cohorts', 'cohorts/users']) {
      const answer = await send(path, body);
      expect([answer.status, answer.body]).toEqual([400, { message: expect.stringContaining(message) }]);
    }
    await expectNothingHappened();
  });

  test.each([
    ['cohort_id', undefined, 'cohort_id must be a valid string'],
    ['cohort_id', '', 'cohort_id must be a valid string'],
    ['cohort_id', 7, 'cohort_id must be a valid string'],
    ['cohort_id', 'x'.repeat(513), 'cohort_id must be a valid string'],
    ['name', undefined, 'name must be a non-empty string'],
    ['name', '  ', 'name must be a non-empty string'],
    ['name', ['New'], 'name must be a non-empty string'],
    ['name', 'a\u0000b', 'name must be a non-empty string'],
    ['name', '\udfff', 'name must be a non-empty string'],
    ['created_at', undefined, 'created_at must be a valid time as an ISO-8601 string'],
    ['created_at', '2026-02-30', 'created_at must be a valid time as an ISO-8601 string'],
    ['created_at', '0000-01-01', 'created_at must be a valid time as an ISO-8601 string'],
    ['created_at', '9999-12-31T23:59:59-14:00', 'created_at must be a valid time as an ISO-8601 string'],
    ['created_at', 1_769_854_830, 'created_at must be a valid time as an ISO-8601 string'],
  ])('a name request with %s = %j is refused with its path', async (field, value, message) => {
    const answer = await sendName({ [field]: value });
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual({
      message: expect.stringContaining(message),
      errors: [{ path: field, message: expect.stringContaining(message) }],
    });
    await expectNothingHappened();
  });

  const good = { user_ids: ['b'], should_remove: false };
  test.each([
    ['cohort_changes', undefined],
    ['cohort_changes', {}],
    ['cohort_changes', '[{"user_ids":["b"]}]'],
    ['cohort_changes[1]', [good, null]],
    ['cohort_changes[1]', [good, ['b']]],
    ['cohort_changes[1]', [good, {}]],
    ['cohort_changes[1]', [good, { should_remove: true }]],
    ['cohort_changes[1].should_remove', [good, { user_ids: ['a'], should_remove: 'true' }]],
    ['cohort_changes[1].user_ids', [good, { user_ids: 'a' }]],
    ['cohort_changes[1].user_ids[2]', [good, { user_ids: ['a', 'b', 3] }]],
    ['cohort_changes[1].user_ids[0]', [good, { user_ids: [''] }]],
    ['cohort_changes[1].user_ids[0]', [good, { user_ids: ['x'.repeat(513)] }]],
    ['cohort_changes[1].device_ids[0]', [good, { device_ids: ['a\u0000b'] }]],
    ['cohort_changes[1].device_ids[0]', [good, { device_ids: ['\ud800'] }]],
    ['cohort_changes[1].aliases[0].alias_name', [good, { aliases: [{ alias_label: 'l' }] }]],
    ['cohort_changes[1].aliases.alias_label', [good, { aliases: { alias_label: null, alias_name: 'n' } }]],
    ['cohort_changes[1].aliases', [good, { aliases: 'crm' }]],
  ])('a users request with a fault at %s is refused whole', async (path, changes) => {
    const answer = await sendChanges(changes);
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual({
      message: expect.stringContaining(CHANGES),
      errors: [{ path, message: expect.stringContaining(path) }],
    });
    await expectNothingHappened();
  });

  test('1,001 identifiers over all kinds and changes are refused, repeats included', async () => {
    const alias = { alias_label: 'l', alias_name: 'n' };
    const changes = [
      { user_ids: Array.from({ length: 500 }, () => 'b') },
      { device_ids: Array.from({ length: 500 }, (_, i) => `d${i}`), aliases: [alias], should_remove: true },
    ];
    const answer = await sendChanges(changes);
    expect([answer.status, answer.body]).toMatchObject([
      400,
      { message: expect.stringContaining('Only 1000 user_ids, device_ids and aliases') },
    ]);
    await expectNothingHappened();
  });

  const requests = [
    ['cohorts', { cohort_id: 'c', name: 'n', created_at: '2026-01-01' }],
    ['cohorts/users', { cohort_id: 'c', cohort_changes: [good] }],
  ] as const;

  test.each(['Amplitude', 'amplitude!', '%00', '__proto__', 'x'.repeat(65)])(
    '%s is no name of a partner',
    async (partner) => {
      for (const [path, body] of requests) {
        const answer = await post(app.muster.fetch, `/partners/${partner}/${path}`, { client_secret: key, ...body });
        const message = expect.stringContaining('for example "amplitude"');
        expect([answer.status, answer.body]).toEqual([400, { message, errors: [{ path: 'partner', message }] }]);
      }
      await expectNothingHappened();
    },
  );

  test.each(['mixpanel', 'constructor', 'tostring'])('%s is a partner whose key this is not', async (partner) => {
    for (const [path, body] of requests) {
      const answer = await post(app.muster.fetch, `/partners/${partner}/${path}`, { client_secret: key, ...body });
      const message = 'The partner is not enabled for the client with this client secret.';
      expect([answer.status, answer.body]).toEqual([401, { message }]);
    }
    await expectNothingHappened();
  });

  test('a body of more than 4 MiB is refused, with a length and without', async () => {
    const body = JSON.stringify({
      client_secret: key,
      cohort_id: 'known',
      cohort_changes: [],
      padding: 'x'.repeat(4 * 1024 * 1024),
    });
    const url = 'http://muster.test/partners/amplitude/cohorts/users';
    const streamed = { method: 'POST', body: new Blob([body]).stream(), duplex: 'half' } as RequestInit;
    for (const init of [{ method: 'POST', body, headers: { 'content-length': String(body.length) } }, streamed]) {
      const response = await app.muster.fetch(new Request(url, init));
      expect([response.status, response.headers.get('connection')]).toEqual([413, 'close']);
      expect(await response.json()).toEqual({ message: expect.stringContaining('send fewer identifiers') });
    }
    await expectNothingHappened();
  });

  test('other methods and paths are not there, and say so as JSON', async () => {
    for (const [method, path] of [
      ['GET', 'cohorts'],
      ['PUT', 'cohorts/users'],
      ['POST', 'cohorts/other'],
      ['POST', ''],
    ] as const) {
      const response = await app.muster.fetch(new Request(`http://muster.test/partners/amplitude/${path}`, { method }));
      expect(response.status).toBe(404);
      expect(await response.json()).toEqual({ message: expect.stringContaining(method) });
    }
  });
});

describe('a cohort that somebody else holds', () => {
  test('is 423 with a time to come back, for names and for users, and nothing is applied', async () => {
    const app = await openTestApp('postgres');
    const ws = await app.workspace();
    const key = await ws.importKey();
    await seedIdentified(ws.ctx, 'a', 'b');
    for (const cohort of ['held', 'held too']) await apply(ws.ctx, cohort, adds({ externalIds: ['a'] }));
    const holder = postgres(app.database.url ?? '', { max: 1 });
    try {
      await holder.begin(async (tx) => {
        await tx`select 1 from cohorts where workspace_id = ${ws.id} for update`;
        // One cohort each: who waits behind a waiter has patience for both.
        const answers = await Promise.all([
          post(app.muster.fetch, '/partners/amplitude/cohorts/users', {
            client_secret: key,
            cohort_id: 'held',
            cohort_changes: [{ user_ids: ['b'] }],
          }),
          post(app.muster.fetch, '/partners/amplitude/cohorts', {
            client_secret: key,
            cohort_id: 'held too',
            name: 'New',
            created_at: '2026-01-01',
          }),
        ]);
        for (const { status, headers, body: said } of answers) {
          expect(status).toBe(423);
          expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
          expect(said).toEqual({ message: expect.stringContaining('send the same request again') });
        }
      });
      expect(await membersOf(ws.ctx, 1)).toEqual([1]);
      expect((await ws.domain.cohorts.cohortsByIds([2])).get(2)?.name).toBe('held too');
      const again = await post(app.muster.fetch, '/partners/amplitude/cohorts/users', {
        client_secret: key,
        cohort_id: 'held',
        cohort_changes: [{ user_ids: ['b'] }],
      });
      expect(again.status).toBe(201);
      expect(await membersOf(ws.ctx, 1)).toEqual([1, 2]);
      const fields = { dialect: 'braze', partner: 'amplitude', workspaceId: ws.id, code: 'LOCKED', path: null };
      const refusal = { level: 'warn', message: 'a request of a partner was refused', fields };
      expect(app.takeLog()).toEqual([refusal, refusal]);
    } finally {
      await holder.end();
      await app.close();
    }
  });
});

describe('a database that is gone', () => {
  test('is 503 with a time to come back', async () => {
    const app = await openTestApp('postgres');
    const ws = await app.workspace();
    const key = await ws.importKey();
    await app.database.db.execute(sql`select 1`);
    await app.close();
    const body = { client_secret: key, cohort_id: 'c', cohort_changes: [{ user_ids: ['b'] }] };
    const answer = await post(app.muster.fetch, '/partners/amplitude/cohorts/users', body);
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '2']);
    expect(answer.body).toEqual({ message: expect.stringContaining('Nothing was applied') });
  });
});
