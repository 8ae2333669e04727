import type { Path } from '../../domain/errors.ts';
import { type Body, isAbsent, isObject } from '../json.ts';
import { type CohortLabel, isMarked, parseCohortLabel } from './cohort-label.ts';
import { malformed, readIdentity, readList, readText } from './fields.ts';
import { type IdChange, IdRuns } from './id-changes.ts';

// The Amplitude property integration. Source: Amplitude docs, receiving behavioral cohorts.

export interface AmplitudeProperties {
  readonly partnerCohortId: string;
  readonly name: string;
  readonly changes: readonly IdChange[];
}

/** Reads one user, or `batch` of them. The order counts. Errors: INVALID_INPUT, LIMIT_EXCEEDED. */
export function parseAmplitudeProperties(body: Body): AmplitudeProperties {
  const batch = isAbsent(body.batch) ? null : readList(body.batch, ['batch']);
  const runs = new IdRuns();
  let cohort: CohortLabel | null = null;
  for (const [i, user] of (batch ?? [body]).entries()) {
    const path: Path = batch ? ['batch', i] : [];
    if (!isObject(user)) throw malformed(path, 'must be an object');
    if (!isAbsent(user.type) && user.type !== 'identify') throw malformed([...path, 'type'], 'must be "identify"');
    const id = readIdentity(user.userId, [...path, 'userId']);
    const { label, isIn } = readTraits(user.traits, [...path, 'traits']);
    cohort ??= label;
    if (label.cohortId !== cohort.cohortId || label.name !== cohort.name)
      throw malformed([...path, 'traits'], 'names another cohort than the first user: send one cohort per request');
    runs.add(id, !isIn);
  }
  if (cohort === null) throw malformed(['batch'], 'must not be empty: nothing else names the cohort');
  return { partnerCohortId: cohort.cohortId, name: cohort.name, changes: runs.changes };
}

/** Traits with Amplitude's mark are cohorts. Where there is none, so are those of the form `<name>:<id>` that are true or false. */
function readTraits(traits: unknown, path: Path): { label: CohortLabel; isIn: boolean } {
  if (!isObject(traits)) throw malformed(path, 'must be an object');
  const marked = Object.entries(traits).filter(([key]) => isMarked(key));
  const plain = Object.entries(traits).filter(([key, value]) => typeof value === 'boolean' && parseCohortLabel(key));
  const [found, ...more] = marked.length > 0 ? marked : plain;
  if (!found)
    throw malformed(path, 'names no cohort: it needs a trait "[Amplitude] <name>: <id>" that is true or false');
  if (more.length > 0) throw malformed(path, 'names several cohorts: send one cohort per request');
  const [key, isIn] = found;
  const label = parseCohortLabel(key);
  if (!label) throw malformed(path, 'must name its cohort as "[Amplitude] <name>: <id>"');
  if (typeof isIn !== 'boolean') throw malformed(path, 'must say of its cohort true or false');
  return { label: { name: readText(label.name, path), cohortId: readText(label.cohortId, path) }, isIn };
}
