import { and, desc, eq, isNull, lte, or, sql } from 'drizzle-orm';
import { validate as isUuid, v7 as uuidv7 } from 'uuid';
import { keys } from '../../db/tables/keys.ts';
import type { AuditAction } from '../audit/entry.ts';
import { noteAudit } from '../audit/note-audit.ts';
import { type Ctx, inTransaction } from '../context.ts';
import { fail } from '../errors.ts';
import {
  DEFAULT_OVERLAP_HOURS,
  isWorking,
  type Key,
  LAST_USED_GRAIN_MS,
  MAX_OVERLAP_HOURS,
  type NewKey,
  toKey,
} from './key.ts';
import { parsePartner } from './partner.ts';
import { isScope, type Scope } from './scopes.ts';
import { type KeyKind, makeSecret } from './secret.ts';

/**
 * Makes a data import key of one partner: it may import that partner's cohorts into this workspace and nothing else.
 * `partner` as in the endpoint's path: lower case letters, digits, `-` and `_`, at most 64. `name` is for people, at most 200 characters.
 * Errors: INVALID_INPUT.
 */
export async function generateDataImportKey(
  ctx: Ctx,
  input: {
    readonly partner: string;
    readonly name?: string | null | undefined;
    readonly expiresAt?: Date | null | undefined;
  },
): Promise<NewKey> {
  const partner = parsePartner(input.partner);
  return inTransaction(ctx, async (tx) => {
    const made = await insertKey(tx, 'data_import', { ...input, partner, scopes: [] });
    await noteKey(tx, 'data_import_key.generated', made.key);
    return made;
  });
}

/**
 * Makes an API key with at least one scope. Whoever asks with a key of their own gives `grantable`, its scopes: nobody hands out more
 * than they have. Errors: INVALID_INPUT, FORBIDDEN.
 */
export async function createApiKey(
  ctx: Ctx,
  input: {
    readonly name: string;
    readonly scopes: readonly string[];
    readonly expiresAt?: Date | null | undefined;
    readonly grantable?: readonly Scope[] | undefined;
  },
): Promise<NewKey> {
  const scopes = [...new Set(input.scopes)];
  if (scopes.length === 0) throw fail('INVALID_INPUT', 'An API key needs at least one scope.', { path: ['scopes'] });
  scopes.forEach((scope, i) => {
    if (!isScope(scope)) throw fail('INVALID_INPUT', 'There is no such scope.', { path: ['scopes', i] });
  });
  checkGrant(scopes.filter(isScope), input.grantable);
  const settings = { name: input.name, scopes: scopes.filter(isScope), partner: null, expiresAt: input.expiresAt };
  return inTransaction(ctx, async (tx) => {
    const made = await insertKey(tx, 'api', settings);
    await noteKey(tx, 'api_key.created', made.key);
    return made;
  });
}

/** Keys of one kind, the newest first; of one partner if asked. */
export async function listKeys(
  ctx: Ctx,
  input: { readonly kind: KeyKind; readonly partner?: string | null | undefined },
): Promise<Key[]> {
  const rows = await ctx.db
    .select()
    .from(keys)
    .where(
      and(
        eq(keys.workspaceId, ctx.workspaceId),
        eq(keys.kind, input.kind),
        input.partner ? eq(keys.partner, input.partner) : undefined,
      ),
    )
    .orderBy(desc(keys.createdAt), desc(keys.id));
  return rows.map((row) => toKey(row, ctx.now()));
}

/** Keys by id; ids that are no key of this workspace are missing from the answer. */
export async function keysByIds(ctx: Ctx, ids: readonly string[]): Promise<Map<string, Key>> {
  const possible = ids.filter((id) => isUuid(id));
  if (possible.length === 0) return new Map();
  const rows = await ctx.db
    .select()
    .from(keys)
    .where(
      and(eq(keys.workspaceId, ctx.workspaceId), sql`${keys.id} = any(${`{${possible.join(',')}}`}::text::uuid[])`),
    );
  return new Map(rows.map((row) => [row.id, toKey(row, ctx.now())]));
}

/**
 * Makes a successor with the same partner, name and scopes. The old key works for `overlapHours` more (0 to 2,160, default 24; 0 ends it
 * at once). Errors: NOT_FOUND, FORBIDDEN (as `createApiKey`), NOT_ACTIVE when the key has ended or was rotated already, INVALID_INPUT.
 */
export async function rotateKey(
  ctx: Ctx,
  input: {
    readonly kind: KeyKind;
    readonly id: string;
    readonly overlapHours?: number | null | undefined;
    readonly grantable?: readonly Scope[] | undefined;
  },
): Promise<NewKey> {
  const hours = input.overlapHours ?? DEFAULT_OVERLAP_HOURS;
  if (!(hours >= 0 && hours <= MAX_OVERLAP_HOURS))
    throw fail('INVALID_INPUT', `An overlap is 0 to ${MAX_OVERLAP_HOURS} hours.`, { path: ['overlapHours'] });
  return inTransaction(ctx, async (tx) => {
    const old = await lockKey(tx, input);
    checkGrant(old.scopes, input.grantable);
    if (old.state !== 'ACTIVE')
      throw fail('NOT_ACTIVE', 'Only an active key can be rotated: generate a new one.', { path: ['id'] });
    const end = new Date(tx.now().getTime() + hours * 3_600_000);
    const expiresAt = old.expiresAt && old.expiresAt < end ? old.expiresAt : end;
    await tx.db
      .update(keys)
      .set(hours === 0 ? { invalidatedAt: tx.now() } : { expiresAt, rotatedAt: tx.now() })
      .where(and(eq(keys.workspaceId, tx.workspaceId), eq(keys.id, old.id)));
    const made = await insertKey(tx, old.kind, { ...old, expiresAt: old.expiresAt });
    await noteKey(tx, old.kind === 'api' ? 'api_key.rotated' : 'data_import_key.rotated', old, {
      overlapHours: hours,
      successor: made.key.prefix,
    });
    return made;
  });
}

