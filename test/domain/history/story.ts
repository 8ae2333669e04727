import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import { queryRows } from '../../../src/db/client.ts';
import type { Ctx } from '../../../src/domain/context.ts';
import { replayBatch, undoBatch } from '../../../src/domain/history/reversal.ts';
import { deleteUsers, mergeUsers } from '../../../src/domain/users/identities.ts';
import { upsertUsers } from '../../../src/domain/users/users.ts';
import type { FakeClock } from '../../support/context.ts';
import { type LedgerRow, ledgerOf, membersOf } from '../../support/members.ts';
import { adds, removes, send } from '../../support/seed.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../support/syncs.ts';

// What can happen to a few cohorts and users, told at random, and beside it sets in memory that know how it was after every step. Nothing
// here reads the ledger to say what should be so; it is read to name batches.

export const COHORTS = ['a', 'b'] as const;
/** Some exist from the beginning, the others are named before they exist. */
const NAMES = ['u0', 'u1', 'u2', 'u3', 'u4', 'u5'] as const;
const UNBORN = ['u4', 'u5'];
/** Far apart, so that several blocks are in play. */
const NUMBER_STEP = 5_000;

export type Step =
  | {
      readonly do: 'send';
      readonly cohort: string;
      readonly add: readonly string[];
      readonly remove: readonly string[];
    }
  | { readonly do: 'create'; readonly name: string }
  | { readonly do: 'merge'; readonly name: string; readonly into: string }
  | { readonly do: 'delete'; readonly name: string }
  | { readonly do: 'undo' | 'replay'; readonly cohort: string; readonly back: number }
  | { readonly do: 'wait'; readonly milliseconds: number };

const name = fc.constantFrom(...NAMES);
const cohort = fc.constantFrom(...COHORTS);
const names = fc.subarray([...NAMES]);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('send' as const), cohort, add: names, remove: names }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('create' as const), name }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('merge' as const), name, into: name }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), name }) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constantFrom('undo' as const, 'replay' as const), cohort, back: fc.nat({ max: 5 }) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      milliseconds: fc.constantFrom(1, 20 * SECOND, 30 * SECOND, 31 * SECOND, 7 * MINUTE, 5 * HOUR, DAY, 3 * DAY),
    }),
  },
);
export const steps: fc.Arbitrary<readonly Step[]> = fc.array(step, { minLength: 1, maxLength: 30 });

/** A batch as the story remembers it. */
interface Told {
  readonly id: number;
  readonly cohortId: number;
  readonly dialect: string;
  readonly of: number | null;
  /** Whom it named, in whatever way. */
  readonly named: ReadonlySet<number>;
  readonly added: readonly number[];
  readonly removed: readonly number[];
}

/** How a cohort was after a step. */
export interface Moment {
  readonly at: Date;
  readonly cohortId: number;
  readonly members: ReadonlySet<number>;
  /** The newest batch of the cohort then, and how large the cohort was. */
  readonly batchId: number;
}

/** A story under way. `moments` hold every state of every cohort, in order; `faults` what did not become as it should have. */
export class Story {
  readonly moments: Moment[] = [];
  readonly faults: string[] = [];
  readonly told: Told[] = [];
  readonly #ctx: Ctx;
  readonly #clock: FakeClock;
  readonly #cohorts = new Map<string, number>();
  readonly #members = new Map<number, Set<number>>();
  readonly #numbers = new Map<string, number>();

  constructor(ctx: Ctx, clock: FakeClock) {
    this.#ctx = ctx;
    this.#clock = clock;
  }

