import type { Alias } from '../../domain/users/identity.ts';
import { UserError } from '../user-error.ts';
import type { Line } from './lines.ts';
import { BAD_OPERATION, checkMember, kindOfName, type Member, type MemberChoice, readOperation } from './member.ts';
import { isObject, openNdjson, REFUSED_FIELD } from './ndjson.ts';
import type { Read, Rows } from './row.ts';

/** Fields that are no identity. Amplitude's own number of a person is in its exports, and means nothing here. */
const OTHER_FIELDS: ReadonlySet<string> = new Set([
  'alias',
  'aliases',
  'deviceIds',
  'device_ids',
  'remove',
  'operation',
  'amplitude_id',
  REFUSED_FIELD,
]);
const HAS = 'externalId (or user_id), deviceId, alias { label, name }, and remove or operation';

/**
 * Members as NDJSON: `externalId` or `user_id`, `deviceId` or `deviceIds`, `alias` or `aliases`, `remove`; or the one field that the caller
 * picks. Null says nothing. Errors: `UserError` when it is not said which field an identity is about.
 */
export function openMemberNdjson(lines: AsyncIterable<readonly Line[]>, choice: MemberChoice): Rows<Member> {
  if (choice.identity && choice.column === undefined)
    throw new UserError('Say with --column which field of the lines --identity is about.');
  return openNdjson(lines, (value) => {
    if (!isObject(value)) return { fault: 'The line is no JSON object.' };
    const remove = readRemove(value);
    if (remove === undefined) return { fault: 'remove must be true or false.' };
    if (remove === 'bad operation') return { fault: BAD_OPERATION };
    return choice.column === undefined ? readMember(value, remove) : readField(value, choice, choice.column, remove);
  });
}

function readRemove({ remove, operation }: Record<string, unknown>): boolean | null | undefined | 'bad operation' {
  if (typeof remove === 'boolean') return remove;
  if (remove !== null && remove !== undefined) return undefined;
  if (operation === null || operation === undefined) return null;
  const read = typeof operation === 'string' ? readOperation(operation) : undefined;
  return read === undefined ? 'bad operation' : read;
}

function readField(
  line: Record<string, unknown>,
  choice: MemberChoice,
  column: string,
  remove: boolean | null,
): Read<Member> {
  const { kind, ...rest } = choice.identity ?? kindOfName(column) ?? { kind: 'external_id' as const };
  const values = listOf(line[column]);
  return checkUnknown({
    externalIds: kind === 'external_id' ? values : [],
    deviceIds: kind === 'device_id' ? values : [],
    aliases: 'label' in rest ? values.map((name) => ({ label: rest.label, name })) : [],
    remove,
  });
}

function readMember(line: Record<string, unknown>, remove: boolean | null): Read<Member> {
  const externalIds: unknown[] = [];
  const deviceIds: unknown[] = [...listOf(line.deviceIds), ...listOf(line.device_ids)];
  const aliases: unknown[] = [...listOf(line.alias), ...listOf(line.aliases)];
  for (const [field, value] of Object.entries(line)) {
    const kind = kindOfName(field)?.kind;
    if (kind === 'external_id') externalIds.push(...listOf(value));
    else if (kind === 'device_id') deviceIds.push(...listOf(value));
    // A field nobody reads is mostly a misspelt one: an overlooked `remove` would add who should leave.
    else if (!OTHER_FIELDS.has(field))
      return { fault: `There is no field ${JSON.stringify(field)}: a member has ${HAS}.` };
  }
  return checkUnknown({ externalIds, deviceIds, aliases, remove });
}

/** A value as a list; null and what is missing as an empty one. */
function listOf(value: unknown): unknown[] {
  if (value === null || value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

/** What JSON holds may be of any type. */
function checkUnknown(member: {
  readonly externalIds: readonly unknown[];
  readonly deviceIds: readonly unknown[];
  readonly aliases: readonly unknown[];
  readonly remove: boolean | null;
}): Read<Member> {
  if (!member.aliases.every((alias) => isObject(alias))) return { fault: 'An alias must be { label, name }.' };
  // `checkMember` looks at the type of each.
  return checkMember({
    externalIds: member.externalIds as readonly string[],
    deviceIds: member.deviceIds as readonly string[],
    aliases: member.aliases.map((alias) => ({ label: alias.label, name: alias.name }) as Alias),
    remove: member.remove,
  });
}
