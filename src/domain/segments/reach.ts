import type { Ctx } from '../context.ts';
import { RESERVED } from '../membership/bits.ts';
import { countMembers } from './evaluate.ts';
import type { Filter } from './filter.ts';

/** How many of some users can be reached by which identity. The three add up to all of them. */
export interface Reach {
  /** Have an external id. */
  readonly identified: number;
  /** Have none, but an alias. */
  readonly aliasOnly: number;
  /** Have nothing but devices. */
  readonly deviceOnly: number;
}

/** The reach of each filter, in the order asked. One statement. */
export async function reachOf(ctx: Ctx, filters: readonly Filter[]): Promise<Reach[]> {
  const identified = isIn(RESERVED.identified);
  const aliased = isIn(RESERVED.aliased);
  const counts = await countMembers(
    ctx,
    filters.flatMap((filter) => [
      allOf(filter, identified),
      allOf(filter, not(identified), aliased),
      allOf(filter, not(identified), not(aliased)),
    ]),
  );
  return filters.map((_, i) => {
    const [one = 0, two = 0, three = 0] = counts.slice(i * 3, i * 3 + 3);
    return { identified: one, aliasOnly: two, deviceOnly: three };
  });
}

const isIn = (cohortId: number): Filter => ({
  type: 'cohorts',
  partner: '',
  operator: 'includes_value',
  values: [cohortId],
});
const not = (of: Filter): Filter => ({ type: 'not', of });
const allOf = (...of: Filter[]): Filter => ({ type: 'all', of });
