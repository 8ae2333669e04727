import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type OpenDatabase, queryRows } from '../../src/db/client.ts';
import type { Outcome } from '../../src/domain/cohorts/cohort.ts';
import { findCohorts, nameCohort } from '../../src/domain/cohorts/cohorts.ts';
import { type Ctx, inTransaction } from '../../src/domain/context.ts';
import { deleteUsers, mergeUsers } from '../../src/domain/users/identities.ts';
import { findUsers, upsertUsers, userIds } from '../../src/domain/users/users.ts';
import { setUnknownIdentityPolicy } from '../../src/domain/workspaces/workspaces.ts';
import { makeContext, seenBy } from '../support/context.ts';
import { openTestDatabase, secondServer, type TestDatabase } from '../support/database.ts';
import { cohortIds, faultsOf, ledgerOf, membersOf, pendingOf } from '../support/members.ts';
import { adds, type Named, removes, type Someone, seedIdentified, seedUsers, send } from '../support/seed.ts';

// Real connections of two servers on one PostgreSQL. No test says who wins: each says what must be true whoever does.
// A fault that shows itself once in a thousand rounds is looked for with MUSTER_RACE_ROUNDS.

const ROUNDS = Number(process.env.MUSTER_RACE_ROUNDS ?? 10);

/** The same workspace as each of the two servers sees it. */
interface Round {
  readonly one: Ctx;
  readonly two: Ctx;
  readonly isEven: boolean;
}

let database: TestDatabase;

beforeAll(async () => {
  database = await openTestDatabase('postgres');
  // A deadlock is looked for at once, so that a round with one is not a second longer.
  const [row] = await queryRows<{ name: string }>(database.db, sql`select current_database() as name`);
  await database.db.execute(sql`alter database ${sql.identifier(row?.name ?? '')} set deadlock_timeout = '20ms'`);
});
afterAll(() => database.close());

/**
 * Runs rounds, each in a new workspace. Afterwards the books balance, and the database did not have to break a single deadlock: one
 * would be run again and stay hidden, but it means that two writers take the same locks in different orders.
 */
async function race(work: (round: Round) => Promise<void>): Promise<void> {
  const before = await deadlocks();
  const servers = [secondServer(database, { poolSize: 6 }), secondServer(database, { poolSize: 6 })] as const;
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const ctx = await makeContext(database);
      await work({ one: seenBy(ctx, servers[0]), two: seenBy(ctx, servers[1]), isEven: round % 2 === 0 });
      expect(await faultsOf(ctx)).toEqual([]);
    }
  } finally {
    // Connections report their deadlocks at the latest when they end.
    await Promise.all(servers.map((server: OpenDatabase) => server.close()));
  }
  expect((await deadlocks()) - before).toBe(0);
}

async function deadlocks(): Promise<number> {
  const rows = await queryRows<{ n: number }>(
    database.db,
    sql`select deadlocks::int as n from pg_stat_database where datname = current_database()`,
  );
  return rows[0]?.n ?? 0;
}

