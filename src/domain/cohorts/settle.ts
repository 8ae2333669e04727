import type { Ctx } from '../context.ts';
import { createUnknown } from '../users/create-unknown.ts';
import { lockUnknown } from '../users/hold.ts';
import type { Identity } from '../users/identity.ts';
import { HELD, type IdentityLists, type Resolved, resolve } from '../users/resolve.ts';
import { type Folded, fold } from './fold.ts';
import type { Prepared } from './look-up.ts';

/** Says finally what each request comes down to: whoever has appeared, merged or gone since the look-up is seen now. */
export async function settle(tx: Ctx, group: readonly Prepared[], epoch: number): Promise<Folded[]> {
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
