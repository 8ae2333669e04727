import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidInputError } from '../../../src/domain/errors.ts';
import {
  alias,
  deviceId,
  externalId,
  IDENTITY_MAX_BYTES,
  type Identity,
  identityFault,
  identityKey,
  parseIdentityText,
} from '../../../src/domain/users/identity.ts';

/** Text of one repeated character, by its length in bytes of UTF-8. */
const ofBytes = (character: string, bytes: number) => {
  const each = Buffer.byteLength(character);
  return character.repeat(Math.floor(bytes / each)) + 'x'.repeat(bytes % each);
};

const storable = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
  .filter((text) => text.isWellFormed() && !text.includes('\u0000'));

describe('an identity', () => {
  test.each(['x', 'é', '€', '😀'])('of %s may have 512 bytes and not 513', (character) => {
    expect(identityFault(ofBytes(character, IDENTITY_MAX_BYTES))).toBeNull();
    expect(identityFault(ofBytes(character, IDENTITY_MAX_BYTES + 1))).toBe('must be at most 512 bytes');
  });

  test('is measured in bytes of UTF-8, whatever it is made of', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 100, maxLength: 300 }), (text) => {
        fc.pre(text.isWellFormed() && !text.includes('\u0000'));
        expect(identityFault(text) === null).toBe(Buffer.byteLength(text) <= IDENTITY_MAX_BYTES);
      }),
    );
  });

  test('is kept as it is: not trimmed, not folded, not normalised', () => {
    fc.assert(
      fc.property(storable, (text) => {
        expect(parseIdentityText(text, [])).toBe(text);
      }),
    );
    for (const text of [' a ', 'A', 'a', 'e\u0301', '\u00e9', '\t', '\ufeff'])
      expect(parseIdentityText(text, [])).toBe(text);
  });

  test.each([
    ['the empty text', ''],
    ['NUL', 'a\u0000b'],
    ['the first half of a surrogate pair', 'a\ud83d'],
    ['the second half of a surrogate pair', '\ude00a'],
    ['two halves in the wrong order', '\ude00\ud83d'],
    ['a number', 7],
    ['null', null],
    ['nothing', undefined],
    ['a list', ['a']],
    ['an object that prints as text', new String('a')],
  ])('is never %s', (_, value) => {
    const path = ['users', 3, 'externalId'];
    expect(() => parseIdentityText(value, path)).toThrow(InvalidInputError);
    expect(() => parseIdentityText(value, path)).toThrow(expect.objectContaining({ code: 'INVALID_INPUT', path }));
  });

  test('that is refused is not repeated in the error', () => {
    const secret = `${'s3cret'.repeat(100)}`;
    expect(() => parseIdentityText(secret, [])).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('s3cret') }),
    );
  });

  test('has a key that only the same identity has', () => {
    const identities: fc.Arbitrary<Identity> = fc.oneof(
      storable.map(externalId),
      fc.tuple(storable, storable).map(([label, name]) => alias({ label, name })),
      storable.map(deviceId),
    );
    fc.assert(
      fc.property(identities, identities, (a, b) => {
        const same = a.kind === b.kind && a.label === b.label && a.value === b.value;
        expect(identityKey(a) === identityKey(b)).toBe(same);
      }),
    );
    expect(identityKey(externalId('a'))).not.toBe(identityKey(deviceId('a')));
    expect(identityKey(alias({ label: 'ab', name: 'c' }))).not.toBe(identityKey(alias({ label: 'a', name: 'bc' })));
  });
});
