import type { CohortChange, CohortChanges } from '../../src/domain/cohorts/change.ts';
import type { Cohort, Outcome } from '../../src/domain/cohorts/cohort.ts';
import { applyChanges } from '../../src/domain/cohorts/cohorts.ts';
import type { Ctx } from '../../src/domain/context.ts';
import type { Alias } from '../../src/domain/users/identity.ts';
import { upsertUsers } from '../../src/domain/users/users.ts';

/** A user as a test writes one down. */
export interface Someone {
  readonly externalId?: string | null;
  readonly aliases?: readonly Alias[];
  readonly deviceIds?: readonly string[];
  readonly attributes?: Readonly<Record<string, unknown>> | null;
}

/** Whom a change names, as a test writes it down. */
export interface Named {
  readonly externalIds?: readonly string[];
  readonly aliases?: readonly Alias[];
  readonly deviceIds?: readonly string[];
}

/** Makes or updates users, one by one in order, and answers their numbers. */
export async function seedUsers(ctx: Ctx, ...users: readonly Someone[]): Promise<number[]> {
  const { users: results } = await upsertUsers(ctx, { users });
  return results.map((result) => {
    if ('error' in result) throw result.error;
    return result.id;
  });
}

/** Makes identified users by external id, and answers their numbers. */
export async function seedIdentified(ctx: Ctx, ...externalIds: readonly string[]): Promise<number[]> {
  return seedUsers(ctx, ...externalIds.map((externalId) => ({ externalId })));
}

export const adds = (named: Named): CohortChange => change(named, false);
export const removes = (named: Named): CohortChange => change(named, true);

function change(named: Named, remove: boolean): CohortChange {
  return {
    externalIds: named.externalIds ?? [],
    aliases: named.aliases ?? [],
    deviceIds: named.deviceIds ?? [],
    remove,
  };
}

/** A command as Amplitude's would arrive; what is not said is the usual. */
export function command(
  partnerCohortId: string,
  changes: readonly CohortChange[],
  rest: Partial<CohortChanges> = {},
): CohortChanges {
  return { partner: 'amplitude', partnerCohortId, changes, source: { dialect: 'braze' }, ...rest };
}

/** Sends one request with these changes. */
export async function send(ctx: Ctx, partnerCohortId: string, ...changes: readonly CohortChange[]): Promise<Outcome> {
  return applyChanges(ctx, command(partnerCohortId, changes));
}

/** Makes a cohort with these members, who must exist. */
export async function seedCohort(ctx: Ctx, partnerCohortId: string, named: Named): Promise<Cohort> {
  const { cohort, matched, received } = await send(ctx, partnerCohortId, adds(named));
  if (!cohort || matched !== received) throw new Error('Seed the users before the cohort.');
  return cohort;
}
