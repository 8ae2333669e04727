import { fail, type Path, type Place } from '../errors.ts';
import { FILTER_MAX_BYTES, type FilterDraft, type FilterTree } from './filter.ts';
import { type SpellingOptions, STORED_IDS } from './filter-ids.ts';
import { placeKey, rememberOrigin } from './filter-origin.ts';
import { FilterParser, type Parsed } from './filter-parser.ts';

/**
 * Reads the text form of a filter, at most 10,000 bytes: see docs/filter-language.md. Cohorts and segments are not looked up yet.
 * Errors, with line and column: INVALID_INPUT (what was found and what was expected), LIMIT_EXCEEDED.
 */
export function parseFilterText(text: string, options: SpellingOptions = {}): FilterDraft {
  const { field = 'filterText', ids = STORED_IDS } = options;
  if (Buffer.byteLength(text) > FILTER_MAX_BYTES)
    throw fail('LIMIT_EXCEEDED', `A filter is at most ${FILTER_MAX_BYTES} bytes of text.`, { path: [field] });
  const places = new Map<string, Place>();
  const draft = toDraft(new FilterParser(text, field, ids).parse(), [field], places);
  return rememberOrigin(draft, { field, places });
}

/** The tree without its places, which `places` then has by path. */
function toDraft(parsed: Parsed, path: Path, places: Map<string, Place>): FilterDraft {
  places.set(placeKey(path), parsed.place);
  switch (parsed.type) {
    case 'all':
    case 'any':
      return {
        type: parsed.type,
        of: parsed.of.map((part, i) => toDraft(part, [...path, parsed.type, i], places)),
      };
    case 'not':
      return { type: 'not', of: toDraft(parsed.of, [...path, 'not'], places) };
    case 'leaf':
      return leafDraft(parsed, path, places);
  }
}

function leafDraft({ leaf }: Extract<Parsed, { type: 'leaf' }>, path: Path, places: Map<string, Place>): FilterDraft {
  const named = <Ref>({ ref, place }: { ref: Ref; place: Place }, at: Path) => {
    places.set(placeKey(at), place);
    return { ref, path: at };
  };
  if (leaf.type === 'cohorts')
    return { ...leaf, values: leaf.values.map((value, i) => named(value, [...path, 'value', i])) };
  if (leaf.type === 'segment') return { type: 'segment', segment: named(leaf.segment, [...path, 'value']) };
  return leaf satisfies FilterTree<never, never>;
}
