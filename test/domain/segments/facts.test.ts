import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Ctx } from '../../../src/domain/context.ts';
import { countMembers, matchUsers, pageMembers } from '../../../src/domain/segments/evaluate.ts';
import type { AttributeTest, Filter, TimeTest } from '../../../src/domain/segments/filter.ts';
import { dropAttributeIndex, indexAttribute } from '../../../src/domain/users/attribute-indexes.ts';
import { deleteUsers } from '../../../src/domain/users/identities.ts';
import { upsertUsers } from '../../../src/domain/users/users.ts';
import { fakeClock, makeContext } from '../../support/context.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { attributeHolds, bucketByHand, timeHolds } from '../../support/facts.ts';
import { type Someone, seedUsers } from '../../support/seed.ts';

// Conditions that are no stored sets, against plain JavaScript over the same users: attributes of every type mixed, indexed and not,
// times of creation, alias labels, identities and random buckets.

const NOW = '2026-03-01T12:00:00.000Z';
const DAY = 86_400_000;
const daysAgo = (days: number) => new Date(Date.parse(NOW) - days * DAY).toISOString();
const LONG = `long ${'x'.repeat(300)}`;

const anyValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(
    'pro',
    'free',
    '5',
    'true',
    '',
    LONG,
    'sha256:x',
    'Ünï',
    'a"b\\c',
    "o'hara",
    daysAgo(1),
    daysAgo(10),
    daysAgo(-3),
    '2026-02-31T00:00:00Z',
    '2026-02-20T12:00',
  ),
  fc.constantFrom(0, -0, 5, -7, 5.5, 1e300, 1e-7, 2 ** 53),
  fc.boolean(),
  fc.constantFrom(null, { a: 1 }, [], ['pro', 5], ['free', 'free', LONG], [5, '5', null, ['pro']], [true]),
);
const NAMES = ['plan', "o'key", 'a b"c'] as const;

interface Person extends Someone {
  readonly createdAt: number;
}

const anyTime: fc.Arbitrary<TimeTest> = fc.oneof(
  fc.record({
    comparison: fc.constantFrom('before' as const, 'after' as const),
    value: fc.constantFrom(daysAgo(0), daysAgo(1), daysAgo(2), daysAgo(-3)),
  }),
  fc.record({
    comparison: fc.constantFrom(
      'less_than_x_days_ago' as const,
      'greater_than_x_days_ago' as const,
      'less_than_x_days_in_the_future' as const,
      'greater_than_x_days_in_the_future' as const,
    ),
    value: fc.constantFrom(0, 1, 2, 3, 10, 30),
  }),
);
const anyTest: fc.Arbitrary<AttributeTest> = fc.oneof(
  fc.record({ comparison: fc.constantFrom('exists' as const, 'does_not_exist' as const) }),
  fc.record({
    comparison: fc.constantFrom('equals' as const, 'not_equal' as const),
    value: fc.constantFrom('pro', '5', 5, 0, true, false, '', LONG, 'sha256:x', "o'hara", 1e300),
  }),
  fc.record({
    comparison: fc.constantFrom('includes_value' as const, 'does_not_include_value' as const),
    value: fc.constantFrom('pro', 'free', 5, '5', LONG),
  }),
  fc.record({
    comparison: fc.constantFrom('matches_regex' as const, 'does_not_match_regex' as const),
    value: fc.constantFrom('^p', 'x+', 'e$', '^sha', '[0-9]', 'ï'),
  }),
  fc.record({
    comparison: fc.constantFrom(
      'greater_than' as const,
      'greater_than_or_equal_to' as const,
      'less_than' as const,
      'less_than_or_equal_to' as const,
    ),
    value: fc.constantFrom(5, 5.5, 0, -7, 1e299),
  }),
  anyTime,
);

const anyLeaf: fc.Arbitrary<Filter> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ type: fc.constant('attribute' as const), name: fc.constantFrom(...NAMES), test: anyTest }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('created_at' as const), test: anyTime }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('identity' as const),
      test: fc.constantFrom(
        { has: 'identified' as const },
        { has: 'anonymous' as const },
        { has: 'device' as const },
        { has: 'alias' as const, label: null },
        { has: 'alias' as const, label: 'crm' },
        { has: 'alias' as const, label: 'none' },
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.integer({ min: 0, max: 9_999 }), fc.integer({ min: 0, max: 9_999 }))
      .map(([a, b]) => ({ type: 'random_bucket' as const, from: Math.min(a, b), to: Math.max(a, b) })),
  },
);
const anyFilter: fc.Arbitrary<Filter> = fc.letrec<{ filter: Filter; group: Filter; not: Filter }>((tie) => ({
  filter: fc.oneof({ maxDepth: 3, depthSize: 'small' }, anyLeaf, tie('group'), tie('not')),
  group: fc.record({
    type: fc.constantFrom('all' as const, 'any' as const),
    of: fc.array(tie('filter'), { minLength: 1, maxLength: 3 }),
  }),
  not: fc.record({ type: fc.constant('not' as const), of: tie('filter') }),
})).filter;

