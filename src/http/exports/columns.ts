import { fail } from '../../domain/errors.ts';
import type { MemberFacts, MemberSlice } from '../../domain/segments/member-slice.ts';

/** What is told of each member. `value` is the JSON of one of a slice; null where there is none. */
export interface Column {
  readonly name: string;
  readonly value: (slice: MemberSlice, i: number) => unknown;
}

/** The columns of a stream, and what must be read for them. */
export interface Columns {
  readonly list: readonly Column[];
  readonly facts: MemberFacts;
}

export const DEFAULT_COLUMNS: readonly string[] = ['id', 'external_id'];
/** As many attributes as one export of Braze may ask for, and some room. */
const MAX_COLUMNS = 520;
const ATTRIBUTE = 'attributes.';
const ALIAS = 'alias:';

/**
 * Reads the names of columns: `id`, `external_id`, `aliases`, `device_ids`, `attributes`, `created_at`, `attributes.<name>` and
 * `alias:<label>`. `idOf` says how a user's number is written. Errors: INVALID_INPUT, LIMIT_EXCEEDED.
 */
export function readColumns(names: readonly string[], idOf: (userId: number) => string): Columns {
  if (names.length > MAX_COLUMNS)
    throw fail('LIMIT_EXCEEDED', `An export has at most ${MAX_COLUMNS} columns.`, { path: ['columns'] });
  if (new Set(names).size < names.length) throw fail('INVALID_INPUT', 'Name each column once.', { path: ['columns'] });
  const list = names.map((name) => ({ name, value: valueFor(name, idOf) }));
  const labels = names.flatMap((name) => (name.startsWith(ALIAS) ? [name.slice(ALIAS.length)] : []));
  const picked = names.flatMap((name) => (name.startsWith(ATTRIBUTE) ? [name.slice(ATTRIBUTE.length)] : []));
  const facts = {
    externalIds: names.includes('external_id'),
    aliases: names.includes('aliases') || (labels.length > 0 && labels),
    deviceIds: names.includes('device_ids'),
    attributes: names.includes('attributes') || (picked.length > 0 && picked),
    createdAt: names.includes('created_at'),
  };
  return { list, facts };
}

function valueFor(name: string, idOf: (userId: number) => string): Column['value'] {
  const known: Readonly<Record<string, Column['value']>> = {
    id: ({ ids }, i) => idOf(ids[i] ?? 0),
    external_id: ({ externalIds }, i) => externalIds?.[i] ?? null,
    aliases: ({ aliases }, i) => aliases?.[i] ?? [],
    device_ids: ({ deviceIds }, i) => deviceIds?.[i] ?? [],
    attributes: ({ attributes }, i) => attributes?.[i] ?? {},
    created_at: ({ createdAt }, i) => createdAt?.[i] ?? null,
  };
  const value = Object.hasOwn(known, name) ? known[name] : undefined;
  if (value) return value;
  const rest = /^(?:attributes\.|alias:)(.+)$/s.exec(name)?.[1];
  if (rest === undefined || rest.includes('\u0000') || !rest.isWellFormed())
    throw fail(
      'INVALID_INPUT',
      'A column is id, external_id, aliases, device_ids, attributes, created_at, attributes.<name> or alias:<label>.',
      { path: ['columns'] },
    );
  if (name.startsWith(ATTRIBUTE))
    return ({ attributes }, i) => {
      const mine = attributes?.[i] ?? {};
      return Object.hasOwn(mine, rest) ? mine[rest] : null;
    };
  return ({ aliases }, i) => aliases?.[i]?.find(({ label }) => label === rest)?.name ?? null;
}
