import { asc, eq } from 'drizzle-orm';
import { workspaces } from '../../db/tables/workspaces.ts';
import type { Ctx } from '../context.ts';
import { fail } from '../errors.ts';

/** What happens to identities that nobody has: kept until the user appears, dropped, or made into users (not device ids). */
export type UnknownIdentityPolicy = 'HOLD' | 'IGNORE' | 'CREATE';

export interface Workspace {
  readonly id: number;
  readonly name: string;
  readonly unknownIdentityPolicy: UnknownIdentityPolicy;
  readonly createdAt: Date;
}

const columns = {
  id: workspaces.id,
  name: workspaces.name,
  unknownIdentityPolicy: workspaces.unknownIdentityPolicy,
  createdAt: workspaces.createdAt,
};

/** The workspace of this context. Errors: NOT_FOUND. */
export async function getWorkspace(ctx: Ctx): Promise<Workspace> {
  const [row] = await ctx.db.select(columns).from(workspaces).where(eq(workspaces.id, ctx.workspaceId));
  if (!row) throw fail('NOT_FOUND', 'There is no such workspace.');
  return row;
}

/** Every workspace, the oldest first. For operators only: a request speaks of one workspace. */
export async function listWorkspaces(ctx: Ctx): Promise<Workspace[]> {
  return ctx.db.select(columns).from(workspaces).orderBy(asc(workspaces.id));
}

/**
 * Makes a workspace. A number may be asked for, and then nothing happens when it is taken: this is how several servers start on one
 * empty database and only one of them makes the first workspace. Errors: INVALID_INPUT, NAME_TAKEN.
 */
export async function createWorkspace(
  ctx: Ctx,
  input: { readonly name: string; readonly id?: number },
): Promise<Workspace | null> {
  const name = input.name.trim();
  if (name === '' || name.length > 200)
    throw fail('INVALID_INPUT', 'A workspace name has 1 to 200 characters.', { path: ['name'] });
  const existing = await listWorkspaces(ctx);
  if (existing.some((w) => w.name === name && w.id !== input.id))
    throw fail('NAME_TAKEN', `There is a workspace "${name}" already.`);
  const id = input.id ?? Math.max(0, ...existing.map((w) => w.id)) + 1;
  const [row] = await ctx.db
    .insert(workspaces)
    .values({ id, name, createdAt: ctx.now() })
    .onConflictDoNothing()
    .returning(columns);
  return row ?? null;
}

/** Sets the policy for identities that nobody has; applies to requests from then on. */
export async function setUnknownIdentityPolicy(ctx: Ctx, policy: UnknownIdentityPolicy): Promise<Workspace> {
  const [row] = await ctx.db
    .update(workspaces)
    .set({ unknownIdentityPolicy: policy })
    .where(eq(workspaces.id, ctx.workspaceId))
    .returning(columns);
  if (!row) throw fail('NOT_FOUND', 'There is no such workspace.');
  return row;
}
