import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestApp, post, type TestApp, type TestWorkspace } from '../support/app.ts';
import { DATABASES } from '../support/database.ts';
import { codeOf } from '../support/graphql.ts';
import { seedCohort, seedIdentified } from '../support/seed.ts';

// What nobody expects is shown as an id and nothing else; the log has the id and what happened, but no data and no secret.

const SECRETS = ['s3cret-external-id', 's3cret-attribute', 's3cret-segment'];

describe.each(DATABASES)('surprises on %s', (kind) => {
  let app: TestApp;
  let ws: TestWorkspace;
  let key: string;
  beforeAll(async () => {
    app = await openTestApp(kind);
    ws = await app.workspace();
    key = await ws.importKey();
    await seedIdentified(ws.ctx, 'ada');
    await seedCohort(ws.ctx, 'amp', { externalIds: ['ada'] });
    const create = 'mutation ($input: CreateSegmentInput!) { createSegment(input: $input) { __typename } }';
    await ws.ask(create, { input: { name: 'S', filter: { amplitudeCohorts: { includesValue: { name: 'amp' } } } } });
    // The tables lose what the code relies on.
    await app.database.db.execute(sql`alter table segments rename column description to lost`);
    await app.database.db.execute(sql`alter table users add constraint never check (attributes ->> 'a' is null)`);
    await app.database.db.execute(sql`alter table batches rename column added to lost`);
    app.takeLog();
  });
  afterAll(() => app.close());

  /** The one line of the surprise, beside which a refused partner has a line of its own. In neither is anything that came from outside. */
  function theLine() {
    const lines = app.takeLog();
    for (const secret of [...SECRETS, key]) expect(JSON.stringify(lines)).not.toContain(secret);
    const [line, ...rest] = lines.filter(({ message }) => message !== 'a request of a partner was refused');
    expect(rest).toEqual([]);
    expect(line).toMatchObject({ level: 'error', message: 'unexpected error' });
    return line?.fields as Record<string, unknown>;
  }

  test('a field that fails is null where it may be, and its neighbours are answered', async () => {
    const answer = await ws.ask(
      '{ segment(by: { name: "s3cret-segment" }) { id } cohort(by: { name: "amp" }) { size } }',
    );
    const { errorId, ...fields } = theLine();
    expect(answer).toEqual({
      data: { segment: null, cohort: { size: 1 } },
      errors: [
        {
          message: `Something unexpected happened. The server's log has it as ${errorId}.`,
          locations: expect.anything(),
          path: ['segment'],
          extensions: { code: 'INTERNAL', errorId },
        },
      ],
    });
    expect(fields).toMatchObject({
      code: '42703',
      message: expect.stringContaining('description'),
      stack: expect.stringMatching(/^\s+at /),
    });
  });

  test('a mutation that fails has done nothing, and neither answer nor log quotes it', async () => {
    const query = 'mutation ($input: UpsertUsersInput!) { upsertUsers(input: $input) { __typename } }';
    const users = [{ externalId: 'fine' }, { externalId: 's3cret-external-id', attributes: { a: 's3cret-attribute' } }];
    const answer = await ws.ask(query, { input: { users } });
    const { errorId, code } = theLine();
    expect(answer).toMatchObject({
      data: null,
      errors: [{ extensions: { code: 'INTERNAL', errorId }, path: ['upsertUsers'] }],
    });
    expect(code).toBe('23514');
    expect(JSON.stringify(answer)).not.toContain('s3cret');
    expect(await ws.domain.users.countUsers()).toBe(1);
  });

  test('a partner is told the id, and nothing was applied', async () => {
    const before = await ws.domain.cohorts.countCohorts({});
    const body = {
      client_secret: key,
      cohort_id: 'new',
      cohort_changes: [{ user_ids: ['ada', 's3cret-external-id'] }],
    };
    const answer = await post(app.muster.fetch, '/partners/amplitude/cohorts/users', body);
    const { errorId } = theLine();
    expect(answer).toMatchObject({
      status: 500,
      body: { message: `Something unexpected happened. Nothing was applied. The server's log has it as ${errorId}.` },
    });
    expect(await ws.domain.cohorts.countCohorts({})).toBe(before);
  });
});

describe('a host whose login fails', () => {
  test('is a surprise like any other, and tells nothing', async () => {
    const app = await openTestApp('pglite', {
      authenticate: () => {
        throw new Error('s3cret of the host');
      },
    });
    try {
      const response = await app.muster.fetch(new Request('http://muster.test/graphql?query={__typename}'));
      const answer = (await response.json()) as never;
      const [line] = app.takeLog();
      expect(response.status).toBe(500);
      expect(codeOf(answer)).toBe('INTERNAL');
      expect(JSON.stringify(answer)).not.toContain('s3cret');
      expect(line?.fields).toMatchObject({ message: 's3cret of the host' });
    } finally {
      await app.close();
    }
  });
});

describe('without its database', () => {
  test('GraphQL says so in a code, also to those whose key it cannot look up', async () => {
    const app = await openTestApp('postgres');
    const ws = await app.workspace();
    const { secret } = await ws.domain.keys.createApiKey({ name: 'k', scopes: ['users:read', 'segments:write'] });
    await app.close();
    const byKey = await app.muster.fetch(
      new Request('http://muster.test/graphql?query={__typename}', { headers: { authorization: `Bearer ${secret}` } }),
    );
    expect([byKey.status, byKey.headers.get('retry-after')]).toEqual([503, '2']);
    expect(codeOf((await byKey.json()) as never)).toBe('UNAVAILABLE');
    expect(codeOf(await ws.ask('{ everyone { totalCount } }'))).toBe('UNAVAILABLE');
    const create = `mutation { archiveSegment(input: { id: "x" }) { ... on BusyError { code message } } }`;
    expect(await ws.ask(create)).toMatchObject({ data: { archiveSegment: { code: 'UNAVAILABLE' } } });
    expect(app.takeLog()).toEqual([]);
  });
});
