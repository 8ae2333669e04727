import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openTestApp, type TestApp, type TestWorkspace } from '../support/app.ts';
import { DATABASES } from '../support/database.ts';
import { removes, seedCohort, seedIdentified, send } from '../support/seed.ts';

const MANY = Array.from({ length: 120 }, (_, i) => `u${i}`);
const COHORT = { partner: 'amplitude', cohortId: 'c' };

const BEGIN = `mutation ($input: BeginReplacementInput!) { beginReplacement(input: $input) {
  __typename ... on BeginReplacementSuccess { replacement { id state partnerCohortId difference { size } } } ... on Error { code path } } }`;
const ADD = `mutation ($input: AddToReplacementInput!) { addToReplacement(input: $input) {
  __typename ... on AddToReplacementSuccess { received matched held ignored reasons } ... on Error { code path } } }`;
const COMMIT = `mutation ($input: CommitReplacementInput!) { commitReplacement(input: $input) {
  __typename ... on CommitReplacementSuccess { added removed unchanged isDuplicate cohort { name size } heldChanges { id wouldRemove isReplacement } }
  ... on Error { code path } } }`;
const ABANDON = `mutation ($input: AbandonReplacementInput!) { abandonReplacement(input: $input) {
  __typename ... on AbandonReplacementSuccess { replacement { state difference { size } } } ... on Error { code path } } }`;
const HELD = `{ heldChanges { totalCount nodes { id size wouldRemove wouldAdd dialect cohort { partnerCohortId heldChanges { totalCount } } } } }`;
const DECIDE = (verb: 'approve' | 'discard') => {
  const name = `${verb[0]?.toUpperCase()}${verb.slice(1)}HeldChanges`;
  const what = verb === 'approve' ? 'removed cohort { size }' : 'heldChanges { wouldRemove }';
  return `mutation ($id: ID!) { done: ${verb}HeldChanges(input: { id: $id }) { __typename ... on ${name}Success { ${what} } ... on Error { code path } } }`;
};