  get cohortIds(): number[] {
    return [...this.#cohorts.values()];
  }

  get live(): Set<number> {
    return new Set(this.#numbers.values());
  }

  async begin(): Promise<void> {
    for (const each of NAMES) if (!UNBORN.includes(each)) await this.tell({ do: 'create', name: each });
    for (const each of COHORTS) {
      const { cohort } = await send(this.#ctx, each, adds({ externalIds: ['u0'] }));
      const id = cohort?.id ?? 0;
      this.#cohorts.set(each, id);
      this.#members.set(id, new Set());
      await this.#look(new Map([[id, [this.#number('u0')]]]));
    }
  }

  async tell(step: Step): Promise<void> {
    switch (step.do) {
      case 'wait':
        return this.#clock.advance(step.milliseconds);
      case 'send': {
        await send(this.#ctx, step.cohort, adds({ externalIds: step.add }), removes({ externalIds: step.remove }));
        const known = [...step.add, ...step.remove].flatMap((each) => this.#numbers.get(each) ?? []);
        return this.#look(new Map([[this.#cohort(step.cohort), known]]));
      }
      case 'create': {
        if (this.#numbers.has(step.name)) return;
        const { users } = await upsertUsers(this.#ctx, { users: [{ externalId: step.name }] });
        const [made] = users;
        const id = made && 'id' in made ? made.id : 0;
        this.#numbers.set(step.name, id);
        await queryRows(
          this.#ctx.db,
          sql`update workspaces set next_user_id = next_user_id + ${NUMBER_STEP} where id = ${this.#ctx.workspaceId}`,
        );
        return this.#look(new Map(this.cohortIds.map((cohort) => [cohort, [id]])));
      }
      case 'merge': {
        const [goes, stays] = [this.#numbers.get(step.name), this.#numbers.get(step.into)];
        if (goes === undefined || stays === undefined || goes === stays) return;
        await mergeUsers(this.#ctx, { items: [{ user: { id: goes }, into: { id: stays } }] });
        for (const [each, number] of this.#numbers) if (number === goes) this.#numbers.set(each, stays);
        return this.#look(new Map(this.cohortIds.map((cohort) => [cohort, [goes, stays]])));
      }
      case 'delete': {
        const gone = this.#numbers.get(step.name);
        if (gone === undefined) return;
        await deleteUsers(this.#ctx, { items: [{ user: { id: gone } }] });
        for (const [each, number] of this.#numbers) if (number === gone) this.#numbers.delete(each);
        return this.#look(new Map(this.cohortIds.map((cohort) => [cohort, [gone]])));
      }
      case 'undo':
      case 'replay':
        return this.#reverse(step.do, step.cohort, step.back);
    }
  }

  async #reverse(operation: 'undo' | 'replay', cohort: string, back: number): Promise<void> {
    const cohortId = this.#cohort(cohort);
    const mine = this.told.filter((batch) => batch.cohortId === cohortId);
    const batch = mine.at(-1 - back);
    if (!batch) return;
    const run = operation === 'undo' ? undoBatch : replayBatch;
    if (['join', 'merge', 'delete'].includes(batch.dialect)) {
      const code = await run(this.#ctx, { batchId: batch.id }).then(
        () => 'nothing refused',
        (error: { code?: string }) => error.code,
      );
      if (code !== 'INVALID_INPUT') this.faults.push(`${operation} of a ${batch.dialect}: ${code}`);
      return;
    }
    const after = new Set(this.#members.get(cohortId));
    const standing = mine.filter((b) => b.id > batch.id && b.of === null && this.#stands(b));
    const skipped = { later_batch: 0, no_such_user: 0 };
    const turn = (users: readonly number[], enters: boolean) => {
      for (const user of users) {
        if (!this.live.has(user)) skipped.no_such_user++;
        else if (standing.some((b) => b.named.has(user))) skipped.later_batch++;
        else if (enters) after.add(user);
        else after.delete(user);
      }
    };
    turn(batch.added, operation === 'replay');
    turn(batch.removed, operation === 'undo');
    const done = await run(this.#ctx, { batchId: batch.id });
    const counts = { later_batch: 0, no_such_user: 0, ...done.skipped };
    if (JSON.stringify(counts) !== JSON.stringify(skipped))
      this.faults.push(`${operation} left alone ${JSON.stringify(counts)} instead of ${JSON.stringify(skipped)}`);
    await this.#look(new Map([[cohortId, []]]));
    const now = this.#members.get(cohortId) ?? new Set();
    if (sorted(now) !== sorted(after)) this.faults.push(`${operation} made ${sorted(now)} instead of ${sorted(after)}`);
  }

  /** Whether a batch stands: the last standing thing that operators did to it was no undo. */
  #stands(batch: Told): boolean {
    const last = this.told.findLast((b) => b.of === batch.id && this.#stands(b));
    return last?.dialect !== 'undo';
  }

  /** Takes down the batches that appeared and how their cohorts are now. */
  async #look(named: ReadonlyMap<number, readonly number[]>): Promise<void> {
    for (const [cohortId, users] of named) {
      const rows = (await ledgerOf(this.#ctx, cohortId)) as (LedgerRow & { id: number; of_batch_id: number | null })[];
      const fresh = rows.filter((row) => !this.told.some((batch) => batch.id === row.id));
      const before = this.#members.get(cohortId) ?? new Set();
      const members = new Set(await membersOf(this.#ctx, cohortId));
      this.#members.set(cohortId, members);
      const [row] = fresh;
      if (fresh.length > 1) this.faults.push('One step wrote several batches of one cohort.');
      if (!row) {
        if (sorted(before) !== sorted(members)) this.faults.push('A cohort changed without a batch.');
        continue;
      }
      const added = [...members].filter((user) => !before.has(user));
      const removed = [...before].filter((user) => !members.has(user));
      const { id, dialect, of_batch_id: of } = row;
      // Of a user who goes a cohort speaks where they were in.
      this.told.push({ id, cohortId, dialect, of, named: new Set([...users, ...added, ...removed]), added, removed });
      this.moments.push({ at: this.#clock.now(), cohortId, members, batchId: id });
    }
  }

  #cohort(name: string): number {
    return this.#cohorts.get(name) ?? 0;
  }

  #number(name: string): number {
    return this.#numbers.get(name) ?? 0;
  }
}

export function sorted(users: Iterable<number>): string {
  return [...users].sort((a, b) => a - b).join();
}
