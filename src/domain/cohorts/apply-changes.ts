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
import { findRepeats, outcomeOfRequest, type Repeat } from './duplicates.ts';
import { ensureCohort, PATIENCE_MS, setCohortName } from './ensure-cohort.ts';
import { type Folded, identitiesOf, listIdentities } from './fold.ts';
import { endHold, holdIfTooMany } from './guard.ts';
import { Lanes } from './lanes.ts';
import { hashOf, isLate } from './late.ts';
import { lookUp, type Prepared } from './look-up.ts';
import { observed } from './observed.ts';
import { inRoom, laneOf } from './room.ts';
import { claimUnknown, disjointRuns, NotTogether, requireOrder, resolveMoved, settle } from './settle.ts';

/**
 * Applies cohort changes: one request, one transaction, one row of the ledger; nothing of a refused request is applied. The cohort is
 * made if it is unknown, except for an empty list of changes, which is how clients test their credentials. Idempotent: adding a member
 * or removing a stranger changes nothing, and a request id is applied once. Writers of one cohort take turns. A request that would
 * remove more of the cohort than the workspace lets pass is held for an operator: `heldChangesId` says so.
 * Errors: INVALID_INPUT with the path, UNAUTHENTICATED (no such key, or ended), FORBIDDEN (the key is another partner's), LOCKED,
 * OVERLOADED, BUDGET_EXCEEDED.
 */
export async function applyChanges(ctx: Ctx, command: CohortChanges): Promise<Outcome> {
  checkChanges(command);
  return observed(ctx, command.source.dialect, () =>
    inRoom(ctx, command, async () => {
      const found = await prepare(ctx, command);
      return 'outcome' in found ? found.outcome : submit(found.prepared);
    }),
  );
}

export type Found =
  /** There is nothing left to do. */
  { readonly outcome: Outcome } | { readonly prepared: Prepared; readonly waits: boolean };

/**
 * Looks up everything a request needs, checks its key, and says at once where nothing is to be done. What its sender was told to be safe
 * is not refused for want of budget any more.
 */
export async function prepare(
  ctx: Ctx,
  command: CohortChanges,
  { isAcknowledged = false }: { readonly isAcknowledged?: boolean } = {},
): Promise<Found> {
  const startedAt = performance.now();
  const lists = listIdentities(command.changes);
  const { key, isApplied, waits, ...found } = await lookUp(ctx, command, lists, isAcknowledged);
  const keyId = key?.id ?? command.source.keyId ?? null;
  if (key) await touchKey(ctx, key);
  if (isApplied && found.cohort) return { outcome: await outcomeOfRequest(ctx, found.cohort, command) };
  if (command.changes.length === 0 && !found.cohort && !command.name) return { outcome: nothing(null) };
  return { prepared: { ctx, command, keyId, startedAt, lists, ...found }, waits };
}

/** Takes a request through the lane of its cohort, or, inside a transaction of the caller, where there is nobody to group with, applies it. */
export async function submit(prepared: Prepared): Promise<Outcome> {
  const { ctx, command } = prepared;
  if (ctx.inTransaction) return first(await applyGroup([prepared]));
  return lanesOf(ctx).submit(laneOf(ctx, command), prepared);
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
  requireOrder(group);
  return inTransaction(ctx, async (tx) => {
    const epoch = await lockWorkspace(tx, group);
    const cohort = group.find((p) => p.cohort)?.cohort ?? (await ensureCohort(tx, command));
    const known = await resolveMoved(tx, group, epoch);
    await claimUnknown(tx, group, known);
    await lockCohort(tx, cohort.id);
    const repeats = await findRepeats(tx, cohort, group);
    const fresh = group.map((_, i) => i).filter((i) => !repeats.has(i));
    const outcomes = await applyFresh(
      tx,
      cohort,
      fresh.map((i) => group[i] as Prepared),
      fresh.map((i) => known[i] as (typeof known)[number]),
    );
    return group.map((_, i) => outcomeAt(i, fresh, outcomes, repeats));
  });
}

/** Takes the cohort's row, as a statement of its own: what is read before another writer's commit is older than the lock. */
export async function lockCohort(tx: Ctx, cohortId: number): Promise<void> {
  await queryPrepared(
    tx.db,
    sql`/* lockCohort */ select 1 from cohorts where workspace_id = ${tx.workspaceId}::int and id = ${cohortId}::int for no key update`,
  );
}

/** Applies requests that were not applied before. The caller holds the cohort's row. */
async function applyFresh(
  tx: Ctx,
  before: Cohort,
  group: readonly Prepared[],
  known: Parameters<typeof settle>[3],
): Promise<Outcome[]> {
  const folded = await settle(tx, before.id, group, known);
  const held = await holdBack(tx, before, group, folded);
  if (held) return [held];
  for (const p of group)
    if (p.approval && !(await endHold(tx, p.approval.heldChangesId)))
      throw fail('NOT_FOUND', 'Nothing of this id is held any more: it was decided already.', { path: ['id'] });
  const transitions: Transitions[] = [];
  for (const run of disjointRuns(folded)) {
    const slice = folded.slice(run.from, run.to);
    const [changed] = await Promise.all([
      appendBatches(
        tx,
        slice.map((f, i) => toBatch(group[run.from + i] as Prepared, before, f)),
      ),
      applyUnknown(tx, before.id, slice),
    ]);
    transitions.push(...changed);
  }
  const cohort = await nameAfter(tx, before, group);
  return folded.map((f, i) => toOutcome(cohort, f, transitions[i] as Transitions));
}

