import { createHash } from 'node:crypto';
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

/** What a cursor points at: the sort values of an item, the id last. */
export type CursorKey = readonly (string | number)[];

/** A page request read and checked. */
export interface Slice {
  readonly limit: number;
  readonly isForward: boolean;
  readonly key: CursorKey | null;
}

/** What a part of a cursor must be to be given to the database. Anybody can make a cursor up, so nothing is taken on trust. */
export type KeyPart = 'text' | 'time' | 'number' | 'bigint' | 'uuid';

/**
 * Reads page arguments for the list called `list`; a cursor of another list is refused, and one whose parts are not those of `shape`.
 * The list's name says everything that decides what is in it and in which order, the workspace first.
 * Errors: INVALID_INPUT, LIMIT_EXCEEDED, INVALID_CURSOR.
 */
export function parsePage(args: PageArgs, list: string, shape?: readonly KeyPart[]): Slice {
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
  const key =
    cursor === null || cursor === undefined ? null : readCursor(cursor, list, shape, isForward ? 'after' : 'before');
  return { limit, isForward, key };
}

/** Makes the page of what was fetched: at most `limit + 1` items in the direction of the slice, the extra one showing that more follow. */
export function toPage<T>(slice: Slice, list: string, fetched: readonly T[], key: (item: T) => CursorKey): Page<T> {
  const more = fetched.length > slice.limit;
  const tag = tagOf(list);
  const items = fetched.slice(0, slice.limit).map((item) => ({ item, cursor: makeCursor(tag, key(item)) }));
  if (!slice.isForward) items.reverse();
  const behind = slice.key !== null;
  return slice.isForward
    ? { items, hasNextPage: more, hasPreviousPage: behind }
    : { items, hasNextPage: behind, hasPreviousPage: more };
}

/**
 * A page of a list that is short by nature and in memory already. Errors: as `parsePage`; INVALID_CURSOR too when the item of the
 * cursor has left the list, because nobody can say what comes after it.
 */
export function pageOfArray<T>(
  all: readonly T[],
  list: string,
  args: PageArgs,
  idOf: (item: T) => string | number,
): Page<T> {
  const slice = parsePage(args, list);
  const ordered = slice.isForward ? all : all.toReversed();
  const [at] = slice.key ?? [];
  const position = at === undefined ? -1 : ordered.findIndex((item) => idOf(item) === at);
  if (at !== undefined && position < 0) throw invalidCursor(slice.isForward ? 'after' : 'before');
  const rest = ordered.slice(position + 1, position + 1 + slice.limit + 1);
  return toPage(slice, list, rest, (item) => [idOf(item)]);
}

/** Makes the cursors of a list one by one, for whoever streams it. `parsePage` reads them. */
export function cursorsOf(list: string): (key: CursorKey) => string {
  const tag = tagOf(list);
  return (key) => makeCursor(tag, key);
}

function makeCursor(tag: string, key: CursorKey): string {
  return Buffer.from(JSON.stringify([tag, ...key])).toString('base64url');
}

/** Stands for a list in its cursors: short whatever the list's name says, and tells nothing of it. */
function tagOf(list: string): string {
  return createHash('sha256').update(list).digest('base64url').slice(0, 12);
}

function readCursor(cursor: string, list: string, shape: readonly KeyPart[] | undefined, argument: string): CursorKey {
  try {
    const [of, ...key] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];
    const fits = shape
      ? key.length === shape.length && shape.every((part, i) => isPart(key[i], part))
      : key.length > 0 && key.every((part) => isPart(part, 'text') || isPart(part, 'number'));
    if (of === tagOf(list) && fits) return key as (string | number)[];
  } catch {
    // Falls through to the one error below: what exactly is wrong with a cursor helps nobody.
  }
  throw invalidCursor(argument);
}

function isPart(value: unknown, part: KeyPart): boolean {
  if (part === 'number') return typeof value === 'number' && (value | 0) === value;
  if (part === 'bigint') return Number.isSafeInteger(value);
  if (typeof value !== 'string') return false;
  if (part === 'uuid') return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value);
  if (part === 'time') return /^(?!0000)[0-9]{4}-/.test(value) && new Date(value).toISOString() === value;
  return !value.includes('\u0000') && value.isWellFormed();
}

function invalidCursor(argument: string): Error {
  return fail('INVALID_CURSOR', 'This cursor belongs to another list or to none: start again without it.', {
    path: [argument],
  });
}
