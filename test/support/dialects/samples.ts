// What every dialect's table of samples looks like. The tables are checked three times: by the published JSON Schema, by the parser, and
// over HTTP.

/** One body of a dialect: its schema, its parser, and where it is sent to. */
export interface Form {
  /** The file in `schema/`. */
  readonly schema: string;
  readonly parse: (text: string) => unknown;
  /** Below `/partners/{partner}`. */
  readonly address: string;
}

export type Accepted = readonly [form: string, name: string, body: unknown];
/** `path`: where the answer says that the fault is; null where there is no place for it. */
export type Refused = readonly [form: string, name: string, path: string | null, body: unknown];

export interface DialectSamples {
  readonly dialect: string;
  readonly forms: Readonly<Record<string, Form>>;
  readonly accepted: readonly Accepted[];
  readonly refused: readonly Refused[];
  /** What the schemas cannot say and their descriptions do. */
  readonly parserOnly: readonly Refused[];
}

/** When the parsers of the samples take it to be. */
export const SAMPLE_NOW = new Date('2026-03-01T12:00:00.000Z');

/** Half of a surrogate pair: no text at all. */
export const HALF = '\ud800';

/** What no identity is, as a table of values with their names. */
export const NO_IDENTITIES: readonly (readonly [string, unknown])[] = [
  ['a number', 7],
  ['true', true],
  ['null', null],
  ['an object', {}],
  ['a list', ['a']],
  ['nothing', ''],
  ['too long', 'u'.repeat(513)],
  ['NUL', 'a\u0000b'],
  ['half a character', HALF],
];

/** What no name and no id of a cohort is. */
export const NO_TEXTS: readonly (readonly [string, unknown])[] = [
  ['a list', ['a']],
  ['an object', {}],
  ['true', true],
  ['nothing', ''],
  ['blank', ' \t'],
  ['too long', 'n'.repeat(513)],
  ['NUL', 'a\u0000b'],
  ['half a character', HALF],
];

/** As many ids as that, all different. */
export const manyIds = (count: number): string[] => Array.from({ length: count }, (_, i) => `u${i}`);

/** No JSON object, for forms that are one. */
export const NO_OBJECTS: readonly (readonly [string, unknown])[] = [
  ['a list', []],
  ['null', null],
  ['text', 'text'],
  ['a number', 1],
  ['true', true],
];
