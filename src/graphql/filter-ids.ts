import { type Ids, NO_COHORT, NO_SEGMENT } from '../domain/segments/filter-ids.ts';
import type { RequestContext } from './context.ts';
import { decodeNumbered, decodeUuid, encodeNumbered, encodeUuid } from './node-id.ts';

/** How filters are spelled in GraphQL: cohorts and segments by their node ids. */
export function filterIds(home: Pick<RequestContext, 'domain'>): Ids {
  return {
    writeCohort: (id) => encodeNumbered(home, 'Cohort', id),
    writeSegment: (id) => encodeUuid('Segment', id),
    readCohort: (nodeId) => decodeNumbered(home, 'Cohort', nodeId) ?? NO_COHORT,
    readSegment: (nodeId) => decodeUuid('Segment', nodeId) ?? NO_SEGMENT,
  };
}
