import { fail } from '../domain/errors.ts';
import type { FilterDraft } from '../domain/segments/filter.ts';
import { parseFilterJson } from '../domain/segments/filter-json-reader.ts';
import { parseFilterText } from '../domain/segments/filter-text.ts';
import { builder } from './builder.ts';
import type { RequestContext } from './context.ts';
import { filterIds } from './filter-ids.ts';
import { type FilterInput, readFilterInput, SegmentFilterInput } from './filter-input.ts';

/** A filter in the three ways in which GraphQL takes one, of which exactly one is used. */
interface Spelled {
  readonly filter?: FilterInput | null | undefined;
  readonly filterJson?: unknown;
  readonly filterText?: string | null | undefined;
}

/** The arguments of a question about a filter. */
export const filterArgs = builder.args((t) => ({
  filter: t.field({ type: SegmentFilterInput, description: 'The filter: this, or one of the next two.' }),
  filterJson: t.field({ type: 'JSON', description: 'The same as canonical JSON.' }),
  filterText: t.string({ description: 'The same as text.' }),
}));

/** Whether any of the three is given. */
export function isSpelled({ filter, filterJson, filterText }: Spelled): boolean {
  return [filter, filterJson, filterText].some(isGiven);
}

/** Reads a filter in whichever way it is given. Errors, with the path: INVALID_INPUT (none, or several ways, too), LIMIT_EXCEEDED. */
export function readSpelledFilter(ctx: RequestContext, { filter, filterJson, filterText }: Spelled): FilterDraft {
  if ([filter, filterJson, filterText].filter(isGiven).length !== 1)
    throw fail('INVALID_INPUT', 'Give the filter in exactly one way: as `filter`, `filterJson` or `filterText`.', {
      path: ['filter'],
    });
  if (filter) return readFilterInput(ctx, filter);
  const ids = filterIds(ctx);
  return isGiven(filterText) ? parseFilterText(filterText, { ids }) : parseFilterJson(filterJson, { ids });
}

function isGiven<T>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined;
}
