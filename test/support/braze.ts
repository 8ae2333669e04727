import type { Scope } from '../../src/domain/keys/scopes.ts';
import type { TestApp, TestWorkspace } from './app.ts';

export interface BrazeAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Headers;
}

/** Posts to a Braze endpoint with an API key. A text is sent as it is, anything else as JSON. */
export type BrazeClient = (path: string, body: unknown) => Promise<BrazeAnswer>;

/** A back end that speaks Braze's REST API to one workspace, with a new API key. */
export async function brazeClient(
  app: TestApp,
  workspace: TestWorkspace,
  scopes: readonly Scope[] = ['users:read', 'users:write'],
): Promise<BrazeClient> {
  const { secret } = await workspace.domain.keys.createApiKey({ name: 'back end', scopes });
  return (path, body) => sendBraze(app, path, body, { authorization: `Bearer ${secret}` });
}

/** Sends one request with these headers. Throws when the answer is not JSON. */
export async function sendBraze(
  app: TestApp,
  path: string,
  body: unknown,
  headers: Readonly<Record<string, string>>,
  method = 'POST',
): Promise<BrazeAnswer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await app.muster.fetch(
    new Request(`http://muster.test${path}`, { method, headers, ...(method === 'GET' ? {} : { body: text }) }),
  );
  const type = response.headers.get('content-type') ?? '';
  if (!type.startsWith('application/json')) throw new Error(`${path} answered ${type || 'without a type'}.`);
  return { status: response.status, body: JSON.parse(await response.text()) as unknown, headers: response.headers };
}
