import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { queryRows } from '../../../src/db/client.ts';
import { CHANGES_MAX_IDENTIFIERS } from '../../../src/domain/cohorts/change.ts';
import type { Cohort } from '../../../src/domain/cohorts/cohort.ts';
import { applyChanges, findCohorts, nameCohort } from '../../../src/domain/cohorts/cohorts.ts';
import { type Ctx, inTransaction } from '../../../src/domain/context.ts';
import {
  createApiKey,
  generateDataImportKey,
  invalidateKey,
  keysByIds,
  rotateKey,
} from '../../../src/domain/keys/keys.ts';
import { hashSecret } from '../../../src/domain/keys/secret.ts';
import { findUsers } from '../../../src/domain/users/users.ts';
import { setUnknownIdentityPolicy } from '../../../src/domain/workspaces/workspaces.ts';
import { type FakeClock, fakeClock, makeContext, otherWorkspace, seenBy } from '../../support/context.ts';
import { DATABASES, openTestDatabase, secondServer, type TestDatabase } from '../../support/database.ts';
import { cohortIds, faultsOf, ledgerOf, membersOf, pendingOf, usageOf } from '../../support/members.ts';
import { adds, command, removes, seedCohort, seedIdentified, seedUsers, send } from '../../support/seed.ts';
import { recordStatements } from '../../support/statements.ts';

const ADA = { label: 'member', name: 'ada' };
const NOBODY = { label: 'member', name: 'nobody' };
const NO_KEY = '00000000-0000-0000-0000-000000000000';

