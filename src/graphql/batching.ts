import DataLoader from 'dataloader';
import type { Page, PageArgs } from '../domain/page.ts';

// How reads of one request are gathered: each kind of loader is a line over a domain read that takes many.

/** A loader over a read that answers a Map; what is missing is null. */
export function byId<K extends number | string, V>(
  read: (ids: readonly K[]) => Promise<Map<K, V>>,
): DataLoader<K, V | null> {
  return new DataLoader(async (ids) => {
    const found = await read(ids);
    return ids.map((id) => found.get(id) ?? null);
  });
}

/** A loader over a read that answers in the order asked. */
export function inOrder<K, V>(
  read: (keys: readonly K[]) => Promise<readonly V[]>,
  cacheKeyFn: (key: K) => string,
): DataLoader<K, V, string> {
  return new DataLoader(async (keys) => read(keys), { cacheKeyFn });
}

/** The same where one call of the read takes only what is alike: those of which `groupOf` says the same. A call that fails fails its own. */
export function alike<K, V>(
  groupOf: (key: K) => string,
  read: (keys: readonly [K, ...K[]]) => Promise<readonly V[]>,
): DataLoader<K, V, string> {
  return new DataLoader(
    async (asked) => {
      const groups = new Map<string, [K, ...K[]]>();
      for (const one of asked) {
        const group = groups.get(groupOf(one));
        if (group) group.push(one);
        else groups.set(groupOf(one), [one]);
      }
      const found = new Map<K, V | Error>();
      const readGroup = async (group: readonly [K, ...K[]]) => {
        const values = await read(group).catch(asError);
        group.forEach((one, i) => {
          found.set(one, values instanceof Error ? values : (values[i] as V));
        });
      };
      await Promise.all([...groups.values()].map(readGroup));
      return asked.map((one) => found.get(one) ?? new Error('Everything asked for is in a group.'));
    },
    { cacheKeyFn: JSON.stringify },
  );
}

/** A page of a list. */
export interface PageOf<L> {
  readonly list: L;
  readonly args: PageArgs;
}

/**
 * A loader of pages over a read that takes many lists. Those that ask for the same part of their list are read together; a cursor fits one
 * list only, so who has one stays alone. `kindOf` says which lists one read can take, where not all.
 */
export function pages<L, T>(
  read: (lists: readonly [L, ...L[]], args: PageArgs) => Promise<readonly Page<T>[]>,
  kindOf: (list: L) => unknown = () => null,
): DataLoader<PageOf<L>, Page<T>, string> {
  return alike(
    ({ list, args: { first, after, last, before } }) =>
      JSON.stringify([first, after, last, before, after || before ? list : kindOf(list)]),
    ([one, ...others]) => read([one.list, ...others.map(({ list }) => list)], one.args),
  );
}

/** A loader of (user, thing) pairs over a read that answers a table of both. */
export function pairs<T>(
  read: (userIds: readonly number[], things: readonly T[]) => Promise<boolean[][]>,
  nameOf: (thing: T) => string,
): DataLoader<{ userId: number; of: T }, boolean, string> {
  return new DataLoader(
    async (asked) => {
      const users = [...new Set(asked.map((a) => a.userId))];
      const things = [...new Map(asked.map((a) => [nameOf(a.of), a.of])).entries()];
      const table = await read(
        users,
        things.map(([, thing]) => thing),
      );
      const row = new Map(users.map((id, i) => [id, table[i]]));
      const column = new Map(things.map(([name], i) => [name, i]));
      return asked.map((a) => row.get(a.userId)?.[column.get(nameOf(a.of)) ?? -1] ?? false);
    },
    { cacheKeyFn: ({ userId, of }) => `${userId} ${nameOf(of)}` },
  );
}

export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
