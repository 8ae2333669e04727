import type { Filter } from './filter.ts';
import { type Fact, type Shape, shapeOf } from './shape.ts';

/** What is known of one user. */
export interface Known {
  /** Whether the user is in a stored set. Everybody who is asked about is in the set of everyone. */
  readonly isIn: (set: number) => boolean;
  readonly holds: (fact: Fact) => boolean;
}

/**
 * The filter read for one user in memory, its segments written out. The other reading of the same tree is `compile`; each is the proof of
 * the other.
 */
export function matches(filter: Filter, known: Known): boolean {
  return holds(shapeOf(filter), known);
}

function holds(shape: Shape, known: Known): boolean {
  switch (shape.type) {
    case 'all':
      return shape.of.every((child) => holds(child, known));
    case 'any':
      return shape.of.some((child) => holds(child, known));
    case 'not':
      return !holds(shape.of, known);
    case 'in':
      return shape.test.of === 'any' ? shape.test.sets.some(known.isIn) : shape.test.sets.every(known.isIn);
    case 'fact':
      return known.holds(shape.fact);
  }
}

/** The sets and facts that filters ask about, each once. */
export function asked(filters: readonly Filter[]): { readonly sets: number[]; readonly facts: Fact[] } {
  const sets = new Set<number>();
  const facts = new Map<string, Fact>();
  const visit = (shape: Shape): void => {
    if (shape.type === 'in') for (const set of shape.test.sets) sets.add(set);
    else if (shape.type === 'fact') facts.set(factKey(shape.fact), shape.fact);
    else if (shape.type === 'not') visit(shape.of);
    else shape.of.forEach(visit);
  };
  for (const filter of filters) visit(shapeOf(filter));
  return { sets: [...sets], facts: [...facts.values()] };
}

/** A name that two facts share only when they are the same. */
export function factKey(fact: Fact): string {
  return JSON.stringify(fact);
}