function holds(filter: Filter, id: number, person: Person): boolean {
  switch (filter.type) {
    case 'all':
      return filter.of.every((part) => holds(part, id, person));
    case 'any':
      return filter.of.some((part) => holds(part, id, person));
    case 'not':
      return !holds(filter.of, id, person);
    case 'attribute':
      return attributeHolds(person.attributes?.[filter.name] ?? null, filter.test, NOW);
    case 'created_at':
      return timeHolds(person.createdAt, filter.test, NOW);
    case 'random_bucket': {
      const bucket = bucketByHand(id);
      return bucket >= filter.from && bucket <= filter.to;
    }
    case 'identity':
      switch (filter.test.has) {
        case 'identified':
          return Boolean(person.externalId);
        case 'anonymous':
          return !person.externalId;
        case 'device':
          return (person.deviceIds ?? []).length > 0;
        case 'alias': {
          const { label } = filter.test;
          return (person.aliases ?? []).some((alias) => label === null || alias.label === label);
        }
      }
      return false;
    default:
      throw new Error('No such leaf is made here.');
  }
}

interface Made {
  readonly kind: string;
  readonly values: readonly unknown[];
  readonly daysAgo: number;
}

const anyPerson: fc.Arbitrary<Made> = fc.record({
  kind: fc.constantFrom('external', 'alias', 'device', 'all'),
  values: fc.tuple(anyValue, anyValue, anyValue),
  daysAgo: fc.constantFrom(0, 1, 1, 2, 5, 20),
});

describe.each(DATABASES)('conditions that are no stored sets on %s', (kind) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await openTestDatabase(kind);
  });
  afterAll(() => database.close());

  test('mean the same to SQL, to memory and to plain JavaScript, indexed and not', { timeout: 300_000 }, async () => {
    const property = fc.asyncProperty(
      fc.array(anyPerson, { minLength: 5, maxLength: 40 }),
      fc.array(anyFilter, { minLength: 12, maxLength: 12 }),
      async (people, filters) => {
        const { ctx, persons } = await store(database, people);
        await agree(ctx, persons, filters);
        for (const name of NAMES.slice(0, 2)) await indexAttribute(ctx, { name });
        await agree(ctx, persons, filters);
        await move(ctx, persons);
        await agree(ctx, persons, filters);
        await dropAttributeIndex(ctx, { name: NAMES[0] });
        await agree(ctx, persons, filters.slice(0, 4));
      },
    );
    await fc.assert(property, { numRuns: 12 });
  });
});

/** Makes the people one by one, the longest ago first, and deletes every seventh. */
async function store(database: TestDatabase, people: readonly Made[]) {
  const clock = fakeClock(NOW);
  const ctx = await makeContext(database, clock);
  const persons = new Map<number, Person>();
  const sorted = [...people].sort((a, b) => b.daysAgo - a.daysAgo);
  for (const [i, { kind, values, daysAgo: days }] of sorted.entries()) {
    const at = Date.parse(NOW) - days * DAY;
    const someone: Someone = {
      ...(kind === 'external' || kind === 'all' ? { externalId: `e${i}` } : {}),
      ...(kind === 'alias' || kind === 'all' ? { aliases: [{ label: i % 2 ? 'crm' : 'other', name: `a${i}` }] } : {}),
      ...(kind === 'device' || kind === 'all' ? { deviceIds: [`d${i}`] } : {}),
      attributes: Object.fromEntries(NAMES.map((name, n) => [name, values[n]])),
    };
    const [id = 0] = await seedUsers({ ...ctx, now: () => new Date(at) }, someone);
    persons.set(id, { ...someone, createdAt: at });
  }
  for (const id of [...persons.keys()].filter((n) => n % 7 === 0)) {
    await deleteUsers(ctx, { items: [{ user: { id } }] });
    persons.delete(id);
  }
  return { ctx, persons };
}

/** Gives every third person the attributes of the next one, while they are indexed. */
async function move(ctx: Ctx, persons: Map<number, Person>): Promise<void> {
  const ids = [...persons.keys()];
  for (const [i, id] of ids.entries()) {
    const attributes = persons.get(ids[i + 1] ?? 0)?.attributes;
    const person = persons.get(id);
    if (i % 3 || !attributes || !person) continue;
    await upsertUsers(ctx, { users: [{ id, attributes }] });
    persons.set(id, { ...person, attributes });
  }
}

async function agree(ctx: Ctx, persons: ReadonlyMap<number, Person>, filters: readonly Filter[]): Promise<void> {
  const right = filters.map((filter) =>
    [...persons].flatMap(([id, person]) => (holds(filter, id, person) ? [id] : [])),
  );
  expect(await countMembers(ctx, filters)).toEqual(right.map((ids) => ids.length));
  const pages = await pageMembers(
    ctx,
    filters.map((filter, i) => ({ name: `f${i}`, filter })),
    { first: 1_000 },
  );
  expect(pages.map((page) => page.items.map(({ item }) => item))).toEqual(right);
  const ids = [...persons.keys()];
  const rows = await matchUsers(ctx, ids, filters);
  expect(filters.map((_, n) => ids.filter((_, i) => rows[i]?.[n]))).toEqual(right);
}
