import { sql } from 'drizzle-orm';
import { queryRows } from '../../src/db/client.ts';
import { applyChanges } from '../../src/domain/cohorts/cohorts.ts';
import type { Ctx } from '../../src/domain/context.ts';
import { DomainError } from '../../src/domain/errors.ts';
import { RESERVED, usersOfBlock } from '../../src/domain/membership/bits.ts';
import * as identities from '../../src/domain/users/identities.ts';
import type { ItemResult } from '../../src/domain/users/item-result.ts';
import { trimPending } from '../../src/domain/users/pending.ts';
import { upsertUsers } from '../../src/domain/users/users.ts';
import { setUnknownIdentityPolicy, updateWorkspace } from '../../src/domain/workspaces/workspaces.ts';
import { command as cohortCommand } from '../support/seed.ts';
import type { Answer, Command, State } from './command.ts';

let workspaces = 0;

/** A new workspace of a database that only one file uses, cheaper than by the product's own call: thousands are wanted. */
export async function freshWorkspace(home: Ctx): Promise<Ctx> {
  const workspaceId = 1_000 + ++workspaces;
  await home.db.execute(
    sql`insert into workspaces (id, name) values (${workspaceId}::int, ${`Workspace ${workspaceId}`})`,
  );
  return { ...home, workspaceId };
}

/** Does a command to the product. Expected errors are answers; anything else is thrown, and is a fault of the product. */
export async function perform(ctx: Ctx, command: Command): Promise<Answer> {
  try {
    return await answer(ctx, command);
  } catch (error) {
    if (error instanceof DomainError && error.code !== 'LOCKED') return { refused: error.code };
    throw error;
  }
}

async function answer(ctx: Ctx, command: Command): Promise<Answer> {
  switch (command.do) {
    case 'upsert':
      return upsert(ctx, command);
    case 'change':
      return change(ctx, command);
    case 'identify':
      return told(identities.identifyUsers(ctx, command));
    case 'merge':
      return told(identities.mergeUsers(ctx, command));
    case 'addAlias':
      return told(identities.addAliases(ctx, command));
    case 'renameAlias':
      return told(identities.renameAliases(ctx, command));
    case 'attachDevice':
      return told(identities.attachDevices(ctx, command));
    case 'detachDevice':
      return told(identities.detachDevices(ctx, command));
    case 'renameExternalId':
      return told(identities.renameExternalIds(ctx, command));
    case 'removeExternalId':
      return told(identities.removeExternalIds(ctx, command));
    case 'delete':
      return told(identities.deleteUsers(ctx, command));
    case 'policy':
      await setUnknownIdentityPolicy(ctx, command.policy);
      return { done: true };
    case 'trim':
      await updateWorkspace(ctx, { pendingMaxMembers: command.maxMembers, pendingMaxAgeDays: command.maxAgeDays });
      return { dropped: await trimPending(ctx) };
  }
}

async function told(results: Promise<ItemResult[]>): Promise<Answer> {
  return { items: (await results).map((r) => ('error' in r ? r.error.code : r.userId)) };
}

async function upsert(ctx: Ctx, { users, perItem }: Extract<Command, { do: 'upsert' }>): Promise<Answer> {
  const result = await upsertUsers(ctx, { users, perItem });
  return {
    users: result.users.map((u) => ('error' in u ? u.error.code : { id: u.id, isCreated: u.isCreated })),
    created: result.created,
    updated: result.updated,
    refusedUsers: result.refused,
    joined: result.joined,
  };
}

async function change(ctx: Ctx, { cohort: name, changes }: Extract<Command, { do: 'change' }>): Promise<Answer> {
  // Numbers of the ledger are not the model's subject.
  const {
    cohort,
    batchId: _,
    isDuplicate: __,
    heldChangesId: ___,
    ...counts
  } = await applyChanges(ctx, cohortCommand(name, changes));
  return { cohort: cohort?.id ?? null, ...counts, reasons: sortedKeys(counts.reasons) };
}

const NAME = sql`case kind when 1 then 'external ' || value when 2 then 'alias ' || label || '/' || value else 'device ' || value end`;

interface Row {
  readonly id: number;
  readonly name: string;
}

interface Stored {
  readonly users: { id: number; is_identified: boolean; attributes: Record<string, unknown> }[] | null;
  readonly names: { user_id: number; name: string; is_deprecated: boolean }[] | null;
  readonly cohorts: Row[] | null;
  readonly blocks: { cohort_id: number; block: number; bits: string }[] | null;
  readonly pending: { cohort_id: number; name: string }[] | null;
  readonly drops: { reason: string; members: number }[] | null;
  readonly batches: Batch[] | null;
  readonly usage: ({ cohort_id: number } & Record<'received' | 'matched' | 'written' | 'changed', number>)[] | null;
}

interface Batch {
  readonly cohort_id: number;
  readonly dialect: string;
  readonly received_count: number;
  readonly matched_count: number;
  readonly held_count: number;
  readonly ignored_count: number;
  readonly added_count: number;
  readonly removed_count: number;
  readonly added: number[];
  readonly removed: number[];
}

/**
 * Everything the workspace stores, read past the product's own questions, in one statement. Throws when the tables contradict each
 * other: bits and ledger, the users and their reserved sets, an identity held and owned.
 */
