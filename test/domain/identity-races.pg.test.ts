import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type OpenDatabase, queryRows } from '../../src/db/client.ts';
import type { Ctx } from '../../src/domain/context.ts';
import type { Answer, Command } from '../model/command.ts';
import { type Contest, contests } from '../model/contests.ts';
import { freshWorkspace, observe, perform } from '../model/engine.ts';
import { Model } from '../model/model.ts';
import { outcome, serialOutcomes } from '../model/serial.ts';
import { fakeClock, makeContext, seenBy } from '../support/context.ts';
import { openTestDatabase, secondServer, type TestDatabase } from '../support/database.ts';
import { recordStatements } from '../support/statements.ts';

// Commands given at once by two servers, on real connections. Whatever they do to each other, all answers and the workspace afterwards must
// be those of SOME order in which the commands are done one after the other: the model says which outcomes those are. A deadlock or a
// refusal for being busy that reaches a caller is a fault too.

/** Rounds of each contest; a campaign asks for thousands. */
const ROUNDS = Number(process.env.MUSTER_RACE_ROUNDS ?? 25);
const SEED = Number(process.env.MUSTER_MODEL_SEED ?? Math.floor(Math.random() * 2 ** 31));
/** The longest a command waits before it starts, so that another one is first in the next round. */
const HEAD_START_MS = 4;

const record = recordStatements();
const figures = { rounds: 0, commands: 0, transactions: 0, lookedUpAgain: 0 };
let database: TestDatabase;
let servers: OpenDatabase[] = [];
let home: Ctx;

beforeAll(async () => {
  database = await openTestDatabase('postgres');
  home = await makeContext(database, { now: fakeClock().now });
  const [row] = await queryRows<{ name: string }>(database.db, sql`select current_database() as name`);
  // A deadlock is looked for at once, so that a round with one is not a second longer.
  await database.db.execute(sql`alter database ${sql.identifier(row?.name ?? '')} set deadlock_timeout = '20ms'`);
  await slowDown(database);
  servers = [1, 2].map(() => secondServer(database, { poolSize: 4, logger: record.logger }));
});

afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()));
  if (process.env.MUSTER_RACE_ROUNDS) {
    // What a campaign is for.
    const [row] = await queryRows<{ deadlocks: number }>(
      database.db,
      sql`select deadlocks::int as deadlocks from pg_stat_database where datname = current_database()`,
    );
    process.stdout.write(`${JSON.stringify({ ...figures, deadlocks: row?.deadlocks, seed: SEED })}\n`);
  }
  await database.close();
});

/** Makes writers dawdle between their statements, more or less and at random: windows that are open for microseconds become wide. */
async function slowDown({ db }: TestDatabase): Promise<void> {
  await db.execute(sql`create function dawdle() returns trigger language plpgsql as
    $$ begin if random() < 0.3 then perform pg_sleep(random() * 0.004); end if; return null; end $$`);
  for (const table of ['identities', 'pending_members', 'users', 'batches', 'cohorts', 'workspaces'])
    await db.execute(sql`create trigger dawdle after insert or update or delete on ${sql.identifier(table)}
      for each statement execute function dawdle()`);
}

test.each(Object.entries(contests))(
  '%s: as if done one after the other',
  { timeout: 24 * 3_600_000 },
  async (_, contest) => {
    const rounds = fc.sample(fc.tuple(contest, fc.infiniteStream(fc.double({ min: 0, max: 1 }))), {
      numRuns: ROUNDS,
      seed: SEED,
    });
    for (const [round, random] of rounds) await play(round, () => (random.next().value ?? 0) * HEAD_START_MS);
  },
);

async function play({ before, atOnce }: Contest, headStart: () => number): Promise<void> {
  const ctx = await freshWorkspace(home);
  const now = ctx.now().getTime();
  const model = new Model();
  for (const command of before) expect(await perform(ctx, command)).toEqual(model.apply(command, now));
  const possible = serialOutcomes(model, atOnce, now);
  const answers = await Promise.all(
    atOnce.map(async (command, i): Promise<Answer> => {
      await pause(headStart());
      return perform(seenBy(ctx, servers[i % servers.length] as OpenDatabase), command);
    }),
  );
  const seen = outcome(answers, await observe(ctx));
  count(atOnce);
  if (possible.has(seen)) return;
  const others = [...possible].map((text) => JSON.stringify(JSON.parse(text).answers)).slice(0, 6);
  throw new Error(
    `No order of the commands has this outcome.\nBefore: ${lines(before)}\nAt once: ${lines(atOnce)}\nSeen: ${seen}\nPossible answers, some: ${others.join('\n  ')}`,
  );
}

const lines = (commands: readonly Command[]) => commands.map((command) => `\n  ${JSON.stringify(command)}`).join('');

function count(commands: readonly Command[]): void {
  const statements = record.take();
  figures.rounds++;
  figures.commands += commands.length;
  figures.transactions += statements.filter((s) => /^\/\* (lockWorkspace|lockRoster) /.test(s)).length;
  figures.lookedUpAgain += statements.filter((s) => s.startsWith('/* resolve */')).length;
}
