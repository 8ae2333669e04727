import type { Answer, Command, State } from './command.ts';
import type { Model } from './model.ts';

/** What commands came to, as one text: each one's answer, and the workspace they left. Equal ones are equal texts. */
export function outcome(answers: readonly Answer[], state: State): string {
  return JSON.stringify({ answers, state }, (_, value: unknown) => (isRecord(value) ? inOrder(value) : value));
}

/** Every outcome that commands given at once may have: one for each order in which they could have been done one after the other. */
export function serialOutcomes(model: Model, commands: readonly Command[], now: number): Set<string> {
  const outcomes = new Set<string>();
  for (const order of permutations(commands.map((_, i) => i))) {
    const world = model.clone();
    const answers: Answer[] = [];
    for (const i of order) answers[i] = world.apply(commands[i] as Command, now);
    outcomes.add(outcome(answers, world.state()));
  }
  return outcomes;
}

function permutations(items: readonly number[]): number[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((first) => permutations(items.filter((i) => i !== first)).map((rest) => [first, ...rest]));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function inOrder(record: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
