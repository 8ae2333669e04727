import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { intArray, queryRows, textArray } from '../../../src/db/client.ts';
import type { Ctx } from '../../../src/domain/context.ts';
import { RESERVED } from '../../../src/domain/membership/bits.ts';
import { Masks, writeMasks } from '../../../src/domain/membership/masks.ts';
import { countMembers, matchUsers, pageMembers } from '../../../src/domain/segments/evaluate.ts';
import type { AttributeTest, Filter, TimeTest } from '../../../src/domain/segments/filter.ts';
import { indexAttribute } from '../../../src/domain/users/attribute-indexes.ts';
import { upsertUsers } from '../../../src/domain/users/users.ts';
import { fakeClock, makeContext } from '../../support/context.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { attributeHolds, timeHolds } from '../../support/facts.ts';

// So many users that values are stored as bits and as positions, in several blocks, beside values that everybody has one of.

const NOW = '2026-03-01T12:00:00.000Z';
const DAY = 86_400_000;
const at = (days: number) => new Date(Date.parse(NOW) + days * DAY).toISOString();
const LONG = 'long '.repeat(60);

interface Person {
  readonly id: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly createdAt: number;
}

/** A value of nearly every kind, each in its own share of users. */
function valueFor(i: number): unknown {
  const kinds: readonly (() => unknown)[] = [
    () => 'pro',
    () => 'pro',
    () => `one of ${i % 400}`,
    () => i / 8,
    () => (i % 3 ? 7 : i % 60),
    () => i % 2 === 0,
    () => at((i % 5_000) / 50 - 50),
    () => [`tag ${i % 90}`, i % 30, 'pro'],
    () => (i % 4 ? LONG : `${LONG} ${i}`),
    () => ({ nested: 'pro' }),
    () => (i % 3 ? '7' : '2026-02-30T00:00:00Z'),
  ];
  return kinds[(i * 7) % kinds.length]?.();
}

/** Users of these numbers, every tenth of whom has nothing, made a minute apart. */
function people(ids: readonly number[]): Person[] {
  return ids.map((id, i) => ({
    id,
    attributes: id % 10 ? { v: valueFor(id), "u'n": id * 1.25, other: 'pro' } : {},
    createdAt: Date.parse(NOW) - (ids.length - i) * 60_000,
  }));
}

const attribute = (name: string, t: AttributeTest): Filter => ({ type: 'attribute', name, test: t });
const TESTS: readonly AttributeTest[] = [
  { comparison: 'exists' },
  { comparison: 'does_not_exist' },
  ...(['pro', 'one of 7', '7', LONG, `${LONG} 12`, 'nobody', 7, 0.125, true, false] as const).flatMap(
    (value): AttributeTest[] => [
      { comparison: 'equals', value },
      { comparison: 'not_equal', value },
    ],
  ),
  ...(['pro', 'tag 7', 7, '7', 'nobody'] as const).map(
    (value): AttributeTest => ({ comparison: 'includes_value', value }),
  ),
  { comparison: 'does_not_include_value', value: 'pro' },
  ...['^pro$', 'one of [0-9]$', 'long$', '12$', '.', '^2026-02', 'nobody'].flatMap((value): AttributeTest[] => [
    { comparison: 'matches_regex', value },
    { comparison: 'does_not_match_regex', value },
  ]),
  ...[-1, 0, 7, 59.5, 1_000, 1e9].flatMap((value): AttributeTest[] => [
    { comparison: 'greater_than', value },
    { comparison: 'greater_than_or_equal_to', value },
    { comparison: 'less_than', value },
    { comparison: 'less_than_or_equal_to', value },
  ]),
];
const TIMES: readonly TimeTest[] = [
  ...[-1, 0, 20].flatMap((days): TimeTest[] => [
    { comparison: 'before', value: at(days) },
    { comparison: 'after', value: at(days) },
  ]),
  ...[0, 3, 40].flatMap((value): TimeTest[] => [
    { comparison: 'less_than_x_days_ago', value },
    { comparison: 'greater_than_x_days_ago', value },
    { comparison: 'less_than_x_days_in_the_future', value },
    { comparison: 'greater_than_x_days_in_the_future', value },
  ]),
];
const ON_V = [...TESTS, ...TIMES].map((t) => attribute('v', t));
const ON_U = TESTS.map((t) => attribute("u'n", t));
const CREATED = TIMES.map((t): Filter => ({ type: 'created_at', test: t }));

function holds(filter: Filter, person: Person): boolean {
  if (filter.type === 'created_at') return timeHolds(person.createdAt, filter.test, NOW);
  if (filter.type !== 'attribute') throw new Error('No such filter is asked here.');
  return attributeHolds(person.attributes[filter.name] ?? null, filter.test, NOW);
}

