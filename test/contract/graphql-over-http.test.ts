import { serverAudits } from 'graphql-http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestApp, type TestApp } from '../support/app.ts';

let app: TestApp;
beforeAll(async () => {
  app = await openTestApp('pglite', { authenticate: () => ({}) });
});
afterAll(() => app.close());

// The audits call `fetch` with an address and options, as they would over a network.
const fetchFn = (input: string, init?: RequestInit) => app.muster.fetch(new Request(input, init));

describe('GraphQL over HTTP', () => {
  for (const audit of serverAudits({ url: 'http://muster.test/graphql', fetchFn }))
    test(audit.name, async () => {
      const result = await audit.fn();
      if (result.status !== 'ok') throw new Error(`${result.status}: ${result.reason}`);
      expect(result.status).toBe('ok');
    });
});
