import { setTimeout as sleep } from 'node:timers/promises';
import { changesOf, type Movement } from './cohorts.ts';

/** Requests under way at a time. */
const CONNECTIONS = 4;

/** Where the demo sends to, and with which keys. */
export interface DemoTarget {
  readonly url: string;
  readonly apiKey: string;
  readonly importKey: string;
}

/** Asks GraphQL over HTTP. */
export async function askGraphql<T>(target: DemoTarget, query: string): Promise<T> {
  const response = await fetch(`${target.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${target.apiKey}` },
    body: JSON.stringify({ query }),
  });
  const { data, errors } = (await response.json()) as { data?: T; errors?: unknown };
  if (!data) throw new Error(`GraphQL answered ${response.status}: ${JSON.stringify(errors)}`);
  return data;
}

/**
 * Pushes a cohort as Amplitude does: its name, who entered, then who left. `onSent` is told the identifiers of each request that was
 * applied.
 */
export async function pushCohort(
  target: DemoTarget,
  { cohort, joining, leaving }: Movement,
  onSent: (count: number) => void,
): Promise<void> {
  const head = { client_secret: target.importKey, cohort_id: cohort.id };
  const cohorts = `${target.url}/partners/amplitude/cohorts`;
  await post(cohorts, { ...head, name: cohort.name, created_at: new Date().toISOString() });
  for (const changes of [changesOf(joining, false), changesOf(leaving, true)]) {
    // All connections take from one generator; each change is sent once.
    const connection = async () => {
      for (const { change, count } of changes) {
        await post(`${cohorts}/users`, { ...head, cohort_changes: [change] });
        onSent(count);
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, connection));
  }
}

async function post(url: string, body: object): Promise<void> {
  for (;;) {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const answer = await response.text();
    if (response.status === 201) return;
    // Busy: the same request again, as the answer says.
    const seconds = Number(response.headers.get('retry-after') ?? 0);
    if (seconds === 0) throw new Error(`${url} answered ${response.status}: ${answer}`);
    await sleep(seconds * 1_000);
  }
}
