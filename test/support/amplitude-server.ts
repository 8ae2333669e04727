import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { AmplitudeSettings } from '../../src/pull/settings.ts';

// A server on this machine that answers like Amplitude's Behavioral Cohorts API is documented to, as far as cohorts are fetched from it,
// and that can be told to misbehave.

/** The calls there are. `storage` is where large downloads are redirected to. */
export type Call = 'list' | 'request' | 'status' | 'file' | 'storage';

/** What a call answers instead. `break`: the connection breaks off. */
export type Misbehaviour =
  | { readonly status: number; readonly retryAfter?: string; readonly body?: string }
  | { readonly break: true };

export interface RemoteSync {
  readonly target: string;
  readonly frequency: string;
  readonly last_successful?: string | number | null;
  readonly last_failure?: string | number | null;
}

export interface CohortThere {
  readonly id: string;
  readonly name?: string;
  readonly size?: number;
  /** User ids; those of people without one are empty. */
  readonly users?: readonly string[];
  /** What the file says instead of the users. */
  readonly file?: string | Buffer;
  readonly syncs?: readonly RemoteSync[];
}

export interface Behaviour {
  /** How often a job is looked at before it has ended. */
  looks: number;
  /** Small cohorts come in the answer, large ones from another origin. */
  delivery: 'body' | 'redirect';
  /** Compressed for the way, as a file, or both. */
  gzip: 'encoding' | 'file' | 'both' | 'none';
  /** How many bytes at the end of the file are missing. */
  missing: number;
}

export interface AmplitudeServer {
  /** How to reach it. */
  readonly settings: AmplitudeSettings;
  readonly behaviour: Behaviour;
  /** The calls since the beginning, with the header of that name. */
  readonly calls: readonly { readonly call: Call; readonly path: string; readonly authorization: string | null }[];
  /** How often a call was made. */
  count(call: Call): number;
  put(...cohorts: readonly CohortThere[]): void;
  /** What the next calls answer, one each. */
  fail(call: Call, ...next: readonly Misbehaviour[]): void;
  /** Behaves from here on. */
  recover(): void;
  close(): Promise<void>;
}

const GOOD: Behaviour = { looks: 1, delivery: 'body', gzip: 'encoding', missing: 0 };

export async function openAmplitudeServer(
  keys = { apiKey: 'project-key', secretKey: 'project-secret' },
): Promise<AmplitudeServer> {
  const expected = `Basic ${Buffer.from(`${keys.apiKey}:${keys.secretKey}`).toString('base64')}`;
  const behaviour = { ...GOOD };
  const cohorts = new Map<string, CohortThere>();
  const jobs = new Map<string, { readonly cohort: CohortThere; looks: number }>();
  const calls: { call: Call; path: string; authorization: string | null }[] = [];
  const failures = new Map<Call, Misbehaviour[]>();

  const begin = (call: Call, request: IncomingMessage, response: ServerResponse): boolean => {
    const authorization = request.headers.authorization ?? null;
    calls.push({ call, path: request.url ?? '', authorization });
    const failure = failures.get(call)?.shift();
    if (failure) misbehave(response, failure);
    else if (call !== 'storage' && authorization !== expected)
      answer(response, 403, { error: { http_code: 403, metadata: { details: 'Invalid API/Secret Key combination' } } });
    else return true;
    return false;
  };

  const storage = createServer((request, response) => {
    if (!begin('storage', request, response)) return;
    const job = jobs.get(request.url?.slice(1) ?? '');
    if (job) sendFile(response, job.cohort, behaviour);
    else answer(response, 403, '<Error><Code>AccessDenied</Code></Error>');
  });

  const api = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://amplitude.test');
    const [, request_id = '', isFile] = /^\/api\/5\/cohorts\/request\/([^/]+)(\/file)?$/.exec(url.pathname) ?? [];
    const [, statusId = ''] = /^\/api\/5\/cohorts\/request-status\/([^/]+)$/.exec(url.pathname) ?? [];
    if (url.pathname === '/api/3/cohorts') {
      if (!begin('list', request, response)) return;
      answer(response, 200, { cohorts: [...cohorts.values()].map((cohort) => describe(cohort, url)) });
    } else if (statusId !== '') {
      if (!begin('status', request, response)) return;
      const job = jobs.get(statusId);
      if (!job) return answer(response, 404, { error: 'no such request' });
      const isReady = --job.looks <= 0;
      const async_status = isReady ? 'JOB COMPLETED' : 'JOB INPROGRESS';
      answer(response, isReady ? 200 : 202, { request_id: statusId, cohort_id: job.cohort.id, async_status });
    } else if (isFile) {
      if (!begin('file', request, response)) return;
      const job = jobs.get(request_id);
      if (!job) return answer(response, 404, { error: 'no such request' });
      if (behaviour.delivery === 'body') return sendFile(response, job.cohort, behaviour);
      response.writeHead(302, { location: `${originOf(storage)}/${request_id}` }).end();
    } else if (request_id !== '') {
      if (!begin('request', request, response)) return;
      const cohort = cohorts.get(decodeURIComponent(request_id));
      if (!cohort) return answer(response, 404, { error: 'no such cohort' });
      const id = `job-${jobs.size + 1}`;
      jobs.set(id, { cohort, looks: behaviour.looks });
      answer(response, 202, { request_id: id, cohort_id: cohort.id });
    } else answer(response, 404, { error: 'no such call' });
  });

  for (const server of [api, storage]) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
  return {
    settings: { ...keys, baseUrl: originOf(api) },
    behaviour,
    calls,
    count: (call) => calls.filter((made) => made.call === call).length,
    put: (...more) => {
      for (const cohort of more) cohorts.set(cohort.id, cohort);
    },
    fail: (call, ...next) => void failures.set(call, [...(failures.get(call) ?? []), ...next]),
    recover: () => {
      failures.clear();
      Object.assign(behaviour, GOOD);
    },
    close: async () => {
      for (const server of [api, storage]) {
        server.close();
        server.closeAllConnections();
        await once(server, 'close');
      }
    },
  };
}

