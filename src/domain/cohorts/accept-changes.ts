import { sql } from 'drizzle-orm';
import { v7 as newId } from 'uuid';
import { queryRows } from '../../db/client.ts';
import { type Ctx, inTransaction } from '../context.ts';
import { BusyError, DomainError, fail, ThrottledError } from '../errors.ts';
import { prepare, submit } from './apply-changes.ts';
import { type CohortChanges, checkChanges } from './change.ts';
import type { Outcome } from './cohort.ts';
import { commandOfText, commandToText } from './command-text.ts';
import { observed } from './observed.ts';
import { inRoom } from './room.ts';

// For senders that give up after a second or two: what cannot be committed by then is stored, acknowledged, and applied in the order in
// which it came. A request id makes it certain that nothing is applied twice, whoever comes first.

/** Senders allow one to two seconds, the network included. Source: Amplitude docs, cohort webhooks. */
const COMMIT_WITHIN_MS = 500;
/** The most requests of a workspace that wait in the table. */
const MAX_WAITING = 10_000;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 5 * 60_000;

/**
 * As `applyChanges`, but never slow: answers the outcome where that is quick, and null where the changes are stored to be applied later,
 * after whatever waits of that cohort. Errors: as `applyChanges`, except LOCKED.
 */
export async function acceptChanges(ctx: Ctx, command: CohortChanges): Promise<Outcome | null> {
  const named = command.source.requestId
    ? command
    : { ...command, source: { ...command.source, requestId: `accepted-${newId()}` } };
  return observed(ctx, command.source.dialect, async () => {
    checkChanges(command);
    const deadline = performance.now() + COMMIT_WITHIN_MS;
    const found = await prepare(ctx, named);
    if ('outcome' in found) return found.outcome;
    const { prepared, waits } = found;
    if (!waits) {
      const outcome = await within(
        inRoom(ctx, named, () => submit(prepared)),
        deadline - performance.now(),
      );
      if (outcome !== null) return outcome;
    }
    await store(ctx, named, prepared.keyId);
    wake(ctx);
    return null;
  });
}

/** What the work comes to if that is soon and nobody is in its way; the work goes on either way. */
async function within(work: Promise<Outcome>, ms: number): Promise<Outcome | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((done) => {
    timer = setTimeout(() => done(null), Math.max(0, ms));
  });
  const unlessBusy = work.catch((error: unknown) => {
    if (error instanceof BusyError || (error instanceof ThrottledError && error.code === 'OVERLOADED')) return null;
    throw error;
  });
  try {
    return await Promise.race([unlessBusy, late]);
  } finally {
    clearTimeout(timer);
    unlessBusy.catch(() => {});
  }
}

async function store(ctx: Ctx, command: CohortChanges, keyId: string | null): Promise<void> {
  const now = ctx.now().toISOString();
  const rows = await queryRows(
    ctx.db,
    sql`/* storeAccepted */ insert into accepted_changes (workspace_id, partner, partner_cohort_id, command, accepted_at, due_at)
      select ${ctx.workspaceId}::int, ${command.partner}, ${command.partnerCohortId}, ${commandToText(command, keyId)}, ${now}::timestamptz, ${now}::timestamptz
      where (select count(*) from accepted_changes a where a.workspace_id = ${ctx.workspaceId}::int) < ${MAX_WAITING}::int returning 1`,
  );
  if (rows.length === 0)
    throw fail('OVERLOADED', `${MAX_WAITING} requests wait to be applied already: send this one again later.`, {
      retryAfterSeconds: 5,
    });
}

const working = new WeakMap<object, Map<number, Promise<number>>>();

/**
 * Applies what was accepted and is due, each cohort's in the order in which it came, and answers how many. Safe on several servers at once:
 * the first of a cohort belongs to whoever has its row. What fails is tried again later, and nothing of its cohort overtakes it.
 */
export async function applyAccepted(ctx: Ctx): Promise<number> {
  const ofDatabase = working.get(ctx.db) ?? new Map<number, Promise<number>>();
  working.set(ctx.db, ofDatabase);
  const running = ofDatabase.get(ctx.workspaceId);
  if (running) return running;
  const work = applyDue(ctx).finally(() => ofDatabase.delete(ctx.workspaceId));
  ofDatabase.set(ctx.workspaceId, work);
  return work;
}

