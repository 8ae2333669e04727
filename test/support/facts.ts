import { createHash } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { queryRows } from '../../src/db/client.ts';
import type { Ctx } from '../../src/domain/context.ts';
import type { AttributeTest, TimeTest } from '../../src/domain/segments/filter.ts';

const DAY = 86_400_000;

// What is kept of users as bits, and what filters ask of them, as it should be: worked out from the tables in plain JavaScript, with nothing of the product in mind.

/** Who has which value, by `name, kind, value`: numbers of users in ascending order, and what the value compares by. */
export type Facts = Record<string, { readonly users: number[]; readonly number: number | null }>;

/** What `attribute_blocks` says. Throws where a row is not as rows are to be. */
export async function factsStored(ctx: Ctx): Promise<Facts> {
  const rows = await queryRows<{
    name: string;
    kind: number;
    value: string;
    block: number;
    number: string | null;
    bits: string | null;
    positions: string | null;
  }>(
    ctx.db,
    sql`select name, kind, value, block, number::text as number, bits::text as bits, positions::text as positions
      from attribute_blocks where workspace_id = ${ctx.workspaceId} order by name collate "C", kind, value collate "C", block`,
  );
  const facts: Record<string, { users: number[]; number: number | null }> = {};
  for (const { name, kind, value: text, block, number, bits, positions } of rows) {
    const key = JSON.stringify([name, kind, text]);
    if ((bits === null) === (positions === null)) throw new Error(`${key} has bits and positions, or neither.`);
    const here =
      bits === null
        ? (positions ?? '{}').slice(1, -1).split(',').filter(Boolean).map(Number)
        : [...bits].flatMap((bit, i) => (bit === '1' ? [i] : []));
    if (here.length === 0) throw new Error(`${key} has a row without anybody.`);
    if (here.some((p, i) => i > 0 && p <= (here[i - 1] ?? 0))) throw new Error(`${key} has positions out of order.`);
    const value = number === null ? null : Number(number);
    const fact = facts[key] ?? { users: [], number: value };
    facts[key] = fact;
    if (fact.number !== value) throw new Error(`${key} compares by two numbers.`);
    fact.users.push(...here.map((p) => block * 8192 + p));
  }
  return facts;
}

/** What `attribute_blocks` should say, from users, identities and the list of indexes. */
export async function factsByHand(ctx: Ctx): Promise<Facts> {
  const facts = new Map<string, { users: Set<number>; number: number | null }>();
  const note = (user: number, name: string, kind: number, value: string, number: number | null = null) => {
    const key = JSON.stringify([name, kind, value]);
    const fact = facts.get(key) ?? { users: new Set<number>(), number };
    fact.users.add(user);
    facts.set(key, fact);
  };
  const labels = await queryRows<{ user_id: number; label: string }>(
    ctx.db,
    sql`select user_id, label from identities where workspace_id = ${ctx.workspaceId} and kind = 2 and user_id is not null and not is_deprecated`,
  );
  for (const { user_id, label } of labels) note(user_id, '', 9, label);
  const indexes = await queryRows<{ name: string; state: string; built_to: number }>(
    ctx.db,
    sql`select name, state, built_to from attribute_indexes where workspace_id = ${ctx.workspaceId}`,
  );
  const users = await queryRows<{ id: number; attributes: string }>(
    ctx.db,
    sql`select id, attributes::text as attributes from users where workspace_id = ${ctx.workspaceId} order by id`,
  );
  for (const { id, attributes } of users) {
    const values = new Map(Object.entries(JSON.parse(attributes) as object));
    for (const { name, state, built_to } of indexes) {
      const value: unknown = values.get(name) ?? null;
      if (value === null || (state !== 'READY' && id > built_to)) continue;
      note(id, name, 0, '');
      if (typeof value === 'string') note(id, name, 1, shortened(value), timeOf(value));
      else if (typeof value === 'number') note(id, name, 2, JSON.stringify(value), value);
      else if (typeof value === 'boolean') note(id, name, 3, JSON.stringify(value));
      else if (Array.isArray(value))
        for (const element of value as unknown[]) {
          if (typeof element === 'string') note(id, name, 4, shortened(element));
          else if (typeof element === 'number') note(id, name, 5, JSON.stringify(element));
        }
    }
  }
  return Object.fromEntries(
    [...facts].map(([key, { users, number }]) => [key, { users: [...users].sort((a, b) => a - b), number }]),
  );
}

