import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Ctx } from '../../src/domain/context.ts';
import { type FakeClock, fakeClock, makeContext } from '../support/context.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../support/database.ts';
import type { Command } from './command.ts';
import { freshWorkspace, observe, perform } from './engine.ts';
import { Model } from './model.ts';
import { commands, opening } from './sequences.ts';

/** How many sequences each database runs; a campaign asks for more. */
const RUNS = { pglite: 300, postgres: 900 } as const;
/** How many sequences run side by side, each in a workspace of its own: PGlite is one connection. */
const LINES = { pglite: 1, postgres: 3 } as const;
/** Printed with a failure. Given again, the first line runs the very same sequences. */
const SEED = Number(process.env.MUSTER_MODEL_SEED ?? Math.floor(Math.random() * 2 ** 31));
/** After the opening. */
const LENGTH_MAX = 12;
/** Between two commands, so that the pending pool has members of different ages. */
const STEP_MS = 10 * 3_600_000;
/** A campaign takes as long as it was told to. */
const HOURS = 24 * 3_600_000;

interface Workspace {
  readonly ctx: Ctx;
  readonly clock: FakeClock;
}

/** One command, done to the model and to the product: both must answer the same. */
class Step implements fc.AsyncCommand<Model, Workspace> {
  readonly #command: Command;
  constructor(command: Command) {
    this.#command = command;
  }
  check = () => true;
  async run(model: Model, { ctx, clock }: Workspace): Promise<void> {
    clock.advance(STEP_MS);
    const answer = model.apply(this.#command, clock.now().getTime());
    expect(await perform(ctx, this.#command)).toEqual(answer);
  }
  toString = () => JSON.stringify(this.#command);
}

describe.each(DATABASES)('the engine on %s', (kind) => {
  let database: TestDatabase;
  let home: Ctx;
  beforeAll(async () => {
    database = await openTestDatabase(kind);
    home = await makeContext(database);
  });
  afterAll(() => database.close());

  const sequences = fc.asyncProperty(
    opening,
    fc.commands([commands.map((command) => new Step(command))], { maxCommands: LENGTH_MAX, size: 'max' }),
    async (first, steps) => {
      const clock = fakeClock();
      const real = { clock, ctx: await freshWorkspace({ ...home, now: clock.now }) };
      const model = new Model();
      for (const command of first) await new Step(command).run(model, real);
      await fc.asyncModelRun(() => ({ model, real }), steps);
      expect(await observe(real.ctx)).toEqual(model.state());
    },
  );

  test('answers any commands as sets in memory would, and stores the same in the end', { timeout: HOURS }, async () => {
    const numRuns = Math.ceil(Number(process.env.MUSTER_MODEL_RUNS ?? RUNS[kind]) / LINES[kind]);
    await Promise.all(
      Array.from({ length: LINES[kind] }, (_, line) => fc.assert(sequences, { numRuns, seed: SEED + line })),
    );
  });
});