describe.each(DATABASES)('filters over many users on %s', (kind) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await openTestDatabase(kind);
  });
  afterAll(() => database.close());

  /** Stores people as the product would have. */
  async function store(persons: readonly Person[]): Promise<Ctx> {
    const ctx = await makeContext(database, fakeClock(NOW));
    await database.db.execute(sql`insert into users (workspace_id, id, is_identified, attributes, created_at)
      select ${ctx.workspaceId}::int, id, false, attributes::jsonb, at::timestamptz from unnest(${intArray(persons.map((p) => p.id))},
        ${textArray(persons.map((p) => JSON.stringify(p.attributes)))}, ${textArray(persons.map((p) => new Date(p.createdAt).toISOString()))}) as u(id, attributes, at)`);
    await database.db.execute(sql`insert into user_blocks (workspace_id, block, first_created_at, last_created_at)
      select workspace_id, id >> 13, min(created_at), max(created_at) from users where workspace_id = ${ctx.workspaceId} group by 1, 2`);
    await database.db.execute(
      sql`update workspaces set next_user_id = ${(persons.at(-1)?.id ?? 0) + 1}::int where id = ${ctx.workspaceId}`,
    );
    const everyone = new Masks();
    for (const { id } of persons) everyone.note(RESERVED.everyone, id, true);
    await writeMasks(ctx, everyone);
    return ctx;
  }

  async function agree(ctx: Ctx, persons: readonly Person[], filters: readonly Filter[]): Promise<void> {
    const right = filters.map((filter) => persons.filter((person) => holds(filter, person)).map(({ id }) => id));
    expect(await countMembers(ctx, filters)).toEqual(right.map((ids) => ids.length));
    const lists = filters.flatMap((filter, i) => (i % 4 ? [] : [{ name: `f${i}`, filter }]));
    const pages = await pageMembers(ctx, lists, { first: 500 });
    expect(pages.map((page) => page.items.map(({ item }) => item))).toEqual(
      right.filter((_, i) => i % 4 === 0).map((ids) => ids.slice(0, 500)),
    );
    const some = persons.filter((_, i) => i % 37 === 0);
    const rows = await matchUsers(
      ctx,
      some.map(({ id }) => id),
      filters,
    );
    expect(rows).toEqual(some.map((person) => filters.map((filter) => holds(filter, person))));
  }

  test('mean what they mean to plain JavaScript, indexed and not', { timeout: 300_000 }, async () => {
    // Every second user of the first block, a few of the second, some of the fourth.
    const ids = Array.from({ length: 26_000 }, (_, i) => i + 1).filter(
      (id) => (id < 8_300 && id % 2) || (id > 24_500 && id % 3 > 0),
    );
    const persons = people(ids);
    const ctx = await store(persons);
    const filters = [...ON_V, ...ON_U, ...CREATED];
    await agree(ctx, persons, filters);
    for (const name of ['v', "u'n"]) expect(await indexAttribute(ctx, { name })).toMatchObject({ state: 'READY' });
    const forms = await queryRows<{ kind: number; form: string }>(
      database.db,
      sql`select distinct kind, case when bits is null then 'positions' else 'bits' end as form from attribute_blocks
        where workspace_id = ${ctx.workspaceId} and (kind <> 1 or value like 'sha256:%') order by 1, 2`,
    );
    const both = (k: number) => [
      { kind: k, form: 'bits' },
      { kind: k, form: 'positions' },
    ];
    // Long strings are stored both ways as well.
    expect(forms).toEqual(expect.arrayContaining([...both(1), ...both(2), ...both(4)]));
    await agree(ctx, persons, filters);
    // And while an index holds some users only, it answers nothing.
    await database.db.execute(
      sql`update attribute_indexes set state = 'BUILDING', built_to = 8191 where workspace_id = ${ctx.workspaceId}`,
    );
    await database.db.execute(
      sql`delete from attribute_blocks where workspace_id = ${ctx.workspaceId} and name <> '' and block > 0`,
    );
    await agree(ctx, persons, ON_V.slice(0, 20));
    await upsertUsers(ctx, { users: [{ id: 24_503, attributes: { v: 'pro' } }] });
    const changed = persons.map((p) => (p.id === 24_503 ? { ...p, attributes: { ...p.attributes, v: 'pro' } } : p));
    await agree(ctx, changed, ON_V.slice(0, 20));
  });

  test('reach the largest number that a user can have', async () => {
    const last = 2 ** 31 - 2;
    const persons = people([1, 8_191, 8_192, last - 8_190, last - 8_189, last - 100, last - 1, last]);
    const ctx = await store(persons);
    await agree(ctx, persons, [...ON_V, ...CREATED]);
  });
});
