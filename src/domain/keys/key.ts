import { type SQL, sql } from 'drizzle-orm';
import type { keys } from '../../db/tables/keys.ts';
import { fail } from '../errors.ts';
import { isScope, type Scope } from './scopes.ts';
import type { KeyKind } from './secret.ts';

/** `ROTATED`: has a successor and still works, until the overlap ends. */
export const KEY_STATES = ['ACTIVE', 'ROTATED', 'EXPIRED', 'INVALIDATED'] as const;
export type KeyState = (typeof KEY_STATES)[number];

/** A key as anybody may see it: never its secret. */
export interface Key {
  readonly id: string;
  readonly kind: KeyKind;
  readonly partner: string | null;
  readonly name: string | null;
  readonly scopes: readonly Scope[];
  readonly prefix: string;
  readonly state: KeyState;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | null;
  readonly expiresAt: Date | null;
  readonly invalidatedAt: Date | null;
}

/** A new key and its secret, which is shown this once and stored nowhere. */
export interface NewKey {
  readonly key: Key;
  readonly secret: string;
}

/** How long both keys work after a rotation, in hours: the slowest regular cadence of a sender is daily. */
export const DEFAULT_OVERLAP_HOURS = 24;
export const MAX_OVERLAP_HOURS = 24 * 90;
/** `last used` is written at most this often: a key on a busy endpoint must not become a hot row. */
export const LAST_USED_GRAIN_MS = 60_000;

export function isWorking(key: Key): boolean {
  return key.state === 'ACTIVE' || key.state === 'ROTATED';
}

/** The key if it may import cohorts of the partner now. Errors: UNAUTHENTICATED, FORBIDDEN. */
export function requireImportKey(key: Key | null, partner: string): Key {
  if (key?.kind !== 'data_import' || !isWorking(key))
    throw fail('UNAUTHENTICATED', 'The data import key is not valid: generate one on the partner page.');
  if (key.partner !== partner) throw fail('FORBIDDEN', 'The data import key belongs to another partner.');
  return key;
}

type KeyRow = typeof keys.$inferSelect;

export function toKey(row: KeyRow, now: Date): Key {
  const { workspaceId: _, hash: __, rotatedAt: ___, scopes, ...rest } = row;
  return { ...rest, scopes: scopes.filter(isScope), state: stateOf(row, now) };
}

function stateOf(row: Pick<KeyRow, 'invalidatedAt' | 'expiresAt' | 'rotatedAt'>, now: Date): KeyState {
  if (row.invalidatedAt) return 'INVALIDATED';
  if (row.expiresAt && row.expiresAt <= now) return 'EXPIRED';
  return row.rotatedAt ? 'ROTATED' : 'ACTIVE';
}

/**
 * The key with this hash as one column of a larger statement, so that an import checks its key in the round trip it needs anyway and
 * never from a cache. Read with `readKeyColumn`.
 */
export function keyColumn(workspaceId: number, hash: string): SQL {
  return sql`(select to_jsonb(k)::text from keys k where k.workspace_id = ${workspaceId}::int and k.hash = ${hash}) as key`;
}

export function readKeyColumn(text: string | null, now: Date): Key | null {
  if (text === null) return null;
  const row = JSON.parse(text) as Record<string, string | null> & { scopes: string[] };
  const time = (value: string | null | undefined) => (value ? new Date(value) : null);
  return toKey(
    {
      workspaceId: 0,
      hash: '',
      id: String(row.id),
      kind: row.kind === 'api' ? 'api' : 'data_import',
      partner: row.partner ?? null,
      name: row.name ?? null,
      scopes: row.scopes,
      prefix: String(row.prefix),
      createdAt: new Date(String(row.created_at)),
      lastUsedAt: time(row.last_used_at),
      expiresAt: time(row.expires_at),
      rotatedAt: time(row.rotated_at),
      invalidatedAt: time(row.invalidated_at),
    },
    now,
  );
}
