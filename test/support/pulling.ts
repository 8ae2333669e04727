import { sql } from 'drizzle-orm';
import { type Db, queryRows } from '../../src/db/client.ts';
import type { Ctx, Log } from '../../src/domain/context.ts';
import { createDomains, type Domain } from '../../src/domain/index.ts';
import type { Pull } from '../../src/domain/pulls/pull.ts';
import type { Sleep } from '../../src/pull/amplitude-api.ts';
import { readAccounts, whyNoPulls } from '../../src/pull/settings.ts';
import { createPuller, type Puller } from '../../src/pull/worker.ts';
import { type AmplitudeServer, openAmplitudeServer } from './amplitude-server.ts';
import type { LogLine } from './app.ts';
import { type FakeClock, fakeClock, makeContext } from './context.ts';
import type { TestDatabase } from './database.ts';
import { type LedgerRow, ledgerOf, membersOf } from './members.ts';
import { seedCohort, seedIdentified } from './seed.ts';

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;

/** A server of ours: its domain, and the background work that pulls. */
export interface Ours {
  readonly domain: Domain;
  readonly puller: Puller;
}

export interface Setup {
  /** Its connection; that of the test if left out. */
  readonly db?: Db;
  readonly monthlyCap?: number;
  /** How it waits between attempts of one call; not at all if left out. */
  readonly sleep?: Sleep;
  /** Puts something in the way of an operation. */
  readonly change?: (domain: Domain) => Domain;
}

/** A workspace with ten users, `u0` to `u9`, an Amplitude of its own, and a clock that a test moves. */
export interface Pulling {
  readonly ctx: Ctx;
  readonly amplitude: AmplitudeServer;
  readonly clock: FakeClock;
  /** What our servers logged. */
  readonly log: readonly LogLine[];
  ours(setup?: Setup): Ours;
  /** The numbers of users. */
  people(...which: readonly number[]): number[];
  /** Makes the cohort `c1` with these members here and these users there, and answers its number. */
  cohort(here: readonly string[], there: readonly string[]): Promise<number>;
  /** Lets a server work as time goes by, until the pull has ended. */
  finish(pull: Pull, server: Ours, stepMs?: number): Promise<Pull>;
  /** Pulls `c1` from the asking to the end. */
  pullOnce(server?: Ours): Promise<Pull>;
  /** What a cohort is, to be compared with what it is later. */
  stateOf(cohortId: number): Promise<{ members: number[]; ledger: LedgerRow[] }>;
  /** The entries that pulls made. */
  entriesOf(cohortId: number): Promise<LedgerRow[]>;
  /** The states of all whole lists, the oldest first. */
  stagedLists(): Promise<string[]>;
  close(): Promise<void>;
}

/** Asks for a pull. */
export function ask({ domain }: Ours, partnerCohortId = 'c1'): Promise<Pull> {
  return domain.pulls.requestPull({ partner: 'amplitude', partnerCohortId });
}

/** The external ids of users. */
export function ids(...which: readonly number[]): string[] {
  return which.map((n) => `u${n}`);
}

export async function openPulling(database: TestDatabase): Promise<Pulling> {
  const amplitude = await openAmplitudeServer();
  const clock = fakeClock();
  const ctx = await makeContext(database, { now: clock.now });
  const log: LogLine[] = [];
  const users = await seedIdentified(ctx, ...ids(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
  const ours = (setup: Setup = {}) => openServer(setup, { ctx, amplitude, log });

  async function finish(pull: Pull, server: Ours, stepMs = 2_000): Promise<Pull> {
    for (let turn = 0; turn < 1_000; turn++) {
      await server.puller.work();
      const now = await server.domain.pulls.getPull(pull.id);
      if (now.finishedAt !== null) return now;
      clock.advance(stepMs);
    }
    throw new Error('The pull never ended.');
  }

  return {
    ctx,
    amplitude,
    clock,
    log,
    ours,
    people: (...which) => which.map((n) => users[n] ?? 0),
    cohort: async (here, there) => {
      amplitude.put({ id: 'c1', name: 'Power users', users: there });
      return (await seedCohort(ctx, 'c1', { externalIds: here })).id;
    },
    finish,
    pullOnce: async (server = ours()) => finish(await ask(server), server),
    stateOf: async (cohortId) => ({ members: await membersOf(ctx, cohortId), ledger: await ledgerOf(ctx, cohortId) }),
    entriesOf: async (cohortId) =>
      (await ledgerOf(ctx, cohortId)).filter(({ dialect }) => dialect === 'amplitude_pull'),
    stagedLists: async () => {
      const rows = await queryRows<{ state: string }>(
        ctx.db,
        sql`select state from replacements where workspace_id = ${ctx.workspaceId}::int order by id`,
      );
      return rows.map(({ state }) => state);
    },
    close: () => amplitude.close(),
  };
}

interface Surroundings {
  readonly ctx: Ctx;
  readonly amplitude: AmplitudeServer;
  readonly log: LogLine[];
}

function openServer(setup: Setup, { ctx, amplitude, log }: Surroundings): Ours {
  const { monthlyCap, sleep = async () => {}, change = (domain) => domain } = setup;
  const { workspaceId, now, observer } = ctx;
  const accounts = readAccounts({ [workspaceId]: { ...amplitude.settings, monthlyCap } }, 1);
  const note = (level: keyof Log) => (fields: object, message: string) => void log.push({ level, fields, message });
  const ourLog = { info: note('info'), warn: note('warn'), error: note('error') };
  const domains = createDomains({
    db: setup.db ?? ctx.db,
    now,
    log: ourLog,
    observer,
    whyNoPulls: whyNoPulls(accounts),
  });
  const domain = change(domains.in(workspaceId));
  const logSurprise = (thrown: unknown) => {
    log.push({ level: 'error', fields: {}, message: String(thrown) });
    return 'surprise-1';
  };
  const puller = createPuller({ domains: { in: () => domain }, accounts, now, log: ourLog, logSurprise, sleep });
  return { domain, puller };
}

/** The same thing several times. */
export function times<T>(count: number, value: T): T[] {
  return Array.from({ length: count }, () => value);
}