function shortened(value: string): string {
  if (Buffer.byteLength(value) <= 200 && !value.startsWith('sha256:')) return value;
  return `sha256:${createHash('sha256').update(Buffer.from(value)).digest('hex')}`;
}

/** The milliseconds of a text with a date, a time and a zone; null where it is no such text, or names a moment that there is not. */
export function timeOf(text: string): number | null {
  const parts =
    /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:(Z)|([+-])(\d\d)(?::?(\d\d))?)$/.exec(text);
  if (!parts) return null;
  const n = (i: number) => Number(parts[i] ?? 0);
  const local = new Date(0);
  local.setUTCFullYear(n(1), n(2) - 1, n(3));
  const isDay = local.getUTCFullYear() === n(1) && local.getUTCMonth() === n(2) - 1 && local.getUTCDate() === n(3);
  if (!isDay || n(1) === 0 || n(4) > 23 || n(5) > 59 || n(6) > 59 || n(10) > 15 || n(11) > 59) return null;
  const fraction = Math.trunc(Number((parts[7] ?? '').padEnd(3, '0').slice(0, 3)));
  const zone = (n(10) * 60 + n(11)) * (parts[9] === '-' ? -1 : 1);
  return local.getTime() + ((n(4) * 60 + n(5) - zone) * 60 + n(6)) * 1000 + fraction;
}

/** Whether a test holds for the value of an attribute, null where there is none, asked at `now`. */
export function attributeHolds(value: unknown, test: AttributeTest, now: string): boolean {
  const list = Array.isArray(value) ? (value as unknown[]) : [];
  const elements = list.filter((e) => typeof e === 'string' || typeof e === 'number');
  switch (test.comparison) {
    case 'exists':
      return value !== null;
    case 'does_not_exist':
      return value === null;
    case 'equals':
      return value === test.value;
    case 'not_equal':
      return value !== test.value;
    case 'includes_value':
      return elements.includes(test.value);
    case 'does_not_include_value':
      return !elements.includes(test.value);
    case 'matches_regex':
      return typeof value === 'string' && new RegExp(test.value, 'u').test(value);
    case 'does_not_match_regex':
      return !(typeof value === 'string' && new RegExp(test.value, 'u').test(value));
    case 'greater_than':
      return typeof value === 'number' && value > test.value;
    case 'greater_than_or_equal_to':
      return typeof value === 'number' && value >= test.value;
    case 'less_than':
      return typeof value === 'number' && value < test.value;
    case 'less_than_or_equal_to':
      return typeof value === 'number' && value <= test.value;
    default: {
      const time = typeof value === 'string' ? timeOf(value) : null;
      return time !== null && timeHolds(time, test, now);
    }
  }
}

/** Whether a test holds for a time, asked at `now`. */
export function timeHolds(time: number, test: TimeTest, asked: string): boolean {
  const now = Date.parse(asked);
  switch (test.comparison) {
    case 'before':
      return time < Date.parse(test.value);
    case 'after':
      return time > Date.parse(test.value);
    case 'less_than_x_days_ago':
      return time > now - test.value * DAY && time <= now;
    case 'greater_than_x_days_ago':
      return time < now - test.value * DAY;
    case 'less_than_x_days_in_the_future':
      return time >= now && time < now + test.value * DAY;
    case 'greater_than_x_days_in_the_future':
      return time > now + test.value * DAY;
  }
}

/** The bucket of a user, with big integers instead of 32-bit arithmetic. */
export function bucketByHand(id: number): number {
  const mask = 0xffff_ffffn;
  let h = (BigInt(id) * 40_503n) & mask;
  h ^= h >> 15n;
  h = (h * 60_493n) & mask;
  h ^= h >> 13n;
  h = (h * 51_829n) & mask;
  h ^= h >> 16n;
  return Number(h % 10_000n);
}
