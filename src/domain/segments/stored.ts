import type { segments } from '../../db/tables/segments.ts';
import { fromJson } from './filter-json.ts';
import type { Segment } from './segment.ts';

/** A segment as its row has it. */
export function toSegment(row: typeof segments.$inferSelect | undefined): Segment {
  if (!row) throw new Error('A write returns its row.');
  const { workspaceId: _, filter, ...rest } = row;
  return { ...rest, filter: fromJson(filter) };
}
