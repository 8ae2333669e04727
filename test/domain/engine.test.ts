import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CohortChange } from '../../src/domain/cohorts/change.ts';
import { findCohorts } from '../../src/domain/cohorts/cohorts.ts';
import type { Ctx } from '../../src/domain/context.ts';
import { DomainError } from '../../src/domain/errors.ts';
import { deleteUsers, identifyUsers, mergeUsers, renameExternalIds } from '../../src/domain/users/identities.ts';
import type { UserRef } from '../../src/domain/users/identity.ts';
import type { ItemResult } from '../../src/domain/users/item-result.ts';
import { upsertUsers } from '../../src/domain/users/users.ts';
import { makeContext } from '../support/context.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../support/database.ts';
import { faultsOf, membersOf, pendingOf } from '../support/members.ts';
import { Model } from '../support/model.ts';
import { type Someone, send } from '../support/seed.ts';

// So few names that nearly every operation meets what earlier ones did.
const externalIds = fc.constantFrom('a', 'b', 'c');
const aliases = fc.record({ label: fc.constantFrom('l', 'm'), name: fc.constantFrom('1', '2') });
const deviceIds = fc.constantFrom('x', 'y', 'z');
const cohorts = fc.constantFrom('one', 'two');

const ref: fc.Arbitrary<UserRef> = fc.oneof(
  externalIds.map((externalId) => ({ externalId })),
  aliases.map((alias) => ({ alias })),
  deviceIds.map((deviceId) => ({ deviceId })),
  fc.integer({ min: 1, max: 6 }).map((id) => ({ id })),
);
const change: fc.Arbitrary<CohortChange> = fc.record({
  externalIds: fc.array(externalIds, { maxLength: 2 }),
  aliases: fc.array(aliases, { maxLength: 2 }),
  deviceIds: fc.array(deviceIds, { maxLength: 2 }),
  remove: fc.boolean(),
});
const someone: fc.Arbitrary<Someone> = fc
  .record({
    externalId: fc.option(externalIds),
    aliases: fc.array(aliases, { maxLength: 2 }),
    deviceIds: fc.array(deviceIds, { maxLength: 2 }),
  })
  .filter((user) => user.externalId !== null || user.aliases.length + user.deviceIds.length > 0);

/** One operation, done to the product and to the model; both say whether it was refused. */
interface Step {
  readonly name: string;
  readonly real: (ctx: Ctx) => Promise<boolean>;
  readonly model: (model: Model) => boolean;
}

const accepted = async (items: Promise<ItemResult[]>) => (await items).every((item) => !('error' in item));

const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(cohorts, fc.array(change, { minLength: 1, maxLength: 3 })).map(
      ([cohort, changes]): Step => ({
        name: `import ${cohort} ${JSON.stringify(changes)}`,
        real: async (ctx) => Boolean(await send(ctx, cohort, ...changes)),
        model: (model) => {
          model.import(cohort, changes);
          return true;
        },
      }),
    ),
  },
  {
    weight: 4,
    arbitrary: someone.map(
      (user): Step => ({
        name: `upsert ${JSON.stringify(user)}`,
        real: async (ctx) => (await upsertUsers(ctx, { users: [user], perItem: true })).refused === 0,
        model: (model) => model.upsert(user),
      }),
    ),
  },
  fc.tuple(ref, externalIds).map(
    ([user, externalId]): Step => ({
      name: `identify ${JSON.stringify(user)} as ${externalId}`,
      real: (ctx) => accepted(identifyUsers(ctx, { items: [{ user, externalId }] })),
      model: (model) => model.identify(user, externalId),
    }),
  ),
  fc.tuple(ref, ref).map(
    ([user, into]): Step => ({
      name: `merge ${JSON.stringify(user)} into ${JSON.stringify(into)}`,
      real: (ctx) => accepted(mergeUsers(ctx, { items: [{ user, into }] })),
      model: (model) => model.merge(user, into),
    }),
  ),
  fc.tuple(externalIds, externalIds).map(
    ([externalId, newExternalId]): Step => ({
      name: `rename ${externalId} to ${newExternalId}`,
      real: (ctx) => accepted(renameExternalIds(ctx, { items: [{ externalId, newExternalId }] })),
      model: (model) => model.rename(externalId, newExternalId),
    }),
  ),
  ref.map(
    (user): Step => ({
      name: `delete ${JSON.stringify(user)}`,
      real: (ctx) => accepted(deleteUsers(ctx, { items: [{ user }] })),
      model: (model) => model.delete(user),
    }),
  ),
);

/** Users, members and held identities as the product has them and as the model has them. */
async function compare(ctx: Ctx, model: Model): Promise<void> {
  for (const cohortId of model.members.keys()) {
    const [cohort] = await findCohorts(ctx, [{ partnerCohort: { partner: 'amplitude', cohortId } }]);
    expect(await membersOf(ctx, cohort?.id ?? 0)).toEqual(sorted(model.members.get(cohortId)));
    const held = [...(model.held.get(cohortId)?.values() ?? [])].map((i) => `${i.kind}/${i.label}/${i.value}`);
    expect(await pendingOf(ctx, cohort?.id ?? 0)).toEqual(held.sort());
  }
  expect(await membersOf(ctx, 0)).toEqual(sorted(model.users));
}

const sorted = (set: Set<number> | undefined) => [...(set ?? [])].sort((a, b) => a - b);

describe.each(DATABASES)('the engine on %s', (kind) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await openTestDatabase(kind);
  });
  afterAll(() => database.close());

  test('agrees with sets in memory after every step of any sequence, and its books balance', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { minLength: 8, maxLength: 30, size: 'max' }), async (sequence) => {
        const ctx = await makeContext(database);
        const model = new Model();
        for (const step of sequence) {
          expect([step.name, await step.real(ctx)]).toEqual([step.name, step.model(model)]);
          await compare(ctx, model);
        }
        expect(await faultsOf(ctx)).toEqual([]);
      }),
      { numRuns: 15 },
    );
  });

  test('keeps its books when users of one call meet each other', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(someone, { maxLength: 6 }), { minLength: 1, maxLength: 6 }),
        fc.array(change),
        async (calls, changes) => {
          const ctx = await makeContext(database);
          for (const users of calls) {
            await send(ctx, 'one', ...changes);
            const { users: results } = await upsertUsers(ctx, { users, perItem: true });
            const live = await membersOf(ctx, 0);
            for (const result of results)
              if ('error' in result) expect(result.error).toBeInstanceOf(DomainError);
              else expect(live).toContain(result.id);
          }
          expect(await faultsOf(ctx)).toEqual([]);
        },
      ),
      { numRuns: 15 },
    );
  });
});