/** Waits until something is so; the test's own limit ends what never is. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await pause(5);
}

/** How many connections wait for a lock. */
async function waiting(): Promise<number> {
  const rows = await queryRows(
    database.db,
    sql`select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
  );
  return rows.length;
}

/** Something that happens once and can be waited for. */
class Signal {
  give: () => void = () => {};
  readonly given = new Promise<void>((resolve) => {
    this.give = resolve;
  });
}

/** Starts all at nearly the same moment; which is first differs from round to round. */
async function together<T>(...work: (() => Promise<T>)[]): Promise<T[]> {
  return Promise.all(
    work.map(async (run) => {
      await pause(Math.random() * 4);
      return run();
    }),
  );
}

/** Strangers that make a request long enough to be overtaken: they take it time between its first lock and its last. */
const crowd = (of: string) => Array.from({ length: 600 }, (_, i) => `${of} ${i}`);

/** Makes cohorts beforehand: a cohort that a request has to make first keeps that request apart from all others by itself. */
async function makeCohorts(ctx: Ctx, ...names: string[]): Promise<void> {
  for (const name of names) await send(ctx, name, adds({}));
}

const upsert = (ctx: Ctx, ...users: Someone[]) => upsertUsers(ctx, { users });
const idOf = (outcome: Outcome | undefined) => outcome?.cohort?.id ?? 0;

const NAMES: [string, Someone & Named][] = [
  ['an external id', { externalId: 'x', externalIds: ['x'] }],
  ['an alias', { aliases: [{ label: 'l', name: 'n' }] }],
  ['a device', { deviceIds: ['d'] }],
];

describe('an import that names a user who is just being created', () => {
  test.each(NAMES)('by %s makes them a member, whichever commits first', async (_, named) => {
    await race(async ({ one, two, isEven }) => {
      if (isEven) await makeCohorts(one, 'c');
      let cohort = 0;
      await together(
        async () => {
          cohort = idOf(await send(one, 'c', adds(named)));
        },
        async () => void (await upsert(two, named)),
      );
      expect(await membersOf(one, cohort)).toEqual([1]);
      expect(await pendingOf(one, cohort)).toEqual([]);
    });
  });

  test.each(NAMES)('by %s and removes them leaves no member, whichever commits first', async (_, named) => {
    await race(async ({ one, two }) => {
      const cohort = idOf(await send(one, 'c', adds(named)));
      await together(
        async () => void (await send(one, 'c', removes(named))),
        async () => void (await upsert(two, named)),
      );
      expect(await membersOf(one, cohort)).toEqual([]);
      expect(await pendingOf(one, cohort)).toEqual([]);
    });
  });

  test('among many others leaves out nobody', async () => {
    await race(async ({ one, two, isEven }) => {
      if (isEven) await makeCohorts(one, 'c');
      const ids = Array.from({ length: 300 }, (_, i) => `u${(i * 7919) % 300}`);
      const sent = await together<unknown>(
        () => send(one, 'c', adds({ externalIds: ids.slice(0, 200) })),
        () => send(two, 'c', adds({ externalIds: ids.slice(100) })),
        () => upsert(one, ...ids.slice(0, 150).map((externalId) => ({ externalId }))),
        () =>
          upsert(
            two,
            ...ids
              .toReversed()
              .slice(0, 150)
              .map((externalId) => ({ externalId })),
          ),
      );
      const cohort = idOf(sent[0] as Outcome);
      expect(await membersOf(one, cohort)).toHaveLength(300);
      expect(await pendingOf(one, cohort)).toEqual([]);
    });
  });
});

describe('the same request four times at once on two servers', () => {
  test.each([
    ['and names only users', []],
    ['and names strangers', ['unknown']],
  ])('changes what one would, and each has a row of its own, %s', async (_, strangers) => {
    await race(async ({ one, two }) => {
      const ids = Array.from({ length: 120 }, (_, i) => `u${i}`);
      await seedIdentified(one, ...ids);
      await send(one, 'c', adds({ externalIds: ids.slice(80) }));
      const request = (ctx: Ctx) => () =>
        send(
          ctx,
          'c',
          adds({ externalIds: [...ids.slice(0, 40), ...strangers] }),
          removes({ externalIds: ids.slice(100) }),
        );
      const outcomes = await together(request(one), request(two), request(one), request(two));
      const cohort = idOf(outcomes[0]);
      expect(await membersOf(one, cohort)).toEqual([...range(1, 40), ...range(81, 100)]);
      expect(outcomes.reduce((n, o) => n + o.added, 0)).toBe(40);
      expect(outcomes.reduce((n, o) => n + o.removed, 0)).toBe(20);
      expect(await ledgerOf(one, cohort)).toHaveLength(5);
      expect(await pendingOf(one, cohort)).toEqual(strangers.map((name) => `1//${name}`));
    });
  });

  test('makes one cohort when nobody knew it', async () => {
    await race(async ({ one, two }) => {
      await seedIdentified(one, 'a');
      const request = (ctx: Ctx) => () => send(ctx, 'c', adds({ externalIds: ['a'] }));
      const outcomes = await together(request(one), request(two), request(one), request(two));
      expect(new Set(outcomes.map(idOf)).size).toBe(1);
      expect(await cohortIds(one)).toHaveLength(1);
      expect(outcomes.reduce((n, o) => n + o.added, 0)).toBe(1);
    });
  });
});

