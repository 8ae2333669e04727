import { asc, eq } from 'drizzle-orm';
import { workspaces } from '../../db/tables/workspaces.ts';
import { changesBetween } from '../audit/entry.ts';
import { noteAudit } from '../audit/note-audit.ts';
import { type Ctx, inTransaction } from '../context.ts';
import { fail } from '../errors.ts';

/** What happens to identities that nobody has: kept until the user appears, dropped, or made into users (not device ids). */
export type UnknownIdentityPolicy = 'HOLD' | 'IGNORE' | 'CREATE';

/** What a month over its budget does to further requests: they are applied and operators warned, or they are refused. */
export type OverBudget = 'WARN' | 'REFUSE';

export interface Workspace {
  readonly id: number;
  readonly name: string;
  readonly unknownIdentityPolicy: UnknownIdentityPolicy;
  /** The most pending members kept; null: no limit. */
  readonly pendingMaxMembers: number | null;
  /** How long pending members are kept, in days; null: for ever. */
  readonly pendingMaxAgeDays: number | null;
  /** A request that would remove more than this share of a cohort waits for an operator; null: none does. */
  readonly shrinkGuardPercent: number | null;
  /** How long the ledger remembers which users a batch moved, in days; null: for ever. */
  readonly ledgerRetentionDays: number | null;
  /** Data points (`written`) a UTC month may cost; null: no budget. */
  readonly monthlyBudget: number | null;
  readonly overBudget: OverBudget;
  readonly createdAt: Date;
}

const columns = {
  id: workspaces.id,
  name: workspaces.name,
  unknownIdentityPolicy: workspaces.unknownIdentityPolicy,
  pendingMaxMembers: workspaces.pendingMaxMembers,
  pendingMaxAgeDays: workspaces.pendingMaxAgeDays,
  shrinkGuardPercent: workspaces.shrinkGuardPercent,
  ledgerRetentionDays: workspaces.ledgerRetentionDays,
  monthlyBudget: workspaces.monthlyBudget,
  overBudget: workspaces.overBudget,
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

/** Sets the policy for identities that nobody has; applies to requests from then on. Errors: NOT_FOUND. */
export async function setUnknownIdentityPolicy(ctx: Ctx, policy: UnknownIdentityPolicy): Promise<Workspace> {
  return updateWorkspace(ctx, { unknownIdentityPolicy: policy });
}

/** The largest number of members that can be written down as a limit. */
const MEMBERS_MAX = 2 ** 31 - 1;
/** A hundred years: beyond it the day that far back could not be told. */
const AGE_MAX_DAYS = 36_500;

/** Settings to change. What is left out stays; null for no limit, where a setting is one. */
export interface WorkspaceChanges {
  readonly unknownIdentityPolicy?: UnknownIdentityPolicy | null | undefined;
  /** 0 or more. */
  readonly pendingMaxMembers?: number | null | undefined;
  /** 1 to 36,500. */
  readonly pendingMaxAgeDays?: number | null | undefined;
  /** 1 to 100. */
  readonly shrinkGuardPercent?: number | null | undefined;
  /** 1 to 36,500. */
  readonly ledgerRetentionDays?: number | null | undefined;
  /** 1 or more. */
  readonly monthlyBudget?: number | null | undefined;
  readonly overBudget?: OverBudget | null | undefined;
}

/** Changes settings, for requests from then on. Errors: INVALID_INPUT, NOT_FOUND. */
export async function updateWorkspace(ctx: Ctx, input: WorkspaceChanges): Promise<Workspace> {
  const changes = {
    ...(input.unknownIdentityPolicy ? { unknownIdentityPolicy: input.unknownIdentityPolicy } : {}),
    ...(input.overBudget ? { overBudget: input.overBudget } : {}),
    ...readLimits(input),
  };
  if (Object.keys(changes).length === 0) return getWorkspace(ctx);
  return inTransaction(ctx, async (tx) => {
    const which = eq(workspaces.id, tx.workspaceId);
    const [before] = await tx.db.select(columns).from(workspaces).where(which).for('no key update');
    const [after] = await tx.db.update(workspaces).set(changes).where(which).returning(columns);
    if (!before || !after) throw fail('NOT_FOUND', 'There is no such workspace.');
    const noted = changesBetween(before, after, Object.keys(changes) as (keyof typeof changes)[]);
    if (noted.length > 0)
      await noteAudit(tx, {
        action: 'workspace.updated',
        subjectType: 'workspace',
        subjectId: after.id,
        subjectName: after.name,
        changes: noted,
      });
    return after;
  });
}

/** The least and the most of each limit. */
const LIMITS = {
  pendingMaxMembers: [0, MEMBERS_MAX],
  pendingMaxAgeDays: [1, AGE_MAX_DAYS],
  shrinkGuardPercent: [1, 100],
  ledgerRetentionDays: [1, AGE_MAX_DAYS],
  monthlyBudget: [1, Number.MAX_SAFE_INTEGER],
} as const;
type Limit = keyof typeof LIMITS;

/** The limits that are to change, null where there is to be none. */
function readLimits(input: WorkspaceChanges): { readonly [L in Limit]?: number | null } {
  const given = (Object.keys(LIMITS) as Limit[]).flatMap((limit) => {
    const value = input[limit];
    if (value === undefined) return [];
    if (value !== null) checkLimit(value, limit);
    return [[limit, value]];
  });
  return Object.fromEntries(given) as { readonly [L in Limit]?: number | null };
}

function checkLimit(value: number, limit: Limit): void {
  const [least, most] = LIMITS[limit];
  if (!Number.isInteger(value) || value < least || value > most)
    throw fail('INVALID_INPUT', `A whole number from ${least} to ${most}, or null for no limit.`, { path: [limit] });
}