/** Quoted, as the real one is. */
export function csvOf(userIds: readonly string[]): string {
  const quote = (text: string) => `"${text.replaceAll('"', '""')}"`;
  return `"amplitude_id","user_id"\n${userIds.map((id, i) => `${quote(String(1_000 + i))},${quote(id)}\n`).join('')}`;
}

function describe({ id, name, size, users, syncs }: CohortThere, url: URL) {
  const isWithSyncs = url.searchParams.get('includeSyncInfo') === 'true';
  return {
    appId: 123456,
    archived: false,
    definition: { version: 3 },
    description: '',
    finished: true,
    id,
    name: name ?? `Cohort ${id}`,
    owners: ['demo@example.com'],
    published: true,
    size: size ?? users?.length ?? 0,
    type: 'redshift',
    lastComputed: 1679440233,
    metadata: null,
    ...(isWithSyncs
      ? { syncMetadata: (syncs ?? []).map((sync) => ({ params: { user_id: 'user_id' }, ...sync })) }
      : {}),
  };
}

function sendFile(response: ServerResponse, cohort: CohortThere, { gzip, missing }: Behaviour): void {
  const plain = Buffer.from(cohort.file ?? csvOf(cohort.users ?? []));
  const times = { none: 0, encoding: 1, file: 1, both: 2 }[gzip];
  const whole = Array.from({ length: times }).reduce<Buffer>((bytes) => gzipSync(bytes), plain);
  const body = whole.subarray(0, whole.length - missing);
  const isEncoded = gzip === 'encoding' || gzip === 'both';
  response.writeHead(200, {
    'content-type': gzip === 'file' ? 'application/gzip' : 'text/csv',
    'content-length': body.length,
    ...(isEncoded ? { 'content-encoding': 'gzip' } : {}),
  });
  response.end(body);
}

function misbehave(response: ServerResponse, failure: Misbehaviour): void {
  if ('break' in failure) {
    response.destroy();
    return;
  }
  if (failure.retryAfter !== undefined) response.setHeader('retry-after', failure.retryAfter);
  answer(response, failure.status, failure.body ?? { error: { http_code: failure.status } });
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  const isText = typeof body === 'string';
  response.writeHead(status, { 'content-type': isText ? 'text/plain' : 'application/json' });
  response.end(isText ? body : JSON.stringify(body));
}

function originOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