/** Refuses the key from the very next request on, on every server. A second call changes nothing. Errors: NOT_FOUND. */
export async function invalidateKey(ctx: Ctx, input: { readonly kind: KeyKind; readonly id: string }): Promise<Key> {
  return inTransaction(ctx, async (tx) => {
    const key = await lockKey(tx, input);
    if (key.invalidatedAt) return key;
    const [row] = await tx.db
      .update(keys)
      .set({ invalidatedAt: tx.now() })
      .where(and(eq(keys.workspaceId, tx.workspaceId), eq(keys.id, key.id)))
      .returning();
    if (!row) throw fail('NOT_FOUND', 'There is no such key.');
    await noteKey(tx, key.kind === 'api' ? 'api_key.revoked' : 'data_import_key.invalidated', key);
    return toKey(row, tx.now());
  });
}

/** The key with this hash if it works now; null otherwise, whatever the reason. One indexed read, uncached. */
export async function verifyHash(ctx: Ctx, hash: string): Promise<Key | null> {
  const [row] = await ctx.db
    .select()
    .from(keys)
    .where(and(eq(keys.workspaceId, ctx.workspaceId), eq(keys.hash, hash)))
    .prepare('verifyHash')
    .execute();
  if (!row) return null;
  const key = toKey(row, ctx.now());
  return isWorking(key) ? key : null;
}

/** Notes that a key was used, at most once a minute; says whether it wrote. */
export async function touchKey(ctx: Ctx, key: Pick<Key, 'id' | 'lastUsedAt'>): Promise<boolean> {
  const now = ctx.now();
  const before = new Date(now.getTime() - LAST_USED_GRAIN_MS);
  if (key.lastUsedAt && key.lastUsedAt > before) return false;
  const written = await ctx.db
    .update(keys)
    .set({ lastUsedAt: now })
    .where(
      and(
        eq(keys.workspaceId, ctx.workspaceId),
        eq(keys.id, key.id),
        or(isNull(keys.lastUsedAt), lte(keys.lastUsedAt, before)),
      ),
    )
    .returning({ id: keys.id });
  return written.length > 0;
}

function checkGrant(scopes: readonly Scope[], grantable: readonly Scope[] | undefined): void {
  if (grantable && scopes.some((scope) => !grantable.includes(scope)))
    throw fail('FORBIDDEN', 'A key cannot be given a scope that the asking key lacks.', { path: ['scopes'] });
}

/** Later times have no form that PostgreSQL and JavaScript both read. */
const LAST_INSTANT = Date.UTC(10_000, 0);

interface KeySettings {
  readonly partner: string | null;
  readonly name?: string | null | undefined;
  readonly scopes: readonly Scope[];
  readonly expiresAt?: Date | null | undefined;
}

async function insertKey(ctx: Ctx, kind: KeyKind, settings: KeySettings): Promise<NewKey> {
  const name = settings.name ?? null;
  if (name !== null && (name.trim() === '' || name.length > 200))
    throw fail('INVALID_INPUT', 'A key name has 1 to 200 characters.', { path: ['name'] });
  if (name !== null && (name.includes('\u0000') || !name.isWellFormed()))
    throw fail('INVALID_INPUT', 'A key name must be well-formed Unicode without NUL.', { path: ['name'] });
  if (settings.expiresAt && !(settings.expiresAt.getTime() < LAST_INSTANT))
    throw fail('INVALID_INPUT', 'A key expires before the year 10000.', { path: ['expiresAt'] });
  if (settings.expiresAt && settings.expiresAt <= ctx.now())
    throw fail('INVALID_INPUT', 'The key would have expired already.', { path: ['expiresAt'] });
  const made = makeSecret(kind, ctx.workspaceId);
  const [row] = await ctx.db
    .insert(keys)
    .values({
      workspaceId: ctx.workspaceId,
      id: uuidv7(),
      kind,
      partner: settings.partner,
      name,
      scopes: [...settings.scopes],
      hash: made.hash,
      prefix: made.prefix,
      createdAt: ctx.now(),
      expiresAt: settings.expiresAt ?? null,
    })
    .returning();
  if (!row) throw new Error('An insert returns its row.');
  return { key: toKey(row, ctx.now()), secret: made.secret };
}

/** Of a key only what its list shows anyway. */
async function noteKey(tx: Ctx, action: AuditAction, key: Key, more: object = {}): Promise<void> {
  const { kind, id, name, prefix, partner, scopes, expiresAt } = key;
  await noteAudit(tx, {
    action,
    subjectType: kind === 'api' ? 'api_key' : 'data_import_key',
    subjectId: id,
    subjectName: name ?? prefix,
    details: { prefix, ...(kind === 'api' ? { scopes } : { partner }), expiresAt, ...more },
  });
}

async function lockKey(tx: Ctx, input: { readonly kind: KeyKind; readonly id: string }): Promise<Key> {
  if (!isUuid(input.id)) throw fail('NOT_FOUND', 'There is no such key.', { path: ['id'] });
  const [row] = await tx.db
    .select()
    .from(keys)
    .where(and(eq(keys.workspaceId, tx.workspaceId), eq(keys.id, input.id), eq(keys.kind, input.kind)))
    .for('update');
  if (!row) throw fail('NOT_FOUND', 'There is no such key.', { path: ['id'] });
  return toKey(row, tx.now());
}
