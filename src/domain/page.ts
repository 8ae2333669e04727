import { fail } from './errors.ts';

/** Which part of a list: `first` after a cursor, or `last` before one. */
export interface PageArgs {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
  readonly last?: number | null | undefined;
  readonly before?: string | null | undefined;
}

/** Items in list order, whichever way they were asked. */
export interface Page<T> {
  readonly items: readonly { readonly item: T; readonly cursor: string }[];
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
}

/** How many items a page has if nobody says. */
export const PAGE_DEFAULT = 50;
/** The most items of one page. */
export const PAGE_MAX = 1_000;

/** A page request read and checked. `key` is what the cursor points at: the sort values of an item, the id last. */
export interface Slice {
  readonly limit: number;
  readonly isForward: boolean;
  readonly key: readonly (string | number)[] | null;
}

/**
 * Reads page arguments for the list called `list` (a cursor of another list is refused). Errors: INVALID_INPUT, LIMIT_EXCEEDED,
 * INVALID_CURSOR.
 */
export function parsePage(args: PageArgs, list: string): Slice {
  const isForward = args.last === null || args.last === undefined;
  if (!isForward && args.first !== null && args.first !== undefined)
    throw fail('INVALID_INPUT', 'Ask for the first or for the last items, not for both.', { path: ['last'] });
  if (isForward ? args.before : args.after)
    throw fail('INVALID_INPUT', 'Use `first` with `after`, or `last` with `before`.', {
      path: [isForward ? 'before' : 'after'],
    });
  const limit = (isForward ? args.first : args.last) ?? PAGE_DEFAULT;
  const path = [isForward ? 'first' : 'last'];
  if (!Number.isInteger(limit) || limit < 0)
    throw fail('INVALID_INPUT', 'A page size is a whole number from 0 on.', { path });
  if (limit > PAGE_MAX) throw fail('LIMIT_EXCEEDED', `A page has at most ${PAGE_MAX} items.`, { path });
  const cursor = isForward ? args.after : args.before;
  const key = cursor === null || cursor === undefined ? null : readCursor(cursor, list, isForward ? 'after' : 'before');
  return { limit, isForward, key };
}

/** Makes the page of what was fetched: at most `limit + 1` items in the direction of the slice, the extra one showing that more follow. */
export function toPage<T>(
  slice: Slice,
  list: string,
  fetched: readonly T[],
  key: (item: T) => readonly (string | number)[],
): Page<T> {
  const more = fetched.length > slice.limit;
  const items = fetched.slice(0, slice.limit).map((item) => ({ item, cursor: makeCursor(list, key(item)) }));
  if (!slice.isForward) items.reverse();
  const behind = slice.key !== null;
  return slice.isForward
    ? { items, hasNextPage: more, hasPreviousPage: behind }
    : { items, hasNextPage: behind, hasPreviousPage: more };
}

/** A page of a list that is short by nature and in memory already. Errors: as `parsePage`. */
export function pageOfArray<T>(
  all: readonly T[],
  list: string,
  args: PageArgs,
  idOf: (item: T) => string | number,
): Page<T> {
  const slice = parsePage(args, list);
  const ordered = slice.isForward ? all : all.toReversed();
  const [at] = slice.key ?? [];
  const start = at === undefined ? 0 : ordered.findIndex((item) => idOf(item) === at) + 1;
  return toPage(slice, list, ordered.slice(start, start + slice.limit + 1), (item) => [idOf(item)]);
}

export function makeCursor(list: string, key: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify([list, ...key])).toString('base64url');
}

function readCursor(cursor: string, list: string, argument: string): (string | number)[] {
  try {
    const [of, ...key] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];
    const isKey = key.length > 0 && key.every((k) => typeof k === 'string' || Number.isSafeInteger(k));
    if (of === list && isKey) return key as (string | number)[];
  } catch {
    // Falls through to the one error below: what exactly is wrong with a cursor helps nobody.
  }
  throw fail('INVALID_CURSOR', 'This cursor belongs to another list or to none: start again without it.', {
    path: [argument],
  });
}