describe.each(DATABASES)('cohort changes on %s', (kind) => {
  const record = recordStatements();
  let database: TestDatabase;
  let clock: FakeClock;
  let ctx: Ctx;

  beforeAll(async () => {
    database = await openTestDatabase(kind, { logger: record.logger });
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    clock = fakeClock();
    ctx = await makeContext(database, clock);
  });

  const sound = async () => expect(await faultsOf(ctx)).toEqual([]);
  const members = async (cohort: Cohort | null) => membersOf(ctx, cohort?.id ?? 0);
  const pending = async (cohort: Cohort | null) => pendingOf(ctx, cohort?.id ?? 0);

  test('add and remove users named by external id, alias and device', async () => {
    const [byId = 0, byAlias = 0, byDevice = 0] = await seedUsers(
      ctx,
      { externalId: 'e' },
      { aliases: [ADA] },
      { deviceIds: ['d'] },
    );
    const named = { externalIds: ['e'], aliases: [ADA], deviceIds: ['d'] };
    const { cohort, ...counts } = await send(ctx, 'c', adds(named));
    expect(counts).toEqual({
      received: 3,
      matched: 3,
      held: 0,
      ignored: 0,
      reasons: {},
      written: 3,
      added: 3,
      removed: 0,
      batchId: expect.any(Number),
      isDuplicate: false,
      heldChangesId: null,
    });
    expect(await members(cohort)).toEqual([byId, byAlias, byDevice]);
    expect(await send(ctx, 'c', removes({ aliases: [ADA] }))).toMatchObject({ matched: 1, added: 0, removed: 1 });
    expect(await members(cohort)).toEqual([byId, byDevice]);
    await sound();
  });

  test('are idempotent: an addition of a member and a removal of a stranger change nothing', async () => {
    await seedIdentified(ctx, 'in', 'out');
    const cohort = await seedCohort(ctx, 'c', { externalIds: ['in'] });
    const again = await send(ctx, 'c', adds({ externalIds: ['in'] }), removes({ externalIds: ['out'] }));
    expect(again).toMatchObject({ matched: 2, written: 2, added: 0, removed: 0 });
    expect(await members(cohort)).toEqual([1]);
    expect(await ledgerOf(ctx, cohort.id)).toHaveLength(2);
    await sound();
  });

  test('let the last mention of a person win, whatever identity named them', async () => {
    await seedUsers(ctx, { externalId: 'e', aliases: [ADA] });
    await seedUsers(ctx, { aliases: [NOBODY], deviceIds: ['d'] });
    const { cohort } = await send(
      ctx,
      'c',
      adds({ externalIds: ['e'], deviceIds: ['d'] }),
      removes({ aliases: [ADA, NOBODY] }),
      adds({ deviceIds: ['d'] }),
    );
    expect(await members(cohort)).toEqual([2]);
    expect((await ledgerOf(ctx, cohort?.id ?? 0))[0]).toMatchObject({ received_count: 5, added: [2], removed: [] });
    await sound();
  });

  test('never match an identified user by device', async () => {
    await seedUsers(ctx, { externalId: 'e', deviceIds: ['d'] });
    const { cohort, ...counts } = await send(ctx, 'c', adds({ deviceIds: ['d', 'd'] }));
    expect(counts).toMatchObject({
      received: 2,
      matched: 0,
      held: 0,
      ignored: 2,
      reasons: { device_of_identified_user: 2 },
    });
    expect(await members(cohort)).toEqual([]);
    expect(await pending(cohort)).toEqual([]);
    await sound();
  });

  test('an alias is its label and its name together', async () => {
    await seedUsers(ctx, { aliases: [{ label: 'a', name: 'b' }] });
    expect(
      await send(
        ctx,
        'c',
        adds({
          aliases: [
            { label: 'b', name: 'a' },
            { label: 'a', name: 'B' },
          ],
        }),
      ),
    ).toMatchObject({
      matched: 0,
      reasons: { unknown_alias: 2 },
    });
  });

  test('a device of an anonymous user who was identified since matches no more, and the membership stays', async () => {
    const [id = 0] = await seedUsers(ctx, { deviceIds: ['d'] });
    const cohort = await seedCohort(ctx, 'c', { deviceIds: ['d'] });
    await seedUsers(ctx, { externalId: 'e', deviceIds: ['d'] });
    expect(await send(ctx, 'c', removes({ deviceIds: ['d'] }))).toMatchObject({ matched: 0, ignored: 1 });
    expect(await members(cohort)).toEqual([id]);
    expect(await send(ctx, 'c', removes({ externalIds: ['e'] }))).toMatchObject({ removed: 1 });
    await sound();
  });

  test('say of each identifier what became of it, and why', async () => {
    await seedUsers(ctx, { externalId: 'e', deviceIds: ['d'] });
    const named = { externalIds: ['e', 'x', 'x'], aliases: [NOBODY], deviceIds: ['d', 'y'] };
    const outcome = await send(ctx, 'c', adds(named), removes(named));
    expect(outcome).toMatchObject({ received: 12, matched: 2, held: 4, ignored: 6, written: 1, added: 0, removed: 0 });
    expect(outcome.reasons).toEqual({
      unknown_external_id: 4,
      unknown_alias: 2,
      unknown_device_id: 2,
      device_of_identified_user: 2,
    });
    const [row] = await ledgerOf(ctx, outcome.cohort?.id ?? 0);
    expect(row).toMatchObject({
      received_count: 12,
      matched_count: 2,
      held_count: 4,
      ignored_count: 6,
      reasons: outcome.reasons,
    });
    expect(await pending(outcome.cohort)).toEqual([]);
    await sound();
  });

  describe('of identities that nobody has', () => {
    const unknown = { externalIds: ['x'], aliases: [NOBODY], deviceIds: ['y'] };

    test('are kept under HOLD, each once, and join when their user appears', async () => {
      const { cohort, ...counts } = await send(ctx, 'c', adds(unknown), adds(unknown));
      expect(counts).toMatchObject({ matched: 0, held: 6, ignored: 0, added: 0 });
      expect(await pending(cohort)).toEqual(['1//x', '2/member/nobody', '3//y']);
      const [byId = 0, byAlias = 0] = await seedUsers(ctx, { externalId: 'x' }, { aliases: [NOBODY] });
      const [byDevice = 0] = await seedUsers(ctx, { deviceIds: ['y'] });
      expect(await members(cohort)).toEqual([byId, byAlias, byDevice]);
      expect(await pending(cohort)).toEqual([]);
      expect((await ledgerOf(ctx, cohort?.id ?? 0)).slice(1).map((row) => [row.dialect, row.added])).toEqual([
        ['join', [byId, byAlias]],
        ['join', [byDevice]],
      ]);
      await sound();
    });

    test('join every cohort that named them, once, also when one user has several of them', async () => {
      const [one, two] = [await send(ctx, 'one', adds(unknown)), await send(ctx, 'two', adds({ aliases: [NOBODY] }))];
      const { cohort: without } = await send(ctx, 'without', adds({ externalIds: ['another'] }));
      await seedUsers(ctx, { externalId: 'x', aliases: [NOBODY] });
      expect([await members(one.cohort), await members(two.cohort), await members(without)]).toEqual([[1], [1], []]);
      await sound();
    });

    test('join when an existing user is given the identity', async () => {
      const [id = 0] = await seedUsers(ctx, { deviceIds: ['known'] });
      const { cohort } = await send(ctx, 'c', adds({ externalIds: ['x'] }));
      await seedUsers(ctx, { externalId: 'x', deviceIds: ['known'] });
      expect(await members(cohort)).toEqual([id]);
      await sound();
    });

    test('never join a device to an identified user', async () => {
      const { cohort } = await send(ctx, 'c', adds({ deviceIds: ['y'] }));
      await seedUsers(ctx, { externalId: 'e', deviceIds: ['y'] });
      expect(await members(cohort)).toEqual([]);
      expect(await pending(cohort)).toEqual([]);
      await sound();
    });

    test('are dropped from the pool by a removal, and from that cohort only', async () => {
      const { cohort } = await send(ctx, 'c', adds(unknown));
      const { cohort: other } = await send(ctx, 'other', adds(unknown));
      expect(await send(ctx, 'c', removes({ externalIds: ['x'], deviceIds: ['y'] }))).toMatchObject({
        held: 0,
        ignored: 2,
      });
      expect(await pending(cohort)).toEqual(['2/member/nobody']);
      expect(await pending(other)).toHaveLength(3);
      await seedIdentified(ctx, 'x');
      expect([await members(cohort), await members(other)]).toEqual([[], [1]]);
      await sound();
    });

    test('follow the last mention of the identity inside one request', async () => {
      const { cohort } = await send(
        ctx,
        'c',
        adds({ externalIds: ['x', 'z'] }),
        removes({ externalIds: ['x'] }),
        removes({ deviceIds: ['y'] }),
        adds({ deviceIds: ['y'] }),
      );
      expect(await pending(cohort)).toEqual(['1//z', '3//y']);
    });

    test('are dropped under IGNORE and leave no trace', async () => {
      await setUnknownIdentityPolicy(ctx, 'IGNORE');
      const { cohort, ...counts } = await send(ctx, 'c', adds(unknown));
      expect(counts).toMatchObject({ matched: 0, held: 0, ignored: 3, added: 0 });
      expect(await pending(cohort)).toEqual([]);
      await seedIdentified(ctx, 'x');
      expect(await members(cohort)).toEqual([]);
      await sound();
    });

    test('become users under CREATE, except devices', async () => {
      await setUnknownIdentityPolicy(ctx, 'CREATE');
      const { cohort, ...counts } = await send(ctx, 'c', adds(unknown), adds({ externalIds: ['x'] }));
      expect(counts).toMatchObject({
        received: 4,
        matched: 3,
        held: 0,
        ignored: 1,
        reasons: { unknown_device_id: 1 },
        written: 2,
        added: 2,
      });
      const [byId, byAlias, byDevice] = await findUsers(ctx, [
        { externalId: 'x' },
        { alias: NOBODY },
        { deviceId: 'y' },
      ]);
      expect(byDevice).toBeNull();
      expect(await members(cohort)).toEqual([byId?.id, byAlias?.id]);
      expect([byId?.isAnonymous, byAlias?.isAnonymous]).toEqual([false, true]);
      await sound();
    });

    test('are not made into users by a removal under CREATE', async () => {
      await setUnknownIdentityPolicy(ctx, 'CREATE');
      await send(ctx, 'c', removes(unknown), adds({ externalIds: ['z'] }), removes({ externalIds: ['z'] }));
      expect(await findUsers(ctx, [{ externalId: 'x' }, { externalId: 'z' }])).toEqual([null, null]);
      await sound();
    });

    test('held before still join, or are dropped, after the policy changed', async () => {
      const { cohort } = await send(ctx, 'c', adds(unknown));
      await setUnknownIdentityPolicy(ctx, 'CREATE');
      const { cohort: other } = await send(ctx, 'other', adds({ externalIds: ['x'] }), removes({ aliases: [NOBODY] }));
      expect([await members(cohort), await members(other)]).toEqual([[1], [1]]);
      await setUnknownIdentityPolicy(ctx, 'IGNORE');
      await send(ctx, 'c', removes({ aliases: [NOBODY] }));
      expect(await pending(cohort)).toEqual(['3//y']);
      await sound();
    });
  });

  describe('of an unknown cohort', () => {
    test('make it, with its id for a name, unnamed', async () => {
      const { cohort } = await send(ctx, 'coh 1', adds({}));
      expect(cohort).toMatchObject({ partner: 'amplitude', partnerCohortId: 'coh 1', name: 'coh 1', isNamed: false });
      expect(await findCohorts(ctx, [{ partnerCohort: { partner: 'amplitude', cohortId: 'coh 1' } }])).toEqual([
        cohort,
      ]);
      expect((await send(ctx, 'coh 1', adds({}))).cohort).toEqual(cohort);
    });

    test('that change nothing make nothing: a test of credentials', async () => {
      const outcome = await send(ctx, 'c');
      expect(outcome).toEqual({
        cohort: null,
        received: 0,
        matched: 0,
        held: 0,
        ignored: 0,
        reasons: {},
        written: 0,
        added: 0,
        removed: 0,
        batchId: null,
        isDuplicate: false,
        heldChangesId: null,
      });
      expect(await cohortIds(ctx)).toEqual([]);
      expect(await usageOf(ctx)).toEqual([]);
    });

    test('of another partner or workspace are of another cohort', async () => {
      const elsewhere = await otherWorkspace(ctx);
      await seedIdentified(ctx, 'e');
      const { cohort: mine } = await send(ctx, 'c', adds({ externalIds: ['e'] }));
      const { cohort: theirs } = await applyChanges(ctx, command('c', [adds({})], { partner: 'mixpanel' }));
      const outcome = await send(elsewhere, 'c', adds({ externalIds: ['e'] }));
      expect(outcome).toMatchObject({ matched: 0, held: 1 });
      expect(theirs?.id).not.toBe(mine?.id);
      expect([await members(mine), await members(theirs), await membersOf(elsewhere, outcome.cohort?.id ?? 0)]).toEqual(
        [[1], [], []],
      );
    });
  });

  test('of a known cohort that change nothing are a sign of life in the ledger, and not metered', async () => {
    const { cohort } = await send(ctx, 'c', adds({}));
    await send(ctx, 'c');
    expect(await ledgerOf(ctx, cohort?.id ?? 0)).toHaveLength(2);
    expect(await usageOf(ctx)).toEqual([]);
  });

  describe('the name of a cohort', () => {
    test('is an upsert: a repeat moves nothing, a new name replaces the old', async () => {
      const first = await nameCohort(ctx, {
        partner: 'amplitude',
        partnerCohortId: 'c',
        name: 'Cohort',
        createdAt: new Date(0),
      });
      expect(first).toMatchObject({ name: 'Cohort', isNamed: true, createdAt: new Date(0) });
      clock.advance(1000);
      expect(
        await nameCohort(ctx, { partner: 'amplitude', partnerCohortId: 'c', name: 'Cohort', createdAt: clock.now() }),
      ).toEqual(first);
      expect(await nameCohort(ctx, { partner: 'amplitude', partnerCohortId: 'c', name: 'Renamed' })).toEqual({
        ...first,
        name: 'Renamed',
      });
      expect(await cohortIds(ctx)).toHaveLength(1);
    });

    test('may come before, after or with the members', async () => {
      const { cohort: before } = await send(ctx, 'c', adds({}));
      expect(await nameCohort(ctx, { partner: 'amplitude', partnerCohortId: 'c', name: 'Later' })).toMatchObject({
        id: before?.id,
        name: 'Later',
      });
      const { cohort: named } = await applyChanges(ctx, command('d', [], { name: 'At once' }));
      expect(named).toMatchObject({ name: 'At once', isNamed: true });
      expect((await send(ctx, 'd', adds({}))).cohort).toEqual(named);
    });

    test('that equals the id counts as named', async () => {
      await send(ctx, 'c', adds({}));
      expect(await nameCohort(ctx, { partner: 'amplitude', partnerCohortId: 'c', name: 'c' })).toMatchObject({
        name: 'c',
        isNamed: true,
      });
    });
  });

  describe('that are malformed are refused whole, with the path', () => {
    const bad = '\ud800';
    const cases: [string, Parameters<typeof command>, (string | number)[]][] = [
      ['an empty external id', ['c', [adds({}), adds({ externalIds: ['e', ''] })]], ['changes', 1, 'externalIds', 1]],
      ['a device with NUL', ['c', [removes({ deviceIds: ['a\u0000'] })]], ['changes', 0, 'deviceIds', 0]],
      [
        'half a surrogate in an alias',
        ['c', [adds({ aliases: [ADA, { label: bad, name: 'n' }] })]],
        ['changes', 0, 'aliases', 1, 'label'],
      ],
      [
        'an alias name too long',
        ['c', [adds({ aliases: [{ label: 'l', name: 'é'.repeat(257) }] })]],
        ['changes', 0, 'aliases', 0, 'name'],
      ],
      ['a blank cohort id', [' ', [adds({})]], ['cohort']],
      ['a cohort id too long', ['c'.repeat(513), [adds({})]], ['cohort']],
      ['a cohort name with NUL', ['c', [], { name: 'a\u0000' }], ['name']],
      ['a partner that is none', ['c', [adds({})], { partner: 'Not One' }], ['partner']],
    ];

    test.each(cases)('%s', async (_, args, path) => {
      await seedIdentified(ctx, 'e');
      await expect(applyChanges(ctx, command(...args))).rejects.toMatchObject({ code: 'INVALID_INPUT', path });
      expect(await cohortIds(ctx)).toEqual([]);
    });

    test.each([
      ['all that one request takes', undefined, CHANGES_MAX_IDENTIFIERS],
      ['the limit of a dialect', 3, 3],
    ])('more than %s', async (_, maxIdentifiers, most) => {
      const many = Array.from({ length: most + 1 }, () => 'e');
      await expect(
        applyChanges(ctx, command('c', [adds({ externalIds: many })], { maxIdentifiers })),
      ).rejects.toMatchObject({
        code: 'LIMIT_EXCEEDED',
        path: ['changes'],
      });
    });
  });

  describe('sent with a key', () => {
    const withKey = (secret: string, partner = 'amplitude', from = ctx) =>
      applyChanges(
        from,
        command('c', [adds({ externalIds: ['e'] })], {
          partner,
          source: { dialect: 'braze', presentedHash: hashSecret(secret) },
        }),
      );
    const nothingApplied = async () => {
      expect(await cohortIds(ctx)).toEqual([]);
      expect(await usageOf(ctx)).toEqual([]);
    };

    beforeEach(async () => {
      await seedIdentified(ctx, 'e');
    });

    test('are applied, and the ledger and the meter say which key it was', async () => {
      const { key, secret } = await generateDataImportKey(ctx, { partner: 'amplitude' });
      const { cohort } = await withKey(secret);
      expect(await members(cohort)).toEqual([1]);
      expect((await ledgerOf(ctx, cohort?.id ?? 0))[0]).toMatchObject({ key_id: key.id, dialect: 'braze' });
      expect(await usageOf(ctx)).toEqual([expect.objectContaining({ key_id: key.id, received: 1 })]);
      expect((await keysByIds(ctx, [key.id])).get(key.id)?.lastUsedAt).toEqual(clock.now());
    });

    test.each(['', 'muster_dik_1_nonsense'])(
      'nobody made (%j) are refused before anything is applied',
      async (secret) => {
        await expect(withKey(secret)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
        await nothingApplied();
      },
    );

    test('that was invalidated are refused by the very next request', async () => {
      const { key, secret } = await generateDataImportKey(ctx, { partner: 'mixpanel' });
      await withKey(secret, 'mixpanel');
      await invalidateKey(ctx, { kind: 'data_import', id: key.id });
      await expect(withKey(secret, 'mixpanel')).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
      expect(await usageOf(ctx)).toEqual([expect.objectContaining({ received: 1 })]);
    });

    test('that has expired are refused', async () => {
      const { secret } = await generateDataImportKey(ctx, {
        partner: 'amplitude',
        expiresAt: new Date(clock.now().getTime() + 1),
      });
      clock.advance(1);
      await expect(withKey(secret)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
      await nothingApplied();
    });

    test('that was rotated are applied while the overlap lasts', async () => {
      const old = await generateDataImportKey(ctx, { partner: 'amplitude' });
      const { secret } = await rotateKey(ctx, { kind: 'data_import', id: old.key.id, overlapHours: 1 });
      await Promise.all([withKey(old.secret), withKey(secret)]);
      clock.advance(3_600_000);
      await expect(withKey(old.secret)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
      await withKey(secret);
    });

    test('of another partner are refused before anything is applied', async () => {
      const { secret } = await generateDataImportKey(ctx, { partner: 'mixpanel' });
      await expect(withKey(secret)).rejects.toMatchObject({ code: 'FORBIDDEN' });
      await nothingApplied();
    });

    test('of another workspace are refused like none', async () => {
      const { secret } = await generateDataImportKey(await otherWorkspace(ctx), { partner: 'amplitude' });
      await expect(withKey(secret)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
      await nothingApplied();
    });

    test('for the API are refused', async () => {
      const { secret } = await createApiKey(ctx, { name: 'Site', scopes: ['cohorts:write'] });
      await expect(withKey(secret)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
      await nothingApplied();
    });

    test('that is no good name no cohort either', async () => {
      const { secret } = await generateDataImportKey(ctx, { partner: 'mixpanel' });
      const name = (presented: string) =>
        nameCohort(ctx, {
          partner: 'amplitude',
          partnerCohortId: 'c',
          name: 'n',
          presentedHash: hashSecret(presented),
        });
      await expect(name(secret)).rejects.toMatchObject({ code: 'FORBIDDEN' });
      await expect(name('none')).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
      await nothingApplied();
    });

    test('that is no good are refused also when they change nothing', async () => {
      const presented = { source: { dialect: 'braze', presentedHash: hashSecret('none') } };
      await expect(applyChanges(ctx, command('c', [], presented))).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    });
  });

  test('are metered by cohort, key and UTC day', async () => {
    clock = fakeClock('2026-03-01T23:59:59.999Z');
    ctx = { ...ctx, now: clock.now };
    await seedIdentified(ctx, 'a', 'b');
    const { key } = await generateDataImportKey(ctx, { partner: 'amplitude' });
    const named = { externalIds: ['a', 'a', 'unknown'] };
    const { cohort } = await applyChanges(
      ctx,
      command('c', [adds(named)], { source: { dialect: 'braze', keyId: key.id } }),
    );
    clock.advance(1);
    await applyChanges(
      ctx,
      command('c', [adds(named), removes({ externalIds: ['b'] })], { source: { dialect: 'braze', keyId: key.id } }),
    );
    await applyChanges(ctx, command('c', [adds({ externalIds: ['b'] })], { source: { dialect: 'library' } }));
    const of = { cohort_id: cohort?.id };
    expect(await usageOf(ctx)).toEqual([
      { ...of, key_id: key.id, day: '2026-03-01', received: 3, matched: 2, written: 1, changed: 1 },
      { ...of, key_id: NO_KEY, day: '2026-03-02', received: 1, matched: 1, written: 1, changed: 1 },
      { ...of, key_id: key.id, day: '2026-03-02', received: 4, matched: 3, written: 2, changed: 0 },
    ]);
  });

  test('that arrive together are applied as if one after the other, each with its own row and answer', async () => {
    await seedIdentified(ctx, 'a', 'b', 'c');
    const sent = [
      adds({ externalIds: ['a', 'b'] }),
      removes({ externalIds: ['a'] }),
      adds({ externalIds: ['c', 'unknown'] }),
      adds({ externalIds: ['a', 'b', 'c'] }),
      removes({ externalIds: ['c', 'unknown'] }),
    ];
    // One connection looks up in the order of sending; several would in any.
    const single = database.url === null ? null : secondServer(database, { poolSize: 1 });
    const from = single ? seenBy(ctx, single) : ctx;
    const outcomes = await Promise.all(sent.map((change) => send(from, 'together', change)));
    await single?.close();
    expect(outcomes.map((o) => [o.added, o.removed, o.held])).toEqual([
      [2, 0, 0],
      [0, 1, 0],
      [1, 0, 1],
      [1, 0, 0],
      [0, 1, 0],
    ]);
    const cohort = outcomes[0]?.cohort ?? null;
    expect(await members(cohort)).toEqual([1, 2]);
    expect(await pending(cohort)).toEqual([]);
    expect(await ledgerOf(ctx, cohort?.id ?? 0)).toHaveLength(5);
    await sound();
  });

  test('of which one is refused leave the others that came with it alone', async () => {
    await seedIdentified(ctx, 'a', 'b');
    const outcomes = await Promise.allSettled([
      send(ctx, 'c', adds({ externalIds: ['a'] })),
      send(ctx, 'c', adds({ externalIds: [''] })),
      applyChanges(
        ctx,
        command('c', [adds({ externalIds: ['b'] })], { source: { dialect: 'braze', keyId: 'no uuid' } }),
      ),
      send(ctx, 'c', adds({ externalIds: ['b'] })),
    ]);
    expect(outcomes.map((o) => o.status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
    const [cohort = 0] = await cohortIds(ctx);
    expect(await membersOf(ctx, cohort)).toEqual([1, 2]);
    expect(await ledgerOf(ctx, cohort)).toHaveLength(2);
    await sound();
  });

  test('inside a transaction of the caller go with it', async () => {
    await seedIdentified(ctx, 'a');
    const failing = inTransaction(ctx, async (tx) => {
      await send(tx, 'c', adds({ externalIds: ['a', 'unknown'] }));
      throw new Error('The caller changed their mind.');
    });
    await expect(failing).rejects.toThrow('The caller changed their mind.');
    expect(await cohortIds(ctx)).toEqual([]);
    await inTransaction(ctx, async (tx) => {
      await send(tx, 'c', adds({ externalIds: ['a'] }));
      await send(tx, 'd', adds({ externalIds: ['a'] }));
    });
    expect(await cohortIds(ctx)).toHaveLength(2);
    await sound();
  });

  test('take as many statements for a thousand identifiers as for one', async () => {
    await seedIdentified(ctx, 'a');
    await send(ctx, 'c', adds({}));
    const statements = async (externalIds: readonly string[]) => {
      record.take();
      await send(ctx, 'c', adds({ externalIds }));
      return record.take().length;
    };
    const one = await statements(['u0']);
    expect(await statements(Array.from({ length: 1000 }, (_, i) => `u${i}`))).toBe(one);
    expect(await statements(['a'])).toBeLessThan(one);
  });

  test('keep texts with quotes, braces, backslashes and emoji apart and whole', async () => {
    const texts = ['"', '{a,b}', 'a,b', '\\', '\\"', 'NULL', 'null', '😀', '\n\t', ' ', '$1'];
    const { cohort } = await send(
      ctx,
      '"c" {1,2} \\ 😀',
      adds({ externalIds: texts, aliases: texts.map((t) => ({ label: t, name: t })) }),
    );
    expect(await pending(cohort)).toHaveLength(2 * texts.length);
    const ids = await seedUsers(ctx, ...texts.map((t) => ({ externalId: t, aliases: [{ label: t, name: t }] })));
    expect(await members(cohort)).toEqual(ids);
    const [row] = await queryRows(
      database.db,
      sql`select partner_cohort_id, name from cohorts where workspace_id = ${ctx.workspaceId}`,
    );
    expect(row).toEqual({ partner_cohort_id: '"c" {1,2} \\ 😀', name: '"c" {1,2} \\ 😀' });
    await sound();
  });
});
