import type { Actor } from '../domain/context.ts';
import type { Domains } from '../domain/index.ts';
import { SCOPES, type Scope } from '../domain/keys/scopes.ts';
import { hashSecret, parseSecret, sameHash } from '../domain/keys/secret.ts';

/** Who is asking, for which workspace, and what they may do. */
export interface Viewer {
  readonly workspaceId: number;
  readonly scopes: ReadonlySet<Scope>;
  /** For the ledger and the audit log. */
  readonly actor: Actor;
}

/** The workspace that exists from the first start on. */
export const DEFAULT_WORKSPACE_ID = 1;

/** Finds who a request comes from; null when it comes from nobody. */
export type Authenticate = (request: Request) => Promise<Viewer | null>;

/**
 * Reads an API key from `authorization: Bearer`. `configuredKey` is a secret of the operator's own choosing that has every scope of the
 * default workspace. Keys are looked up on every request, never cached.
 */
export function apiKeyAuthentication(domains: Domains, configuredKey: string | undefined): Authenticate {
  const configuredHash = configuredKey === undefined ? null : hashSecret(configuredKey);
  return async (request) => {
    const presented = /^Bearer\s+(\S+)$/i.exec(request.headers.get('authorization') ?? '')?.[1];
    if (presented === undefined) return null;
    if (configuredHash !== null && sameHash(hashSecret(presented), configuredHash))
      return {
        workspaceId: DEFAULT_WORKSPACE_ID,
        scopes: new Set(SCOPES),
        actor: { kind: 'configured_key', id: null, name: 'MUSTER_API_KEY' },
      };
    const secret = parseSecret(presented);
    if (secret?.kind !== 'api') return null;
    const { keys } = domains.in(secret.workspaceId);
    const key = await keys.verifyHash(secret.hash);
    if (key?.kind !== 'api') return null;
    await keys.touchKey(key);
    return {
      workspaceId: secret.workspaceId,
      scopes: new Set(key.scopes),
      actor: { kind: 'api_key', id: key.id, name: key.name },
    };
  };
}
