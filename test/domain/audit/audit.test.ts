import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { queryRows } from '../../../src/db/client.ts';
import { countAudit, countAuditOfSubjects, listAudit, pageAuditOfSubjects } from '../../../src/domain/audit/audit.ts';
import type { AuditAction } from '../../../src/domain/audit/entry.ts';
import { noteAudit } from '../../../src/domain/audit/note-audit.ts';
import { nameCohort, updateCohort } from '../../../src/domain/cohorts/cohorts.ts';
import { type Ctx, inTransaction } from '../../../src/domain/context.ts';
import { createApiKey, generateDataImportKey, invalidateKey, rotateKey } from '../../../src/domain/keys/keys.ts';
import { dropAttributeIndex, indexAttribute } from '../../../src/domain/users/attribute-indexes.ts';
import { getWorkspace, updateWorkspace } from '../../../src/domain/workspaces/workspaces.ts';
import { fakeClock, makeContext, otherWorkspace } from '../../support/context.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../../support/database.ts';

describe.each(DATABASES)('the audit log on %s', (kind) => {
  const clock = fakeClock();
  let database: TestDatabase;
  let ctx: Ctx;
  beforeAll(async () => {
    database = await openTestDatabase(kind);
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    const made = await makeContext(database, { now: clock.now });
    ctx = { ...made, actor: { kind: 'host', id: null, name: 'Ada' } };
  });

  const log = async (of: Ctx = ctx) => (await listAudit(of, {})).items.map(({ item }) => item);
  const note = (action: AuditAction, subjectId: string, of: Ctx = ctx) =>
    inTransaction(of, (tx) => noteAudit(tx, { action, subjectType: 'segment', subjectId, subjectName: subjectId }));

  test('says who changed which setting, from what to what, and nothing where nothing changed', async () => {
    await updateWorkspace(ctx, { shrinkGuardPercent: 30, monthlyBudget: 5 });
    await updateWorkspace(ctx, { shrinkGuardPercent: 30 });
    expect(await log()).toEqual([
      {
        id: expect.any(Number),
        at: clock.now(),
        actor: ctx.actor,
        action: 'workspace.updated',
        subjectType: 'workspace',
        subjectId: String(ctx.workspaceId),
        subjectName: (await getWorkspace(ctx)).name,
        changes: [
          { field: 'shrinkGuardPercent', before: expect.toSatisfy((v) => v !== 30), after: 30 },
          { field: 'monthlyBudget', before: null, after: 5 },
        ],
        details: {},
        reason: null,
      },
    ]);
  });

  test('says what was set for a cohort', async () => {
    const cohort = await nameCohort(ctx, { partner: 'amplitude', partnerCohortId: 'c', name: 'C' });
    await updateCohort(ctx, { cohortId: cohort.id, cadence: 'DAILY', pullEveryHours: 6 });
    await updateCohort(ctx, { cohortId: cohort.id, cadence: 'DAILY' });
    expect(await log()).toMatchObject([
      {
        action: 'cohort.updated',
        subjectType: 'cohort',
        subjectId: String(cohort.id),
        subjectName: 'C',
        changes: [
          { field: 'cadence', before: null, after: 'DAILY' },
          { field: 'pullEveryHours', before: null, after: 6 },
        ],
      },
    ]);
  });

  test('says which attributes were indexed and no longer are', async () => {
    await indexAttribute(ctx, { name: 'plan' });
    await indexAttribute(ctx, { name: 'plan' });
    await dropAttributeIndex(ctx, { name: 'plan' });
    await expect(dropAttributeIndex(ctx, { name: 'plan' })).rejects.toThrow();
    expect((await log()).map((e) => [e.action, e.subjectType, e.subjectId, e.actor.name])).toEqual([
      ['attribute_index.removed', 'attribute_index', 'plan', 'Ada'],
      ['attribute_index.created', 'attribute_index', 'plan', 'Ada'],
    ]);
  });

  test('says what became of keys, and never a secret or its hash', async () => {
    const { key, secret } = await generateDataImportKey(ctx, { partner: 'amplitude', name: 'Amp' });
    const next = await rotateKey(ctx, { kind: 'data_import', id: key.id, overlapHours: 1 });
    await invalidateKey(ctx, { kind: 'data_import', id: key.id });
    await invalidateKey(ctx, { kind: 'data_import', id: key.id });
    const api = await createApiKey(ctx, { name: 'Reader', scopes: ['users:read'] });
    const later = await rotateKey(ctx, { kind: 'api', id: api.key.id });
    await invalidateKey(ctx, { kind: 'api', id: later.key.id });
    expect((await log()).map((e) => [e.action, e.subjectType, e.subjectId, e.subjectName])).toEqual([
      ['api_key.revoked', 'api_key', later.key.id, 'Reader'],
      ['api_key.rotated', 'api_key', api.key.id, 'Reader'],
      ['api_key.created', 'api_key', api.key.id, 'Reader'],
      ['data_import_key.invalidated', 'data_import_key', key.id, 'Amp'],
      ['data_import_key.rotated', 'data_import_key', key.id, 'Amp'],
      ['data_import_key.generated', 'data_import_key', key.id, 'Amp'],
    ]);
    const [{ text } = { text: '' }, ...rest] = await queryRows<{ text: string }>(
      ctx.db,
      sql`select json_agg(a)::text as text from audit_log a where workspace_id = ${ctx.workspaceId}::int`,
    );
    expect(rest).toEqual([]);
    expect(text).toContain(next.key.prefix);
    for (const made of [secret, next.secret, api.secret, later.secret]) expect(text).not.toContain(made);
    const hashes = await queryRows<{ hash: string }>(
      ctx.db,
      sql`select hash from keys where workspace_id = ${ctx.workspaceId}::int`,
    );
    expect(hashes).toHaveLength(4);
    for (const { hash } of hashes) expect(text).not.toContain(hash);
  });

  test('what is undone is not in the log', async () => {
    await expect(
      inTransaction(ctx, async (tx) => {
        await updateWorkspace(tx, { monthlyBudget: 7 });
        throw new Error('undone');
      }),
    ).rejects.toThrow('undone');
    expect([await log(), (await getWorkspace(ctx)).monthlyBudget]).toEqual([[], null]);
  });

  test('cannot be written outside the transaction of a change', async () => {
    const note = { action: 'segment.created', subjectType: 'segment', subjectId: 'x', subjectName: null } as const;
    await expect(noteAudit(ctx, note)).rejects.toThrow('one transaction');
  });

  test('is filtered by subject and action, counted, and paged both ways', async () => {
    for (const id of ['a', 'b', 'a', 'b', 'a']) await note('segment.updated', id);
    await note('segment.archived', 'a');
    const of = async (filter: Parameters<typeof listAudit>[1]) =>
      (await listAudit(ctx, filter)).items.map(({ item }) => `${item.subjectId} ${item.action}`);
    expect(await of({ subjectType: 'segment', subjectId: 'b' })).toEqual(['b segment.updated', 'b segment.updated']);
    expect(await of({ action: 'segment.archived' })).toEqual(['a segment.archived']);
    expect(await of({ subjectType: 'api_key' })).toEqual([]);
    expect(await countAudit(ctx, {})).toBe(6);
    expect(await countAudit(ctx, { subjectId: 'a' })).toBe(4);
    const all = (await log()).map(({ id }) => id);
    const first = await listAudit(ctx, { first: 4 });
    const rest = await listAudit(ctx, { first: 4, after: first.items.at(-1)?.cursor });
    expect([...first.items, ...rest.items].map(({ item }) => item.id)).toEqual(all);
    expect([first.hasNextPage, rest.hasNextPage]).toEqual([true, false]);
    const back = await listAudit(ctx, { last: 2, before: rest.items[0]?.cursor });
    expect(back.items.map(({ item }) => item.id)).toEqual(all.slice(2, 4));
    await expect(
      listAudit(ctx, { first: 1, after: first.items[0]?.cursor, action: 'segment.updated' }),
    ).rejects.toThrow(expect.objectContaining({ code: 'INVALID_CURSOR' }));
  });

  test('is read for many subjects at once as it is for each', async () => {
    for (const id of ['a', 'b', 'a', 'b', 'a']) await note('segment.updated', id);
    const together = await pageAuditOfSubjects(ctx, 'segment', ['a', 'none', 'b'], { first: 2 });
    const apart = await Promise.all(
      ['a', 'none', 'b'].map((subjectId) => listAudit(ctx, { subjectType: 'segment', subjectId, first: 2 })),
    );
    expect(together.map((page) => page.items.map(({ item }) => item))).toEqual(
      apart.map((page) => page.items.map(({ item }) => item)),
    );
    expect(together.map(({ hasNextPage }) => hasNextPage)).toEqual([true, false, false]);
    const [last] = await pageAuditOfSubjects(ctx, 'segment', ['a'], { last: 1 });
    expect(last?.items[0]?.item).toEqual((await log()).filter(({ subjectId }) => subjectId === 'a').at(-1));
    expect([...(await countAuditOfSubjects(ctx, 'segment', ['a', 'none', 'b']))].sort()).toEqual([
      ['a', 3],
      ['b', 2],
    ]);
  });

  test('of one workspace is nothing to another', async () => {
    await note('segment.updated', 'a');
    const other = await otherWorkspace(ctx);
    expect(await log(other)).toEqual([]);
    expect(await countAudit(other, { subjectId: 'a' })).toBe(0);
    expect((await pageAuditOfSubjects(other, 'segment', ['a'], {})).map(({ items }) => items)).toEqual([[]]);
    expect(await countAuditOfSubjects(other, 'segment', ['a'])).toEqual(new Map());
  });

  test.each([
    ['an unknown subject', { subjectType: 'x' as never }, ['subjectType']],
    ['an unknown action', { action: 'toString' as never }, ['action']],
    ['a subject with NUL', { subjectId: 'a\u0000' }, ['subjectId']],
  ])('%s is refused with its path', async (_, filter, path) => {
    await expect(listAudit(ctx, filter)).rejects.toThrow(expect.objectContaining({ code: 'INVALID_INPUT', path }));
    await expect(countAudit(ctx, filter)).rejects.toThrow(expect.objectContaining({ code: 'INVALID_INPUT', path }));
  });
});
