import { describe, expect, test } from 'vitest';
import { Lanes } from '../../../src/domain/cohorts/lanes.ts';
import { fail } from '../../../src/domain/errors.ts';

const PATIENT = 60_000;

/** Lanes whose work is written down and ends when told to. */
function observed(answer: (group: readonly number[]) => string[] | Error, patienceMs = PATIENT) {
  const groups: number[][] = [];
  const gates: (() => void)[] = [];
  const lanes = new Lanes<number, string>(async (group) => {
    groups.push([...group]);
    await new Promise<void>((open) => gates.push(open));
    const result = answer(group);
    if (result instanceof Error) throw result;
    return result;
  }, patienceMs);
  /** Lets work end until nothing more begins. */
  const finish = async () => {
    for (let open = gates.shift(); open; open = gates.shift()) {
      open();
      await new Promise((wake) => setImmediate(wake));
    }
  };
  return { lanes, groups, finish };
}

const named = (group: readonly number[]) => group.map((item) => `item ${item}`);

describe('a lane', () => {
  test('begins at once, and works off together what came meanwhile, in order', async () => {
    const { lanes, groups, finish } = observed(named);
    const results = [1, 2, 3, 4].map((item) => lanes.submit('a', item));
    await finish();
    expect(await Promise.all(results)).toEqual(['item 1', 'item 2', 'item 3', 'item 4']);
    expect(groups).toEqual([[1], [2, 3, 4]]);
  });

  test('takes at most sixteen together', async () => {
    const { lanes, groups, finish } = observed(named);
    const results = Array.from({ length: 40 }, (_, item) => lanes.submit('a', item));
    await finish();
    expect(await Promise.all(results)).toHaveLength(40);
    expect(groups.map((group) => group.length)).toEqual([1, 16, 16, 7]);
    expect(groups.flat()).toEqual(Array.from({ length: 40 }, (_, item) => item));
  });

  test('does not wait for another', async () => {
    const { lanes, groups, finish } = observed(named);
    const results = [lanes.submit('a', 1), lanes.submit('b', 2)];
    expect(groups).toEqual([[1], [2]]);
    await finish();
    await Promise.all(results);
  });

  test('begins anew when it has been empty', async () => {
    const { lanes, groups, finish } = observed(named);
    for (const item of [1, 2]) {
      const result = lanes.submit('a', item);
      await finish();
      expect(await result).toBe(`item ${item}`);
    }
    expect(groups).toEqual([[1], [2]]);
  });

  test('works off each by itself when a group breaks, so that only the broken one fails', async () => {
    const { lanes, groups, finish } = observed((group) => (group.includes(3) ? new Error('three') : named(group)));
    const results = [1, 2, 3, 4].map((item) => lanes.submit('a', item));
    const settled = Promise.allSettled(results);
    await finish();
    expect(
      (await settled).map((result) => (result.status === 'fulfilled' ? result.value : result.reason.message)),
    ).toEqual(['item 1', 'item 2', 'three', 'item 4']);
    expect(groups).toEqual([[1], [2, 3, 4], [2], [3], [4]]);
  });

  test('tells all of a group of an expected failure, which would meet each of them', async () => {
    const { lanes, groups, finish } = observed((group) =>
      group.length > 1 ? (fail('LOCKED', 'Busy.') as Error) : named(group),
    );
    const settled = Promise.allSettled([1, 2, 3].map((item) => lanes.submit('a', item)));
    await finish();
    expect((await settled).map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect(groups).toEqual([[1], [2, 3]]);
  });

  test('tells all of a group at once that the database is away', async () => {
    const away = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
    const { lanes, groups, finish } = observed(() => away);
    const settled = Promise.allSettled([1, 2, 3].map((item) => lanes.submit('a', item)));
    await finish();
    expect((await settled).map((result) => result.status === 'rejected' && result.reason)).toEqual([away, away, away]);
    expect(groups).toEqual([[1], [2, 3]]);
  });

  test('lets nobody wait beyond its patience behind work that never ends', async () => {
    const { lanes, groups } = observed(named, 1);
    void lanes.submit('a', 1);
    await expect(lanes.submit('a', 2)).rejects.toMatchObject({ code: 'LOCKED', retryAfterSeconds: 1 });
    expect(groups).toEqual([[1]]);
  });

  test('sends away as LOCKED whoever has waited longer than its patience, undone', async () => {
    // With no patience at all, whoever has to wait has waited too long.
    const { lanes, groups, finish } = observed(named, Number.MIN_VALUE);
    const settled = Promise.allSettled([1, 2, 3].map((item) => lanes.submit('a', item)));
    await new Promise((wake) => setTimeout(wake, 5));
    await finish();
    const [, second, third] = await settled;
    for (const result of [second, third])
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'LOCKED', retryAfterSeconds: 1 } });
    expect(groups.flat()).not.toContain(2);
  });
});
