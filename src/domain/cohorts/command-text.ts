import type { CohortChanges } from './change.ts';

/** A command as text, to be applied later. The key has been checked: what is kept is which one it was, never what was presented. */
export function commandToText(command: CohortChanges, keyId: string | null): string {
  const { dialect, requestId, computedAt } = command.source;
  return JSON.stringify({ ...command, source: { dialect, keyId, requestId, computedAt: computedAt?.toISOString() } });
}

export function commandOfText(text: string): CohortChanges {
  const command = JSON.parse(text) as CohortChanges & { readonly source: { readonly computedAt?: string } };
  const { computedAt, ...source } = command.source;
  return { ...command, source: { ...source, computedAt: computedAt === undefined ? undefined : new Date(computedAt) } };
}
