import fc from 'fast-check';
import { expect, test } from 'vitest';
import { countDifferences, type Movement } from '../../../src/domain/history/differences.ts';

const LARGEST_USER = 2 ** 31 - 1;

const anyMovements: fc.Arbitrary<Movement[]> = fc.array(
  fc.record({
    minute: fc.oneof(fc.constantFrom(0, 1, 59, 60, 61, 1_439), fc.integer({ min: 0, max: 1_439 })),
    users: fc.array(fc.constantFrom(1, 2, 3, 8_192, LARGEST_USER), { maxLength: 4 }),
  }),
  { maxLength: 25 },
);

/** Whoever is in at the end of a period and was not at its beginning, or the other way round, period by period. */
function naively(movements: readonly Movement[], minutes: number): number {
  const inside = new Set<number>();
  let differences = 0;
  for (let begin = 0; begin < 1_440; begin += minutes) {
    const before = new Set(inside);
    for (const { minute, users } of movements)
      if (minute >= begin && minute < begin + minutes)
        for (const user of users) if (!inside.delete(user)) inside.add(user);
    for (const user of new Set([...before, ...inside])) if (before.has(user) !== inside.has(user)) differences++;
  }
  return differences;
}

test('a day without movements has no differences', () => {
  expect(countDifferences([])).toEqual({ DAILY: 0, HOURLY: 0, REAL_TIME: 0 });
  expect(countDifferences([{ minute: 5, users: [] }])).toEqual({ DAILY: 0, HOURLY: 0, REAL_TIME: 0 });
});

test('who came and went within a period is no difference of it', () => {
  const movements = [
    { minute: 0, users: [1, 2, LARGEST_USER] },
    { minute: 59, users: [1] },
    { minute: 60, users: [2] },
    { minute: 1_439, users: [3, 3] },
  ];
  expect(countDifferences(movements)).toEqual({ REAL_TIME: 5, HOURLY: 3, DAILY: 1 });
});

test('differences are those of sets compared at the ends of each period', () => {
  fc.assert(
    fc.property(anyMovements, (movements) => {
      expect(countDifferences(movements)).toEqual({
        REAL_TIME: naively(movements, 1),
        HOURLY: naively(movements, 60),
        DAILY: naively(movements, 1_440),
      });
    }),
  );
});
