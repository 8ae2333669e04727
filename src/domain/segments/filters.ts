import type { Ctx } from '../context.ts';
import type { Filter } from './filter.ts';
import { type IdWriter, type SpellingOptions, STORED_IDS } from './filter-ids.ts';
import { parseFilterJson } from './filter-json-reader.ts';
import { printFilter } from './filter-printer.ts';
import { parseFilterText } from './filter-text.ts';
import { readNaming } from './naming.ts';
import { readFilter } from './read-filter.ts';

/** Reads a filter in one of the forms that filters are written in. Errors: as `parseFilterText`, `parseFilterJson` and `readFilter`. */
export async function parseFilter(
  ctx: Ctx,
  input: { readonly text: string } | { readonly json: unknown },
  options: SpellingOptions = {},
): Promise<Filter> {
  const draft = 'text' in input ? parseFilterText(input.text, options) : parseFilterJson(input.json, options);
  return readFilter(ctx, draft);
}

/**
 * The text form of filters, in the order asked: cohorts and segments by name where only they have it, else by id. Two statements, whatever
 * the number.
 */
export async function printFilters(
  ctx: Ctx,
  filters: readonly Filter[],
  ids: IdWriter = STORED_IDS,
): Promise<string[]> {
  const naming = await readNaming(ctx, filters, ids);
  return filters.map((filter) => printFilter(filter, naming));
}
