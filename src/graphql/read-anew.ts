import type { GraphQLSchema } from 'graphql';
import type { RequestContext } from './context.ts';
import { createLoaders } from './loaders.ts';

/**
 * Gives every mutation loaders of its own. Those of one request run one after the other, each answered before the next one starts: what was
 * read for the answer of one may be otherwise after the next.
 */
export function readAnew(schema: GraphQLSchema): GraphQLSchema {
  for (const field of Object.values(schema.getMutationType()?.getFields() ?? {})) {
    const { resolve } = field;
    if (!resolve) continue;
    field.resolve = (source, args, ctx: RequestContext, info) => {
      ctx.loaders = createLoaders(ctx.domain);
      return resolve(source, args, ctx, info);
    };
  }
  return schema;
}
