import { type SQL, sql } from 'drizzle-orm';
import { intArray, queryPrepared, textArray } from '../../db/client.ts';
import { BLOCK_BITS } from '../../db/tables/columns.ts';
import type { Ctx } from '../context.ts';
import { BLOCK_MASK, BLOCK_SHIFT, parseIntArray, RESERVED } from '../membership/bits.ts';
import { type Alias, KIND } from '../users/identity.ts';
import type { Attributes } from '../users/user-input.ts';

/** What is asked of members beside their numbers. */
export interface MemberFacts {
  readonly externalIds?: boolean | undefined;
  /** All of them, or those with one of these labels. */
  readonly aliases?: boolean | readonly string[] | undefined;
  readonly deviceIds?: boolean | undefined;
  /** All of them, or those of these names. */
  readonly attributes?: boolean | readonly string[] | undefined;
  readonly createdAt?: boolean | undefined;
}

/** Some members in order of their numbers, and what was asked of them, each list as long as `ids`; null what was not asked. */
export interface MemberSlice {
  readonly ids: readonly number[];
  readonly externalIds: readonly (string | null)[] | null;
  /** By label, then by name. */
  readonly aliases: readonly (readonly Alias[])[] | null;
  readonly deviceIds: readonly (readonly string[])[] | null;
  readonly attributes: readonly Attributes[] | null;
  /** With milliseconds, UTC. */
  readonly createdAt: readonly string[] | null;
}

/** Blocks of one slice: a statement brings who is alive, 8 KB a block. */
export const SLICE_MAX_BLOCKS = 32;

/** Users of one slice, so that what is read of them fits into a few megabytes. A user may have kilobytes of attributes. */
export function sliceMaxUsers({ externalIds, aliases, deviceIds, attributes, createdAt }: MemberFacts): number {
  if (attributes) return 256;
  if (aliases || deviceIds) return 2_048;
  return externalIds || createdAt ? 8_192 : SLICE_MAX_BLOCKS * BLOCK_BITS;
}

interface SliceRow {
  readonly blocks: string | null;
  readonly live: string | null;
  readonly named?: string | null;
  readonly kinds?: string | null;
  readonly labels?: string | null;
  readonly names?: string | null;
  readonly users?: string | null;
  readonly attributes?: string | null;
  readonly created?: string | null;
}

/**
 * Reads what is asked of users, who stand in these blocks, in one statement that answers one row of lists: parsing those takes a fraction of
 * what rows take. Users who are no longer alive are left out.
 */
export async function readMemberSlice(
  ctx: Ctx,
  userIds: readonly number[],
  blocks: readonly number[],
  facts: MemberFacts,
): Promise<MemberSlice> {
  const parts = [
    sql`(select array_agg(m.block order by m.block)::text as blocks, string_agg(m.bits::text, '' order by m.block) as live
      from membership_blocks m where m.workspace_id = ${ctx.workspaceId}::int and m.cohort_id = ${RESERVED.everyone}::int
        and m.block = any(${intArray(blocks)})) l`,
  ];
  if (facts.externalIds || facts.aliases || facts.deviceIds) parts.push(identityLists(ctx, userIds, facts));
  if (facts.attributes || facts.createdAt) parts.push(userLists(ctx, userIds, facts));
  const [row] = await queryPrepared<SliceRow>(ctx.db, sql`/* memberSlice */ select * from ${sql.join(parts, sql`, `)}`);
  if (!row) throw new Error('Aggregates answer one row.');
  const living = alive(userIds, row);
  const slots = new Slots(living);
  return { ids: living, ...readIdentities(row, slots, facts), ...readUsers(row, slots, facts) };
}

/** From this share of a range on, reading the range and leaving out who is not asked for beats looking for each. */
const DENSE_SHARE = 1 / 4;

/** Rows of the users asked for: `columns` of `from` where `condition` holds, `user` being its column. */
function rowsOf(userIds: readonly number[], user: SQL, rows: (where: SQL) => SQL): SQL {
  const first = userIds[0] ?? 0;
  const last = userIds.at(-1) ?? 0;
  if (userIds.length >= (last - first + 1) * DENSE_SHARE)
    return rows(sql`${user} between ${first}::int and ${last}::int`);
  // One probe of the index a user, whatever the planner knows of the table.
  return sql`(select r.* from unnest(${intArray(userIds)}) as asked(id) cross join lateral ${rows(sql`${user} = asked.id`)} r)`;
}

