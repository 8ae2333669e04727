import { sql } from 'drizzle-orm';
import { queryPrepared } from '../../db/client.ts';
import { type Ctx, inTransaction } from '../context.ts';
import { fail } from '../errors.ts';
import { isWorking, type Key, keyColumn, readKeyColumn } from '../keys/key.ts';
import { touchKey } from '../keys/keys.ts';
import { appendBatches, type Batch, type Transitions } from '../membership/ledger.ts';
import { createUnknown } from '../users/create-unknown.ts';
import { dropMembers, holdMembers, lockUnknown } from '../users/hold.ts';
import type { Identity } from '../users/identity.ts';
import {
  HELD,
  type IdentityLists,
  type Resolved,
  type ResolvedRow,
  readResolved,
  resolve,
  resolveColumns,
} from '../users/resolve.ts';
import type { UnknownIdentityPolicy } from '../workspaces/workspaces.ts';
import { type CohortChanges, checkChanges } from './change.ts';
import type { Cohort, Outcome } from './cohort.ts';
import { ensureCohort, setCohortName } from './ensure-cohort.ts';
import { type Folded, fold, listIdentities } from './fold.ts';
import { Lanes } from './lanes.ts';

/** How long a request waits for the writers before it, in its lane and on the cohort's row, before it is LOCKED. */
const PATIENCE_MS = 5_000;

/** A request whose identities were looked up, before any lock. */
interface Prepared {
  readonly ctx: Ctx;
  readonly command: CohortChanges;
  readonly keyId: string | null;
  readonly startedAt: number;
  readonly lists: IdentityLists;
  readonly resolved: Resolved;
  readonly epoch: number;
  readonly policy: UnknownIdentityPolicy;
  readonly cohort: Cohort | null;
}

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

/** One round trip: is the key good, which cohort is it, what do the identities mean, and what is the policy. */
async function lookUp(ctx: Ctx, command: CohortChanges, lists: IdentityLists) {
  const hash = command.source.presentedHash;
  const [row] = await queryPrepared<
    ResolvedRow & { key: string | null; epoch: number; policy: UnknownIdentityPolicy; cohort: string | null }
  >(
    ctx.db,
    sql`/* lookUp */ select ${hash === undefined ? sql`null::text as key` : keyColumn(ctx.workspaceId, hash)},
      w.identity_epoch::int as epoch, w.unknown_identity_policy as policy,
      (select to_jsonb(c)::text from cohorts c where c.workspace_id = ${ctx.workspaceId}::int and c.partner = ${command.partner}
        and c.partner_cohort_id = ${command.partnerCohortId}) as cohort,
      ${resolveColumns(ctx.workspaceId, lists)}
      from workspaces w where w.id = ${ctx.workspaceId}::int`,
  );
  const key = hash === undefined ? null : checkKey(readKeyColumn(row?.key ?? null, ctx.now()), command.partner);
  if (!row) throw fail('NOT_FOUND', 'There is no such workspace.');
  return { key, epoch: row.epoch, policy: row.policy, cohort: readCohort(row.cohort), resolved: readResolved(row) };
}

function checkKey(key: Key | null, partner: string): Key {
  if (key?.kind !== 'data_import' || !isWorking(key))
    throw fail('UNAUTHENTICATED', 'The data import key is not valid: generate one on the partner page.');
  if (key.partner !== partner) throw fail('FORBIDDEN', 'The data import key belongs to another partner.');
  return key;
}

