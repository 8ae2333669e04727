import { BLOCK_BITS } from '../../db/tables/columns.ts';

/** `user_id >> BLOCK_SHIFT` is the block, `user_id & BLOCK_MASK` the bit in it. */
export const BLOCK_SHIFT = 13;
export const BLOCK_MASK = BLOCK_BITS - 1;

/** Sets that every workspace has beside its cohorts, stored the same way. Their writers hold the workspace row. */
export const RESERVED = {
  /** Every live user: what a negation is taken from. */
  everyone: 0,
  /** Users with an external id. */
  identified: -1,
  /** Users with an alias. */
  aliased: -2,
  /** Users with a device id. */
  deviced: -3,
} as const;

/** Everybody's random bucket, 0 to 9,999, is kept bit by bit: so many sets, one for each bit. */
export const BUCKET_BITS = 14;

/** The set of users whose bucket has this bit. */
export function bucketSet(bit: number): number {
  return -10 - bit;
}

/**
 * Sets below this are the lists of staged replacements, one each. They are kept like cohorts, so that people who merge or go are followed,
 * and are nobody's cohort.
 */
export const STAGED_BELOW = -100;

/**
 * The users of one block whose bit is set, in ascending order, at most `limit` of those from `from` on.
 * `bits` is the block as PostgreSQL prints it, its first character the lowest user.
 */
export function usersOfBlock(block: number, bits: string, from = 0, limit = Number.POSITIVE_INFINITY): number[] {
  const base = block * BLOCK_BITS;
  const out: number[] = [];
  for (
    let i = bits.indexOf('1', Math.max(0, from - base));
    i >= 0 && out.length < limit;
    i = bits.indexOf('1', i + 1)
  ) {
    out.push(base + i);
  }
  return out;
}

/** The same from the top: users below `below`, in descending order. */
export function usersOfBlockDescending(block: number, bits: string, below: number, limit: number): number[] {
  const base = block * BLOCK_BITS;
  const out: number[] = [];
  if (below <= base) return out;
  for (
    let i = bits.lastIndexOf('1', below - base - 1);
    i >= 0 && out.length < limit;
    i = bits.lastIndexOf('1', i - 1)
  ) {
    out.push(base + i);
    if (i === 0) break;
  }
  return out;
}

/** Reads an integer array as PostgreSQL prints it, `{1,-2,3}`, several times faster than splitting it. */
export function parseIntArray(text: string | null): Int32Array {
  if (text === null || text === '{}') return new Int32Array(0);
  const out = new Int32Array(commas(text) + 1);
  let n = 0;
  let value = 0;
  let sign = 1;
  for (let i = 1; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 45) sign = -1;
    else if (c >= 48 && c <= 57) value = value * 10 + (c - 48);
    else {
      out[n++] = sign * value;
      value = 0;
      sign = 1;
    }
  }
  return out;
}

function commas(text: string): number {
  let n = 0;
  for (let i = text.indexOf(','); i >= 0; i = text.indexOf(',', i + 1)) n++;
  return n;
}
