import { validate as isUuid } from 'uuid';
import { fail, type Path } from '../errors.ts';
import { parsePartner } from '../keys/partner.ts';
import { type Alias, parseIdentityText } from '../users/identity.ts';

/** Some identities to add to a cohort, or to remove from it. Which kind comes first inside one change makes no difference. */
export interface CohortChange {
  readonly externalIds: readonly string[];
  readonly aliases: readonly Alias[];
  readonly deviceIds: readonly string[];
  readonly remove: boolean;
}

/** Who sends the changes, and in which form. */
export interface Source {
  /** The wire form, for the ledger: `braze`, `graphql`, `library`, `file` ... */
  readonly dialect: string;
  /** A key that the edge has checked already; null for the library and the command line. */
  readonly keyId?: string | null | undefined;
  /** The hash of a presented data import key, to be checked in the same round trip as the identities. */
  readonly presentedHash?: string | undefined;
  /** The sender's name for the request, at most 512 characters. The same one is applied once a cohort. */
  readonly requestId?: string | undefined;
  /**
   * When the sender computed the changes, where its form says so. An older message never undoes a newer one for the same user,
   * in whatever order they come; messages of the same time stand in the order they come.
   */
  readonly computedAt?: Date | undefined;
}

/**
 * The one command of ingestion: every dialect, GraphQL, the CLI and the library end here. The order of `changes` counts: the last
 * mention of a person wins, whichever identity named them.
 */
export interface CohortChanges {
  readonly partner: string;
  readonly partnerCohortId: string;
  /** Names the cohort as well. */
  readonly name?: string | null | undefined;
  readonly changes: readonly CohortChange[];
  /** The most identifiers of all kinds, where the sender's form sets a limit; never more than 100,000. */
  readonly maxIdentifiers?: number | undefined;
  readonly source: Source;
}

/** The longest cohort id and cohort name, in characters. */
export const COHORT_ID_MAX_CHARACTERS = 512;
export const COHORT_NAME_MAX_CHARACTERS = 512;

/** The most identifiers of one request in any form: what one transaction may hold a cohort for. */
export const CHANGES_MAX_IDENTIFIERS = 100_000;

/** Identifiers of all kinds in all changes, repeats included. */
export function countIdentifiers(changes: readonly CohortChange[]): number {
  return changes.reduce((n, c) => n + c.externalIds.length + c.aliases.length + c.deviceIds.length, 0);
}

/** What is wrong with a cohort id or name, as the end of a sentence; null when nothing is. */
export function cohortTextFault(value: unknown, maxCharacters: number): string | null {
  if (typeof value !== 'string') return 'must be a string';
  if (value.trim() === '') return 'must not be empty';
  if (value.length > maxCharacters) return `must be at most ${maxCharacters} characters`;
  if (value.includes('\u0000')) return 'must not contain NUL';
  if (!value.isWellFormed()) return 'must be well-formed Unicode';
  return null;
}

/** Checks a command, whatever form it came in. Errors: INVALID_INPUT and LIMIT_EXCEEDED with the path. */
export function checkChanges(command: CohortChanges): void {
  parsePartner(command.partner);
  const most = Math.min(command.maxIdentifiers ?? CHANGES_MAX_IDENTIFIERS, CHANGES_MAX_IDENTIFIERS);
  if (countIdentifiers(command.changes) > most)
    throw fail('LIMIT_EXCEEDED', `One request takes at most ${most} identifiers of all kinds: send several.`, {
      path: ['changes'],
    });
  check(cohortTextFault(command.partnerCohortId, COHORT_ID_MAX_CHARACTERS), 'A cohort id', ['cohort']);
  if (command.name !== null && command.name !== undefined)
    check(cohortTextFault(command.name, COHORT_NAME_MAX_CHARACTERS), 'A cohort name', ['name']);
  if (command.source.requestId !== undefined)
    check(cohortTextFault(command.source.requestId, COHORT_ID_MAX_CHARACTERS), 'A request id', ['source', 'requestId']);
  if (command.source.keyId && !isUuid(command.source.keyId))
    throw fail('INVALID_INPUT', 'A key id is the id of a key.', { path: ['source', 'keyId'] });
  checkIdentities(command.changes);
}

/** Errors: INVALID_INPUT with the path. */
export function checkIdentities(changes: readonly CohortChange[]): void {
  changes.forEach((change, i) => {
    change.externalIds.forEach((value, j) => void parseIdentityText(value, ['changes', i, 'externalIds', j]));
    change.deviceIds.forEach((value, j) => void parseIdentityText(value, ['changes', i, 'deviceIds', j]));
    change.aliases.forEach((a, j) => {
      parseIdentityText(a.label, ['changes', i, 'aliases', j, 'label']);
      parseIdentityText(a.name, ['changes', i, 'aliases', j, 'name']);
    });
  });
}

function check(fault: string | null, what: string, path: Path): void {
  if (fault !== null) throw fail('INVALID_INPUT', `${what} ${fault}.`, { path });
}
