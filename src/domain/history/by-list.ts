import { type CursorKey, type KeyPart, type Page, type PageArgs, parsePage, type Slice, toPage } from '../page.ts';

// Several lists of one kind, read by one statement: each row says in `n` which list it is of.

/** The part that is asked of every list; null where there is no list. A cursor fits one list only. Errors: as `parsePage`. */
export function parsePages(args: PageArgs, names: readonly string[], shape: readonly KeyPart[]): Slice | null {
  return names.map((name) => parsePage(args, name, shape))[0] ?? null;
}

/** A page of each list, of its items, which come list by list. */
export function toPages<T>(
  slice: Slice,
  names: readonly string[],
  items: readonly (readonly T[])[],
  key: (item: T) => CursorKey,
): Page<T>[] {
  return names.map((name, n) => toPage(slice, name, items[n] ?? [], key));
}

/** The rows of each list. */
export function byList<Row extends { readonly n: number }>(rows: readonly Row[], lists: number): Row[][] {
  const out: Row[][] = Array.from({ length: lists }, () => []);
  for (const row of rows) out[row.n]?.push(row);
  return out;
}
