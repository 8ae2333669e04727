import type { Ctx } from '../context.ts';
import { flush } from './flush.ts';
import { type Identity, KIND } from './identity.ts';
import { Roster } from './roster.ts';

/**
 * Makes a user for each external id and alias that nobody has, inside the transaction of the import that names them (policy `CREATE`).
 * A device id alone never makes a user. The caller has taken the workspace row.
 */
export async function createUnknown(tx: Ctx, identities: readonly Identity[]): Promise<void> {
  const named = identities.filter((i) => i.kind !== KIND.deviceId);
  if (named.length === 0) return;
  const roster = await Roster.load(tx, named);
  for (const identity of named) if (!roster.owner(identity)) roster.give(roster.create(), identity);
  await flush(tx, roster);
}