export async function observe(ctx: Ctx): Promise<State> {
  const rowsOf = (query: ReturnType<typeof sql>) => sql`(select jsonb_agg(to_jsonb(t)) from (${query}) t)`;
  const id = sql`workspace_id = ${ctx.workspaceId}::int`;
  const [row] = await queryRows<{ stored: string }>(
    ctx.db,
    sql`select jsonb_build_object(
      'users', ${rowsOf(sql`select id, is_identified, attributes from users where ${id} order by id`)},
      'names', ${rowsOf(sql`select user_id, ${NAME} as name, is_deprecated from identities where ${id} and user_id is not null`)},
      'cohorts', ${rowsOf(sql`select id, partner_cohort_id as name from cohorts where ${id} order by id`)},
      'blocks', ${rowsOf(sql`select cohort_id, block, bits::text as bits from membership_blocks where ${id}`)},
      'pending', ${rowsOf(sql`select cohort_id, ${NAME} as name from pending_members where ${id}`)},
      'drops', ${rowsOf(sql`select reason, sum(members)::int as members from pending_drops where ${id} group by reason order by reason`)},
      'batches', ${rowsOf(sql`select * from batches where ${id} order by id`)},
      'usage', ${rowsOf(sql`select cohort_id, sum(received)::int as received, sum(matched)::int as matched, sum(written)::int as written,
        sum(changed)::int as changed from usage_daily where ${id} group by cohort_id`)})::text as stored`,
  );
  return toState(JSON.parse(row?.stored ?? '{}') as Stored);
}

function toState(stored: Stored): State {
  const members = (cohortId: number) =>
    (stored.blocks ?? [])
      .filter((b) => b.cohort_id === cohortId)
      .flatMap((b) => usersOfBlock(b.block, b.bits))
      .sort((a, b) => a - b);
  const namesOf = (user: number, isDeprecated: boolean) =>
    (stored.names ?? [])
      .filter((n) => n.user_id === user && n.is_deprecated === isDeprecated)
      .map((n) => n.name)
      .sort();
  const users = (stored.users ?? []).map((u) => ({
    id: u.id,
    names: namesOf(u.id, false),
    formerNames: namesOf(u.id, true),
    attributes: sortedKeys(u.attributes),
  }));
  for (const u of stored.users ?? [])
    check(
      u.is_identified === namesOf(u.id, false).some((n) => n.startsWith('external ')),
      `user ${u.id} is identified`,
    );
  const owned = new Set(stored.names?.map((n) => n.name));
  for (const { name } of stored.pending ?? []) check(!owned.has(name), `${name} is held, or has a user`);
  return {
    users,
    cohorts: (stored.cohorts ?? []).map(({ id, name }) => {
      const batches = (stored.batches ?? []).filter((b) => b.cohort_id === id);
      check(replay(batches).join() === members(id).join(), `the ledger of ${name} ends in its members`);
      const pending = (stored.pending ?? []).filter((p) => p.cohort_id === id).map((p) => p.name);
      return { id, name, members: members(id), pending: pending.sort(), requests: requestsOf(stored, id, batches) };
    }),
    everyone: members(RESERVED.everyone),
    identified: members(RESERVED.identified),
    aliased: members(RESERVED.aliased),
    drops: Object.fromEntries((stored.drops ?? []).map((d) => [d.reason, d.members])),
  };
}

/** Who is in after all transitions, which must be real ones. */
function replay(batches: readonly Batch[]): number[] {
  const members = new Set<number>();
  for (const { added, removed, added_count, removed_count } of batches) {
    check(added.length === added_count && removed.length === removed_count, 'a ledger row counts what it lists');
    for (const user of removed) check(members.delete(user), `user ${user} was in before being removed`);
    for (const user of added) {
      check(!members.has(user), `user ${user} was out before being added`);
      members.add(user);
    }
  }
  return [...members].sort((a, b) => a - b);
}

/** What the requests of a cohort came to: by the ledger, which must agree with the meter. */
function requestsOf(stored: Stored, cohortId: number, batches: readonly Batch[]): State['cohorts'][number]['requests'] {
  const requests = batches.filter((b) => !['join', 'merge', 'delete'].includes(b.dialect));
  const sum = (count: (b: Batch) => number) => requests.reduce((n, b) => n + count(b), 0);
  const ledger = {
    received: sum((b) => b.received_count),
    matched: sum((b) => b.matched_count),
    held: sum((b) => b.held_count),
    ignored: sum((b) => b.ignored_count),
    changed: sum((b) => b.added_count + b.removed_count),
  };
  const none = { received: 0, matched: 0, written: 0, changed: 0 };
  const metered = stored.usage?.find((u) => u.cohort_id === cohortId) ?? none;
  for (const key of ['received', 'matched', 'changed'] as const)
    check(ledger[key] === metered[key], `ledger and meter agree about ${key}`);
  return {
    received: ledger.received,
    matched: ledger.matched,
    held: ledger.held,
    ignored: ledger.ignored,
    written: metered.written,
    changed: ledger.changed,
  };
}

function check(isTrue: boolean, what: string): void {
  if (!isTrue) throw new Error(`Not true: ${what}.`);
}

function sortedKeys<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
