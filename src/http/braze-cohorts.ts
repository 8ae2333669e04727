import {
  COHORT_ID_MAX_CHARACTERS,
  COHORT_NAME_MAX_CHARACTERS,
  type CohortChange,
  cohortTextFault,
  countIdentifiers,
} from '../domain/cohorts/change.ts';
import { fail, formatPath, type Path } from '../domain/errors.ts';
import { parseIsoTime } from '../domain/iso-time.ts';
import { type Alias, identityFault } from '../domain/users/identity.ts';
import { type Body, isAbsent, isObject } from './json.ts';

// The Braze partner dialect. Source: Braze partner docs, cohort import; where they are silent, what public clients send.

/** Identifiers of all kinds in one request, repeats included. Source: Braze partner docs, cohort import. */
export const BRAZE_MAX_IDENTIFIERS = 1_000;

const CHANGES_TEXT =
  'cohort_changes must be an array of objects, each with user_ids and/or device_ids as arrays of strings, or aliases as objects with alias_name and alias_label';

export interface BrazeCohortName {
  readonly partnerCohortId: string;
  readonly name: string;
  readonly createdAt: Date;
}

export interface BrazeCohortUsers {
  readonly partnerCohortId: string;
  readonly changes: readonly CohortChange[];
}

/** Reads `POST /partners/{partner}/cohorts`. Errors: INVALID_INPUT with the path. */
export function parseBrazeName(body: Body): BrazeCohortName {
  const partnerCohortId = parseCohortId(body);
  const fault = cohortTextFault(body.name, COHORT_NAME_MAX_CHARACTERS);
  if (fault) throw fail('INVALID_INPUT', `name must be a non-empty string: it ${fault}.`, { path: ['name'] });
  const createdAt = parseIsoTime(body.created_at);
  if (!createdAt)
    throw fail('INVALID_INPUT', 'created_at must be a valid time as an ISO-8601 string.', { path: ['created_at'] });
  return { partnerCohortId, name: body.name as string, createdAt };
}

/** Reads `POST /partners/{partner}/cohorts/users`. Errors: INVALID_INPUT and LIMIT_EXCEEDED with the path. */
export function parseBrazeUsers(body: Body): BrazeCohortUsers {
  const partnerCohortId = parseCohortId(body);
  const list = body.cohort_changes;
  if (!Array.isArray(list)) throw changesError(['cohort_changes'], 'must be an array');
  const changes = list.map((change, i) => parseChange(change, ['cohort_changes', i]));
  if (countIdentifiers(changes) > BRAZE_MAX_IDENTIFIERS)
    throw fail(
      'LIMIT_EXCEEDED',
      `Only ${BRAZE_MAX_IDENTIFIERS} user_ids, device_ids and aliases are allowed per request: send several requests.`,
      { path: ['cohort_changes'] },
    );
  return { partnerCohortId, changes };
}

function parseCohortId(body: Body): string {
  const fault = cohortTextFault(body.cohort_id, COHORT_ID_MAX_CHARACTERS);
  if (fault) throw fail('INVALID_INPUT', `cohort_id must be a valid string: it ${fault}.`, { path: ['cohort_id'] });
  return body.cohort_id as string;
}

function parseChange(change: unknown, path: Path): CohortChange {
  if (!isObject(change)) throw changesError(path, 'must be an object');
  const { user_ids, device_ids, aliases, should_remove } = change;
  if (isAbsent(user_ids) && isAbsent(device_ids) && isAbsent(aliases))
    throw changesError(path, 'has none of user_ids, device_ids and aliases');
  if (!isAbsent(should_remove) && typeof should_remove !== 'boolean')
    throw changesError([...path, 'should_remove'], 'must be true or false');
  return {
    externalIds: parseTexts(user_ids, [...path, 'user_ids']),
    deviceIds: parseTexts(device_ids, [...path, 'device_ids']),
    aliases: parseAliases(aliases, [...path, 'aliases']),
    remove: should_remove === true,
  };
}

function parseTexts(value: unknown, path: Path): string[] {
  if (isAbsent(value)) return [];
  if (!Array.isArray(value)) throw changesError(path, 'must be an array');
  for (let i = 0; i < value.length; i++) {
    const fault = identityFault(value[i]);
    if (fault !== null) throw changesError([...path, i], fault);
  }
  return value as string[];
}

/** The documents speak of an aliases object, every known client sends an array: both are read. */
function parseAliases(value: unknown, path: Path): Alias[] {
  if (isAbsent(value)) return [];
  if (isObject(value)) return [parseAlias(value, path)];
  if (!Array.isArray(value)) throw changesError(path, 'must be an array of objects');
  return value.map((alias, i) => parseAlias(alias, [...path, i]));
}

function parseAlias(value: unknown, path: Path): Alias {
  if (!isObject(value)) throw changesError(path, 'must be an object');
  for (const field of ['alias_label', 'alias_name']) {
    const fault = identityFault(value[field]);
    if (fault !== null) throw changesError([...path, field], fault);
  }
  return { label: value.alias_label as string, name: value.alias_name as string };
}

function changesError(path: Path, fault: string): Error {
  return fail('INVALID_INPUT', `${CHANGES_TEXT}: ${formatPath(path)} ${fault}.`, { path });
}
