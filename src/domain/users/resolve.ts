import { type SQL, sql } from 'drizzle-orm';
import { intArray, queryPrepared, textArray } from '../../db/client.ts';
import type { Ctx } from '../context.ts';
import { parseIntArray } from '../membership/bits.ts';
import { type Alias, type Identity, identityOfRef, isStorable, isUserId, KIND, type UserRef } from './identity.ts';

/** Identities to look up, by kind, in the caller's order. */
export interface IdentityLists {
  readonly externalIds: readonly string[];
  readonly aliases: readonly Alias[];
  readonly deviceIds: readonly string[];
}

/**
 * What each identity means, in the order asked: a user's number; `UNKNOWN` where nobody has it; `HELD` where nobody has it but a cohort
 * named it before; for device ids the negated number where the owner is identified, whom a device id must not match.
 */
export interface Resolved {
  readonly externalIds: Int32Array;
  readonly aliases: Int32Array;
  readonly deviceIds: Int32Array;
}

export const UNKNOWN = 0;
export const HELD = -2147483648;

export interface ResolvedRow {
  readonly external_ids: string | null;
  readonly aliases: string | null;
  readonly device_ids: string | null;
}

/** Columns that resolve identities inside a larger statement: one indexed lookup a kind, one array back. Read with `readResolved`. */
export function resolveColumns(workspaceId: number, lists: IdentityLists): SQL {
  return sql`${lookup(workspaceId, KIND.externalId, lists.externalIds.length, sql`${textArray(lists.externalIds)}`)} as external_ids,
    ${lookup(
      workspaceId,
      KIND.alias,
      lists.aliases.length,
      sql`${textArray(lists.aliases.map((a) => a.name))}, ${textArray(lists.aliases.map((a) => a.label))}`,
    )} as aliases,
    ${lookup(workspaceId, KIND.deviceId, lists.deviceIds.length, sql`${textArray(lists.deviceIds)}`)} as device_ids`;
}

export function readResolved(row: ResolvedRow): Resolved {
  return {
    externalIds: parseIntArray(row.external_ids),
    aliases: parseIntArray(row.aliases),
    deviceIds: parseIntArray(row.device_ids),
  };
}

/** Resolves identities in one statement, without a lock. */
export async function resolve(ctx: Ctx, lists: IdentityLists): Promise<Resolved> {
  const [row] = await queryPrepared<ResolvedRow>(
    ctx.db,
    sql`/* resolve */ select ${resolveColumns(ctx.workspaceId, lists)}`,
  );
  if (!row) throw new Error('A select without a table answers one row.');
  return readResolved(row);
}

function lookup(workspaceId: number, kind: number, count: number, arrays: SQL): SQL {
  if (count === 0) return sql`null::text`;
  const isAlias = kind === KIND.alias;
  const isDevice = kind === KIND.deviceId;
  const columns = isAlias ? sql`s(value, label, ord)` : sql`s(value, ord)`;
  const label = isAlias ? sql`s.label` : sql`''`;
  const user = isDevice ? sql`case when u.is_identified then -i.user_id else i.user_id end` : sql`i.user_id`;
  const owner = isDevice ? sql`left join users u on u.workspace_id = ${workspaceId}::int and u.id = i.user_id` : sql``;
  // Lateral with a limit: one probe of the primary key a value, also where the tables have no statistics yet and the planner would
  // rather read every identity of the workspace. PGlite never gathers any by itself.
  return sql`(select array_agg(coalesce(${user}, case when i.kind is null then ${UNKNOWN}::int else ${HELD}::int end) order by s.ord)::text
    from unnest(${arrays}) with ordinality as ${columns}
    left join lateral (select i.kind, i.user_id from identities i where i.workspace_id = ${workspaceId}::int
      and i.kind = ${kind}::smallint and i.label = ${label} and i.value = s.value limit 1) i on true
    ${owner})`;
}

/**
 * The users that references mean, in the caller's order; null where nobody is meant. Unlike the matching of cohorts, a device id finds
 * its owner whoever that is. Two statements at most.
 */
export async function findUserIds(ctx: Ctx, asked: readonly UserRef[]): Promise<(number | null)[]> {
  const refs = asked.map((ref) => (isStorable(ref) ? ref : NOBODY));
  const lists = { externalIds: [] as string[], aliases: [] as Alias[], deviceIds: [] as string[] };
  const numbers: number[] = [];
  for (const ref of refs) {
    if ('externalId' in ref) lists.externalIds.push(ref.externalId);
    else if ('alias' in ref) lists.aliases.push(ref.alias);
    else if ('deviceId' in ref) lists.deviceIds.push(ref.deviceId);
    else numbers.push(ref.id);
  }
  const named = numbers.length < refs.length ? await resolve(ctx, lists) : null;
  const live = numbers.length > 0 ? await liveUsers(ctx, numbers) : null;
  const at = { externalIds: 0, aliases: 0, deviceIds: 0 };
  return refs.map((ref) => {
    if ('id' in ref) return live?.has(ref.id) ? ref.id : null;
    const list = 'externalId' in ref ? 'externalIds' : 'alias' in ref ? 'aliases' : 'deviceIds';
    const found = named?.[list][at[list]++] ?? UNKNOWN;
    return found === UNKNOWN || found === HELD ? null : Math.abs(found);
  });
}

const NOBODY: UserRef = { id: 0 };

async function liveUsers(ctx: Ctx, ids: readonly number[]): Promise<Set<number>> {
  const possible = ids.filter(isUserId);
  const rows = await queryPrepared<{ id: number }>(
    ctx.db,
    sql`/* liveUsers */ select id from users where workspace_id = ${ctx.workspaceId}
      and id = any(${intArray(possible)})`,
  );
  return new Set(rows.map((row) => row.id));
}

/** The lists of a set of identities, for one lookup of all of them. */
export function listsOf(identities: Iterable<Identity>): { lists: IdentityLists; order: Identity[] } {
  const byKind: Identity[][] = [[], [], []];
  for (const identity of identities) byKind[identity.kind - 1]?.push(identity);
  const [external = [], aliases = [], devices = []] = byKind;
  return {
    lists: {
      externalIds: external.map((i) => i.value),
      aliases: aliases.map((i) => ({ label: i.label, name: i.value })),
      deviceIds: devices.map((i) => i.value),
    },
    order: [...external, ...aliases, ...devices],
  };
}

/** True when the reference names its user by an identity rather than by number. */
export function isNamed(ref: UserRef): boolean {
  return identityOfRef(ref) !== null;
}
