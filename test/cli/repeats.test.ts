import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Repeats } from '../../src/cli/import/repeats.ts';

test('counts what was named before, by kind and text together', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom('e', 'd', 'ax', 'a'), fc.string({ maxLength: 3 }))), (named) => {
      const repeats = new Repeats();
      for (const [kind, text] of named) repeats.note(kind, text);
      const different = new Set(named.map(([kind, text]) => JSON.stringify([kind, text])));
      expect(repeats.count).toBe(named.length - different.size);
    }),
  );
});

test('a million identities that differ in one character are told apart, and each is known again', () => {
  const repeats = new Repeats();
  for (let i = 0; i < 1_000_000; i++) repeats.note('e', `user-${i}`);
  expect(repeats.count).toBe(0);
  for (let i = 0; i < 1_000_000; i++) repeats.note('e', `user-${i}`);
  expect(repeats.count).toBe(1_000_000);
  expect(repeats.isExact).toBe(true);
});

test('says when its memory is full and the count a lower bound', () => {
  const repeats = new Repeats({ slots: 2 ** 16 });
  for (let i = 0; i < 100_000; i++) repeats.note('e', `user-${i}`);
  expect(repeats).toMatchObject({ count: 0, isExact: false });
  for (let i = 0; i < 100_000; i++) repeats.note('e', `user-${i}`);
  expect(repeats.count).toBeGreaterThan(40_000);
  expect(repeats.count).toBeLessThan(100_000);
});
