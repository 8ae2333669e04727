import { parse, validate } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EXAMPLE_QUERIES } from '../../src/graphql/examples.ts';
import { schema } from '../../src/graphql/schema.ts';
import { openTestApp, type TestApp } from '../support/app.ts';
import { adds, command } from '../support/seed.ts';

describe('the examples that GraphiQL opens with', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await openTestApp('pglite', {
      graphiql: true,
      authenticate: (request) => (request.headers.has('x-key') ? {} : null),
    });
  });
  afterAll(() => app.close());

  const get = (headers: Record<string, string>) =>
    app.muster.fetch(new Request('http://muster.test/graphql', { headers }));

  test.each(EXAMPLE_QUERIES.map((query) => [query.split('\n')[0] ?? '', query]))('%s fits the schema', (_, query) => {
    expect(validate(schema, parse(query))).toEqual([]);
  });

  test('tell the story in order, without a fault', async () => {
    const { cohorts } = app.muster.domain();
    for (const query of EXAMPLE_QUERIES) {
      const variables = query.includes('$users') ? { users: [{ externalId: 'ada' }], segments: [] } : {};
      const response = await app.muster.fetch(
        new Request('http://muster.test/graphql', {
          method: 'POST',
          headers: { 'x-key': '1', 'content-type': 'application/json' },
          body: JSON.stringify({ query, variables }),
        }),
      );
      const answer = await response.text();
      expect(answer).not.toMatch(/"(errors|code)":/);
      // What Amplitude would send meanwhile.
      if (query.includes('upsertUsers')) {
        await cohorts.applyChanges(command('amp', [adds({ externalIds: ['ada'] })]));
        await cohorts.nameCohort({ partner: 'amplitude', partnerCohortId: 'amp', name: 'Amplitude cohort test' });
      }
    }
  });

  test('are on a page that needs no key, and nothing behind it does without one', async () => {
    const page = await get({ accept: 'text/html' });
    expect([page.status, page.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/html')]);
    expect(await page.text()).toContain('GenerateKey');
    expect((await get({ accept: 'application/json' })).status).toBe(401);
    const query = new Request('http://muster.test/graphql?query={workspace{id}}', { headers: { accept: 'text/html' } });
    expect(await (await app.muster.fetch(query)).text()).not.toContain('"workspace"');
  });

  test('are not there unless asked for', async () => {
    const plain = await openTestApp('pglite');
    try {
      const page = await plain.muster.fetch(
        new Request('http://muster.test/graphql', { headers: { accept: 'text/html' } }),
      );
      expect(page.status).toBe(401);
    } finally {
      await plain.close();
    }
  });
});