/** By the index of users in either form. What is asked by external id only, the usual case, needs neither kinds nor an order. */
function identityLists(ctx: Ctx, userIds: readonly number[], { externalIds, aliases, deviceIds }: MemberFacts): SQL {
  const mine = (condition: SQL) =>
    rowsOf(
      userIds,
      sql`i.user_id`,
      (where) => sql`(select i.user_id, i.kind, i.label, i.value from identities i
        where i.workspace_id = ${ctx.workspaceId}::int and ${where} and not i.is_deprecated and ${condition})`,
    );
  if (!aliases && !deviceIds)
    return sql`(select array_agg(i.user_id)::text as named, json_agg(i.value)::text as names
      from ${mine(sql`i.kind = ${KIND.externalId}::smallint`)} i) i`;
  const kinds = [externalIds && KIND.externalId, aliases && KIND.alias, deviceIds && KIND.deviceId].filter((k) => !!k);
  const labelled = Array.isArray(aliases)
    ? sql`and (i.kind <> ${KIND.alias}::smallint or i.label = any(${textArray(aliases)}))`
    : sql``;
  return sql`(select array_agg(i.user_id)::text as named, array_agg(i.kind)::text as kinds, json_agg(i.label)::text as labels,
      json_agg(i.value)::text as names
    from (select * from ${mine(sql`i.kind = any(${intArray(kinds as number[])}) ${labelled}`)} r order by user_id, kind, label, value) i) i`;
}

function userLists(ctx: Ctx, userIds: readonly number[], { attributes, createdAt }: MemberFacts): SQL {
  const picked = Array.isArray(attributes)
    ? sql`(select jsonb_agg(u.attributes -> n.name order by n.ord) from unnest(${textArray(attributes)}) with ordinality as n(name, ord))`
    : sql`u.attributes`;
  return sql`(select array_agg(u.id)::text as users
      ${attributes ? sql`, json_agg(${picked})::text as attributes` : sql``}
      ${createdAt ? sql`, json_agg(u.created_at)::text as created` : sql``}
    from ${rowsOf(userIds, sql`u.id`, (where) => sql`(select u.id, u.attributes, u.created_at from users u where u.workspace_id = ${ctx.workspaceId}::int and ${where})`)} u) u`;
}

function alive(userIds: readonly number[], { blocks, live }: SliceRow): number[] {
  const order = new Map([...parseIntArray(blocks)].map((block, i) => [block, i * BLOCK_BITS]));
  return userIds.filter((id) => {
    const start = order.get(id >> BLOCK_SHIFT);
    return start !== undefined && live?.charCodeAt(start + (id & BLOCK_MASK)) === 49;
  });
}

/** Where in a slice a user stands. */
class Slots {
  readonly count: number;
  readonly #first: number;
  readonly #at: Int32Array;

  constructor(ids: readonly number[]) {
    this.count = ids.length;
    this.#first = ids[0] ?? 0;
    this.#at = new Int32Array((ids.at(-1) ?? -1) - this.#first + 1).fill(-1);
    for (let i = 0; i < ids.length; i++) this.#at[(ids[i] ?? 0) - this.#first] = i;
  }

  /** -1 for whoever is not in it. */
  of(id: number): number {
    return this.#at[id - this.#first] ?? -1;
  }
}

function readIdentities(row: SliceRow, slots: Slots, facts: MemberFacts) {
  const externalIds = facts.externalIds ? new Array<string | null>(slots.count).fill(null) : null;
  const aliases = facts.aliases ? Array.from({ length: slots.count }, (): Alias[] => []) : null;
  const deviceIds = facts.deviceIds ? Array.from({ length: slots.count }, (): string[] => []) : null;
  const users = parseIntArray(row.named ?? null);
  const kinds = row.kinds ? parseIntArray(row.kinds) : null;
  const labels = parseList<string>(row.labels);
  const names = parseList<string>(row.names);
  for (let n = 0; n < users.length; n++) {
    const i = slots.of(users[n] ?? 0);
    if (i < 0) continue;
    const kind = kinds?.[n] ?? KIND.externalId;
    const name = names[n] ?? '';
    if (kind === KIND.externalId) {
      if (externalIds) externalIds[i] = name;
    } else if (kind === KIND.alias) aliases?.[i]?.push({ label: labels[n] ?? '', name });
    else deviceIds?.[i]?.push(name);
  }
  return { externalIds, aliases, deviceIds };
}

function readUsers(row: SliceRow, slots: Slots, facts: MemberFacts) {
  const attributes = facts.attributes ? new Array<Attributes>(slots.count).fill({}) : null;
  const createdAt = facts.createdAt ? new Array<string>(slots.count).fill('') : null;
  const names = Array.isArray(facts.attributes) ? (facts.attributes as readonly string[]) : null;
  const users = parseIntArray(row.users ?? null);
  const stored = parseList<unknown>(row.attributes);
  const times = parseList<string>(row.created);
  for (let n = 0; n < users.length; n++) {
    const i = slots.of(users[n] ?? 0);
    if (i < 0) continue;
    if (attributes) attributes[i] = names ? picked(names, stored[n]) : (stored[n] as Attributes);
    if (createdAt) createdAt[i] = new Date(times[n] ?? 0).toISOString();
  }
  return { attributes, createdAt };
}

/** Those that the user has. */
function picked(names: readonly string[], values: unknown): Attributes {
  const list = values as readonly unknown[];
  return Object.fromEntries(names.flatMap((name, i) => (list[i] === null ? [] : [[name, list[i]]])));
}

function parseList<T>(text: string | null | undefined): T[] {
  return text ? (JSON.parse(text) as T[]) : [];
}
