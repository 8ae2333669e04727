/** What an API key may be allowed to do. */
export const SCOPES = [
  'segments:read',
  'segments:write',
  'cohorts:read',
  'cohorts:write',
  'users:read',
  'users:write',
  'targeting:read',
  'targeting:write',
  'keys:manage',
] as const;

export type Scope = (typeof SCOPES)[number];

export function isScope(value: unknown): value is Scope {
  return (SCOPES as readonly unknown[]).includes(value);
}
