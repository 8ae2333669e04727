import { COHORT_ID_MAX_CHARACTERS, cohortTextFault } from '../../domain/cohorts/change.ts';
import { type DomainError, fail, formatPath, type Path } from '../../domain/errors.ts';
import { identityFault } from '../../domain/users/identity.ts';

// How the dialects with plain ids read their fields. A path is made of names that the dialect knows and of positions: what a sender
// calls its own fields may be data, and errors are logged.

/** Identifiers in one request of the dialects with plain ids. Source: Amplitude, cohort sync integration: the default and advised batch. */
export const MAX_IDENTIFIERS = 10_000;

/** What is wrong at a path of the body, as the end of a sentence. */
export function malformed(path: Path, fault: string): DomainError {
  return fail('INVALID_INPUT', `${formatPath(path)} ${fault}.`, { path });
}

/** An identity. Errors: INVALID_INPUT. */
export function readIdentity(value: unknown, path: Path): string {
  const fault = identityFault(value);
  if (fault !== null) throw malformed(path, fault);
  return value as string;
}

/** A cohort's id or name, a message's or a session's id. Errors: INVALID_INPUT. */
export function readText(value: unknown, path: Path, maxCharacters = COHORT_ID_MAX_CHARACTERS): string {
  const fault = cohortTextFault(value, maxCharacters);
  if (fault !== null) throw malformed(path, fault);
  return value as string;
}

/** A list with room for as many identifiers as a request may have. Errors: INVALID_INPUT, LIMIT_EXCEEDED. */
export function readList(value: unknown, path: Path): readonly unknown[] {
  if (!Array.isArray(value)) throw malformed(path, 'must be an array');
  checkLength(value, path);
  return value as readonly unknown[];
}

/** Errors: LIMIT_EXCEEDED. */
export function checkLength(list: readonly unknown[], path: Path): void {
  if (list.length > MAX_IDENTIFIERS)
    throw fail(
      'LIMIT_EXCEEDED',
      `Only ${MAX_IDENTIFIERS} identifiers are allowed per request: send several requests, or a smaller batch size.`,
      path.length > 0 ? { path } : {},
    );
}
