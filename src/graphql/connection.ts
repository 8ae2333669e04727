import type { ObjectRef, SchemaTypes } from '@pothos/core';
import { PAGE_DEFAULT, PAGE_MAX, type Page, type PageArgs } from '../domain/page.ts';
import { builder } from './builder.ts';
import type { RequestContext } from './context.ts';

/** A connection that reads its page and its total only when they are asked for. */
export interface LazyConnection<T> {
  readonly page: () => Promise<Page<T>>;
  readonly totalCount: () => Promise<number>;
}

type Types = typeof builder extends PothosSchemaTypes.SchemaBuilder<infer T> ? T : SchemaTypes;

const PageInfo = builder.objectRef<Page<unknown>>('PageInfo').implement({
  description: 'Where a page stands in its list.',
  fields: (t) => ({
    hasNextPage: t.exposeBoolean('hasNextPage', { description: 'More items follow.' }),
    hasPreviousPage: t.exposeBoolean('hasPreviousPage', { description: 'Items came before.' }),
    startCursor: t.string({
      nullable: true,
      description: 'Of the first item.',
      resolve: (p) => p.items[0]?.cursor ?? null,
    }),
    endCursor: t.string({
      nullable: true,
      description: 'Of the last item.',
      resolve: (p) => p.items.at(-1)?.cursor ?? null,
    }),
  }),
});

/** Defines `<name>Connection` and `<name>Edge` over a type. */
export function connectionOf<T>(name: string, type: ObjectRef<Types, T>) {
  const Edge = builder.objectRef<Page<T>['items'][number]>(`${name}Edge`).implement({
    description: `A ${name} in a list, and where it stands.`,
    fields: (t) => ({
      cursor: t.exposeString('cursor', { description: 'Where it stands: for `after` and `before` of the same list.' }),
      node: t.field({
        type: type as ObjectRef<Types, unknown>,
        description: 'The item.',
        resolve: (edge) => edge.item as unknown as never,
      }),
    }),
  });
  return builder.objectRef<LazyConnection<T>>(`${name}Connection`).implement({
    description: `A page of a list of ${name}, and how long the list is.`,
    fields: (t) => ({
      edges: t.field({
        type: [Edge],
        description: 'The page, with a cursor each.',
        resolve: async (c) => [...(await c.page()).items],
      }),
      nodes: t.field({
        type: [type as ObjectRef<Types, unknown>],
        description: 'The page without cursors.',
        resolve: async (c) => (await c.page()).items.map(({ item }) => item) as unknown as never,
      }),
      pageInfo: t.field({ type: PageInfo, description: 'Where the page stands.', resolve: (c) => c.page() }),
      totalCount: t.int({ description: 'How many items the whole list has, exactly.', resolve: (c) => c.totalCount() }),
    }),
  });
}

/** The page arguments of every connection. */
export const pageArgs = builder.args((t) => ({
  first: t.int({
    description: 'This many from the beginning, or after `after`: 50 if nothing is said, at most 1,000.',
  }),
  after: t.string({ description: 'The cursor to start behind.' }),
  last: t.int({ description: 'This many from the end, or before `before`: at most 1,000.' }),
  before: t.string({ description: 'The cursor to end before.' }),
}));

/** A connection of one page and one count, each read at most once. Errors: LIMIT_EXCEEDED when the pages of the request are too many. */
export function lazyConnection<T>(
  ctx: RequestContext,
  { first, last }: PageArgs,
  page: () => Promise<Page<T>>,
  totalCount: () => Promise<number>,
): LazyConnection<T> {
  let read: Promise<Page<T>> | undefined;
  const start = () => {
    ctx.takeItems(Math.min(Math.max(first ?? last ?? PAGE_DEFAULT, 0), PAGE_MAX));
    return page();
  };
  return {
    page: async () => {
      read ??= start();
      return read;
    },
    totalCount,
  };
}

/** The page with its items replaced: keys by what they stand for. Items that are gone meanwhile are left out. */
export async function mapPage<A, B>(
  page: Page<A>,
  read: (items: readonly A[]) => Promise<readonly (B | null)[]>,
): Promise<Page<B>> {
  const found = await read(page.items.map(({ item }) => item));
  const items = page.items.flatMap(({ cursor }, i) => {
    const item = found[i];
    return item === null || item === undefined ? [] : [{ item, cursor }];
  });
  return { ...page, items };
}