/** The workspaces that have accepted changes which are due. For background work, which belongs to no workspace. */
export async function findAccepted(ctx: Ctx): Promise<number[]> {
  const rows = await queryRows<{ id: number }>(
    ctx.db,
    sql`/* findAccepted */ select distinct workspace_id as id from accepted_changes where due_at <= ${ctx.now().toISOString()}::timestamptz`,
  );
  return rows.map((row) => row.id);
}

function wake(ctx: Ctx): void {
  void applyAccepted(ctx).catch(() => {
    // The database is away: background work comes back to it.
  });
}

async function applyDue(ctx: Ctx): Promise<number> {
  let applied = 0;
  for (let cohorts = await dueCohorts(ctx); cohorts.length > 0; cohorts = await dueCohorts(ctx)) {
    let progress = 0;
    for (const cohort of cohorts) progress += (await applyFirst(ctx, cohort)) ? 1 : 0;
    if (progress === 0) break;
    applied += progress;
  }
  return applied;
}

interface Waiting {
  readonly partner: string;
  readonly partner_cohort_id: string;
}

/** Cohorts whose first waiting request is due. */
async function dueCohorts(ctx: Ctx): Promise<Waiting[]> {
  return queryRows<Waiting>(
    ctx.db,
    sql`/* dueCohorts */ select f.partner, f.partner_cohort_id from (
        select distinct on (a.partner, a.partner_cohort_id) a.partner, a.partner_cohort_id, a.due_at, a.id from accepted_changes a
        where a.workspace_id = ${ctx.workspaceId}::int order by a.partner, a.partner_cohort_id, a.id) f
      where f.due_at <= ${ctx.now().toISOString()}::timestamptz order by f.id`,
  );
}

/** Applies the first waiting request of a cohort and forgets it, in one transaction. False when somebody else is at it, or it failed. */
async function applyFirst(ctx: Ctx, cohort: Waiting): Promise<boolean> {
  let at: string | null = null;
  let dialect = 'accepted';
  try {
    return await inTransaction(ctx, async (tx) => {
      const row = await takeFirst(tx, cohort);
      if (!row) return false;
      at = row.id;
      const command = commandOfText(row.command);
      dialect = command.source.dialect;
      await observed(ctx, dialect, async () => {
        const found = await prepare(tx, command, { isAcknowledged: true });
        return 'outcome' in found ? found.outcome : submit(found.prepared);
      });
      await tx.db.execute(
        sql`/* forgetAccepted */ delete from accepted_changes where workspace_id = ${tx.workspaceId}::int and id = ${row.id}::bigint`,
      );
      return true;
    });
  } catch (error) {
    if (at === null && error instanceof BusyError) return false;
    if (at !== null) await postpone(ctx, at, error);
    ctx.log.error(
      { workspaceId: ctx.workspaceId, dialect, code: codeOf(error) },
      'accepted changes could not be applied; they are tried again',
    );
    return false;
  }
}

async function takeFirst(tx: Ctx, cohort: Waiting): Promise<{ id: string; command: string } | undefined> {
  const [row] = await queryRows<{ id: string; command: string }>(
    tx.db,
    sql`/* takeFirst */ select a.id::text as id, a.command from accepted_changes a where a.workspace_id = ${tx.workspaceId}::int
      and a.partner = ${cohort.partner} and a.partner_cohort_id = ${cohort.partner_cohort_id} order by a.id limit 1 for update nowait`,
  );
  return row;
}

async function postpone(ctx: Ctx, id: string, error: unknown): Promise<void> {
  await ctx.db.execute(
    sql`/* postponeAccepted */ update accepted_changes set attempts = attempts + 1, last_error = ${codeOf(error)},
      due_at = ${ctx.now().toISOString()}::timestamptz + least(${LAST_RETRY_MS}::int, ${FIRST_RETRY_MS}::int * power(2, least(attempts, 20))) * interval '1 millisecond'
      where workspace_id = ${ctx.workspaceId}::int and id = ${id}::bigint`,
  );
}

function codeOf(error: unknown): string {
  return error instanceof DomainError ? error.code : 'INTERNAL';
}
