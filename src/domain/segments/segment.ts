import type { Filter } from './filter.ts';

/** A named filter over users. */
export interface Segment {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly filter: Filter;
  /** Words to find it by, each once, in the order they were given. */
  readonly tags: readonly string[];
  /** Grows by one with each change. */
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly archivedAt: Date | null;
}

/** A segment as callers name one. A name means the live segment of that name. */
export type SegmentRef = { readonly id: string } | { readonly name: string };

export interface SegmentOrder {
  readonly field: 'NAME' | 'CREATED_AT' | 'UPDATED_AT';
  readonly direction: 'ASC' | 'DESC';
}

export const SEGMENT_NAME_MAX_CHARACTERS = 200;
export const SEGMENT_DESCRIPTION_MAX_CHARACTERS = 2_000;
export const SEGMENT_MAX_TAGS = 20;
export const TAG_MAX_CHARACTERS = 50;
export const REASON_MAX_CHARACTERS = 1_000;

/** Membership questions of one call: users times segments. */
export const MEMBERSHIP_MAX_USERS = 1_000;
export const MEMBERSHIP_MAX_SEGMENTS = 100;
