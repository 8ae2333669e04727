import type { TimeTest } from './filter.ts';

const DAY_MS = 86_400_000;

/** Moments between two others, in milliseconds since 1970; null where there is no bound. */
export interface TimeRange {
  readonly from: { readonly at: number; readonly isIn: boolean } | null;
  readonly to: { readonly at: number; readonly isIn: boolean } | null;
}

/** The moments that a test means, asked at `now`. */
export function rangeOf(test: TimeTest, now: Date): TimeRange {
  const today = now.getTime();
  const bound = (at: number, isIn = false) => ({ at, isIn });
  switch (test.comparison) {
    case 'before':
      return { from: null, to: bound(Date.parse(test.value)) };
    case 'after':
      return { from: bound(Date.parse(test.value)), to: null };
    case 'less_than_x_days_ago':
      return { from: bound(today - test.value * DAY_MS), to: bound(today, true) };
    case 'greater_than_x_days_ago':
      return { from: null, to: bound(today - test.value * DAY_MS) };
    case 'less_than_x_days_in_the_future':
      return { from: bound(today, true), to: bound(today + test.value * DAY_MS) };
    case 'greater_than_x_days_in_the_future':
      return { from: bound(today + test.value * DAY_MS), to: null };
  }
}
