import type { FilterDraft } from '../../src/domain/segments/filter.ts';

// Filters as callers of the domain write them.

/** Is in the cohort of Amplitude's with this name. */
export const inCohort = (name: string): FilterDraft => ({
  type: 'cohorts',
  partner: 'amplitude',
  operator: 'includes_value',
  values: [{ ref: { name }, path: ['filter', 'value'] }],
});

/** Is in the segment with this id. */
export const inSegment = (id: string): FilterDraft => ({
  type: 'segment',
  segment: { ref: { id }, path: ['filter', 'value'] },
});

export const anyOf = (...of: readonly FilterDraft[]): FilterDraft => ({ type: 'any', of });
export const notIn = (of: FilterDraft): FilterDraft => ({ type: 'not', of });
