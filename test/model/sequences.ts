import fc from 'fast-check';
import type { CohortChange } from '../../src/domain/cohorts/change.ts';
import type { Alias, UserRef } from '../../src/domain/users/identity.ts';
import type { Command, Somebody } from './command.ts';

// Random commands over so few identities and cohorts that nearly each of them meets what earlier ones did.

/** What no identity may be, now and then. */
const BAD = ['', 'x'.repeat(513), '\ud800', 'nul\u0000'];
const orBad = (good: fc.Arbitrary<string>) =>
  fc.oneof({ weight: 150, arbitrary: good }, { weight: 1, arbitrary: fc.constantFrom(...BAD) });

const goodExternalId = fc.constantFrom('e1', 'e2', 'e3');
const goodDeviceId = fc.constantFrom('d1', 'd2', 'd3');
const label = fc.constantFrom('l1', 'l2');
const name = fc.constantFrom('n1', 'n2');
const externalId = orBad(goodExternalId);
const deviceId = orBad(goodDeviceId);
const alias: fc.Arbitrary<Alias> = fc.record({ label: orBad(label), name: orBad(name) });

const number = fc.integer({ min: 1, max: 4 });
const user: fc.Arbitrary<UserRef> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ id: number }) },
  { weight: 2, arbitrary: fc.record({ externalId }) },
  { weight: 2, arbitrary: fc.record({ alias }) },
  { weight: 2, arbitrary: fc.record({ deviceId }) },
);

const few = <T>(item: fc.Arbitrary<T>, minLength = 0) => fc.array(item, { minLength, maxLength: 2 });
const items = <T>(item: fc.Arbitrary<T>) => fc.array(item, { minLength: 1, maxLength: 3 });

const attributes = fc.option(
  fc.dictionary(fc.constantFrom('x', 'y'), fc.constantFrom(1, 2, null), { maxKeys: 2, noNullPrototype: true }),
);
const unnamed = fc.constant(null);
const somebody: fc.Arbitrary<Somebody> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      externalId: fc.option(externalId),
      aliases: few(alias),
      deviceIds: few(deviceId),
      attributes,
    }),
  },
  { weight: 4, arbitrary: fc.record({ externalId, aliases: few(alias), deviceIds: few(deviceId, 1), attributes }) },
  {
    weight: 4,
    arbitrary: fc.record({ externalId: unnamed, aliases: few(alias, 1), deviceIds: few(deviceId), attributes }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ externalId: unnamed, aliases: few(alias), deviceIds: few(deviceId, 1), attributes }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      updateOnly: fc.boolean(),
      externalId: fc.option(externalId),
      aliases: few(alias),
      deviceIds: few(deviceId),
      attributes,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      id: number,
      externalId: unnamed,
      aliases: few(alias),
      deviceIds: few(deviceId),
      attributes,
    }),
  },
);

const change: fc.Arbitrary<CohortChange> = fc.record({
  externalIds: few(externalId),
  aliases: few(alias),
  deviceIds: few(deviceId),
  remove: fc.boolean(),
});

const identify = fc.record({
  do: fc.constant('identify' as const),
  items: items(fc.record({ user, externalId })),
  onAliasClash: fc.constantFrom('DEPRECATE' as const, 'REFUSE' as const),
});
const merge = fc.record({ do: fc.constant('merge' as const), items: items(fc.record({ user, into: user })) });
const addAlias = fc.record({ do: fc.constant('addAlias' as const), items: items(fc.record({ user, alias })) });
const renameAlias = fc.record({
  do: fc.constant('renameAlias' as const),
  items: items(fc.record({ label: orBad(label), name, newName: orBad(name) })),
});
const attachDevice = fc.record({
  do: fc.constant('attachDevice' as const),
  items: items(fc.record({ user, deviceId })),
});
const detachDevice = fc.record({ do: fc.constant('detachDevice' as const), items: items(fc.record({ deviceId })) });
const renameExternalId = fc.record({
  do: fc.constant('renameExternalId' as const),
  items: items(fc.record({ externalId, newExternalId: externalId })),
});
const removeExternalId = fc.record({
  do: fc.constant('removeExternalId' as const),
  items: items(fc.record({ externalId })),
});
const deletion = fc.record({ do: fc.constant('delete' as const), items: items(fc.record({ user })) });

export const upserts: fc.Arbitrary<Command> = fc.record({
  do: fc.constant('upsert' as const),
  users: items(somebody),
  perItem: fc.boolean(),
});
export const imports: fc.Arbitrary<Command> = fc.record({
  do: fc.constant('change' as const),
  cohort: fc.constantFrom('c1', 'c2'),
  changes: fc.array(change, { maxLength: 3 }),
});
export const identityCommands: fc.Arbitrary<Command> = fc.oneof(
  { weight: 3, arbitrary: identify },
  { weight: 3, arbitrary: merge },
  { weight: 2, arbitrary: addAlias },
  { weight: 2, arbitrary: renameAlias },
  { weight: 2, arbitrary: attachDevice },
  { weight: 2, arbitrary: detachDevice },
  { weight: 2, arbitrary: renameExternalId },
  { weight: 2, arbitrary: removeExternalId },
  { weight: 1, arbitrary: deletion },
);
const policies: fc.Arbitrary<Command> = fc.record({
  do: fc.constant('policy' as const),
  policy: fc.constantFrom('HOLD' as const, 'IGNORE' as const, 'CREATE' as const),
});
const orNone = (n: fc.Arbitrary<number>) => fc.option(n, { nil: null });
const trims: fc.Arbitrary<Command> = fc.record({
  do: fc.constant('trim' as const),
  maxMembers: orNone(fc.integer({ min: 0, max: 3 })),
  maxAgeDays: orNone(fc.integer({ min: 1, max: 3 })),
});

export const commands: fc.Arbitrary<Command> = fc.oneof(
  { weight: 10, arbitrary: imports },
  { weight: 8, arbitrary: upserts },
  { weight: 24, arbitrary: identityCommands },
  { weight: 2, arbitrary: policies },
  { weight: 1, arbitrary: trims },
);

/** What a sequence begins with: in an empty workspace most commands would find nobody. */
export const opening: fc.Arbitrary<readonly Command[]> = fc.tuple(
  imports,
  fc.record({
    do: fc.constant('upsert' as const),
    users: fc.array(somebody, { minLength: 1, maxLength: 4, size: 'max' }),
    perItem: fc.constant(true),
  }),
  imports,
);
