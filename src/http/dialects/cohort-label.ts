/** A cohort as Amplitude writes one where there is room for a single text. */
export interface CohortLabel {
  readonly name: string;
  readonly cohortId: string;
}

/** How Amplitude marks the lists and traits that it makes. Source: Amplitude, receiving behavioral cohorts. */
const MARK = '[Amplitude] ';

export function isMarked(text: string): boolean {
  return text.startsWith(MARK);
}

/** Reads `[Amplitude] <name>: <id>` or `<name>:<id>`; a name may contain colons, an id may not. Null where there is no such form. */
export function parseCohortLabel(text: string): CohortLabel | null {
  const rest = isMarked(text) ? text.slice(MARK.length) : text;
  const colon = rest.lastIndexOf(':');
  const name = rest.slice(0, Math.max(colon, 0));
  const cohortId = rest.slice(colon + 1).replace(/^ /, '');
  return name.trim() === '' || cohortId.trim() === '' ? null : { name, cohortId };
}
