import { and, eq, sql } from 'drizzle-orm';
import { intArray, queryPrepared, queryRows } from '../../db/client.ts';
import { users } from '../../db/tables/users.ts';
import { type Ctx, inTransaction } from '../context.ts';
import { DomainError, fail } from '../errors.ts';
import { RESERVED } from '../membership/bits.ts';
import { flush } from './flush.ts';
import { type Alias, KIND, type UserRef } from './identity.ts';
import { findUserIds } from './resolve.ts';
import { type Person, Roster, survivor } from './roster.ts';
import { identitiesOf, upsert } from './upsert.ts';
import type { Upserted, UpsertedUser, User } from './user.ts';
import { parseUserInput, UPSERT_MAX_USERS, type UserInput } from './user-input.ts';

/**
 * Makes or updates up to 10,000 users, in order, in one transaction. The external id decides whom an input means, then an alias, then a
 * device id; attributes are merged and null removes one. Pending members join their cohorts in the same transaction. `id` names a user
 * there is, and `updateOnly` makes and identifies nobody: both are refused as NOT_FOUND where nobody is meant.
 *
 * `perItem: false` (default): all or nothing, the first fault is thrown with its path. `perItem: true`: faulty users are refused one by
 * one and answered in place. Errors: INVALID_INPUT, LIMIT_EXCEEDED, IDENTITY_TAKEN, NOT_FOUND, LOCKED.
 */
export async function upsertUsers(
  ctx: Ctx,
  input: { readonly users: readonly unknown[]; readonly perItem?: boolean },
): Promise<Upserted> {
  if (input.users.length > UPSERT_MAX_USERS)
    throw fail('LIMIT_EXCEEDED', `One call takes at most ${UPSERT_MAX_USERS} users: send several.`, {
      path: ['users'],
    });
  const refuse = (error: unknown): Refused => {
    if (input.perItem && error instanceof DomainError) return { error };
    throw error;
  };
  const parsed = input.users.map((user, i) => attempt(() => parseUserInput(user, ['users', i]), refuse));
  const good = parsed.filter((user): user is UserInput => !('error' in user));
  if (good.length === 0)
    return summary(
      parsed.filter((user) => 'error' in user),
      0,
    );
  return inTransaction(ctx, async (tx) => {
    const numbers = good.flatMap((user) => user.id ?? []);
    const roster = await Roster.load(tx, good.flatMap(identitiesOf), numbers);
    const results = parsed.map((user, i) =>
      'error' in user ? user : attempt(() => upsert(roster, user, ['users', i]), refuse),
    );
    const { joined } = await flush(tx, roster);
    return summary(results.map(toUpserted), joined);
  });
}

type Refused = Extract<UpsertedUser, { error: unknown }>;

/** A later user of the call may have been merged with an earlier one: each is answered by who is left. */
function toUpserted(result: { person: Person; isCreated: boolean } | Refused): UpsertedUser {
  if ('error' in result) return result;
  const { person, isCreated } = result;
  return { id: survivor(person)?.id ?? person.id, isCreated: isCreated && !person.gone };
}

function attempt<T>(work: () => T, refuse: (error: unknown) => Refused): T | Refused {
  try {
    return work();
  } catch (error) {
    return refuse(error);
  }
}

function summary(results: readonly UpsertedUser[], joined: number): Upserted {
  const done = results.filter((r) => 'isCreated' in r);
  const created = done.filter((r) => r.isCreated).length;
  return { users: results, created, updated: done.length - created, refused: results.length - done.length, joined };
}

/** The users that references mean, in the caller's order; null where nobody is meant. Errors: none. */
export async function findUsers(ctx: Ctx, refs: readonly UserRef[]): Promise<(User | null)[]> {
  const ids = await findUserIds(ctx, refs);
  const byId = await usersByIds(ctx, [...new Set(ids.filter((id) => id !== null))]);
  return ids.map((id) => (id === null ? null : (byId.get(id) ?? null)));
}

/** The numbers of the users that references mean, in the caller's order; null where nobody is meant. */
export async function userIds(ctx: Ctx, refs: readonly UserRef[]): Promise<(number | null)[]> {
  return findUserIds(ctx, refs);
}

/** Users by number; numbers of nobody are missing. Two statements. */
export async function usersByIds(ctx: Ctx, ids: readonly number[]): Promise<Map<number, User>> {
  if (ids.length === 0) return new Map();
  const [rows, named] = await Promise.all([
    ctx.db
      .select({
        id: users.id,
        isIdentified: users.isIdentified,
        attributes: users.attributes,
        createdAt: users.createdAt,
      })
      .from(users)
      .where(and(eq(users.workspaceId, ctx.workspaceId), sql`${users.id} = any(${intArray(ids)})`))
      .prepare('usersByIds')
      .execute(),
    // Lateral: by index also where the table has no statistics yet. PGlite never gathers any by itself.
    queryPrepared<{ userId: number; kind: number; label: string; value: string }>(
      ctx.db,
      sql`/* identitiesByUserIds */ select i.* from unnest(${intArray(ids)}) as u(id) cross join lateral (
        select user_id as "userId", kind, label, value from identities i
        where i.workspace_id = ${ctx.workspaceId}::int and i.user_id = u.id and not i.is_deprecated offset 0) i
        order by i.kind, i.label, i.value`,
    ),
  ]);
  const names = new Map<number, { externalId: string | null; aliases: Alias[]; deviceIds: string[] }>();
  for (const row of rows) names.set(row.id, { externalId: null, aliases: [], deviceIds: [] });
  for (const { userId, kind, label, value } of named) {
    const of = names.get(userId);
    if (!of) continue;
    if (kind === KIND.externalId) of.externalId = value;
    else if (kind === KIND.alias) of.aliases.push({ label, name: value });
    else of.deviceIds.push(value);
  }
  return new Map(
    rows.map((row) => {
      const of = names.get(row.id) ?? { externalId: null, aliases: [], deviceIds: [] };
      const { id, attributes, createdAt } = row;
      return [id, { id, ...of, isAnonymous: !row.isIdentified, attributes, createdAt }];
    }),
  );
}

/** How many users the workspace has, exactly. */
export async function countUsers(ctx: Ctx): Promise<number> {
  const [row] = await queryRows<{ n: number }>(
    ctx.db,
    sql`/* countUsers */ select coalesce(sum(bit_count(bits)), 0)::int as n from membership_blocks
      where workspace_id = ${ctx.workspaceId}::int and cohort_id = ${RESERVED.everyone}::int`,
  );
  return row?.n ?? 0;
}
