import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CohortChange } from '../../../src/domain/cohorts/change.ts';
import { fold, listIdentities } from '../../../src/domain/cohorts/fold.ts';
import { alias, deviceId, externalId, type Identity, identityKey } from '../../../src/domain/users/identity.ts';
import { HELD, type Resolved, UNKNOWN } from '../../../src/domain/users/resolve.ts';
import type { UnknownIdentityPolicy } from '../../../src/domain/workspaces/workspaces.ts';

const POLICIES = ['HOLD', 'IGNORE', 'CREATE'] as const;

// A small world: eight names of each kind, of which some mean the same users, some nobody, and some devices an identified user.
const names = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h');
const meaning = (least: number) =>
  fc.oneof(
    fc.constantFrom(UNKNOWN, HELD),
    fc.integer({ min: least, max: 4 }).filter((n) => n !== 0),
  );
const world = fc.record({
  externalIds: fc.dictionary(names, meaning(1)),
  aliases: fc.dictionary(names, meaning(1)),
  deviceIds: fc.dictionary(names, meaning(-4)),
});
type World = typeof world extends fc.Arbitrary<infer W> ? W : never;

const change: fc.Arbitrary<CohortChange> = fc.record({
  externalIds: fc.array(names, { maxLength: 5 }),
  aliases: fc.array(
    names.map((name) => ({ label: 'l', name })),
    { maxLength: 5 },
  ),
  deviceIds: fc.array(names, { maxLength: 5 }),
  remove: fc.boolean(),
});
const requests = fc.array(change, { maxLength: 5 });

function resolvedIn(all: World, changes: readonly CohortChange[]): Resolved {
  const lists = listIdentities(changes);
  const look = (of: Record<string, number>, list: readonly string[]) =>
    Int32Array.from(list, (name) => of[name] ?? UNKNOWN);
  return {
    externalIds: look(all.externalIds, lists.externalIds),
    aliases: look(
      all.aliases,
      lists.aliases.map((a) => a.name),
    ),
    deviceIds: look(all.deviceIds, lists.deviceIds),
  };
}

interface Mention {
  readonly identity: Identity;
  readonly user: number;
  readonly remove: boolean;
  readonly reason: string;
}

/** Every mention of a request in order, written down as plainly as possible. */
function mentionsOf(all: World, changes: readonly CohortChange[]): Mention[] {
  return changes.flatMap(({ externalIds, aliases, deviceIds, remove }) => [
    ...externalIds.map((v) => ({
      identity: externalId(v),
      user: all.externalIds[v] ?? UNKNOWN,
      remove,
      reason: 'unknown_external_id',
    })),
    ...aliases.map((a) => ({
      identity: alias(a),
      user: all.aliases[a.name] ?? UNKNOWN,
      remove,
      reason: 'unknown_alias',
    })),
    ...deviceIds.map((v) => ({
      identity: deviceId(v),
      user: all.deviceIds[v] ?? UNKNOWN,
      remove,
      reason: 'unknown_device_id',
    })),
  ]);
}

/** What a request comes down to, by asking of each person what was said last. */
function naiveFold(all: World, changes: readonly CohortChange[], policy: UnknownIdentityPolicy) {
  const mentions = mentionsOf(all, changes);
  const isUnknown = (m: Mention) => m.user === UNKNOWN || m.user === HELD;
  const matched = mentions.filter((m) => m.user > 0);
  const users = [...new Set(matched.map((m) => m.user))].sort((a, b) => a - b);
  const held = mentions.filter((m) => isUnknown(m) && policy === 'HOLD' && !m.remove);
  const reasons: Record<string, number> = {};
  for (const m of mentions.filter((each) => each.user <= 0)) {
    const reason = isUnknown(m) ? m.reason : 'device_of_identified_user';
    reasons[reason] = (reasons[reason] ?? 0) + 1;
  }
  return {
    changes: users.map((user) => (matched.findLast((m) => m.user === user)?.remove ? -user : user)),
    unknown: Object.fromEntries(mentions.filter(isUnknown).map((m) => [identityKey(m.identity), m.remove])),
    received: mentions.length,
    matched: matched.length,
    held: held.length,
    ignored: mentions.length - matched.length - held.length,
    reasons,
  };
}

describe('folding a request', () => {
  test.each(POLICIES)('agrees with asking of each person what was said last, under %s', (policy) => {
    fc.assert(
      fc.property(world, requests, (all, changes) => {
        const { unknown, ...folded } = fold(changes, resolvedIn(all, changes), policy);
        expect({
          ...folded,
          changes: [...folded.changes],
          unknown: Object.fromEntries([...unknown].map(([key, { remove }]) => [key, remove])),
        }).toEqual(naiveFold(all, changes, policy));
      }),
      { numRuns: 300 },
    );
  });

  test('names every unknown identity by the identity that was sent', () => {
    fc.assert(
      fc.property(world, requests, (all, changes) => {
        const sent = new Map(mentionsOf(all, changes).map((m) => [identityKey(m.identity), m.identity]));
        for (const [key, { identity }] of fold(changes, resolvedIn(all, changes), 'HOLD').unknown)
          expect(identity).toEqual(sent.get(key));
      }),
    );
  });

  test('lets the last mention of a person win, whatever identity named them', () => {
    const add: CohortChange = { externalIds: ['a'], aliases: [], deviceIds: [], remove: false };
    const remove: CohortChange = { externalIds: [], aliases: [], deviceIds: ['d'], remove: true };
    const all = { externalIds: { a: 7 }, aliases: {}, deviceIds: { d: 7 } };
    const last = (changes: CohortChange[]) => [...fold(changes, resolvedIn(all, changes), 'HOLD').changes];
    expect(last([add, remove])).toEqual([-7]);
    expect(last([remove, add])).toEqual([7]);
    expect(last([add, remove, add])).toEqual([7]);
  });

  test('of nothing is nothing', () => {
    expect(fold([], resolvedIn({ externalIds: {}, aliases: {}, deviceIds: {} }, []), 'HOLD')).toEqual({
      changes: new Int32Array(0),
      unknown: new Map(),
      received: 0,
      matched: 0,
      held: 0,
      ignored: 0,
      reasons: {},
    });
  });
});
