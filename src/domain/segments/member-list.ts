import { RESERVED } from '../membership/bits.ts';
import type { MemberList } from './evaluate.ts';
import type { Filter } from './filter.ts';
import type { Segment } from './segment.ts';

/** Users in order of their numbers: those of a cohort, of a segment, those a filter has that is not saved, or everyone. */
export type UserList =
  | { readonly cohortId: number }
  | { readonly segment: Segment }
  | { readonly filter: Filter }
  | { readonly everyone: true };

/** The filter that one cohort alone is. */
export function cohortFilter(cohortId: number): Filter {
  return { type: 'cohorts', partner: '', operator: 'includes_value', values: [cohortId] };
}

/** The list's filter, and the name that its cursors are bound to: whoever pages it and whoever streams it can go on from each other's. */
export function memberList(workspaceId: number, list: UserList): MemberList {
  const named = (filter: Filter, ...name: unknown[]) => ({ name: JSON.stringify([workspaceId, ...name]), filter });
  if ('cohortId' in list) return named(cohortFilter(list.cohortId), 'cohort', list.cohortId);
  if ('segment' in list) return named(list.segment.filter, 'segment', list.segment.id);
  if ('filter' in list) return named(list.filter, 'preview', list.filter);
  return named(cohortFilter(RESERVED.everyone), 'everyone');
}
