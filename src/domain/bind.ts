import type { Ctx } from './context.ts';
import { databaseFault } from './database-fault.ts';

type Operation = (ctx: Ctx, ...args: never[]) => Promise<unknown>;

/** A module of operations whose context has been given. Only modules that export nothing but asynchronous context-first functions fit. */
export type Bound<M> = {
  [K in keyof M]: M[K] extends (ctx: Ctx, ...args: infer A) => infer R ? (...args: A) => R : never;
};

/** Gives every operation of a module its context, and turns what can be expected of a database into the product's own errors. */
export function bind<M extends { readonly [K in keyof M]: Operation }>(ctx: Ctx, operations: M): Bound<M> {
  const entries = Object.entries(operations as unknown as Record<string, (ctx: Ctx, ...args: unknown[]) => unknown>);
  return Object.fromEntries(
    entries.map(([name, run]) => [
      name,
      async (...args: unknown[]) => {
        try {
          return await run(ctx, ...args);
        } catch (error) {
          throw databaseFault(error) ?? error;
        }
      },
    ]),
  ) as Bound<M>;
}
