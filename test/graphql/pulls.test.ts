import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { claimDuePull, keepPull, notePullEnded, postponePull } from '../../src/domain/pulls/pulls.ts';
import { openTestApp, type TestApp, type TestWorkspace } from '../support/app.ts';
import { fakeClock } from '../support/context.ts';
import { codeOf, dataOf } from '../support/graphql.ts';
import { seedCohort, seedIdentified } from '../support/seed.ts';

// What the background work writes is written here by hand: how it comes to be is tested in test/pull.

const keys = { apiKey: 'project-key', secretKey: 'project-secret' };
const PULL = `mutation ($cohort: CohortRef!) { pullCohort(input: { cohort: $cohort }) {
  ... on PullCohortSuccess { pull { id partner partnerCohortId state askedBy askedAt startedAt finishedAt error refusedRows batch { id } } }
  ... on Error { __typename code message path } } }`;

interface Answered {
  readonly pullCohort: {
    readonly pull: Readonly<Record<string, unknown>> & { readonly id: string };
    readonly code?: string;
  };
}

describe('pulls over GraphQL', () => {
  const clock = fakeClock();
  let app: TestApp;
  let ws: TestWorkspace;
  let other: TestWorkspace;
  let cohortId: string;
  beforeAll(async () => {
    // A new database numbers its workspaces from 1, and the first is there already.
    app = await openTestApp('pglite', { amplitude: { 2: keys }, background: false, now: clock.now });
    ws = await app.workspace();
    other = await app.workspace();
    await seedIdentified(ws.ctx, 'ada');
    for (let i = 0; i < 20; i++) await seedCohort(ws.ctx, `c${i}`, { externalIds: ['ada'] });
    const { cohort } = dataOf(
      await ws.ask('{ cohort(by: { partnerCohort: { partner: "amplitude", cohortId: "c0" } }) { id } }'),
    ) as { cohort: { id: string } };
    cohortId = cohort.id;
  });
  afterAll(() => app.close());

  const ask = async (cohort: object) => (dataOf(await ws.ask(PULL, { cohort })) as Answered).pullCohort;
  const theirs = (id: string) => ({ partnerCohort: { partner: 'amplitude', cohortId: id } });

  test('a cohort is pulled by any of its names, known or not, and once at a time', async () => {
    const { pull } = await ask({ id: cohortId });
    expect(pull).toEqual({
      id: pull.id,
      partner: 'amplitude',
      partnerCohortId: 'c0',
      state: 'WAITING',
      askedBy: 'graphql',
      askedAt: clock.now().toISOString(),
      startedAt: null,
      finishedAt: null,
      error: null,
      refusedRows: 0,
      batch: null,
    });
    expect(await ask({ name: 'c0' })).toEqual({ pull });
    expect(await ask(theirs('c0'))).toEqual({ pull });
    expect(await ask(theirs('nobody knows it'))).toMatchObject({ pull: { partnerCohortId: 'nobody knows it' } });
  });

  test('what cannot be pulled is refused with what to do about it', async () => {
    expect(await ask({ name: 'none' })).toMatchObject({ __typename: 'NotFoundError', path: ['cohort'] });
    expect(await ask({ id: 'nonsense' })).toMatchObject({ code: 'NOT_FOUND' });
    expect(await ask({ partnerCohort: { partner: 'Not One', cohortId: 'c0' } })).toMatchObject({
      code: 'INVALID_INPUT',
      path: ['cohort', 'partnerCohort', 'partner'],
    });
    expect(await ask({ partnerCohort: { partner: 'mixpanel', cohortId: 'c0' } })).toMatchObject({
      __typename: 'ConflictError',
      code: 'NOT_ACTIVE',
      message: 'Only cohorts of amplitude can be pulled.',
    });
    const unset = dataOf(await other.ask(PULL, { cohort: theirs('c0') })) as Answered;
    expect(unset.pullCohort).toMatchObject({
      code: 'NOT_ACTIVE',
      message: expect.stringContaining('set MUSTER_AMPLITUDE_API_KEY and MUSTER_AMPLITUDE_SECRET_KEY'),
    });
  });

  test('its state is seen by id and with its cohort, and by nobody of another workspace', async () => {
    const { pull } = await ask(theirs('c1'));
    const node =
      'query ($id: ID!) { node(id: $id) { __typename id ... on Pull { state error refusedRows batch { added } } } }';
    const see = async (as = ws) => (dataOf(await as.ask(node, { id: pull.id })) as { node: unknown }).node;
    expect(await see()).toMatchObject({ __typename: 'Pull', id: pull.id, state: 'WAITING' });
    expect(await see(other)).toBeNull();
    for (let claimed = await claimDuePull(ws.ctx, lease); claimed; claimed = await claimDuePull(ws.ctx, lease)) {
      if (claimed.partnerCohortId !== 'c1') continue;
      await keepPull(ws.ctx, { ...claimed.lease, leaseMs: lease.leaseMs, refusedRows: 3 });
      await postponePull(ws.ctx, { ...claimed.lease, until: clock.now(), error: 'Amplitude failed (500).' });
      expect(await see()).toMatchObject({ state: 'WAITING', error: 'Amplitude failed (500).', refusedRows: 3 });
      const again = await claimDuePull(ws.ctx, lease);
      const [batch] = (await ws.domain.history.listRecentBatches({ first: 1 })).items;
      const end = { state: 'DONE', batchId: batch?.item.id ?? null } as const;
      if (again) await notePullEnded(ws.ctx, { ...again.lease, end });
    }
    expect(await see()).toMatchObject({ state: 'DONE', error: null, refusedRows: 3, batch: { added: 1 } });
    clock.advance(1_000);
    const next = await ask(theirs('c1'));
    const { cohort } = dataOf(
      await ws.ask('{ cohort(by: { name: "c1" }) { pulls { id state } newest: pulls(first: 1) { id } } }'),
    ) as { cohort: { pulls: object[]; newest: object[] } };
    expect(cohort.pulls).toEqual([
      { id: next.pull.id, state: 'WAITING' },
      { id: pull.id, state: 'DONE' },
    ]);
    expect(cohort.newest).toEqual([{ id: next.pull.id }]);
  });

  const lease = { partner: 'amplitude', leaseMs: 60_000 };

  test('the pulls of a list of cohorts cost one statement, and their batches another', async () => {
    app.statements.take();
    const answer = await ws.ask('{ cohorts { nodes { pulls { state batch { added } } } } }');
    expect(answer.errors).toBeUndefined();
    expect(app.statements.take()).toHaveLength(3);
  });

  test('no more of them are asked for than there should be', async () => {
    for (const first of [-1, 51])
      expect(codeOf(await ws.ask(`{ cohort(by: { name: "c1" }) { pulls(first: ${first}) { id } } }`))).toBe(
        'LIMIT_EXCEEDED',
      );
  });

  test('whoever may change cohorts may pull them, and whoever may read them sees it', async () => {
    const written = await ws.askWith(['cohorts:write'])(PULL, { cohort: theirs('c9') });
    const { pull } = (dataOf(written) as Answered).pullCohort;
    expect(pull.state).toBe('WAITING');
    const reader = ws.askWith(['cohorts:read']);
    expect((dataOf(await reader(PULL, { cohort: theirs('c9') })) as Answered).pullCohort.code).toBe('FORBIDDEN');
    const node = 'query ($id: ID!) { node(id: $id) { id } }';
    expect(dataOf(await reader(node, { id: pull.id }))).toEqual({ node: { id: pull.id } });
    expect(codeOf(await ws.askWith(['users:read'])(node, { id: pull.id }))).toBe('FORBIDDEN');
    const { secret } = await ws.domain.keys.createApiKey({ name: 'nightly', scopes: ['cohorts:write'] });
    const response = await app.muster.fetch(
      new Request('http://muster.test/graphql', {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${secret}` },
        body: JSON.stringify({ query: PULL, variables: { cohort: theirs('c10') } }),
      }),
    );
    const [key] = await ws.domain.keys.listKeys({ kind: 'api' });
    const byKey = (await response.json()) as { data: Answered };
    expect(byKey.data.pullCohort.pull.askedBy).toBe(`api key ${key?.id}`);
  });
});
