import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { queryRows } from '../../src/db/client.ts';
import type { Cohort } from '../../src/domain/cohorts/cohort.ts';
import type { Ctx } from '../../src/domain/context.ts';
import { runDueJobs } from '../../src/domain/jobs/jobs.ts';
import type { Page } from '../../src/domain/page.ts';
import {
  addAliases,
  attachDevices,
  identifyUsers,
  renameAliases,
  renameExternalIds,
} from '../../src/domain/users/identities.ts';
import {
  countPending,
  countPendingByCohortIds,
  listPending,
  summarizePending,
  trimPending,
} from '../../src/domain/users/pending.ts';
import type { PendingMember } from '../../src/domain/users/pending-member.ts';
import { upsertUsers } from '../../src/domain/users/users.ts';
import { updateWorkspace } from '../../src/domain/workspaces/workspaces.ts';
import { type FakeClock, fakeClock, makeContext, otherWorkspace } from '../support/context.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../support/database.ts';
import { faultsOf, ledgerOf, membersOf, pendingOf } from '../support/members.ts';
import { adds, type Named, removes, type Someone, seedUsers, send } from '../support/seed.ts';

const ADA = { label: 'member', name: 'ada' };
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

describe.each(DATABASES)('the pending pool on %s', (kind) => {
  let database: TestDatabase;
  let ctx: Ctx;
  let clock: FakeClock;

  beforeAll(async () => {
    database = await openTestDatabase(kind);
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    clock = fakeClock();
    ctx = await makeContext(database, { now: clock.now });
  });

  /** Has a cohort wait for these, and says which cohort it is. */
  async function hold(cohort: string, named: Named): Promise<number> {
    const outcome = await send(ctx, cohort, adds(named));
    expect(outcome).toMatchObject({ matched: 0, ignored: 0, held: outcome.received });
    return (outcome.cohort as Cohort).id;
  }
  const sound = async () => expect(await faultsOf(ctx)).toEqual([]);
  const texts = (page: Page<PendingMember>) =>
    page.items.map(({ item }) => `${item.label ?? ''}/${item.value}@${item.cohortId}`);
  /** Identities that are stored although nobody has them. */
  const strangers = async () =>
    (
      await queryRows<{ value: string }>(
        database.db,
        sql`select value from identities where workspace_id = ${ctx.workspaceId} and user_id is null order by value`,
      )
    ).map((row) => row.value);

  describe('lets members join', () => {
    const ways: [string, Named, readonly Someone[], () => Promise<unknown>][] = [
      [
        'a user is made with the external id',
        { externalIds: ['e'] },
        [],
        () => upsertUsers(ctx, { users: [{ externalId: 'e' }] }),
      ],
      [
        'a user is made with the alias',
        { aliases: [ADA] },
        [],
        () => upsertUsers(ctx, { users: [{ aliases: [ADA] }] }),
      ],
      [
        'a user is made with the device',
        { deviceIds: ['d'] },
        [],
        () => upsertUsers(ctx, { users: [{ deviceIds: ['d'] }] }),
      ],
      [
        'a user is identified',
        { externalIds: ['e'] },
        [{ deviceIds: ['d'] }],
        () => identifyUsers(ctx, { items: [{ user: { deviceId: 'd' }, externalId: 'e' }] }),
      ],
      [
        'a user is upserted under another name',
        { aliases: [ADA] },
        [{ externalId: 'e' }],
        () => upsertUsers(ctx, { users: [{ externalId: 'e', aliases: [ADA] }] }),
      ],
      [
        'an alias is added',
        { aliases: [ADA] },
        [{ externalId: 'e' }],
        () => addAliases(ctx, { items: [{ user: { externalId: 'e' }, alias: ADA }] }),
      ],
      [
        'an alias is renamed',
        { aliases: [ADA] },
        [{ aliases: [{ label: 'member', name: 'old' }] }],
        () => renameAliases(ctx, { items: [{ label: 'member', name: 'old', newName: 'ada' }] }),
      ],
      [
        'a device is attached',
        { deviceIds: ['d'] },
        [{ aliases: [ADA] }],
        () => attachDevices(ctx, { items: [{ user: { alias: ADA }, deviceId: 'd' }] }),
      ],
      [
        'an external id is renamed',
        { externalIds: ['e'] },
        [{ externalId: 'old' }],
        () => renameExternalIds(ctx, { items: [{ externalId: 'old', newExternalId: 'e' }] }),
      ],
    ];

    test.each(ways)('of every cohort when %s', async (_, named, users, appear) => {
      await seedUsers(ctx, ...users);
      const [one, two] = [await hold('one', named), await hold('two', named)];
      const notAsked = await hold('other', { externalIds: ['somebody else'] });
      await appear();
      for (const cohort of [one, two]) {
        expect(await membersOf(ctx, cohort)).toEqual([1]);
        expect(await pendingOf(ctx, cohort)).toEqual([]);
        expect((await ledgerOf(ctx, cohort)).at(-1)).toMatchObject({ dialect: 'join', added: [1], received_count: 0 });
      }
      expect(await pendingOf(ctx, notAsked)).toEqual(['1//somebody else']);
      expect((await summarizePending(ctx)).dropped).toEqual([]);
      await sound();
    });

    test('once, when several of their names were held', async () => {
      const cohort = await hold('c', { externalIds: ['e'], aliases: [ADA] });
      expect(await upsertUsers(ctx, { users: [{ externalId: 'e', aliases: [ADA] }] })).toMatchObject({ joined: 1 });
      expect((await ledgerOf(ctx, cohort)).at(-1)).toMatchObject({ added: [1], added_count: 1 });
    });

    test('by a device while its user is anonymous, also when they are identified later in the same call', async () => {
      const cohort = await hold('c', { deviceIds: ['d'] });
      await upsertUsers(ctx, { users: [{ deviceIds: ['d'] }, { externalId: 'e', deviceIds: ['d'] }] });
      expect(await membersOf(ctx, cohort)).toEqual([1]);
      expect((await summarizePending(ctx)).dropped).toEqual([]);
      await sound();
    });

    test('in the place of a user who was merged away in the same call', async () => {
      await seedUsers(ctx, { externalId: 'e' });
      const cohort = await hold('c', { deviceIds: ['d'] });
      await upsertUsers(ctx, { users: [{ deviceIds: ['d'] }, { externalId: 'e', deviceIds: ['d'] }] });
      expect(await membersOf(ctx, cohort)).toEqual([1]);
      await sound();
    });
  });

  describe('drops and counts', () => {
    test('a device that turns out to be an identified user’s', async () => {
      const cohorts = [await hold('one', { deviceIds: ['d'] }), await hold('two', { deviceIds: ['d'] })];
      await upsertUsers(ctx, { users: [{ externalId: 'e', deviceIds: ['d'] }] });
      for (const cohort of cohorts) {
        expect(await membersOf(ctx, cohort)).toEqual([]);
        expect(await pendingOf(ctx, cohort)).toEqual([]);
      }
      expect((await summarizePending(ctx)).dropped).toEqual([{ reason: 'device_of_identified_user', members: 2 }]);
      await sound();
    });

    test('the oldest beyond the limit of the workspace, and no more', async () => {
      const first = await hold('first', { externalIds: ['a'] });
      clock.advance(1);
      const second = await hold('second', { externalIds: ['a', 'b'] });
      clock.advance(1);
      await hold('first', { deviceIds: ['d'] });
      await updateWorkspace(ctx, { pendingMaxMembers: 2 });
      expect(await trimPending(ctx)).toBe(2);
      // Of the two held in one moment, the one that is first in the list goes first.
      expect(await pendingOf(ctx, first)).toEqual(['3//d']);
      expect(await pendingOf(ctx, second)).toEqual(['1//b']);
      expect((await summarizePending(ctx)).dropped).toEqual([{ reason: 'over_limit', members: 2 }]);
      expect(await trimPending(ctx)).toBe(0);
      await sound();
    });

    test('all when the limit is 0, and nothing when there is none', async () => {
      await hold('c', { externalIds: ['a', 'b'] });
      await updateWorkspace(ctx, { pendingMaxMembers: null });
      expect(await trimPending(ctx)).toBe(0);
      await updateWorkspace(ctx, { pendingMaxMembers: 0 });
      expect(await trimPending(ctx)).toBe(2);
      expect(await countPending(ctx, {})).toBe(0);
    });

    test('what is older than the workspace keeps it, to the millisecond', async () => {
      const cohort = await hold('c', { externalIds: ['old'] });
      clock.advance(1);
      await hold('c', { externalIds: ['young'] });
      await updateWorkspace(ctx, { pendingMaxAgeDays: 1 });
      clock.advance(DAY_MS - 1);
      expect(await trimPending(ctx)).toBe(0);
      clock.advance(1);
      expect(await trimPending(ctx)).toBe(1);
      expect(await pendingOf(ctx, cohort)).toEqual(['1//young']);
      expect((await summarizePending(ctx)).dropped).toEqual([{ reason: 'too_old', members: 1 }]);
    });

    test('by age first: what is too old anyway does not count against the limit', async () => {
      await hold('c', { externalIds: ['old'] });
      clock.advance(2 * DAY_MS);
      const cohort = await hold('c', { externalIds: ['young'] });
      await updateWorkspace(ctx, { pendingMaxAgeDays: 1, pendingMaxMembers: 1 });
      expect(await trimPending(ctx)).toBe(1);
      expect(await pendingOf(ctx, cohort)).toEqual(['1//young']);
    });

    test('from the first time that a cohort named them: naming them again makes them no younger', async () => {
      const cohort = await hold('c', { externalIds: ['a'] });
      clock.advance(DAY_MS);
      await hold('c', { externalIds: ['a'] });
      clock.advance(1);
      await updateWorkspace(ctx, { pendingMaxAgeDays: 1 });
      expect(await trimPending(ctx)).toBe(1);
      expect(await pendingOf(ctx, cohort)).toEqual([]);
    });

    test('nothing when the sender removes them: that is what was asked for', async () => {
      const cohort = await hold('c', { externalIds: ['a', 'b'] });
      await send(ctx, 'c', removes({ externalIds: ['a'] }));
      expect(await pendingOf(ctx, cohort)).toEqual(['1//b']);
      expect((await summarizePending(ctx)).dropped).toEqual([]);
      await upsertUsers(ctx, { users: [{ externalId: 'a' }] });
      expect(await membersOf(ctx, cohort)).toEqual([]);
      await sound();
    });

    test('only in the workspace that is trimmed', async () => {
      const other = await otherWorkspace(ctx);
      await send(other, 'c', adds({ externalIds: ['a'] }));
      await updateWorkspace(other, { pendingMaxMembers: 0, pendingMaxAgeDays: 1 });
      await hold('c', { externalIds: ['a'] });
      await updateWorkspace(ctx, { pendingMaxMembers: 0 });
      expect(await trimPending(ctx)).toBe(1);
      expect(await countPending(other, {})).toBe(1);
      expect((await summarizePending(other)).dropped).toEqual([]);
    });

    test('until nothing is left to drop, as background work', async () => {
      await hold('c', { externalIds: ['a', 'b', 'c'] });
      await updateWorkspace(ctx, { pendingMaxMembers: 1 });
      await runDueJobs(ctx);
      expect(await countPending(ctx, {})).toBe(1);
      await hold('c', { externalIds: ['d'] });
      // Not due again yet.
      await runDueJobs(ctx);
      expect(await countPending(ctx, {})).toBe(2);
      clock.advance(HOUR_MS);
      await runDueJobs(ctx);
      expect(await countPending(ctx, {})).toBe(1);
    });
  });

  test('forgets identities that nothing holds any more, and keeps those that another cohort holds', async () => {
    await hold('one', { externalIds: ['a', 'b', 'c'] });
    const two = await hold('two', { externalIds: ['b'] });
    await send(ctx, 'one', removes({ externalIds: ['a', 'b'] }));
    await trimPending(ctx);
    expect(await strangers()).toEqual(['b', 'c']);
    expect(await pendingOf(ctx, two)).toEqual(['1//b']);
    await updateWorkspace(ctx, { pendingMaxMembers: 0 });
    await trimPending(ctx);
    expect(await strangers()).toEqual([]);
    await sound();
  });

  test('can hold again what it forgot', async () => {
    const cohort = await hold('c', { externalIds: ['a'] });
    await updateWorkspace(ctx, { pendingMaxMembers: 0 });
    await trimPending(ctx);
    await hold('c', { externalIds: ['a'] });
    await upsertUsers(ctx, { users: [{ externalId: 'a' }] });
    expect(await membersOf(ctx, cohort)).toEqual([1]);
    await sound();
  });

  describe('as a list', () => {
    let one: number;
    let two: number;
    let all: string[];

    beforeEach(async () => {
      one = await hold('one', { externalIds: ['b', 'a', 'Z'], deviceIds: ['d'] });
      two = await hold('two', {
        externalIds: ['a'],
        aliases: [
          { label: 'y', name: '1' },
          { label: 'x', name: '2' },
        ],
      });
      // By kind, and then byte by byte, whatever the database's collation.
      all = [`/Z@${one}`, `/a@${one}`, `/a@${two}`, `/b@${one}`, `x/2@${two}`, `y/1@${two}`, `/d@${one}`];
    });

    test('says of each member why, in which cohort and since when', async () => {
      const page = await listPending(ctx, {});
      expect(texts(page)).toEqual(all);
      expect(page.items.map(({ item }) => item.reason)).toEqual([
        ...Array(4).fill('unknown_external_id'),
        ...Array(2).fill('unknown_alias'),
        'unknown_device_id',
      ]);
      expect(page.items[0]?.item).toEqual({
        reason: 'unknown_external_id',
        label: null,
        value: 'Z',
        cohortId: one,
        heldAt: clock.now(),
      });
      expect(page).toMatchObject({ hasNextPage: false, hasPreviousPage: false });
    });

    test('can be asked for one cohort, one reason or both', async () => {
      expect(texts(await listPending(ctx, { cohortId: two }))).toEqual([`/a@${two}`, `x/2@${two}`, `y/1@${two}`]);
      expect(texts(await listPending(ctx, { reason: 'unknown_alias' }))).toEqual([`x/2@${two}`, `y/1@${two}`]);
      expect(texts(await listPending(ctx, { cohortId: one, reason: 'unknown_device_id' }))).toEqual([`/d@${one}`]);
      expect(texts(await listPending(ctx, { cohortId: one, reason: 'unknown_alias' }))).toEqual([]);
      expect(await countPending(ctx, {})).toBe(7);
      expect(await countPending(ctx, { cohortId: two })).toBe(3);
      expect(await countPending(ctx, { cohortId: one, reason: 'unknown_external_id' })).toBe(3);
    });

    test.each([1, 2, 3, 6, 7, 8])(
      'gives all, each once and in order, in pages of %i, forwards and backwards',
      async (size) => {
        const forwards: string[] = [];
        for (let after: string | null = null; ; ) {
          const page: Page<PendingMember> = await listPending(ctx, { first: size, after });
          forwards.push(...texts(page));
          expect(page.hasPreviousPage).toBe(after !== null);
          after = page.items.at(-1)?.cursor ?? null;
          if (!page.hasNextPage) break;
        }
        const backwards: string[] = [];
        for (let before: string | null = null; ; ) {
          const page: Page<PendingMember> = await listPending(ctx, { last: size, before });
          backwards.unshift(...texts(page));
          expect(page.hasNextPage).toBe(before !== null);
          before = page.items[0]?.cursor ?? null;
          if (!page.hasPreviousPage) break;
        }
        expect(forwards).toEqual(all);
        expect(backwards).toEqual(all);
      },
    );

    test('goes on after a member that has left', async () => {
      const page = await listPending(ctx, { first: 2 });
      await send(ctx, 'one', removes({ externalIds: ['a'] }));
      expect(texts(await listPending(ctx, { first: 2, after: page.items[1]?.cursor ?? null }))).toEqual(
        all.slice(2, 4),
      );
    });

    test('refuses cursors of another list, of another workspace, and made-up ones', async () => {
      const cursor = (await listPending(ctx, { first: 1 })).items[0]?.cursor ?? '';
      const [tag] = JSON.parse(Buffer.from(cursor, 'base64url').toString());
      const made = (...key: unknown[]) => Buffer.from(JSON.stringify([tag, ...key])).toString('base64url');
      expect(texts(await listPending(ctx, { first: 1, after: made(1, '', 'Z', one) }))).toEqual([`/a@${one}`]);
      // A kind that no identity has is a place in the list all the same.
      expect(texts(await listPending(ctx, { after: made(70_000, '', 'Z', one) }))).toEqual([]);
      const bad = [
        '',
        '?',
        made(),
        made('x', '', 'Z', one),
        made(1, '', 'Z'),
        made(1, '', 'a\u0000', one),
        made(1, 2, 3, 4),
      ];
      for (const after of bad)
        await expect(listPending(ctx, { after })).rejects.toMatchObject({ code: 'INVALID_CURSOR' });
      await expect(listPending(ctx, { cohortId: one, after: cursor })).rejects.toMatchObject({
        code: 'INVALID_CURSOR',
      });
      const other = await otherWorkspace(ctx);
      await expect(listPending(other, { after: cursor })).rejects.toMatchObject({ code: 'INVALID_CURSOR' });
    });

    test('shows nothing to another workspace', async () => {
      const other = await otherWorkspace(ctx);
      expect((await listPending(other, {})).items).toEqual([]);
      expect(await countPending(other, {})).toBe(0);
      expect(await countPendingByCohortIds(other, [one, two])).toEqual(new Map());
      expect(await summarizePending(other)).toEqual({ members: 0, byReason: [], largestCohorts: [], dropped: [] });
    });
  });

  describe('as a summary', () => {
    test('counts members by reason and by cohort', async () => {
      const one = await hold('one', { externalIds: ['a', 'b'], deviceIds: ['d'] });
      const two = await hold('two', { externalIds: ['a'], aliases: [ADA] });
      const { byReason, ...rest } = await summarizePending(ctx);
      expect(rest).toEqual({
        members: 5,
        largestCohorts: [
          { cohortId: one, members: 3 },
          { cohortId: two, members: 2 },
        ],
        dropped: [],
      });
      expect(new Map(byReason.map((r) => [r.reason, r.members]))).toEqual(
        new Map([
          ['unknown_external_id', 3],
          ['unknown_alias', 1],
          ['unknown_device_id', 1],
        ]),
      );
      expect(await countPendingByCohortIds(ctx, [one, two, 99])).toEqual(
        new Map([
          [one, 3],
          [two, 2],
        ]),
      );
    });

    test('names the ten cohorts that hold most, the older first among equals', async () => {
      const ids = [];
      for (let i = 0; i < 12; i++)
        ids.push(
          await hold(`c${i}`, {
            externalIds: Array.from({ length: i === 11 ? 3 : i === 0 ? 1 : 2 }, (_, n) => `u${n}`),
          }),
        );
      const { largestCohorts, members } = await summarizePending(ctx);
      expect(largestCohorts.map((c) => c.cohortId)).toEqual([ids[11], ...ids.slice(1, 10)]);
      expect(members).toBe(24);
    });

    test('remembers drops for thirty days, by reason', async () => {
      await hold('c', { externalIds: ['a', 'b'], deviceIds: ['d'] });
      await upsertUsers(ctx, { users: [{ externalId: 'e', deviceIds: ['d'] }] });
      clock.advance(10 * DAY_MS);
      await updateWorkspace(ctx, { pendingMaxMembers: 1 });
      await trimPending(ctx);
      clock.advance(19 * DAY_MS);
      const dropped = async () => (await summarizePending(ctx)).dropped;
      expect(await dropped()).toEqual([
        { reason: 'device_of_identified_user', members: 1 },
        { reason: 'over_limit', members: 1 },
      ]);
      clock.advance(DAY_MS);
      expect(await dropped()).toEqual([{ reason: 'over_limit', members: 1 }]);
      clock.advance(10 * DAY_MS);
      expect(await dropped()).toEqual([]);
    });
  });

  test('keeps them for as long as a hundred years, and as many as can be counted', async () => {
    await hold('c', { externalIds: ['a'] });
    const limits = { pendingMaxAgeDays: 36_500, pendingMaxMembers: 2 ** 31 - 1 };
    expect(await updateWorkspace(ctx, limits)).toMatchObject(limits);
    expect(await trimPending(ctx)).toBe(0);
  });

  test.each([
    ['pendingMaxMembers', -1],
    ['pendingMaxMembers', 1.5],
    ['pendingMaxMembers', 2 ** 31],
    ['pendingMaxAgeDays', 0],
    ['pendingMaxAgeDays', Number.NaN],
    ['pendingMaxAgeDays', 36_501],
  ])('takes no %s of %d', async (field, value) => {
    await expect(updateWorkspace(ctx, { [field]: value })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      path: [field],
    });
  });
});
