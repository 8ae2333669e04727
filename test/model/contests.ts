import fc from 'fast-check';
import type { CohortChange } from '../../src/domain/cohorts/change.ts';
import type { Alias, UserRef } from '../../src/domain/users/identity.ts';
import type { UnknownIdentityPolicy } from '../../src/domain/workspaces/workspaces.ts';
import type { Command, Somebody } from './command.ts';
import { identityCommands, imports, opening, upserts } from './sequences.ts';

/** Commands that are done at once in a workspace where others were done before. */
export interface Contest {
  readonly before: readonly Command[];
  readonly atOnce: readonly Command[];
}

interface Named {
  readonly externalIds?: readonly string[];
  readonly aliases?: readonly Alias[];
  readonly deviceIds?: readonly string[];
}

const named = ({ externalIds = [], aliases = [], deviceIds = [] }: Named) => ({ externalIds, aliases, deviceIds });
const adds = (names: Named): CohortChange => ({ ...named(names), remove: false });
const removes = (names: Named): CohortChange => ({ ...named(names), remove: true });
const send = (cohort: string, ...changes: CohortChange[]): Command => ({ do: 'change', cohort, changes });
const user = ({ externalIds = [], ...rest }: Named): Somebody => {
  const { aliases, deviceIds } = named(rest);
  return { externalId: externalIds[0] ?? null, aliases, deviceIds, attributes: null };
};
const upsert = (...users: Somebody[]): Command => ({ do: 'upsert', users, perItem: true });
const merge = (goes: UserRef, into: UserRef): Command => ({ do: 'merge', items: [{ user: goes, into }] });
const policy = (is: UnknownIdentityPolicy): Command => ({ do: 'policy', policy: is });
const alias = (name: string): Alias => ({ label: 'l', name });

const policies = fc.constantFrom<UnknownIdentityPolicy>('HOLD', 'IGNORE', 'CREATE');
const cohorts = fc.constantFrom('c1', 'c2');
const shuffled = <T>(items: readonly T[]) => fc.shuffledSubarray([...items], { minLength: items.length });
/** Some of the commands, at least two, in any order and so on any server. */
const some = (...commands: readonly Command[]) =>
  fc.shuffledSubarray([...commands], { minLength: Math.min(2, commands.length), maxLength: 5 });

const contest = (before: fc.Arbitrary<readonly Command[]>, atOnce: fc.Arbitrary<readonly Command[]>) =>
  fc.record({ before, atOnce }) satisfies fc.Arbitrary<Contest>;

/** Three users in different cohorts, each with names of every kind. */
const people: readonly Command[] = [
  upsert(
    user({ externalIds: ['a'], aliases: [alias('a')], deviceIds: ['da'] }),
    user({ externalIds: ['b'], aliases: [alias('b')] }),
    user({ aliases: [alias('c')], deviceIds: ['dc'] }),
  ),
  send('c1', adds({ externalIds: ['a'], aliases: [alias('c')] })),
  send('c2', adds({ externalIds: ['b'] })),
];
const refs = fc.constantFrom<UserRef>({ id: 1 }, { id: 2 }, { id: 3 }, { externalId: 'a' }, { alias: alias('b') });

const KINDS: readonly Named[] = [{ externalIds: ['x'] }, { aliases: [alias('x')] }, { deviceIds: ['x'] }];

/** An import and the making of the very user it names, under any policy, with others that add and remove the same identity. */
const making = fc
  .tuple(policies, fc.constantFrom(...KINDS), fc.boolean())
  .chain(([is, names, isHeld]) =>
    contest(
      fc.constant([
        ...(isHeld ? [send('c1', adds(names)), send('c2', adds(names))] : []),
        send('c1', adds({ externalIds: ['known'] })),
        upsert(user({ externalIds: ['known'] })),
        policy(is),
      ]),
      some(
        send('c1', adds({ ...names })),
        send('c1', removes(names), adds({ externalIds: ['known'] })),
        send('c2', adds(names)),
        send('c1', adds({ externalIds: ['y'] }), removes({ externalIds: ['known'] }), removes(names)),
        upsert(user({ ...names })),
        upsert(user({ ...names }), user({ externalIds: ['y'] })),
        upsert(user({ externalIds: ['y'], ...(names.externalIds ? {} : names) })),
      ),
    ),
  );

const shared = contest(
  fc.constant(people),
  some(
    merge({ id: 1 }, { id: 2 }),
    merge({ id: 2 }, { id: 3 }),
    merge({ id: 3 }, { id: 1 }),
    merge({ externalId: 'b' }, { externalId: 'a' }),
    send('c1', adds({ externalIds: ['b'] })),
    send('c2', removes({ externalIds: ['b'] }), adds({ aliases: [alias('c')] })),
  ),
);

const cycles = contest(
  fc.constant(people),
  some(
    merge({ id: 1 }, { id: 2 }),
    merge({ id: 2 }, { id: 1 }),
    merge({ id: 1 }, { id: 2 }),
    merge({ id: 2 }, { id: 3 }),
    merge({ id: 3 }, { id: 1 }),
  ),
);

