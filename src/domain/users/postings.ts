import { type SQL, sql } from 'drizzle-orm';
import { intArray, queryPrepared, textArray } from '../../db/client.ts';
import type { Ctx } from '../context.ts';
import { BLOCK_MASK, BLOCK_SHIFT } from '../membership/bits.ts';
import type { Facet } from './facets.ts';

/** Up to so many users of a block are stored by their positions, more of them as bits. */
export const POSITIONS_MAX = 64;
/** Bits of so few users become positions again: fewer than above, so that a value at the edge is not rewritten each time. */
const BITS_MIN = 32;
/** Rows one statement writes. */
const ROWS_PER_STATEMENT = 20_000;

/** Users of one block who get or lose one facet of one attribute. */
interface Posting {
  readonly name: string;
  readonly facet: Facet;
  readonly block: number;
  readonly gains: number[];
  readonly losses: number[];
}

/** Who gets and loses which facets of which attributes. Nothing may be said twice of one user. */
export class Postings {
  readonly #postings = new Map<string, Posting>();

  gain(name: string, facet: Facet, userId: number): void {
    this.#posting(name, facet, userId).gains.push(userId & BLOCK_MASK);
  }

  lose(name: string, facet: Facet, userId: number): void {
    this.#posting(name, facet, userId).losses.push(userId & BLOCK_MASK);
  }

  #posting(name: string, facet: Facet, userId: number): Posting {
    const block = userId >> BLOCK_SHIFT;
    // Neither names nor values can hold NUL.
    const key = `${facet.kind}\u0000${block}\u0000${name}\u0000${facet.value}`;
    const posting = this.#postings.get(key) ?? { name, facet, block, gains: [], losses: [] };
    this.#postings.set(key, posting);
    return posting;
  }

  all(): Posting[] {
    return [...this.#postings.values()];
  }
}

/**
 * Writes who gets and loses facets. One statement for thousands of rows: each reads its row, works out who is left, and writes that as
 * positions or as bits, whichever is smaller; rows without anybody go. The caller holds the workspace row.
 */
export async function writePostings(tx: Ctx, postings: Postings): Promise<void> {
  const all = postings.all();
  for (let i = 0; i < all.length; i += ROWS_PER_STATEMENT) await write(tx, all.slice(i, i + ROWS_PER_STATEMENT));
}

async function write(tx: Ctx, rows: readonly Posting[]): Promise<void> {
  const key = sql`a.workspace_id = ${tx.workspaceId}::int and a.name = w.name and a.kind = w.kind and a.value = w.value and a.block = w.block`;
  await queryPrepared(
    tx.db,
    sql`/* writePostings */ with w as materialized (
      select u.name, u.kind::smallint as kind, u.value, u.number::float8 as number, u.block, u.gains::smallint[] as gains, u.losses::smallint[] as losses
      from unnest(${textArray(rows.map((r) => r.name))}, ${intArray(rows.map((r) => r.facet.kind))}, ${textArray(rows.map((r) => r.facet.value))},
        ${textArray(rows.map((r) => (r.facet.number === null ? null : String(r.facet.number))))}, ${intArray(rows.map((r) => r.block))},
        ${textArray(rows.map((r) => `{${r.gains.sort((x, y) => x - y).join()}}`))}, ${textArray(rows.map((r) => `{${r.losses.join()}}`))})
        as u(name, kind, value, number, block, gains, losses)),
    o as materialized (
      select w.*, m.tid, m.bits, coalesce(m.positions, '{}') as positions from w
      left join lateral (select a.ctid as tid, a.bits, a.positions from attribute_blocks a where ${key} limit 1) m on true),
    n as materialized (
      select o.*, case when o.bits is not null or cardinality(o.positions) + cardinality(o.gains) > ${POSITIONS_MAX}::int
        then (coalesce(o.bits, ${bitsAt(sql`o.positions`)}) | ${bitsAt(sql`o.gains`)}) & (~ ${bitsAt(sql`o.losses`)}) end as new_bits from o),
    f as materialized (
      select n.*, case when n.new_bits is null and n.tid is null then n.gains
          when n.new_bits is null then array(select distinct p from unnest(n.positions || n.gains) p where p <> all (n.losses) order by p)
          when bit_count(n.new_bits) <= case when n.bits is null then ${POSITIONS_MAX}::int else ${BITS_MIN}::int end then ${positionsOf(sql`n.new_bits`)}
          end as new_positions from n),
    gone as (
      delete from attribute_blocks a using f where a.ctid = f.tid and a.workspace_id = ${tx.workspaceId}::int and f.new_positions = '{}'),
    changed as (
      update attribute_blocks a set positions = f.new_positions, bits = case when f.new_positions is null then f.new_bits end from f
      where a.ctid = f.tid and a.workspace_id = ${tx.workspaceId}::int and f.new_positions is distinct from '{}'
        and (f.new_positions is distinct from a.positions or (f.new_positions is null and f.new_bits is distinct from a.bits))),
    started as (
      insert into attribute_blocks (workspace_id, name, kind, value, block, number, positions, bits)
      select ${tx.workspaceId}::int, name, kind, value, block, number, new_positions, case when new_positions is null then new_bits end
      from f where tid is null and new_positions is distinct from '{}' order by name collate "C", kind, value collate "C", block)
    select 1`,
  );
}

/** The bits of a block at these positions. */
export function bitsAt(positions: SQL): SQL {
  return sql`coalesce((select bit_or(set_bit(0::bit(8192), p, 1)) from unnest(${positions}) p), 0::bit(8192))`;
}

function positionsOf(bits: SQL): SQL {
  return sql`array(select p::smallint from generate_series(0, 8191) p where get_bit(${bits}, p) = 1)`;
}
