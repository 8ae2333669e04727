import { alias, deviceId, externalId, type Identity, identityKey } from '../users/identity.ts';
import { HELD, type IdentityLists, type Resolved, UNKNOWN } from '../users/resolve.ts';
import type { UnknownIdentityPolicy } from '../workspaces/workspaces.ts';
import type { CohortChange } from './change.ts';

/** Why an identifier matched nobody. */
export const REASONS = [
  'unknown_external_id',
  'unknown_alias',
  'unknown_device_id',
  'device_of_identified_user',
  // A newer message, or a later batch, has spoken of them.
  'superseded',
] as const;
export type Reason = (typeof REASONS)[number];

/** What a request comes down to once its identities are known. */
export interface Folded {
  /** Distinct users in ascending order, positive to add, negative to remove. */
  readonly changes: Int32Array;
  /** Identities nobody has, each once, with what was said of it last. */
  readonly unknown: ReadonlyMap<string, { readonly identity: Identity; readonly remove: boolean }>;
  readonly received: number;
  readonly matched: number;
  readonly held: number;
  readonly ignored: number;
  readonly reasons: Readonly<Partial<Record<Reason, number>>>;
}

/** The identities of a request by kind, in the order in which `fold` reads them. */
export function listIdentities(changes: readonly CohortChange[]): IdentityLists {
  const [only] = changes;
  if (only && changes.length === 1) return only;
  return {
    externalIds: changes.flatMap((c) => c.externalIds),
    aliases: changes.flatMap((c) => c.aliases),
    deviceIds: changes.flatMap((c) => c.deviceIds),
  };
}

/** Every identity of a request, in the order in which `fold` reads them. */
export function* identitiesOf(changes: readonly CohortChange[]): Generator<Identity> {
  for (const change of changes) {
    for (const value of change.externalIds) yield externalId(value);
    for (const pair of change.aliases) yield alias(pair);
    for (const value of change.deviceIds) yield deviceId(value);
  }
}

/**
 * Reduces a request to one change per person: the last mention wins, whatever identity named them. `isSuperseded` says whom something
 * newer has spoken of: those mentions count for nothing.
 */
export function fold(
  changes: readonly CohortChange[],
  resolved: Resolved,
  policy: UnknownIdentityPolicy,
  isSuperseded?: (user: number, identity: Identity) => boolean,
): Folded {
  const people = new Map<number, boolean>();
  const unknown = new Map<string, { identity: Identity; remove: boolean }>();
  const counts = { received: 0, matched: 0, held: 0, ignored: 0 };
  const reasons: Partial<Record<Reason, number>> = {};

  const mention = (user: number, remove: boolean, reason: Reason, identity: () => Identity) => {
    counts.received++;
    if (isSuperseded?.(user, identity())) {
      counts.ignored++;
      reasons.superseded = (reasons.superseded ?? 0) + 1;
      return;
    }
    if (user > 0) {
      counts.matched++;
      people.set(user, !remove);
      return;
    }
    const isUnknown = user === UNKNOWN || user === HELD;
    const because = isUnknown ? reason : 'device_of_identified_user';
    reasons[because] = (reasons[because] ?? 0) + 1;
    if (isUnknown && policy === 'HOLD' && !remove) counts.held++;
    else counts.ignored++;
    if (!isUnknown) return;
    const named = identity();
    unknown.set(identityKey(named), { identity: named, remove });
  };

  let e = 0;
  let a = 0;
  let d = 0;
  for (const change of changes) {
    for (const value of change.externalIds)
      mention(resolved.externalIds[e++] ?? UNKNOWN, change.remove, 'unknown_external_id', () => externalId(value));
    for (const pair of change.aliases)
      mention(resolved.aliases[a++] ?? UNKNOWN, change.remove, 'unknown_alias', () => alias(pair));
    for (const value of change.deviceIds)
      mention(resolved.deviceIds[d++] ?? UNKNOWN, change.remove, 'unknown_device_id', () => deviceId(value));
  }
  return { changes: signed(people), unknown, ...counts, reasons };
}

function signed(people: ReadonlyMap<number, boolean>): Int32Array {
  const users = Int32Array.from(people.keys()).sort();
  return users.map((user) => (people.get(user) ? user : -user));
}