test('additions and removals of the same users at once are each applied exactly once', async () => {
  await race(async ({ one, two }) => {
    const ids = Array.from({ length: 60 }, (_, i) => `u${i}`);
    await seedIdentified(one, ...ids);
    await makeCohorts(one, 'c');
    const from = (ctx: Ctx, start: number, remove: boolean) => () =>
      send(ctx, 'c', (remove ? removes : adds)({ externalIds: ids.slice(start, start + 30) }));
    const outcomes = await together(
      ...[0, 10, 20, 30].flatMap((start) => [
        from(one, start, false),
        from(two, start, true),
        from(two, start, false),
        from(one, start, true),
      ]),
    );
    const rows = await ledgerOf(one, idOf(outcomes[0]));
    expect(rows.splice(0, 1)).toMatchObject([{ added_count: 0 }]);
    expect(rows).toHaveLength(outcomes.length);
    const sum = (list: readonly number[]) => list.reduce((n, each) => n + each, 0);
    expect(sum(rows.map((row) => row.added_count))).toBe(sum(outcomes.map((o) => o.added)));
    expect(sum(rows.map((row) => row.removed_count))).toBe(sum(outcomes.map((o) => o.removed)));
  });
});

describe('several cohorts that name the same unknown identities in different orders', () => {
  // Upper and lower case and accents: orders that differ from collation to collation.
  const words = ['a', 'B', 'c', 'Ä', 'z', 'Z', '_', '-', 'é', 'E', '10', '9'];
  const named = (from: number): Named => {
    const turned = [...words.slice(from), ...words.slice(0, from)];
    return {
      externalIds: turned,
      aliases: turned.map((name) => ({ label: name, name })),
      deviceIds: turned.toReversed(),
    };
  };

  const cohorts = ['c0', 'c1', 'c2', 'c3', 'd0', 'd1', 'd2', 'd3'];

  test('all hold them', async () => {
    await race(async ({ one, two, isEven }) => {
      if (isEven) await makeCohorts(one, ...cohorts);
      const outcomes = await together(
        ...[0, 3, 6, 9].flatMap((from, i) => [
          () => send(one, `c${i}`, adds(named(from))),
          () => send(two, `d${i}`, adds(named(words.length - 1 - from))),
        ]),
      );
      for (const outcome of outcomes) expect(await pendingOf(one, idOf(outcome))).toHaveLength(3 * words.length);
    });
  });

  test('hold and drop them, while their users appear', async () => {
    await race(async ({ one, two, isEven }) => {
      if (isEven) await makeCohorts(one, ...cohorts);
      await send(one, 'c0', adds(named(0)));
      await together<unknown>(
        ...[0, 3, 6].flatMap((from, i) => [
          () => send(one, `c${i}`, adds(named(from))),
          () => send(two, `c${i}`, removes(named(from + 2)), adds({ deviceIds: words.slice(from) })),
          () =>
            send(
              one,
              `d${i}`,
              removes({ externalIds: words.slice(from) }),
              adds({ aliases: named(0).aliases ?? [], externalIds: words.slice(0, from) }),
            ),
        ]),
        () =>
          upsert(
            two,
            ...words
              .toReversed()
              .map((externalId) => ({ externalId, aliases: [{ label: externalId, name: externalId }] })),
          ),
        () => upsert(one, ...words.map((deviceId) => ({ deviceIds: [deviceId] }))),
      );
    });
  });
});

