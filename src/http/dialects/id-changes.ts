import type { CohortChange } from '../../domain/cohorts/change.ts';
import { fail } from '../../domain/errors.ts';
import { identityFault } from '../../domain/users/identity.ts';

/** Ids to add to a cohort, or to remove from it, of a kind that the wire does not say. */
export interface IdChange {
  readonly ids: readonly string[];
  readonly remove: boolean;
}

/** What the ids of a request are. */
export type IdentityKind =
  | { readonly kind: 'external_id' }
  | { readonly kind: 'device_id' }
  | { readonly kind: 'alias'; readonly label: string };

const ALIAS = 'alias:';

/**
 * The query parameter `identity`: `external_id` (as if it were left out), `device_id`, or `alias:` and the label.
 * Errors: INVALID_INPUT.
 */
export function parseIdentityKind(text: string | undefined): IdentityKind {
  if (text === undefined || text === 'external_id') return { kind: 'external_id' };
  if (text === 'device_id') return { kind: 'device_id' };
  const label = text.startsWith(ALIAS) ? text.slice(ALIAS.length) : '';
  if (identityFault(label) !== null)
    throw fail(
      'INVALID_INPUT',
      'The query parameter identity must be external_id, device_id, or alias: and the label of the alias.',
      { path: ['identity'] },
    );
  return { kind: 'alias', label };
}

/** The changes as the domain takes them, in order; one without ids is left out. */
export function toCohortChanges(kind: IdentityKind, changes: readonly IdChange[]): CohortChange[] {
  return changes.filter(({ ids }) => ids.length > 0).map((change) => toCohortChange(kind, change));
}

export function toCohortChange(kind: IdentityKind, { ids, remove }: IdChange): CohortChange {
  const none = { externalIds: [], aliases: [], deviceIds: [], remove };
  switch (kind.kind) {
    case 'external_id':
      return { ...none, externalIds: ids };
    case 'device_id':
      return { ...none, deviceIds: ids };
    case 'alias':
      return { ...none, aliases: ids.map((name) => ({ label: kind.label, name })) };
  }
}

/** Users one by one as few changes, in the same order: the last mention of a person wins. */
export class IdRuns {
  readonly changes: { readonly ids: string[]; readonly remove: boolean }[] = [];
  add(id: string, remove: boolean): void {
    const last = this.changes.at(-1);
    if (last?.remove === remove) last.ids.push(id);
    else this.changes.push({ ids: [id], remove });
  }
}