describe.each(DATABASES)('whole lists and holds over GraphQL on %s', (kind) => {
  let app: TestApp;
  let ws: TestWorkspace;
  beforeAll(async () => {
    app = await openTestApp(kind);
  });
  afterAll(() => app.close());
  beforeEach(async () => {
    ws = await app.workspace();
  });

  // biome-ignore lint/suspicious/noExplicitAny: the answers are compared whole, by tests that say what they are.
  const ask = async (query: string, variables: object = {}): Promise<any> => {
    const { data, errors } = await ws.ask(query, variables);
    expect(errors).toBeUndefined();
    return data;
  };
  const begin = async () =>
    (await ask(BEGIN, { input: { cohort: COHORT, name: 'Whole' } })).beginReplacement.replacement.id as string;
  const add = async (id: string, externalIds: readonly string[]) =>
    (await ask(ADD, { input: { id, members: { externalIds } } })).addToReplacement;
  const commit = async (id: string, approve = false) =>
    (await ask(COMMIT, { input: { id, approve } })).commitReplacement;

  test('a list is begun, paged, looked at and committed', async () => {
    await seedIdentified(ws.ctx, 'a', 'b', 'c');
    await seedCohort(ws.ctx, 'c', { externalIds: ['a', 'b'] });
    const id = await begin();
    expect(await add(id, ['b', 'c', 'nobody'])).toMatchObject({ received: 3, matched: 2, held: 1 });
    const seen = await ask(
      'query ($id: ID!) { node(id: $id) { ... on Replacement { state difference { size willHave entering leaving staying pending wouldBeHeld } } } }',
      { id },
    );
    expect(seen.node).toEqual({
      state: 'OPEN',
      difference: { size: 2, willHave: 2, entering: 1, leaving: 1, staying: 1, pending: 1, wouldBeHeld: false },
    });
    expect(await commit(id)).toEqual({
      __typename: 'CommitReplacementSuccess',
      added: 1,
      removed: 1,
      unchanged: 0,
      isDuplicate: false,
      cohort: { name: 'Whole', size: 2 },
      heldChanges: null,
    });
    expect(await commit(id)).toMatchObject({ isDuplicate: true });
    expect(await add(id, ['a'])).toEqual({ __typename: 'ConflictError', code: 'NOT_ACTIVE', path: ['id'] });
  });

  test('a list can be thrown away', async () => {
    const id = await begin();
    const { abandonReplacement } = await ask(ABANDON, { input: { id } });
    expect(abandonReplacement.replacement).toEqual({ state: 'ABANDONED', difference: null });
    expect(await commit(id)).toMatchObject({ code: 'NOT_ACTIVE' });
  });

  test('a list that removes too much is held, seen and approved', async () => {
    await seedIdentified(ws.ctx, ...MANY);
    await seedCohort(ws.ctx, 'c', { externalIds: MANY });
    const id = await begin();
    await add(id, MANY.slice(0, 10));
    const held = await commit(id);
    expect(held).toMatchObject({ added: 0, removed: 0, heldChanges: { wouldRemove: 110, isReplacement: true } });
    expect((await ask(HELD)).heldChanges).toEqual({
      totalCount: 1,
      nodes: [
        {
          id: held.heldChanges.id,
          size: 120,
          wouldRemove: 110,
          wouldAdd: 0,
          dialect: 'graphql',
          cohort: { partnerCohortId: 'c', heldChanges: { totalCount: 1 } },
        },
      ],
    });
    const { done } = await ask(DECIDE('approve'), { id: held.heldChanges.id });
    expect(done).toEqual({ __typename: 'ApproveHeldChangesSuccess', removed: 110, cohort: { size: 10 } });
    expect((await ask(HELD)).heldChanges.totalCount).toBe(0);
  });

  test('a request that is held can be discarded, once', async () => {
    await ws.domain.workspaces.updateWorkspace({ shrinkGuardPercent: 10 });
    await seedIdentified(ws.ctx, ...MANY);
    await seedCohort(ws.ctx, 'c', { externalIds: MANY });
    await send(ws.ctx, 'c', removes({ externalIds: MANY }));
    const [held] = (await ask(HELD)).heldChanges.nodes;
    const { done } = await ask(DECIDE('discard'), { id: held.id });
    expect(done).toEqual({ __typename: 'DiscardHeldChangesSuccess', heldChanges: { wouldRemove: 120 } });
    const again = await ask(DECIDE('discard'), { id: held.id });
    expect(again.done).toEqual({ __typename: 'NotFoundError', code: 'NOT_FOUND', path: ['id'] });
  });

  test('what another workspace has cannot be told from nothing', async () => {
    const id = await begin();
    const elsewhere = await app.workspace();
    for (const [query, variables] of [
      [ADD, { input: { id, members: { externalIds: ['a'] } } }],
      [COMMIT, { input: { id, approve: true } }],
      [ABANDON, { input: { id } }],
    ] as const) {
      const { data } = await elsewhere.ask(query, variables);
      expect(Object.values(data as object)).toEqual([{ __typename: 'NotFoundError', code: 'NOT_FOUND', path: ['id'] }]);
    }
    const { data } = await elsewhere.ask('query ($id: ID!) { node(id: $id) { id } }', { id });
    expect(data).toEqual({ node: null });
  });

  test('applyCohortChanges with a request id is applied once, and an older one changes nobody whom a newer one named', async () => {
    await seedIdentified(ws.ctx, 'a');
    const apply = async (requestId: string, minute: number, remove: boolean) => {
      const input = {
        cohort: { partnerCohort: COHORT },
        changes: [{ externalIds: ['a'], remove }],
        requestId,
        computedAt: new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString(),
      };
      const query = `mutation ($input: ApplyCohortChangesInput!) { applyCohortChanges(input: $input) {
        ... on ApplyCohortChangesSuccess { added removed reasons isDuplicate } } }`;
      return (await ask(query, { input })).applyCohortChanges;
    };
    expect(await apply('r2', 2, false)).toMatchObject({ added: 1, isDuplicate: false });
    expect(await apply('r2', 2, false)).toMatchObject({ added: 1, isDuplicate: true });
    expect(await apply('r1', 1, true)).toMatchObject({ removed: 0, reasons: { superseded: 1 } });
  });
});