/** Gives the cohort the name that was sent last, unless something newer has been sent already. */
async function nameAfter(tx: Ctx, cohort: Cohort, group: readonly Prepared[]): Promise<Cohort> {
  const command = group.findLast((p) => p.command.name)?.command;
  if (!command?.name || (cohort.isNamed && cohort.name === command.name)) return cohort;
  const { computedAt } = command.source;
  if (computedAt && (await isLate(tx, cohort.id, { computedAt }))) return cohort;
  return setCohortName(tx, cohort, command.name);
}

/** Where the shrink guard is on, requests that remove somebody are looked at one by one. */
async function holdBack(
  tx: Ctx,
  cohort: Cohort,
  group: readonly Prepared[],
  folded: readonly Folded[],
): Promise<Outcome | null> {
  const guarded = group.some((p, i) => p.guardPercent !== null && !p.approval && folded[i]?.changes.some((v) => v < 0));
  if (!guarded) return null;
  if (group.length > 1) throw new NotTogether();
  const p = first(group);
  const f = first(folded);
  const heldChangesId = await holdIfTooMany(tx, cohort, p, f);
  if (heldChangesId === null) return null;
  const name = p.command.name;
  const named = name ? await setCohortName(tx, cohort, name) : cohort;
  return {
    ...nothing(named),
    received: f.received,
    matched: f.matched,
    ignored: f.received - f.matched,
    heldChangesId,
  };
}

function outcomeAt(
  i: number,
  fresh: readonly number[],
  outcomes: readonly Outcome[],
  repeats: ReadonlyMap<number, Repeat>,
): Outcome {
  const repeat = repeats.get(i);
  if (repeat === undefined) return outcomes[fresh.indexOf(i)] as Outcome;
  if ('outcome' in repeat) return repeat.outcome;
  return { ...outcomeAt(repeat.of, fresh, outcomes, repeats), isDuplicate: true };
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

/** After a pause longer than this a cohort's next batch begins a new sync: real-time senders come each minute, others retry for minutes. */
const SYNC_PAUSE_SECONDS = { short: 30, long: 300 } as const;

export function syncPause(cohort: Cohort): number {
  return cohort.cadence === null || cohort.cadence === 'REAL_TIME' ? SYNC_PAUSE_SECONDS.short : SYNC_PAUSE_SECONDS.long;
}

function toBatch(p: Prepared, cohort: Cohort, f: Folded): Batch {
  const { source, changes } = p.command;
  return {
    cohortId: cohort.id,
    dialect: source.dialect,
    keyId: p.keyId,
    requestId: source.requestId ?? null,
    computedAt: source.computedAt ?? null,
    syncPauseSeconds: syncPause(cohort),
    unmatchedHashes: source.computedAt && f.matched < f.received ? unmatchedHashes(f, changes) : undefined,
    identityKinds: kindsOf(p),
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

function kindsOf({ lists }: Prepared): number {
  const { externalIds, aliases, deviceIds } = lists;
  return (externalIds.length > 0 ? 1 : 0) + (aliases.length > 0 ? 2 : 0) + (deviceIds.length > 0 ? 4 : 0);
}

/** Of whom nobody had, or who were left alone because something newer spoke of them: few, so all that are named are as good. */
function unmatchedHashes(f: Folded, changes: Prepared['command']['changes']): string[] {
  const identities = f.reasons.superseded ? identitiesOf(changes) : [...f.unknown.values()].map((u) => u.identity);
  return [...identities].map(hashOf);
}

function toOutcome(cohort: Cohort, f: Folded, { added, removed, batchId }: Transitions): Outcome {
  return {
    cohort,
    received: f.received,
    matched: f.matched,
    held: f.held,
    ignored: f.ignored,
    reasons: f.reasons as Record<string, number>,
    written: f.changes.length,
    added,
    removed,
    batchId,
    isDuplicate: false,
    heldChangesId: null,
  };
}

/** The outcome of what changed nothing. */
export function nothing(cohort: Cohort | null): Outcome {
  return {
    cohort,
    received: 0,
    matched: 0,
    held: 0,
    ignored: 0,
    reasons: {},
    written: 0,
    added: 0,
    removed: 0,
    batchId: null,
    isDuplicate: false,
    heldChangesId: null,
  };
}

function first<T>(list: readonly T[]): T {
  const [head] = list;
  if (head === undefined) throw new Error('A group has at least one request.');
  return head;
}
