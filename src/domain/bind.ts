import type { Ctx } from './context.ts';

/** A module of operations whose context has been given. Only modules that export nothing but context-first functions fit. */
export type Bound<M> = {
  [K in keyof M]: M[K] extends (ctx: Ctx, ...args: infer A) => infer R ? (...args: A) => R : never;
};

/** Gives every operation of a module its context. */
export function bind<M extends { readonly [K in keyof M]: (ctx: Ctx, ...args: never[]) => unknown }>(
  ctx: Ctx,
  operations: M,
): Bound<M> {
  const entries = Object.entries(operations as unknown as Record<string, (ctx: Ctx, ...args: unknown[]) => unknown>);
  return Object.fromEntries(
    entries.map(([name, run]) => [name, (...args: unknown[]) => run(ctx, ...args)]),
  ) as Bound<M>;
}