function readCohort(text: string | null): Cohort | null {
  if (text === null) return null;
  const row = JSON.parse(text) as Record<string, string> & { id: number; is_named: boolean };
  return {
    id: row.id,
    partner: String(row.partner),
    partnerCohortId: String(row.partner_cohort_id),
    name: String(row.name),
    isNamed: row.is_named,
    createdAt: new Date(String(row.created_at)),
  };
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
    const folded = await settle(tx, group, epoch);
    await queryPrepared(
      tx.db,
      sql`/* lockCohort */ select 1 from cohorts where workspace_id = ${tx.workspaceId}::int and id = ${cohort.id}::int for no key update`,
    );
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
      from workspaces where id = ${tx.workspaceId}::int ${creates ? sql`for no key update` : sql`for key share`}`,
  );
  if (!row) throw fail('NOT_FOUND', 'There is no such workspace.');
  return row.epoch;
}

/** Says finally what each request comes down to: whoever has appeared, merged or gone since the look-up is seen now. */
async function settle(tx: Ctx, group: readonly Prepared[], epoch: number): Promise<Folded[]> {
  const resolved: Resolved[] = [];
  for (const p of group) resolved.push(p.epoch === epoch ? p.resolved : await resolve(tx, p.lists));
  const before = group.map((p, i) => fold(p.command.changes, resolved[i] as Resolved, p.policy));
  const { toHold, toCreate, toDrop } = unknownOf(group, before);
  if (toCreate.length > 0) await createUnknown(tx, toCreate);
  if (toHold.length + toDrop.length > 0) await lockUnknown(tx, toHold, toDrop);
  if (toHold.length + toCreate.length + toDrop.length === 0) return before;
  return Promise.all(
    group.map(async (p, i) => {
      const seen = before[i] as Folded;
      if (seen.unknown.size === 0) return seen;
      return fold(p.command.changes, await resolveUnknown(tx, p.lists, resolved[i] as Resolved), p.policy);
    }),
  );
}

interface Unknown {
  /** To be kept until their user appears. */
  readonly toHold: Identity[];
  /** To become users now. */
  readonly toCreate: Identity[];
  /** To be dropped, if any cohort named them before. */
  readonly toDrop: Identity[];
}

function unknownOf(group: readonly Prepared[], folded: readonly Folded[]): Unknown {
  const out: Unknown = { toHold: [], toCreate: [], toDrop: [] };
  const seen = new Set<string>();
  folded.forEach((f, i) => {
    const policy = (group[i] as Prepared).policy;
    for (const [key, { identity, remove }] of f.unknown) {
      const list = remove ? out.toDrop : policy === 'HOLD' ? out.toHold : policy === 'CREATE' ? out.toCreate : null;
      if (!list || seen.has(`${remove}${key}`)) continue;
      seen.add(`${remove}${key}`);
      list.push(identity);
    }
  });
  return out;
}

/** Looks up again only what nobody had before, and puts it in its place. */
async function resolveUnknown(tx: Ctx, lists: IdentityLists, before: Resolved): Promise<Resolved> {
  const isUnknown = (user: number | undefined) => user === 0 || user === HELD;
  const again = await resolve(tx, {
    externalIds: lists.externalIds.filter((_, i) => isUnknown(before.externalIds[i])),
    aliases: lists.aliases.filter((_, i) => isUnknown(before.aliases[i])),
    deviceIds: lists.deviceIds.filter((_, i) => isUnknown(before.deviceIds[i])),
  });
  const patch = (old: Int32Array, fresh: Int32Array) => {
    let at = 0;
    return old.map((user) => (isUnknown(user) ? (fresh[at++] ?? user) : user));
  };
  return {
    externalIds: patch(before.externalIds, again.externalIds),
    aliases: patch(before.aliases, again.aliases),
    deviceIds: patch(before.deviceIds, again.deviceIds),
  };
}

/** Cuts a group, in order, into runs in which no person and no unknown identity is named by two requests: one statement each. */
function disjointRuns(folded: readonly Folded[]): { from: number; to: number }[] {
  const runs: { from: number; to: number }[] = [];
  let seen = new Set<number | string>();
  folded.forEach((f, i) => {
    const names = [...f.changes.map((v) => Math.abs(v)), ...f.unknown.keys()];
    const last = runs.at(-1);
    if (last && !names.some((name) => seen.has(name))) last.to = i + 1;
    else {
      runs.push({ from: i, to: i + 1 });
      seen = new Set();
    }
    if (folded.length > 1) for (const name of names) seen.add(name);
  });
  return runs;
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
