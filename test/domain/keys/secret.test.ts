import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hashSecret, makeSecret, parseSecret, sameHash } from '../../../src/domain/keys/secret.ts';

const kinds = fc.constantFrom('data_import' as const, 'api' as const);
const workspaceIds = fc.integer({ min: 1, max: 2 ** 31 - 1 });

describe('a secret', () => {
  test('is one word that says its kind and workspace, and reads back to the hash that is stored', () => {
    fc.assert(
      fc.property(kinds, workspaceIds, (kind, workspaceId) => {
        const { secret, hash, prefix } = makeSecret(kind, workspaceId);
        const word = kind === 'api' ? 'muster_api' : 'muster_dik';
        expect(secret).toMatch(/^\w+$/);
        expect(secret.startsWith(`${word}_${workspaceId.toString(36)}_`)).toBe(true);
        expect(hash).toMatch(/^[0-9a-f]{64}$/);
        expect(parseSecret(secret)).toEqual({ kind, workspaceId, hash });
        expect(secret.startsWith(prefix)).toBe(true);
        expect(secret.length - prefix.length).toBeGreaterThanOrEqual(30);
      }),
    );
  });

  test('with any one character changed is no secret', () => {
    const { secret } = makeSecret('data_import', 77);
    fc.assert(
      fc.property(fc.nat(secret.length - 1), fc.constantFrom(...'abcXYZ019_-'), (at, character) => {
        fc.pre(secret[at] !== character);
        expect(parseSecret(secret.slice(0, at) + character + secret.slice(at + 1))).toBeNull();
      }),
    );
  });

  test('cut short, padded or of another form is no secret', () => {
    const { secret } = makeSecret('api', 1);
    const others = [
      secret.slice(0, -1),
      `${secret} `,
      ` ${secret}`,
      `${secret}\n`,
      secret.toUpperCase(),
      '',
      'muster_api_1_',
    ];
    for (const presented of others) expect(parseSecret(presented)).toBeNull();
  });

  test('is never made twice', () => {
    const made = new Set(Array.from({ length: 1000 }, () => makeSecret('api', 1).secret));
    expect(made.size).toBe(1000);
  });
});

test('hashes are compared whole', () => {
  const hash = hashSecret('one');
  expect(sameHash(hash, hashSecret('one'))).toBe(true);
  expect(sameHash(hash, hashSecret('two'))).toBe(false);
  expect(sameHash(hash, hash.slice(0, -1))).toBe(false);
});
