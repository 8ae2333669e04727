import { fail, type Path } from '../errors.ts';

/** The partner whose cohorts Amplitude sends, and whose filter is `amplitude_cohorts`. */
export const AMPLITUDE = 'amplitude';

const PARTNER = /^[a-z][a-z0-9_-]{0,63}$/;

/** A partner's name as in the path of its endpoint. Errors: INVALID_INPUT. */
export function parsePartner(value: string, path: Path = ['partner']): string {
  if (!isPartner(value)) {
    throw fail(
      'INVALID_INPUT',
      'A partner is named by lower case letters, digits, "-" and "_", beginning with a letter, at most 64: for example "amplitude".',
      { path },
    );
  }
  return value;
}

export function isPartner(value: string): boolean {
  return PARTNER.test(value);
}
