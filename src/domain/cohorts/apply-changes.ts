import { sql } from 'drizzle-orm';
import { queryPrepared } from '../../db/client.ts';
import { type Ctx, inTransaction } from '../context.ts';
import { fail } from '../errors.ts';
import { touchKey } from '../keys/keys.ts';
import { appendBatches, type Batch, type Transitions } from '../membership/ledger.ts';
import { passGate } from '../users/gate.ts';
import { dropMembers, holdMembers } from '../users/hold.ts';
import type { Identity } from '../users/identity.ts';
import { type CohortChanges, checkChanges } from './change.ts';
import type { Cohort, Outcome } from './cohort.ts';
import { ensureCohort, PATIENCE_MS, setCohortName } from './ensure-cohort.ts';
import { type Folded, listIdentities } from './fold.ts';
import { Lanes } from './lanes.ts';
import { lookUp, type Prepared } from './look-up.ts';
import { claimUnknown, disjointRuns, resolveMoved, settle } from './settle.ts';

/**
 * Applies cohort changes: one request, one transaction, one row of the ledger; nothing of a refused request is applied. The cohort is
 * made if it is unknown, except for an empty list of changes, which is how clients test their credentials. Idempotent: adding a member
 * or removing a stranger changes nothing. Writers of one cohort take turns.
 * Errors: INVALID_INPUT with the path, UNAUTHENTICATED (no such key, or ended), FORBIDDEN (the key is another partner's), LOCKED.
 */
export async function applyChanges(ctx: Ctx, command: CohortChanges): Promise<Outcome> {
  checkChanges(command);
  const startedAt = performance.now();
  const lists = listIdentities(command.changes);
  const { key, ...found } = await lookUp(ctx, command, lists);
  const keyId = key?.id ?? command.source.keyId ?? null;
  if (key) await touchKey(ctx, key);
  if (command.changes.length === 0 && !found.cohort && !command.name) return nothing(null);
  const prepared: Prepared = { ctx, command, keyId, startedAt, lists, ...found };
  // Inside a transaction of the caller there is nobody to group with.
  if (ctx.inTransaction) return first(await applyGroup([prepared]));
  return lanesOf(ctx).submit(JSON.stringify([ctx.workspaceId, command.partner, command.partnerCohortId]), prepared);
}

const lanesByDatabase = new WeakMap<object, Lanes<Prepared, Outcome>>();
function lanesOf(ctx: Ctx): Lanes<Prepared, Outcome> {
  const lanes = lanesByDatabase.get(ctx.db) ?? new Lanes(applyGroup, PATIENCE_MS);
  lanesByDatabase.set(ctx.db, lanes);
  return lanes;
}

/** Commits requests of one cohort together, each as if it were alone and after the ones before it. */
async function applyGroup(group: readonly Prepared[]): Promise<Outcome[]> {
  const { ctx, command } = first(group);
  return inTransaction(ctx, async (tx) => {
    const epoch = await lockWorkspace(tx, group);
    let cohort = group.find((p) => p.cohort)?.cohort ?? (await ensureCohort(tx, command));
    const known = await resolveMoved(tx, group, epoch);
    await claimUnknown(tx, group, known);
    await queryPrepared(
      tx.db,
      sql`/* lockCohort */ select 1 from cohorts where workspace_id = ${tx.workspaceId}::int and id = ${cohort.id}::int for no key update`,
    );
    const folded = await settle(tx, group, known);
    const transitions: Transitions[] = [];
    for (const run of disjointRuns(folded)) {
      const slice = folded.slice(run.from, run.to);
      const [changed] = await Promise.all([
        appendBatches(
          tx,
          slice.map((f, i) => toBatch(group[run.from + i] as Prepared, cohort.id, f)),
        ),
        applyUnknown(tx, cohort.id, slice),
      ]);
      transitions.push(...changed);
    }
    const name = group.findLast((p) => p.command.name)?.command.name;
    if (name) cohort = await setCohortName(tx, cohort, name);
    return folded.map((f, i) => ({ ...toOutcome(cohort, f), ...(transitions[i] ?? { added: 0, removed: 0 }) }));
  });
}

/**
 * Takes the workspace row before anything else and reads the identity epoch under it: from here to the commit nobody merges or deletes
 * users. Where unknown identities become users or the cohort must be made, the stronger lock comes first, because a lock cannot be
 * strengthened in order later.
 */
async function lockWorkspace(tx: Ctx, group: readonly Prepared[]): Promise<number> {
  const creates = group.some((p) => p.policy === 'CREATE' || !p.cohort);
  const [row] = await queryPrepared<{ epoch: number }>(
    tx.db,
    sql`/* lockWorkspace */ select identity_epoch::int as epoch, set_config('lock_timeout', ${`${PATIENCE_MS}ms`}, true) as patience
      ${creates ? sql`` : sql`, ${passGate(tx.workspaceId)}`} from workspaces where id = ${tx.workspaceId}::int ${creates ? sql`for no key update` : sql`for key share`}`,
  );
  if (!row) throw fail('NOT_FOUND', 'There is no such workspace.');
  return row.epoch;
}

/** Keeps or drops the identities nobody has. Under the other policies the fold leaves additions out, and removals find nothing. */
async function applyUnknown(tx: Ctx, cohortId: number, folded: readonly Folded[]): Promise<void> {
  const held: Identity[] = [];
  const dropped: Identity[] = [];
  for (const f of folded)
    for (const { identity, remove } of f.unknown.values()) {
      if (remove) dropped.push(identity);
      else if (f.held > 0) held.push(identity);
    }
  const work = [];
  if (held.length > 0) work.push(holdMembers(tx, cohortId, held));
  if (dropped.length > 0) work.push(dropMembers(tx, cohortId, dropped));
  await Promise.all(work);
}

function toBatch(p: Prepared, cohortId: number, f: Folded): Batch {
  return {
    cohortId,
    dialect: p.command.source.dialect,
    keyId: p.keyId,
    requestId: p.command.source.requestId ?? null,
    durationMs: performance.now() - p.startedAt,
    received: f.received,
    matched: f.matched,
    held: f.held,
    ignored: f.ignored,
    reasons: f.reasons as Record<string, number>,
    written: f.changes.length,
    changes: f.changes,
  };
}

function toOutcome(cohort: Cohort, f: Folded): Omit<Outcome, 'added' | 'removed'> {
  return {
    cohort,
    received: f.received,
    matched: f.matched,
    held: f.held,
    ignored: f.ignored,
    reasons: f.reasons as Record<string, number>,
    written: f.changes.length,
  };
}

function nothing(cohort: Cohort | null): Outcome {
  return { cohort, received: 0, matched: 0, held: 0, ignored: 0, reasons: {}, written: 0, added: 0, removed: 0 };
}

function first<T>(list: readonly T[]): T {
  const [head] = list;
  if (head === undefined) throw new Error('A group has at least one request.');
  return head;
}