const identifying = contest(
  fc
    .tuple(policies, fc.boolean())
    .map(([is, isKnown]) => [
      ...(isKnown ? [upsert(user({ externalIds: ['b'] }))] : []),
      upsert(user({ deviceIds: ['d'] }), user({ deviceIds: ['other'] })),
      send('c1', adds({ deviceIds: ['other'] })),
      policy(is),
    ]),
  some(
    { do: 'identify', items: [{ user: { deviceId: 'd' }, externalId: 'b' }], onAliasClash: 'DEPRECATE' },
    upsert(user({ externalIds: ['b'], deviceIds: ['d'] })),
    { do: 'attachDevice', items: [{ user: { externalId: 'b' }, deviceId: 'd' }] },
    send('c1', adds({ deviceIds: ['d'] })),
    send('c1', removes({ deviceIds: ['d'] }), adds({ externalIds: ['b'] })),
    send('c2', adds({ deviceIds: ['d', 'new'], externalIds: ['b'] })),
    send('c2', removes({ deviceIds: ['other'] }), adds({ deviceIds: ['d'] })),
  ),
);

const deleting = contest(
  fc.tuple(policies, fc.boolean()).map(([is]) => [...people, policy(is)]),
  fc
    .tuple(refs, refs, cohorts, cohorts)
    .chain(([first, second, one, two]) =>
      some(
        { do: 'delete', items: [{ user: first }] },
        { do: 'delete', items: [{ user: second }, { user: first }] },
        send(one, adds({ externalIds: ['a', 'b'], aliases: [alias('c')] })),
        send(two, adds({ deviceIds: ['dc', 'da'] }), removes({ externalIds: ['b'] })),
        send(one, removes({ aliases: [alias('a')] }), adds({ externalIds: ['b', 'new'] })),
        upsert(user({ externalIds: ['a'], deviceIds: ['dc'] })),
      ),
    ),
);

const renaming = contest(
  policies.map((is) => [...people, send('c2', adds({ externalIds: ['z', 'a'] })), policy(is)]),
  some(
    { do: 'renameExternalId', items: [{ externalId: 'a', newExternalId: 'z' }] },
    { do: 'renameExternalId', items: [{ externalId: 'b', newExternalId: 'z' }] },
    { do: 'removeExternalId', items: [{ externalId: 'a' }] },
    {
      do: 'renameAlias',
      items: [
        { label: 'l', name: 'a', newName: 'n' },
        { label: 'l', name: 'c', newName: 'a' },
      ],
    },
    send('c1', removes({ externalIds: ['a', 'z'] })),
    send('c1', adds({ externalIds: ['z'], aliases: [alias('n')] })),
    send('c2', removes({ externalIds: ['z'] }), adds({ aliases: [alias('a')], externalIds: ['new'] })),
    upsert(user({ externalIds: ['z'] })),
  ),
);

const MANY = ['a', 'B', 'c', 'Ä', 'z', '_', '10', '9'];
const crossing = fc
  .tuple(policies, ...Array.from({ length: 5 }, () => shuffled(MANY)))
  .chain(([is, one = [], two = [], three = [], four = [], five = []]) =>
    contest(
      fc.constant([send('c1', adds({ externalIds: one.slice(0, 4) })), policy(is)]),
      some(
        send('c1', adds({ externalIds: one, deviceIds: two })),
        send('c2', removes({ externalIds: three }), adds({ externalIds: two, aliases: three.map(alias) })),
        send('c3', adds({ deviceIds: four, aliases: one.map(alias) }), removes({ externalIds: five })),
        upsert(...four.map((id) => user({ externalIds: [id], aliases: [alias(id)] }))),
        upsert(...five.map((id) => user({ externalIds: [id] })), ...two.map((id) => user({ deviceIds: [id] }))),
        { do: 'delete', items: three.map((externalId) => ({ user: { externalId } })) },
      ),
    ),
  );

const trimming = fc.integer({ min: 0, max: 4 }).chain((maxMembers) => {
  const trim: Command = { do: 'trim', maxMembers, maxAgeDays: null };
  return contest(
    fc.constant([
      trim,
      send('c1', adds({ externalIds: ['a', 'b', 'c', 'd', 'e'] })),
      send('c2', adds({ deviceIds: ['f'] })),
    ]),
    some(
      trim,
      trim,
      send('c1', adds({ externalIds: ['f', 'a'] })),
      send('c1', removes({ externalIds: ['a', 'b'] })),
      upsert(user({ externalIds: ['a'] }), user({ externalIds: ['c'] })),
    ),
  );
});

const anything = contest(
  fc.tuple(opening, policies).map(([first, is]) => [...first, policy(is)]),
  fc.array(fc.oneof(imports, imports, upserts, identityCommands), { minLength: 2, maxLength: 4, size: 'max' }),
);

export const contests: Readonly<Record<string, fc.Arbitrary<Contest>>> = {
  'imports and the making of the user they name': making,
  'merges that share a user': shared,
  'merges in a circle': cycles,
  'identifying a user while imports name the device': identifying,
  'deleting users during imports': deleting,
  'renaming identities during imports': renaming,
  'imports and bulk upserts that name the same identities in different orders': crossing,
  'trimming the pending pool on two servers': trimming,
  'any commands at once': anything,
};
