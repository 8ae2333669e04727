import type { TestApp, TestWorkspace } from '../app.ts';

/** What a sender sees. */
export interface Reply {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Headers;
}

/** Posts as a sender would. A text or bytes are sent as they are, anything else as JSON. Throws when the answer is not JSON. */
export async function deliver(
  app: TestApp,
  path: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Reply> {
  const sent = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
  const request = new Request(`http://muster.test${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: sent as BodyInit,
  });
  const response = await app.muster.fetch(request);
  return { status: response.status, body: JSON.parse(await response.text()) as unknown, headers: response.headers };
}

/** Basic authentication, as a header. */
export function basic(user: string, password = ''): { authorization: string } {
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
}

/** How many requests of a dialect came to what, as Prometheus is told. */
export async function countedOutcomes(app: TestApp, dialect: string): Promise<Record<string, number>> {
  const response = await app.muster.fetch(new Request('http://muster.test/metrics'));
  const line = /^muster_ingest_requests_total\{dialect="(\w+)",outcome="(\w+)"\} (\d+)$/gm;
  const found = [...(await response.text()).matchAll(line)].filter(([, name]) => name === dialect);
  return Object.fromEntries(found.map(([, , outcome, count]) => [outcome, Number(count)]));
}

/** Every cohort of a workspace by name, with the partner's id for it. Databases differ in what comes first. */
export async function cohortNames(ws: TestWorkspace): Promise<[name: string, partnerCohortId: string][]> {
  const { items } = await ws.domain.cohorts.listCohorts({ first: 100 });
  const names = items.map(({ item }): [string, string] => [item.name, item.partnerCohortId]);
  return names.sort(([a], [b]) => (a < b ? -1 : 1));
}
