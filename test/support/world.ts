import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import { intArray, textArray } from '../../src/db/client.ts';
import { BLOCK_BITS } from '../../src/db/tables/columns.ts';
import type { Ctx } from '../../src/domain/context.ts';
import { RESERVED } from '../../src/domain/membership/bits.ts';
import { type Filter, OPERATORS } from '../../src/domain/segments/filter.ts';

// Users and cohorts as plain JavaScript sets, the same as bits in a database, and filters over them.

/** Users are numbered up to here: six blocks, the last one not full. */
export const LAST_USER = 5 * BLOCK_BITS + 1_000;
export const PARTNERS = ['amplitude', 'mixpanel', 'census'] as const;
const COHORTS_PER_PARTNER = 4;

export interface World {
  /** Live users; the numbers between were deleted. */
  readonly users: ReadonlySet<number>;
  /** Members by cohort number, from 1 on. */
  readonly cohorts: ReadonlyMap<number, ReadonlySet<number>>;
}

/** Worlds with dense, thin, empty and full cohorts, cohorts in one block only, and numbers that nobody has any more. */
export const anyWorld: fc.Arbitrary<World> = fc
  .record({
    users: fc.uniqueArray(fc.integer({ min: 1, max: LAST_USER }), { minLength: 0, maxLength: 1_500 }),
    edges: fc.subarray([1, BLOCK_BITS - 1, BLOCK_BITS, 4 * BLOCK_BITS - 1, 4 * BLOCK_BITS, LAST_USER]),
    shapes: fc.array(
      fc.record({
        density: fc.constantFrom(0, 0.01, 0.3, 0.9, 1),
        from: fc.constantFrom(0, 0, BLOCK_BITS, 5 * BLOCK_BITS),
        salt: fc.integer({ min: 1, max: 1_000_000 }),
      }),
      { minLength: PARTNERS.length * COHORTS_PER_PARTNER, maxLength: PARTNERS.length * COHORTS_PER_PARTNER },
    ),
  })
  .map(({ users, edges, shapes }) => {
    const live = new Set([...users, ...edges].sort((a, b) => a - b));
    const members = ({ density, from, salt }: (typeof shapes)[number]) =>
      new Set([...live].filter((user) => user >= from && spread(user, salt) < density));
    return { users: live, cohorts: new Map(shapes.map((shape, i) => [i + 1, members(shape)])) };
  });

/** A number from 0 to 1 that looks random and is the same every time. */
function spread(user: number, salt: number): number {
  return (Math.imul(user * 2_654_435_761 + salt, 1_597_334_677) >>> 8) / 2 ** 24;
}

/** The cohorts of a partner in every world. */
function cohortsOf(partner: (typeof PARTNERS)[number]): number[] {
  const first = PARTNERS.indexOf(partner) * COHORTS_PER_PARTNER + 1;
  return Array.from({ length: COHORTS_PER_PARTNER }, (_, i) => first + i);
}

const anyLeaf: fc.Arbitrary<Filter> = fc
  .record({ partner: fc.constantFrom(...PARTNERS), operator: fc.constantFrom(...OPERATORS) })
  .chain(({ partner, operator }) => {
    const cohort = fc.constantFrom(...cohortsOf(partner));
    const takesOne = operator === 'includes_value' || operator === 'does_not_include_value';
    const values = fc.array(cohort, { minLength: 1, maxLength: takesOne ? 1 : 5 });
    return values.map((list) => ({ type: 'cohorts' as const, partner, operator, values: list }));
  });

/** Filters with every operator, nested in every way, negations of negations included. */
export const anyFilter: fc.Arbitrary<Filter> = fc.letrec<{ filter: Filter; group: Filter; not: Filter }>((tie) => ({
  filter: fc.oneof({ maxDepth: 5, depthSize: 'small' }, anyLeaf, tie('group'), tie('not')),
  group: fc.record({
    type: fc.constantFrom('all' as const, 'any' as const),
    of: fc.array(tie('filter'), { minLength: 1, maxLength: 4 }),
  }),
  not: fc.record({ type: fc.constant('not' as const), of: tie('filter') }),
})).filter;

/** Who is in a filter, by set arithmetic, written with nothing of the product in mind. */
export function membersByHand(world: World, filter: Filter): ReadonlySet<number> {
  const { users } = world;
  const union = (sets: readonly ReadonlySet<number>[]) => new Set(sets.flatMap((set) => [...set]));
  const common = (sets: readonly ReadonlySet<number>[]) =>
    new Set([...users].filter((u) => sets.every((set) => set.has(u))));
  const others = (set: ReadonlySet<number>) => new Set([...users].filter((u) => !set.has(u)));
  if (filter.type === 'not') return others(membersByHand(world, filter.of));
  if (filter.type === 'all') return common(filter.of.map((part) => membersByHand(world, part)));
  if (filter.type === 'any') return union(filter.of.map((part) => membersByHand(world, part)));
  if (filter.type !== 'cohorts') throw new Error('These worlds have cohorts only.');
  const sets = filter.values.map((cohort) => world.cohorts.get(cohort) ?? new Set<number>());
  return {
    includes_value: () => union(sets),
    includes_any_of: () => union(sets),
    includes_all_of: () => common(sets),
    does_not_include_value: () => others(union(sets)),
    includes_none_of: () => others(union(sets)),
  }[filter.operator]();
}

/** Writes a world into an empty workspace as the product would have stored it. */
export async function storeWorld(ctx: Ctx, world: World): Promise<void> {
  const cohorts = [...world.cohorts.keys()];
  await ctx.db.execute(sql`insert into users (workspace_id, id, is_identified)
    select ${ctx.workspaceId}::int, id, false from unnest(${intArray([...world.users])}) as u(id)`);
  await ctx.db.execute(sql`insert into cohorts (workspace_id, id, partner, partner_cohort_id, name, is_named)
    select ${ctx.workspaceId}::int, id, partner, 'c' || id, 'Cohort ' || id, true
    from unnest(${intArray(cohorts)}, ${textArray(cohorts.map((id) => PARTNERS[Math.trunc((id - 1) / COHORTS_PER_PARTNER)] ?? ''))}) as c(id, partner)`);
  const rows = [...world.cohorts, [RESERVED.everyone, world.users] as const].flatMap(([cohort, members]) =>
    [...blocksOf(members)].map(([block, bits]) => ({ cohort, block, bits: bits.join('') })),
  );
  await ctx.db.execute(sql`insert into membership_blocks (workspace_id, cohort_id, block, bits)
    select ${ctx.workspaceId}::int, cohort, block, bits::bit(8192) from unnest(${intArray(rows.map((r) => r.cohort))},
      ${intArray(rows.map((r) => r.block))}, ${textArray(rows.map((r) => r.bits))}) as b(cohort, block, bits)`);
}

/** The bits of a set, block by block. Block 1 is always there: one that everybody has left keeps its row. */
function blocksOf(members: ReadonlySet<number>): Map<number, Uint8Array> {
  const blocks = new Map([[1, new Uint8Array(BLOCK_BITS)]]);
  for (const user of members) {
    const block = Math.trunc(user / BLOCK_BITS);
    const bits = blocks.get(block) ?? new Uint8Array(BLOCK_BITS);
    bits[user % BLOCK_BITS] = 1;
    blocks.set(block, bits);
  }
  return blocks;
}
