import type { SQL } from 'drizzle-orm';
import type { Ctx } from '../context.ts';
import { fail } from '../errors.ts';
import type { Fact } from './shape.ts';

/** How facts are spelled in SQL: each selects `block, bits`, a row a block. */
export async function factSources(_: Ctx, facts: readonly Fact[]): Promise<(fact: Fact) => SQL> {
  if (facts.length > 0) throw notYet(facts);
  return (fact) => {
    throw notYet([fact]);
  };
}

/** The users for whom each fact holds, among those given, by `factKey`. */
export async function factsAmong(
  _: Ctx,
  __: readonly number[],
  facts: readonly Fact[],
): Promise<Map<string, ReadonlySet<number>>> {
  if (facts.length > 0) throw notYet(facts);
  return new Map();
}

function notYet([fact]: readonly Fact[]): Error {
  return fail('INVALID_INPUT', `Filters of the kind \`${fact?.type}\` cannot be evaluated yet.`);
}
