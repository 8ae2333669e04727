import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { trimLedger } from '../../src/domain/history/retention.ts';
import { openTestApp, type TestApp, type TestWorkspace } from '../support/app.ts';
import { DATABASES } from '../support/database.ts';
import { usageOf } from '../support/members.ts';
import { adds, removes, seedIdentified, send } from '../support/seed.ts';
import { DAY } from '../support/syncs.ts';

const OUTCOME = 'added removed unchanged skipped reasons';

describe.each(DATABASES)('undo and replay over GraphQL on %s', (kind) => {
  let app: TestApp;
  let ws: TestWorkspace;
  beforeAll(async () => {
    app = await openTestApp(kind, { background: false });
  });
  afterAll(() => app.close());
  beforeEach(async () => {
    ws = await app.workspace();
    await seedIdentified(ws.ctx, 'ada', 'bob', 'cyd', 'dan');
  });

  const change = async (add: string[], remove: string[] = []) => {
    await send(ws.ctx, 'c', adds({ externalIds: add }), removes({ externalIds: remove }));
    return newest();
  };
  const newest = async (): Promise<string> => {
    const { data } = await ws.ask('{ workspace { batches(first: 1) { nodes { id } } } }');
    return (data as { workspace: { batches: { nodes: [{ id: string }] } } }).workspace.batches.nodes[0].id;
  };
  const members = async () => {
    const { data } = await ws.ask('{ cohort(by: { name: "c" }) { users { nodes { externalId } } } }');
    return (data as { cohort: { users: { nodes: { externalId: string }[] } } }).cohort.users.nodes.map(
      (u) => u.externalId,
    );
  };
  const reverse = async (field: 'undoBatch' | 'replayBatch', batch: string, of = OUTCOME, who: TestWorkspace = ws) => {
    const success = field === 'undoBatch' ? 'UndoBatchSuccess' : 'ReplayBatchSuccess';
    const { data, errors } = await who.ask(
      `mutation ($batch: ID!) { it: ${field}(input: { batch: $batch }) { __typename ... on ${success} { ${of} } ... on Error { code message path } } }`,
      { batch },
    );
    expect(errors).toBeUndefined();
    return (data as { it: Record<string, unknown> }).it;
  };
  const undo = (batch: string, of?: string) => reverse('undoBatch', batch, of);
  const replay = (batch: string, of?: string) => reverse('replayBatch', batch, of);

  test('an undo takes out whom a batch added and puts in whom it removed, and is a batch itself', async () => {
    await change(['ada', 'bob']);
    const batch = await change(['bob', 'cyd', 'dan'], ['ada']);
    const done = await undo(
      batch,
      `${OUTCOME} cohort { name size } batch { dialect received matched added removed unchanged reasons syncNumber sizeAfter ofBatch { id } whyIrreversible }`,
    );
    expect(done).toEqual({
      __typename: 'UndoBatchSuccess',
      added: 1,
      removed: 2,
      unchanged: 0,
      skipped: 0,
      reasons: {},
      cohort: { name: 'c', size: 2 },
      batch: {
        dialect: 'undo',
        received: 0,
        matched: 0,
        added: 1,
        removed: 2,
        unchanged: 0,
        reasons: {},
        syncNumber: null,
        sizeAfter: 2,
        ofBatch: { id: batch },
        whyIrreversible: null,
      },
    });
    expect(await members()).toEqual(['ada', 'bob']);
    expect(await replay(batch)).toMatchObject({ added: 2, removed: 1, skipped: 0 });
    expect(await members()).toEqual(['bob', 'cyd', 'dan']);
  });

  test('what came later stands: whom a later batch named is left alone, even where it changed nothing', async () => {
    const batch = await change(['ada', 'bob', 'cyd', 'dan']);
    await change(['ada'], ['bob']);
    await ws.domain.identities.deleteUsers({ items: [{ user: { externalId: 'dan' } }] });
    expect(await undo(batch)).toEqual({
      __typename: 'UndoBatchSuccess',
      added: 0,
      removed: 1,
      unchanged: 0,
      skipped: 3,
      reasons: { later_batch: 2, no_such_user: 1 },
    });
    expect(await members()).toEqual(['ada']);
  });

  test('several batches are taken back by undoing the newest first, and an undo is undone like any batch', async () => {
    await change(['ada']);
    const first = await change(['bob'], ['ada']);
    const second = await change(['ada', 'cyd'], ['bob']);
    const third = await change(['bob', 'dan'], ['ada', 'cyd']);
    for (const [batch, then] of [
      [third, ['ada', 'cyd']],
      [second, ['bob']],
      [first, ['ada']],
    ] as const) {
      await undo(batch);
      expect(await members()).toEqual(then);
    }
    // The undo of the first one taken back.
    await undo(await newest());
    expect(await members()).toEqual(['bob']);
    for (const [batch, then] of [
      [second, ['ada', 'cyd']],
      [third, ['bob', 'dan']],
    ] as const) {
      await replay(batch);
      expect(await members()).toEqual(then);
    }
  });

  test('twice is once', async () => {
    const batch = await change(['ada', 'bob']);
    await undo(batch);
    expect(await undo(batch)).toMatchObject({ added: 0, removed: 0, unchanged: 2 });
    await replay(batch);
    expect(await replay(batch)).toMatchObject({ added: 0, removed: 0, unchanged: 2 });
    expect(await members()).toEqual(['ada', 'bob']);
  });

  test('a whole list that came later speaks of everybody, unless it was begun before', async () => {
    const stage = async (...externalIds: string[]) => {
      const list = await ws.domain.cohorts.beginReplacement({
        partner: 'amplitude',
        partnerCohortId: 'c',
        source: { dialect: 'graphql' },
      });
      await ws.domain.cohorts.addToReplacement({ id: list.id, change: adds({ externalIds }) });
      return list.id;
    };
    const commit = (id: string) => ws.domain.cohorts.commitReplacement({ id, approve: true });

    const batch = await change(['ada', 'bob']);
    await commit(await stage('ada', 'cyd'));
    const list = await newest();
    // The list kept Ada: its batch names only Bob and Cyd.
    expect(await undo(batch)).toMatchObject({ added: 0, removed: 0, skipped: 2, reasons: { later_batch: 2 } });
    expect(await members()).toEqual(['ada', 'cyd']);
    await undo(list);
    expect(await undo(batch)).toMatchObject({ removed: 2, skipped: 0 });
    expect(await members()).toEqual([]);

    const early = await stage('cyd');
    const meanwhile = await change(['dan']);
    await commit(early);
    expect(await members()).toEqual(['cyd', 'dan']);
    expect(await undo(meanwhile)).toMatchObject({ removed: 1, skipped: 0 });
    expect(await members()).toEqual(['cyd']);
  });

  test('nothing is metered, no sync begins, and pending members stay', async () => {
    const batch = await change(['ada', 'nobody']);
    const before = await usageOf(ws.ctx);
    await undo(batch);
    await replay(batch);
    expect(before).toHaveLength(1);
    expect(await usageOf(ws.ctx)).toEqual(before);
    expect(await ws.domain.pending.countPending({})).toBe(1);
    const { data } = await ws.ask('{ cohort(by: { name: "c" }) { syncs { totalCount } } }');
    expect(data).toEqual({ cohort: { syncs: { totalCount: 1 } } });
  });

  test('what cannot be taken back is refused with a sentence, and nothing changes', async () => {
    const batch = await change(['ada', 'nobody']);
    const gone = {
      __typename: 'NotFoundError',
      code: 'NOT_FOUND',
      message: 'There is no such batch in this workspace.',
      path: ['batch'],
    };
    const other = await app.workspace();
    expect(await reverse('undoBatch', batch, OUTCOME, other)).toEqual(gone);
    for (const id of ['', 'bm90aGluZw==', Buffer.from(`Batch:${ws.id}.9007199254740993`).toString('base64')])
      expect(await undo(id)).toEqual(gone);
    await seedIdentified(ws.ctx, 'nobody');
    expect(await undo(await newest())).toEqual({
      __typename: 'InvalidInputError',
      code: 'INVALID_INPUT',
      message: 'This batch was written because users changed (join): it cannot be undone or replayed.',
      path: ['batch'],
    });
    await trimLedger({ ...ws.ctx, now: () => new Date(Date.now() + 31 * DAY) });
    expect(await replay(batch)).toEqual({
      __typename: 'NotFoundError',
      code: 'NOT_RETAINED',
      message: 'The ledger no longer remembers whom this batch moved: only later ones can be undone.',
      path: ['batch'],
    });
    expect(await undo(await newest())).toMatchObject({ code: 'INVALID_INPUT' });
    expect(await members()).toEqual(['ada', 'nobody']);
  });
});
