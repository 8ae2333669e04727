import { changesBetween, type FieldChange } from '../audit/entry.ts';
import type { Actor } from '../context.ts';
import type { Filter } from './filter.ts';
import { type FilterJson, fromJson, toJson } from './filter-json.ts';
import type { Segment } from './segment.ts';

/** What made a version. */
export const SEGMENT_CHANGES = ['created', 'updated', 'archived', 'restored', 'rolled_back', 'duplicated'] as const;
export type SegmentChange = (typeof SEGMENT_CHANGES)[number];

/** A segment as it was from one change to the next. */
export interface SegmentVersion {
  readonly segmentId: string;
  readonly version: number;
  readonly name: string;
  readonly description: string | null;
  readonly filter: Filter;
  readonly tags: readonly string[];
  readonly archivedAt: Date | null;
  readonly change: SegmentChange;
  /** The version a roll back went to. */
  readonly ofVersion: number | null;
  readonly reason: string | null;
  readonly author: Actor;
  readonly at: Date;
  /** What is not as it was in the version before; of the first one, nothing. Filters as stored. */
  readonly diff: readonly FieldChange[];
}

/** What a change of a segment can change. */
type Content = Pick<Segment, 'name' | 'description' | 'filter' | 'tags' | 'archivedAt'>;

/** Filters in changes are canonical JSON as stored: whoever shows them to somebody spells them anew with this. */
export function respellFilters(
  changes: readonly FieldChange[],
  spell: (filter: Filter) => FilterJson,
): readonly FieldChange[] {
  const respelled = (value: unknown) => (value === null || value === undefined ? null : spell(fromJson(value)));
  return changes.map((change) =>
    change.field === 'filter'
      ? { ...change, before: respelled(change.before), after: respelled(change.after) }
      : change,
  );
}

/** What differs between two states of a segment. */
export function diffSegments(before: Content, after: Content): FieldChange[] {
  return changesBetween(plain(before), plain(after), ['name', 'description', 'filter', 'tags', 'archivedAt']);
}

function plain({ name, description, filter, tags, archivedAt }: Content) {
  return { name, description, filter: toJson(filter), tags, archivedAt: archivedAt?.toISOString() ?? null };
}