describe('imports that name a device whose owner is just changing', () => {
  test('match the anonymous owner or nobody: whoever was matched stays a member when identified', async () => {
    await race(async ({ one, two }) => {
      await seedUsers(one, { deviceIds: ['d'] });
      await makeCohorts(one, 'c', 'e');
      const [first, second] = await together(
        () => send(one, 'c', adds({ deviceIds: ['d'], externalIds: crowd('c') })),
        () => send(two, 'e', adds({ deviceIds: ['d'], externalIds: crowd('e') })),
        async () => {
          await upsert(two, { externalId: 'x', deviceIds: ['d'] });
          return { cohort: null } as Outcome;
        },
      );
      for (const outcome of [first, second]) {
        expect(await membersOf(one, idOf(outcome))).toEqual(outcome?.matched === 1 ? [1] : []);
        expect(await pendingOf(one, idOf(outcome))).not.toContain('3//d');
      }
    });
  });

  test('never leave a member behind who was merged away meanwhile', async () => {
    await race(async ({ one, two }) => {
      const [ada = 0] = await seedUsers(one, { externalId: 'ada' }, { deviceIds: ['d1', 'd2'] });
      await send(one, 'before', adds({ deviceIds: ['d1'] }));
      await makeCohorts(one, 'c', 'after');
      const outcomes = await together(
        () => send(one, 'c', adds({ deviceIds: ['d1'], externalIds: crowd('one') })),
        () => send(two, 'c', adds({ deviceIds: ['d2'], externalIds: crowd('two') })),
        () => send(two, 'before', adds({ deviceIds: ['d2'] })),
        async () => {
          await upsert(one, { externalId: 'ada', deviceIds: ['d1'] });
          return send(one, 'after', adds({ deviceIds: ['d1', 'd2'] }));
        },
      );
      const [first, second, before, after] = outcomes;
      expect(after).toMatchObject({ matched: 0, ignored: 2 });
      expect(await membersOf(one, idOf(before))).toEqual([ada]);
      expect(await membersOf(one, idOf(first))).toEqual(
        (first?.matched ?? 0) + (second?.matched ?? 0) > 0 ? [ada] : [],
      );
    });
  });

  test('never put a member back who was deleted meanwhile', async () => {
    await race(async ({ one, two }) => {
      await seedUsers(one, { externalId: 'x', aliases: [{ label: 'l', name: 'n' }] }, { externalId: 'y' });
      await makeCohorts(one, 'c', 'd');
      await together<unknown>(
        () => send(one, 'c', adds({ externalIds: ['x', 'y', ...crowd('c')] })),
        () => send(two, 'd', adds({ aliases: [{ label: 'l', name: 'n' }], externalIds: ['y', ...crowd('d')] })),
        () => deleteUsers(two, { items: [{ user: { externalId: 'x' } }] }),
      );
      expect(await findUsers(one, [{ externalId: 'x' }])).toEqual([null]);
      for (const id of await cohortIds(one)) expect(await membersOf(one, id)).toEqual([2]);
    });
  });
});

test('imports that arrive while somebody waits to be identified do not overtake them', async () => {
  const [first, second] = [secondServer(database), secondServer(database)];
  try {
    const one = seenBy(await makeContext(database), first);
    const two = seenBy(one, second);
    await seedUsers(one, { deviceIds: ['d'] });
    await makeCohorts(one, 'c', 'e');
    const applied = new Signal();
    const commit = new Signal();
    const long = inTransaction(one, async (tx) => {
      await send(tx, 'c', adds({ externalIds: ['x'] }));
      applied.give();
      await commit.given;
    });
    await applied.given;
    const identified = upsert(one, { externalId: 'ada', deviceIds: ['d'] });
    await until(async () => (await waiting()) === 1);
    const late = send(two, 'e', adds({ deviceIds: ['d'] }));
    let isOver = false;
    void late.finally(() => {
      isOver = true;
    });
    await until(async () => isOver || (await waiting()) === 2);
    commit.give();
    await Promise.all([long, identified]);
    expect(await late).toMatchObject({ matched: 0, reasons: { device_of_identified_user: 1 } });
  } finally {
    await Promise.all([first.close(), second.close()]);
  }
});

