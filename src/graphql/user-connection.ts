import type { Page } from '../domain/page.ts';
import type { User } from '../domain/users/user.ts';
import { type LazyConnection, lazyConnection, mapPage } from './connection.ts';
import type { RequestContext } from './context.ts';

/** A connection of users over a page of their numbers: the users are read together. */
export function userConnection(
  ctx: RequestContext,
  page: () => Promise<Page<number>>,
  totalCount: () => Promise<number>,
): LazyConnection<User> {
  return lazyConnection(
    async () => mapPage(await page(), (ids) => Promise.all(ids.map((id) => ctx.loaders.user.load(id)))),
    totalCount,
  );
}
