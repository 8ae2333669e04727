import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DomainError } from '../../../src/domain/errors.ts';
import { ATTRIBUTES_MAX_BYTES, parseUserInput, USER_MAX_IDENTITIES } from '../../../src/domain/users/user-input.ts';

const AT = ['users', 4] as const;
const parse = (value: unknown) => parseUserInput(value, AT);

function refusal(value: unknown): { code: string; path: unknown } {
  try {
    parse(value);
  } catch (error) {
    if (error instanceof DomainError) return { code: error.code, path: error.path };
    throw error;
  }
  throw new Error('Nothing was refused.');
}

const named = (attributes: unknown) => ({ externalId: 'e', attributes });
const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);

describe('a user to upsert', () => {
  test('needs one identity, of any kind', () => {
    expect(parse({ externalId: 'e' })).toEqual({ externalId: 'e', aliases: [], deviceIds: [], attributes: null });
    expect(parse({ aliases: [{ label: 'l', name: 'n' }] }).aliases).toEqual([{ label: 'l', name: 'n' }]);
    expect(parse({ deviceIds: ['d'] }).deviceIds).toEqual(['d']);
    for (const none of [{}, { externalId: null, aliases: [], deviceIds: null }, { attributes: { a: 1 } }])
      expect(refusal(none)).toEqual({ code: 'INVALID_INPUT', path: AT });
  });

  test.each([
    ['no object', 'text', []],
    ['null', null, []],
    ['a list', [], []],
    ['an external id that is a number', { externalId: 5 }, ['externalId']],
    ['an empty external id', { externalId: '' }, ['externalId']],
    ['aliases that are no list', { aliases: { label: 'l', name: 'n' } }, ['aliases']],
    ['an alias that is text', { aliases: [{ label: 'l', name: 'n' }, 'l'] }, ['aliases', 1]],
    ['an alias without a name', { aliases: [{ label: 'l' }] }, ['aliases', 0, 'name']],
    ['an alias with an empty label', { aliases: [{ label: '', name: 'n' }] }, ['aliases', 0, 'label']],
    ['devices that are no list', { deviceIds: 'd' }, ['deviceIds']],
    ['a device with NUL', { deviceIds: ['d', 'a\u0000'] }, ['deviceIds', 1]],
    ['attributes that are a list', named([]), ['attributes']],
    ['attributes that are text', named('{}'), ['attributes']],
    ['half a surrogate pair in an attribute', named({ a: ['\ud800'] }), ['attributes', 'a', 0]],
    ['NUL in the name of an attribute', named({ a: { 'b\u0000': 1 } }), ['attributes', 'a']],
    ['a number that JSON has not', named({ a: 10n }), ['attributes', 'a']],
    ['a number that JSON would make null', named({ a: Number.NaN }), ['attributes', 'a']],
  ])('is refused with its path: %s', (_, value, below) => {
    expect(refusal(value)).toEqual({ code: 'INVALID_INPUT', path: [...AT, ...below] });
  });

  test('takes so many aliases and devices together and no more', () => {
    const aliases = Array.from({ length: USER_MAX_IDENTITIES / 2 }, (_, i) => ({ label: `l${i}`, name: 'n' }));
    const deviceIds = Array.from({ length: USER_MAX_IDENTITIES / 2 }, (_, i) => `d${i}`);
    expect(parse({ aliases, deviceIds }).deviceIds).toHaveLength(USER_MAX_IDENTITIES / 2);
    expect(refusal({ aliases, deviceIds: [...deviceIds, 'one more'] })).toEqual({ code: 'LIMIT_EXCEEDED', path: AT });
  });

  test('takes attributes up to their size in bytes', () => {
    const room = ATTRIBUTES_MAX_BYTES - JSON.stringify({ a: '' }).length;
    expect(parse(named({ a: 'x'.repeat(room) })).attributes).not.toBeNull();
    expect(refusal(named({ a: 'x'.repeat(room + 1) })).code).toBe('LIMIT_EXCEEDED');
    expect(refusal(named({ a: 'é'.repeat(room / 2 + 1) })).code).toBe('LIMIT_EXCEEDED');
  });

  test('takes attributes up to their depth, and nothing that contains itself', () => {
    expect(parse(named({ a: nested(7) })).attributes).not.toBeNull();
    expect(refusal(named({ a: nested(8) })).code).toBe('LIMIT_EXCEEDED');
    const loop: Record<string, unknown> = {};
    loop.self = loop;
    expect(refusal(named(loop)).code).toBe('LIMIT_EXCEEDED');
  });

  test('is either read or refused as input, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withDate: true, withNullPrototype: true, withMap: true }),
        (anything) => {
          for (const value of [
            anything,
            { externalId: 'e', attributes: anything },
            { deviceIds: anything },
            { aliases: [anything] },
          ])
            try {
              parse(value);
            } catch (error) {
              expect(error).toBeInstanceOf(DomainError);
            }
        },
      ),
    );
  });
});
