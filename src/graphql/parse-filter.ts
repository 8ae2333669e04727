import { fail } from '../domain/errors.ts';
import type { Filter } from '../domain/segments/filter.ts';
import { builder } from './builder.ts';
import { resultOf } from './errors.ts';
import { filterIds } from './filter-ids.ts';
import { filterJson, SegmentFilter } from './filter-output.ts';

const ParseFilterSuccess = builder.objectRef<{ readonly filter: Filter }>('ParseFilterSuccess').implement({
  description: 'One filter in all its spellings.',
  fields: (t) => ({
    filter: t.field({ type: SegmentFilter, description: 'As a tree.', resolve: ({ filter }) => filter }),
    filterJson: t.field({
      type: 'JSON',
      description: 'As canonical JSON.',
      resolve: ({ filter }, _, ctx) => filterJson(ctx, filter),
    }),
    filterText: t.string({
      authScopes: { scope: 'cohorts:read' },
      description: 'As text.',
      resolve: ({ filter }, _, { loaders }) => loaders.filterText.load(filter),
    }),
  }),
});

builder.queryField('parseFilter', (t) =>
  t.field({
    type: ParseFilterSuccess,
    authScopes: { scope: 'segments:read' },
    errors: resultOf('ParseFilter'),
    description:
      'Reads a filter and says it in every spelling, for editors. Errors: INVALID_INPUT with what was found and what was expected, and `line` and `column` where it is text.',
    args: {
      text: t.arg.string({ description: 'The filter as text: this or the other.' }),
      json: t.arg({ type: 'JSON', description: 'The filter as canonical JSON.' }),
    },
    resolve: async (_, { text, json }, ctx) => {
      const isText = text !== null && text !== undefined;
      const isJson = json !== null && json !== undefined;
      if (isText === isJson)
        throw fail('INVALID_INPUT', 'Give the filter in exactly one way: as `text` or as `json`.', { path: ['text'] });
      const ids = filterIds(ctx);
      const filter = isText
        ? await ctx.domain.filters.parseFilter({ text }, { field: 'text', ids })
        : await ctx.domain.filters.parseFilter({ json }, { field: 'json', ids });
      return { filter };
    },
  }),
);
