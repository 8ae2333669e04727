import { fail, type Path } from '../errors.ts';

/** An attribute whose values are kept as bits, so that filters by it need not look at every user. */
export interface AttributeIndex {
  readonly name: string;
  /** `BUILDING`: users are still being added, and filters look at every user until it is `READY`. */
  readonly state: 'BUILDING' | 'READY';
  /** The last user whose attributes are in it while it is being built; null once everybody is. */
  readonly builtTo: number | null;
  readonly createdAt: Date;
}

/** The most indexed attributes of a workspace. */
export const ATTRIBUTE_INDEXES_MAX = 50;
/** The longest name of an attribute that can be indexed, in UTF-16 units. Filters have the same limit. */
export const ATTRIBUTE_NAME_MAX = 255;

/** What values of an attribute are. A `time` is a string with a date, a time of day and a zone. */
export type AttributeType = 'string' | 'time' | 'number' | 'boolean' | 'array' | 'object';

/** An attribute as a sample of users has it. */
export interface AttributeName {
  readonly name: string;
  /** How many users of the sample have it. */
  readonly users: number;
  /** What its values are, the most frequent first. */
  readonly types: readonly AttributeType[];
  /** Its most frequent values, elements of arrays among them; none that are long. */
  readonly examples: readonly (string | number | boolean)[];
}

/** The largest sample. */
export const SAMPLE_MAX_USERS = 5_000;

/** Reads the name of an attribute. Errors: INVALID_INPUT, LIMIT_EXCEEDED, with the path. */
export function parseAttributeName(name: unknown, path: Path): string {
  if (typeof name !== 'string' || name === '')
    throw fail('INVALID_INPUT', 'An attribute is named by a string that is not empty.', { path });
  if (name.length > ATTRIBUTE_NAME_MAX)
    throw fail('LIMIT_EXCEEDED', `The name of an attribute has at most ${ATTRIBUTE_NAME_MAX} characters.`, { path });
  if (name.includes('\u0000') || !name.isWellFormed())
    throw fail('INVALID_INPUT', 'No attribute has such a name: it must be well-formed Unicode without NUL.', { path });
  return name;
}
