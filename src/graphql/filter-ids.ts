import type { Ids } from '../domain/segments/filter-ids.ts';
import type { RequestContext } from './context.ts';
import { readCohortId, readSegmentId } from './inputs.ts';
import { encodeNumbered, encodeUuid } from './node-id.ts';

/** How filters are spelled in GraphQL: cohorts and segments by their node ids. */
export function filterIds(ctx: RequestContext): Ids {
  return {
    writeCohort: (id) => encodeNumbered(ctx, 'Cohort', id),
    writeSegment: (id) => encodeUuid('Segment', id),
    readCohort: (nodeId) => readCohortId(ctx, nodeId),
    readSegment: readSegmentId,
  };
}
