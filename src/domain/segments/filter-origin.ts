import { DomainError, fail, type Path, type Place } from '../errors.ts';
import type { FilterDraft } from './filter.ts';

/** What a draft was read from, so that whatever is wrong with a part of it is reported where that part stood. */
export interface Origin {
  /** The field it stood in: what the paths of its parts begin with. */
  readonly field: string;
  /** Where in a text each part stands, by its path; null where the field holds a tree. */
  readonly places: ReadonlyMap<string, Place> | null;
}

// Kept beside the drafts and not in them: a draft is a tree and nothing else, whatever it was written in.
const origins = new WeakMap<FilterDraft, Origin>();

export function rememberOrigin(draft: FilterDraft, origin: Origin): FilterDraft {
  origins.set(draft, origin);
  return draft;
}

/** Whoever writes trees in code calls the field `filter`. */
export function originOf(draft: FilterDraft): Origin {
  return origins.get(draft) ?? { field: 'filter', places: null };
}

/** How `places` calls a path. */
export function placeKey(path: Path): string {
  return JSON.stringify(path);
}

/** The same error with the line and the column of what it is about, where that stood in a text. */
export function placed(error: unknown, { field, places }: Origin): unknown {
  if (!(error instanceof DomainError) || !error.path || !places) return error;
  for (let length = error.path.length; length > 0; length--) {
    const place = places.get(placeKey(error.path.slice(0, length)));
    if (place) return failAt(place, error.code, error.message, field, error.cause);
  }
  return error;
}

/** An error about a part of a text. */
export function failAt(place: Place, code: DomainError['code'], message: string, field: string, cause?: unknown) {
  return fail(code, `Line ${place.line}, column ${place.column}: ${message}`, { path: [field], place, cause });
}
