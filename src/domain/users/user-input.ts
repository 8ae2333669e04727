import { fail, type Path } from '../errors.ts';
import { type Alias, parseIdentityText } from './identity.ts';

export type Attributes = Readonly<Record<string, unknown>>;

/** A user to make or to find, and what to add. At least one identity. */
export interface UserInput {
  /** The number of a user there is, in place of an external id. */
  readonly id?: number | undefined;
  readonly externalId: string | null;
  readonly aliases: readonly Alias[];
  readonly deviceIds: readonly string[];
  /** Merged into what is there; null removes an attribute. */
  readonly attributes: Attributes | null;
  /** True: nobody is made or identified; where that would be needed the input is refused as NOT_FOUND. */
  readonly updateOnly?: boolean | undefined;
}

/** The most users one call takes. */
export const UPSERT_MAX_USERS = 10_000;
/** The most aliases and device ids of one user in one call. */
export const USER_MAX_IDENTITIES = 100;
/** The largest attributes of one user, as JSON. */
export const ATTRIBUTES_MAX_BYTES = 65_536;
const ATTRIBUTES_MAX_DEPTH = 8;

/** Reads one user of unknown shape. Errors: INVALID_INPUT and LIMIT_EXCEEDED, with the path below `path`. */
export function parseUserInput(value: unknown, path: Path): UserInput {
  if (!isRecord(value)) throw fail('INVALID_INPUT', 'A user must be an object.', { path });
  const externalId = value.externalId ?? null;
  const input = {
    id: parseNumber(value.id, [...path, 'id']),
    externalId: externalId === null ? null : parseIdentityText(externalId, [...path, 'externalId']),
    aliases: parseList(value.aliases, [...path, 'aliases'], parseAlias),
    deviceIds: parseList(value.deviceIds, [...path, 'deviceIds'], parseIdentityText),
    attributes: parseAttributes(value.attributes, [...path, 'attributes']),
    updateOnly: parseFlag(value.updateOnly, [...path, 'updateOnly']),
  };
  const identities = input.aliases.length + input.deviceIds.length;
  if (input.id !== undefined && input.externalId !== null)
    throw fail('INVALID_INPUT', 'A user is named by number or by external id, not by both.', { path });
  if (input.id === undefined && input.externalId === null && identities === 0)
    throw fail('INVALID_INPUT', 'A user needs an external id, an alias or a device id.', { path });
  if (identities > USER_MAX_IDENTITIES)
    throw fail('LIMIT_EXCEEDED', `A user takes at most ${USER_MAX_IDENTITIES} aliases and device ids in one call.`, {
      path,
    });
  return input;
}

export function parseAlias(value: unknown, path: Path): Alias {
  if (!isRecord(value)) throw fail('INVALID_INPUT', 'An alias must be an object with a label and a name.', { path });
  return {
    label: parseIdentityText(value.label, [...path, 'label']),
    name: parseIdentityText(value.name, [...path, 'name']),
  };
}

function parseList<T>(value: unknown, path: Path, parse: (item: unknown, path: Path) => T): T[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw fail('INVALID_INPUT', 'Must be a list.', { path });
  return value.map((item, i) => parse(item, [...path, i]));
}

function parseNumber(value: unknown, path: Path): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number') throw fail('INVALID_INPUT', 'Must be a number.', { path });
  return value;
}

function parseFlag(value: unknown, path: Path): boolean | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'boolean') throw fail('INVALID_INPUT', 'Must be true or false.', { path });
  return value;
}

function parseAttributes(value: unknown, path: Path): Attributes | null {
  if (value === undefined || value === null) return null;
  if (!isRecord(value)) throw fail('INVALID_INPUT', 'Attributes must be a JSON object.', { path });
  checkStorable(value, path, 0);
  if (Buffer.byteLength(JSON.stringify(value)) > ATTRIBUTES_MAX_BYTES)
    throw fail('LIMIT_EXCEEDED', `Attributes of one user are at most ${ATTRIBUTES_MAX_BYTES} bytes of JSON.`, { path });
  return value;
}

/** What JSON has, less what PostgreSQL's jsonb does not store: NUL and half a surrogate pair. */
function checkStorable(value: unknown, path: Path, depth: number): void {
  if (depth > ATTRIBUTES_MAX_DEPTH)
    throw fail('LIMIT_EXCEEDED', `Attributes nest at most ${ATTRIBUTES_MAX_DEPTH} deep.`, { path });
  if (typeof value === 'string') {
    if (value.includes('\u0000') || !value.isWellFormed())
      throw fail('INVALID_INPUT', 'Text must be well-formed Unicode without NUL.', { path });
  } else if (isBeyondJson(value)) {
    throw fail('INVALID_INPUT', 'Attributes must be what JSON can say.', { path });
  } else if (Array.isArray(value)) {
    value.forEach((item, i) => void checkStorable(item, [...path, i], depth + 1));
  } else if (isRecord(value)) {
    for (const [name, item] of Object.entries(value)) {
      checkStorable(name, path, depth);
      checkStorable(item, [...path, name], depth + 1);
    }
  }
}

/** True for what JSON refuses or turns into null: a caller of the library may give anything. */
function isBeyondJson(value: unknown): boolean {
  return typeof value === 'number' ? !Number.isFinite(value) : ['bigint', 'function', 'symbol'].includes(typeof value);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
