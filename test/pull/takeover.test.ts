import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Domain } from '../../src/domain/index.ts';
import type { Pull } from '../../src/domain/pulls/pull.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../support/database.ts';
import { membersOf } from '../support/members.ts';
import { ask, ids, MINUTE_MS, type Ours, openPulling, type Pulling } from '../support/pulling.ts';

describe.each(DATABASES)('pulling after a server died on %s', (kind) => {
  let database: TestDatabase;
  let at: Pulling;
  beforeAll(async () => {
    database = await openTestDatabase(kind);
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    at = await openPulling(database);
  });
  afterEach(() => at.close());

  describe('after a server dies', () => {
    const never = () => new Promise<never>(() => {});
    const hung = (domain: Domain, of: { readonly [room: string]: object }): Domain =>
      Object.fromEntries(
        Object.entries(domain).map(([name, room]) => [name, of[name] ? { ...(room as object), ...of[name] } : room]),
      ) as unknown as Domain;

    /** Lets a server work until it hangs at an operation, once it has done it or not. */
    async function dieAt(room: 'pulls' | 'cohorts', operation: string, isDone: boolean): Promise<Pull> {
      let reached: () => void = () => {};
      const hanging = new Promise<void>((resolve) => {
        reached = resolve;
      });
      const dead = at.ours({
        change: (domain) =>
          hung(domain, {
            [room]: {
              [operation]: async (...args: unknown[]) => {
                if (isDone)
                  await (domain[room] as unknown as Record<string, (...a: unknown[]) => unknown>)[operation]?.(...args);
                reached();
                return never();
              },
            },
          }),
      });
      const pull = await ask(dead);
      const work = async () => {
        for (;;) {
          await dead.puller.work();
          at.clock.advance(2_000);
        }
      };
      await Promise.race([hanging, work()]);
      return pull;
    }

    test.each([
      ['while it takes the list in', 'cohorts', 'addToReplacement', true],
      ['before it commits', 'cohorts', 'commitReplacement', false],
      ['after it committed', 'cohorts', 'commitReplacement', true],
      ['before it writes down the end', 'pulls', 'notePullEnded', false],
      ['when it was to look for the first time', 'pulls', 'postponePull', true],
    ] as const)('%s, another goes on and does not ask twice', async (_, room, operation, isDone) => {
      const id = await at.cohort(ids(0, 1, 2), ids(2, 3, 4));
      at.amplitude.behaviour.looks = 3;
      const pull = await dieAt(room, operation, isDone);
      const other = at.ours();
      at.clock.advance(10 * MINUTE_MS);
      expect(await at.finish(pull, other)).toMatchObject({ state: 'DONE', batchId: expect.any(Number) });
      expect(await membersOf(at.ctx, id)).toEqual(at.people(2, 3, 4));
      expect(await at.entriesOf(id)).toMatchObject([{ added: at.people(3, 4), removed: at.people(0, 1) }]);
      expect(at.amplitude.count('request')).toBe(1);
      expect(await at.stagedLists()).toEqual(['COMMITTED']);
    });

    test.each([
      ['before it asked', 'admitPull', false],
      ['when it had written down that it will ask', 'admitPull', true],
      ['before it wrote down the answer', 'notePullAsked', false],
    ] as const)('%s, nothing is asked for twice', async (name, operation, isDone) => {
      const id = await at.cohort(ids(0), ids(1));
      const before = await at.stateOf(id);
      const pull = await dieAt('pulls', operation, isDone);
      at.clock.advance(10 * MINUTE_MS);
      const ended = await at.finish(pull, at.ours());
      expect(at.amplitude.count('request')).toBeLessThanOrEqual(1);
      if (name === 'before it asked') return expect(ended).toMatchObject({ state: 'DONE' });
      expect(ended).toMatchObject({ state: 'FAILED' });
      expect(ended.error).toMatch(/stopped between asking Amplitude and hearing the answer: pull the cohort again/);
      expect(await at.stateOf(id)).toEqual(before);
      expect(await at.pullOnce()).toMatchObject({ state: 'DONE' });
    });

    test('that was only slow, it notices that another has the pull, and says no more', async () => {
      const id = await at.cohort(ids(0), ids(1));
      const other = at.ours();
      const slow = at.ours({
        change: (domain) =>
          hung(domain, {
            pulls: {
              keepPull: async (input: Parameters<Domain['pulls']['keepPull']>[0]) => {
                at.clock.advance(11 * MINUTE_MS);
                await at.finish(pull, other);
                return domain.pulls.keepPull(input);
              },
            },
          }),
      });
      const pull = await ask(slow);
      const ended = await at.finish(pull, slow);
      expect(ended).toMatchObject({ state: 'DONE' });
      expect(await membersOf(at.ctx, id)).toEqual(at.people(1));
      expect(await at.entriesOf(id)).toHaveLength(1);
      expect(at.log.map(({ message }) => message)).toContain('somebody else goes on with a pull');
    });

    test('that stops orderly, another goes on at once', async () => {
      const id = await at.cohort(ids(0), ids(1));
      at.amplitude.fail('list', { status: 500 });
      const stopping: Ours = at.ours({ sleep: async () => stopping.puller.stop() });
      const pull = await ask(stopping);
      await stopping.puller.work();
      const other = at.ours();
      await other.puller.work();
      expect(at.amplitude.count('request')).toBe(1);
      expect(await at.finish(pull, other)).toMatchObject({ state: 'DONE' });
      expect(await membersOf(at.ctx, id)).toEqual(at.people(1));
    });
  });
});
