import type { Ctx } from '../context.ts';
import { createUnknown } from '../users/create-unknown.ts';
import { lockUnknown } from '../users/hold.ts';
import type { Identity } from '../users/identity.ts';
import { HELD, type IdentityLists, type Resolved, resolve } from '../users/resolve.ts';
import { type Folded, fold } from './fold.ts';
import { findLate, hashOf, isLate, type Than } from './late.ts';
import type { Prepared } from './look-up.ts';

/** What the identities of each request mean, looked up again where somebody has moved or gone since the first look. */
export async function resolveMoved(tx: Ctx, group: readonly Prepared[], epoch: number): Promise<Resolved[]> {
  const resolved: Resolved[] = [];
  for (const p of group) resolved.push(p.epoch === epoch ? p.resolved : await resolve(tx, p.lists));
  return resolved;
}

/** Takes the identities that nobody has and of which something is to become: all at once, and before the cohort. */
export async function claimUnknown(tx: Ctx, group: readonly Prepared[], known: readonly Resolved[]): Promise<void> {
  const folded = group.map((p, i) => fold(p.command.changes, known[i] as Resolved, p.policy));
  const { toHold, toCreate, toDrop } = unknownOf(group, folded);
  // Whom a later request makes is not there yet for the ones before it.
  if (toCreate.length > 0 && group.length > 1) throw new NotTogether();
  if (toHold.length + toDrop.length > 0) await lockUnknown(tx, [...toHold, ...toCreate], toDrop);
  if (toCreate.length > 0) await createUnknown(tx, toCreate);
}

/** These requests must be committed one by one. Nothing of them was applied, so their lane does just that. */
export class NotTogether extends Error {}

/**
 * Says finally what each request comes down to. Under the cohort's lock, so that the requests of a cohort see users appear in the order
 * in which they are applied: one that was looked up long ago must not ignore whom the one before it matched.
 */
export async function settle(
  tx: Ctx,
  cohortId: number,
  group: readonly Prepared[],
  known: readonly Resolved[],
): Promise<Folded[]> {
  return Promise.all(
    group.map(async (p, i) => {
      const before = known[i] as Resolved;
      const seen = fold(p.command.changes, before, p.policy);
      if (seen.unknown.size === 0) return leaveLate(tx, cohortId, p, seen, before);
      const now = await resolveUnknown(tx, p.lists, before);
      return leaveLate(tx, cohortId, p, fold(p.command.changes, now, p.policy), now);
    }),
  );
}

/** Leaves out whom something newer has spoken of, where the request is not the newest there is. */
async function leaveLate(tx: Ctx, cohortId: number, p: Prepared, folded: Folded, resolved: Resolved): Promise<Folded> {
  const than = lateness(p);
  if (than === null || !(await isLate(tx, cohortId, than))) return folded;
  const { changes } = p.command;
  const late = await findLate(tx, cohortId, than, { users: folded.changes.map(Math.abs), changes });
  return fold(
    changes,
    resolved,
    p.policy,
    (user, identity) => late.everybody || late.users.has(user) || late.hashes.has(hashOf(identity)),
  );
}

function lateness(p: Prepared): Than | null {
  if (p.approval) return { batchId: p.approval.afterBatchId };
  return p.command.source.computedAt ? { computedAt: p.command.source.computedAt } : null;
}

/** Messages that say when they were computed are told apart by what is in the ledger: out of order they cannot be committed together. */
export function requireOrder(group: readonly Prepared[]): void {
  const times = group.flatMap((p) => p.command.source.computedAt?.getTime() ?? []);
  if (times.some((time, i) => time < (times[i - 1] ?? time))) throw new NotTogether();
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
export function disjointRuns(folded: readonly Folded[]): { from: number; to: number }[] {
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
