import type { Domain } from '../domain/index.ts';
import type { Filter } from '../domain/segments/filter.ts';
import type { Segment } from '../domain/segments/segment.ts';
import type { SegmentSizePoint } from '../domain/segments/segment-sizes.ts';
import { alike, byId, inOrder, pages } from './batching.ts';
import { filterIds } from './filter-ids.ts';

interface SizesAsked {
  readonly segmentId: string;
  readonly input: { readonly from: Date; readonly to?: Date | null | undefined };
}

/** The batched reads of what happened to segments. */
export function createSegmentLoaders(domain: Domain) {
  const { segments, audit, filters } = domain;
  return {
    filterText: inOrder((all: readonly Filter[]) => filters.printFilters(all, filterIds({ domain })), JSON.stringify),
    segmentsUsing: byId((ids: readonly string[]): Promise<Map<string, Segment[]>> => segments.segmentsUsing(ids)),
    versionPage: pages((ids: readonly string[], args) => segments.pageVersions(ids, args)),
    versionCount: byId((ids: readonly string[]): Promise<Map<string, number>> => segments.countVersions(ids)),
    segmentSizes: alike(
      ({ input }: SizesAsked) => JSON.stringify(input),
      (all): Promise<SegmentSizePoint[][]> =>
        segments.listSegmentSizes(
          all.map(({ segmentId }) => segmentId),
          all[0].input,
        ),
    ),
    segmentAuditPage: pages((ids: readonly string[], args) => audit.pageAuditOfSubjects('segment', ids, args)),
    segmentAuditCount: byId(
      (ids: readonly string[]): Promise<Map<string, number>> => audit.countAuditOfSubjects('segment', ids),
    ),
  };
}