test('one user appears when several servers create them at once', async () => {
  await race(async ({ one, two }) => {
    const named = { externalId: 'x', aliases: [{ label: 'l', name: 'n' }], deviceIds: ['d'] };
    const results = await together(...[one, two, one, two].map((ctx) => () => upsert(ctx, named, { externalId: 'y' })));
    expect(results.reduce((n, result) => n + result.created, 0)).toBe(2);
    expect(await userIds(one, [{ externalId: 'x' }, { deviceId: 'd' }, { id: 2 }, { id: 3 }])).toEqual([1, 1, 2, null]);
  });
});

test('one user appears when several imports create them at once', async () => {
  await race(async ({ one, two }) => {
    await setUnknownIdentityPolicy(one, 'CREATE');
    const outcomes = await together(
      ...['c', 'd', 'c', 'e'].map(
        (cohort, i) => () =>
          send(
            i % 2 ? one : two,
            cohort,
            adds({ externalIds: ['x', 'y'].slice(i % 2), aliases: [{ label: 'l', name: 'n' }] }),
          ),
      ),
      async () => {
        await upsert(one, { externalId: 'x' }, { aliases: [{ label: 'l', name: 'n' }] });
        return send(one, 'f', adds({ externalIds: ['x', 'y'] }));
      },
    );
    expect(await membersOf(one, 0)).toEqual([1, 2, 3]);
    for (const outcome of outcomes) expect(outcome.ignored).toBe(0);
  });
});

test('a cohort that is named and imported at once is one cohort, with the name', async () => {
  await race(async ({ one, two }) => {
    const name = (ctx: Ctx) => () => nameCohort(ctx, { partner: 'amplitude', partnerCohortId: 'c', name: 'Named' });
    await together<unknown>(
      name(one),
      () => send(two, 'c', adds({ externalIds: ['x'] })),
      name(two),
      () => send(one, 'c', adds({})),
    );
    expect(await findCohorts(one, [{ id: 1 }, { id: 2 }])).toEqual([
      expect.objectContaining({ name: 'Named', isNamed: true }),
      null,
    ]);
  });
});

test('everything at once, on both servers, neither fails nor loses the balance of the books', async () => {
  await race(async ({ one, two }) => {
    const letters = ['a', 'b', 'c', 'd', 'e', 'f'];
    const some = () => letters.filter(() => Math.random() < 0.4);
    const work = Array.from({ length: 24 }, (_, i) => async (): Promise<unknown> => {
      const ctx = Math.random() < 0.5 ? one : two;
      const [name = 'a'] = some();
      const [other = 'b'] = some();
      switch (i % 4) {
        case 0:
          return upsertUsers(ctx, {
            perItem: true,
            users: some()
              .map((externalId) => ({ externalId, deviceIds: some().slice(0, 2) }))
              .concat({ externalId: other, deviceIds: [name] }),
          });
        case 1:
          return upsertUsers(ctx, {
            perItem: true,
            users: [{ deviceIds: [name] }, { aliases: [{ label: 'l', name: other }], deviceIds: [other] }],
          });
        case 2:
          return i % 8 === 2
            ? mergeUsers(ctx, { items: [{ user: { deviceId: name }, into: { externalId: other } }] })
            : deleteUsers(ctx, { items: [{ user: { externalId: name } }] });
        default:
          return 0;
      }
    });
    const imports = Array.from(
      { length: 24 },
      () => async (): Promise<unknown> =>
        send(
          Math.random() < 0.5 ? one : two,
          Math.random() < 0.5 ? 'c' : 'd',
          adds({ externalIds: some(), deviceIds: some() }),
          removes({ externalIds: some(), aliases: some().map((name) => ({ label: 'l', name })) }),
          adds({ aliases: some().map((name) => ({ label: 'l', name })) }),
        ),
    );
    await makeCohorts(one, 'c', 'd');
    await together(...work, ...imports);
  });
});

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}
