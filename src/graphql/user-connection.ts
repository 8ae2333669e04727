import type { PageArgs } from '../domain/page.ts';
import type { UserList } from '../domain/segments/members.ts';
import type { User } from '../domain/users/user.ts';
import { type LazyConnection, lazyConnection, mapPage } from './connection.ts';
import type { RequestContext } from './context.ts';

/** A connection of the users of a list. Lists of one request that are asked for alike are paged together, and so are their users read. */
export function userConnection(
  ctx: RequestContext,
  list: UserList,
  args: PageArgs,
  totalCount: () => Promise<number>,
): LazyConnection<User> {
  return lazyConnection(
    ctx,
    args,
    async () => {
      const page = await ctx.loaders.userPage.load({ list, args });
      return mapPage(page, (ids) => Promise.all(ids.map((id) => ctx.loaders.user.load(id))));
    },
    totalCount,
  );
}
