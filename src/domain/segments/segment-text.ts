import { fail, type Path } from '../errors.ts';
import {
  REASON_MAX_CHARACTERS,
  SEGMENT_DESCRIPTION_MAX_CHARACTERS,
  SEGMENT_MAX_TAGS,
  SEGMENT_NAME_MAX_CHARACTERS,
  TAG_MAX_CHARACTERS,
} from './segment.ts';

// What people write at a segment, read as it is stored: without white space around it. Errors of every reader, with the path: INVALID_INPUT.

export function readName(value: string): string {
  const name = value.trim();
  if (name === '') throw invalid('A segment needs a name.', ['name']);
  if (name.length > SEGMENT_NAME_MAX_CHARACTERS)
    throw invalid(`A segment name has at most ${SEGMENT_NAME_MAX_CHARACTERS} characters.`, ['name']);
  return checkText(name, ['name']);
}

/** Null where nothing is written. */
export function readDescription(value: string | null): string | null {
  if (value === null || value.trim() === '') return null;
  if (value.length > SEGMENT_DESCRIPTION_MAX_CHARACTERS)
    throw invalid(`A description has at most ${SEGMENT_DESCRIPTION_MAX_CHARACTERS} characters.`, ['description']);
  return checkText(value, ['description']);
}

/** Each tag once. Errors: LIMIT_EXCEEDED too. */
export function readTags(values: readonly string[]): string[] {
  if (values.length > SEGMENT_MAX_TAGS)
    throw fail('LIMIT_EXCEEDED', `A segment has at most ${SEGMENT_MAX_TAGS} tags.`, { path: ['tags'] });
  const tags = values.map((value, i) => {
    const tag = value.trim();
    if (tag === '' || tag.length > TAG_MAX_CHARACTERS)
      throw invalid(`A tag has 1 to ${TAG_MAX_CHARACTERS} characters.`, ['tags', i]);
    return checkText(tag, ['tags', i]);
  });
  return [...new Set(tags)];
}

/** Null where no reason is given. */
export function readReason(value: string | null | undefined): string | null {
  const reason = value?.trim() ?? '';
  if (reason === '') return null;
  if (reason.length > REASON_MAX_CHARACTERS)
    throw invalid(`A reason has at most ${REASON_MAX_CHARACTERS} characters.`, ['reason']);
  return checkText(reason, ['reason']);
}

/** The first of "Copy of X", "Copy of X 2" and so on that is not taken; X is cut where it would be too long. */
export function copyName(name: string, isTaken: (candidate: string) => boolean): string {
  for (let n = 1; ; n++) {
    const end = n === 1 ? '' : ` ${n}`;
    const room = SEGMENT_NAME_MAX_CHARACTERS - COPY_OF.length - end.length;
    // A cut may go through a character of two halves.
    const start = name.slice(0, room).replace(/[\ud800-\udbff]$/, '');
    const candidate = `${COPY_OF}${start.trimEnd()}${end}`;
    if (!isTaken(candidate)) return candidate;
  }
}

/** How the names of copies begin. */
export const COPY_OF = 'Copy of ';

function checkText(value: string, path: Path): string {
  if (value.includes('\u0000') || !value.isWellFormed())
    throw invalid('Text must be well-formed Unicode without NUL.', path);
  return value;
}

function invalid(message: string, path: Path): Error {
  return fail('INVALID_INPUT', message, { path });
}
