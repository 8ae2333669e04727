import { sql } from 'drizzle-orm';
import { intArray, queryPrepared, textArray } from '../../db/client.ts';
import { BLOCK_BITS } from '../../db/tables/columns.ts';
import type { Ctx } from '../context.ts';
import { BLOCK_MASK, BLOCK_SHIFT } from './bits.ts';

/** Bits to set and to clear in one block of one set. */
interface Mask {
  readonly set: number;
  readonly block: number;
  readonly add: Uint8Array;
  readonly remove: Uint8Array;
}

/**
 * Users who enter and leave sets, gathered as bits here rather than in the database: a new user is in a dozen reserved sets at once, and
 * users are mostly new in runs, so that a few masks say what would be thousands of pairs of user and set.
 */
export class Masks {
  readonly #masks = new Map<number, Map<number, Mask>>();

  /** A user who is to be in a set, or is not to be. What was said last of a user and a set counts. */
  note(set: number, userId: number, isIn: boolean): void {
    const { add, remove } = this.#mask(set, userId >> BLOCK_SHIFT);
    const bit = userId & BLOCK_MASK;
    const byte = bit >> 3;
    const one = 128 >> (bit & 7);
    const [to, from] = isIn ? [add, remove] : [remove, add];
    to[byte] = (to[byte] ?? 0) | one;
    from[byte] = (from[byte] ?? 0) & ~one;
  }

  #mask(set: number, block: number): Mask {
    const blocks = this.#masks.get(set) ?? new Map<number, Mask>();
    this.#masks.set(set, blocks);
    const empty = () => new Uint8Array(BLOCK_BITS / 8);
    const mask = blocks.get(block) ?? { set, block, add: empty(), remove: empty() };
    blocks.set(block, mask);
    return mask;
  }

  all(): Mask[] {
    return [...this.#masks.values()].flatMap((blocks) => [...blocks.values()]);
  }
}

/**
 * Sets and clears bits without a ledger row, in one statement: for the reserved sets, whose history is the users'. The caller holds the
 * workspace row. Blocks in which nothing changes are not written.
 */
export async function writeMasks(ctx: Ctx, masks: Masks): Promise<void> {
  const all = masks.all();
  if (all.length === 0) return;
  await queryPrepared(
    ctx.db,
    sql`/* writeMasks */ with w as materialized (
      select u.s, u.b, ('x' || u.a)::bit(8192) as a, ('x' || u.r)::bit(8192) as r from unnest(${intArray(all.map((m) => m.set))},
        ${intArray(all.map((m) => m.block))}, ${textArray(all.map((m) => hex(m.add)))}, ${textArray(all.map((m) => hex(m.remove)))}) as u(s, b, a, r)),
    o as materialized (
      select w.*, m.tid, m.bits from w left join lateral (select x.ctid as tid, x.bits from membership_blocks x
        where x.workspace_id = ${ctx.workspaceId}::int and x.cohort_id = w.s and x.block = w.b limit 1) m on true),
    changed as (
      update membership_blocks m set bits = (o.bits | o.a) & (~ o.r) from o
      where m.ctid = o.tid and m.workspace_id = ${ctx.workspaceId}::int and m.cohort_id = o.s and (o.bits | o.a) & (~ o.r) <> o.bits),
    started as (
      insert into membership_blocks (workspace_id, cohort_id, block, bits)
      select ${ctx.workspaceId}::int, s, b, a from o where tid is null and a <> 0::bit(8192))
    select 1`,
  );
}

/** Bits as hexadecimal digits, without the zeros at the end: PostgreSQL fills up on that side. */
function hex(bits: Uint8Array): string {
  let end = bits.length;
  while (end > 0 && bits[end - 1] === 0) end--;
  return Buffer.from(bits.buffer, bits.byteOffset, end).toString('hex');
}
