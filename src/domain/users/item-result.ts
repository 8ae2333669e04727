import type { DomainError } from '../errors.ts';

/** What became of one item of a call that goes item by item: the user concerned (null when deleted), or why it was refused. */
export type ItemResult = { readonly userId: number | null } | { readonly error: DomainError };

/** The most items of one call. */
export const ITEMS_MAX = 1_000;
