import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BLOCK_BITS } from '../../../src/db/tables/columns.ts';
import {
  BLOCK_MASK,
  BLOCK_SHIFT,
  parseIntArray,
  usersOfBlock,
  usersOfBlockDescending,
} from '../../../src/domain/membership/bits.ts';

const block = fc.nat(1000);
/** Positions in a block, the edges more often than chance would give them. */
const positions = fc.uniqueArray(
  fc.oneof(fc.nat(BLOCK_BITS - 1), fc.constantFrom(0, 1, BLOCK_BITS - 2, BLOCK_BITS - 1)),
  {
    maxLength: 40,
  },
);

function printed(set: readonly number[]): string {
  const bits = new Array<string>(BLOCK_BITS).fill('0');
  for (const position of set) bits[position] = '1';
  return bits.join('');
}

const users = (number: number, set: readonly number[]) =>
  set.map((position) => number * BLOCK_BITS + position).sort((a, b) => a - b);

test('shift and mask are those of the stored block', () => {
  expect(1 << BLOCK_SHIFT).toBe(BLOCK_BITS);
  expect(BLOCK_MASK).toBe(BLOCK_BITS - 1);
});

describe('a block', () => {
  test('decodes to its users in ascending order, from a user on, at most so many', () => {
    fc.assert(
      fc.property(block, positions, fc.integer({ min: -1, max: BLOCK_BITS }), fc.nat(50), (number, set, at, limit) => {
        const from = number * BLOCK_BITS + at;
        const right = users(number, set).filter((user) => user >= from);
        expect(usersOfBlock(number, printed(set), from)).toEqual(right);
        expect(usersOfBlock(number, printed(set), from, limit)).toEqual(right.slice(0, limit));
      }),
    );
  });

  test('decodes to its users in descending order, below a user, at most so many', () => {
    fc.assert(
      fc.property(
        block,
        positions,
        fc.integer({ min: -1, max: BLOCK_BITS + 1 }),
        fc.nat(50),
        (number, set, at, limit) => {
          const below = number * BLOCK_BITS + at;
          const right = users(number, set)
            .filter((user) => user < below)
            .reverse();
          expect(usersOfBlockDescending(number, printed(set), below, limit)).toEqual(right.slice(0, limit));
        },
      ),
    );
  });

  test('decodes the same from both ends', () => {
    fc.assert(
      fc.property(block, positions, (number, set) => {
        const up = usersOfBlock(number, printed(set));
        const down = usersOfBlockDescending(number, printed(set), Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY);
        expect(down.reverse()).toEqual(up);
        expect(up).toEqual(users(number, set));
      }),
    );
  });

  test('that is full or empty decodes to everybody or nobody', () => {
    const full = '1'.repeat(BLOCK_BITS);
    expect(usersOfBlock(2, full)).toHaveLength(BLOCK_BITS);
    expect(usersOfBlockDescending(2, full, Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY).at(-1)).toBe(
      2 * BLOCK_BITS,
    );
    expect(usersOfBlock(2, '0'.repeat(BLOCK_BITS))).toEqual([]);
    expect(usersOfBlockDescending(2, '0'.repeat(BLOCK_BITS), Number.MAX_SAFE_INTEGER, 10)).toEqual([]);
  });
});

describe('an integer array as PostgreSQL prints it', () => {
  test('reads back to the numbers', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.integer(), fc.constantFrom(0, -1, 2 ** 31 - 1, -(2 ** 31)))), (list) => {
        expect([...parseIntArray(`{${list.join(',')}}`)]).toEqual(list);
      }),
    );
  });

  test('that is null is empty', () => {
    expect(parseIntArray(null)).toEqual(new Int32Array(0));
  });
});
