import type { Domain } from '../../domain/index.ts';
import type { UserRef } from '../../domain/users/identity.ts';
import type { User } from '../../domain/users/user.ts';
import type { Body } from '../json.ts';
import { type Answer, success } from './answer.ts';
import { formatBrazeId, readBrazeId } from './braze-id.ts';
import { isGiven, MAX_ITEMS, malformed, readAlias, refuseUnsupported, tooMany } from './reading.ts';

/**
 * `POST /users/export/ids`. The users whom up to 50 `external_ids` (deprecated ones too) and `user_aliases` together, a `device_id` and a
 * `braze_id` name, each once, in the order asked. `invalid_user_ids` are the identifiers that nobody has (of an alias, the name).
 * `fields_to_export` picks fields of the users; a field without a value is left out. Source: Braze export docs, users by identifier.
 */
export async function exportUsers(body: Body, domain: Domain): Promise<Answer> {
  refuseUnsupported(body, ['email_address', 'phone']);
  const asked = readAsked(body, domain.workspaceId);
  const fields = readFields(body.fields_to_export);
  const found = await domain.users.findUsers(asked.map(({ ref }) => ref));
  const users = new Map(found.filter((user) => user !== null).map((user) => [user.id, user]));
  const unknown = asked.filter((_, i) => !found[i]).map(({ text }) => text);
  return success(
    {
      users: [...users.values()].map((user) => pick(toBrazeUser(user, domain.workspaceId), fields)),
      ...(unknown.length === 0 ? {} : { invalid_user_ids: [...new Set(unknown)] }),
    },
    [],
  );
}

/** One identifier of the request: as it was written, and whom it means. */
interface Asked {
  readonly text: string;
  readonly ref: UserRef;
}

function readAsked(body: Body, workspaceId: number): Asked[] {
  const externalIds = readList(body, 'external_ids').map((value): Asked => {
    const externalId = Number.isSafeInteger(value) ? String(value) : readString(value, 'external_ids');
    return { text: externalId, ref: { externalId } };
  });
  const aliases = readList(body, 'user_aliases').map((value): Asked => {
    const alias = readAlias(value);
    return { text: alias.name, ref: { alias } };
  });
  if (externalIds.length + aliases.length > MAX_ITEMS)
    throw tooMany('The max number of external_ids and aliases per request was exceeded');
  const asked = [...externalIds, ...aliases];
  if (isGiven(body.device_id)) {
    const deviceId = readString(body.device_id, 'device_id');
    asked.push({ text: deviceId, ref: { deviceId } });
  }
  if (isGiven(body.braze_id)) {
    const text = readString(body.braze_id, 'braze_id');
    asked.push({ text, ref: { id: readBrazeId(workspaceId, text) } });
  }
  if (asked.length > 0) return asked;
  throw malformed("one of 'external_ids', 'user_aliases', 'device_id' and 'braze_id' is required");
}

function readFields(value: unknown): ReadonlySet<string> | null {
  if (!isGiven(value)) return null;
  if (!Array.isArray(value)) throw malformed("'fields_to_export' must be an array of strings");
  return new Set(value.map((field) => readString(field, 'fields_to_export')));
}

function readList(body: Body, field: string): readonly unknown[] {
  const value = body[field] ?? [];
  if (!Array.isArray(value)) throw malformed(`'${field}' must be an array`);
  return value;
}

/** Any text: what nobody can be called is an identifier that nobody has. */
function readString(value: unknown, field: string): string {
  if (typeof value !== 'string') throw malformed(`'${field}' must be a string`);
  return value;
}

/** Attributes that Braze has as fields of the user rather than among the custom attributes. */
const PROFILE_FIELDS = new Set([
  ...['country', 'dob', 'email', 'email_subscribe', 'first_name', 'gender', 'home_city', 'language', 'last_name'],
  ...['phone', 'push_subscribe', 'time_zone'],
]);

function toBrazeUser(user: User, workspaceId: number): Body {
  const attributes = Object.entries(user.attributes);
  return {
    created_at: user.createdAt.toISOString(),
    ...(user.externalId === null ? {} : { external_id: user.externalId }),
    user_aliases: user.aliases.map(({ label, name }) => ({ alias_name: name, alias_label: label })),
    braze_id: formatBrazeId(workspaceId, user.id),
    ...Object.fromEntries(attributes.filter(([name]) => PROFILE_FIELDS.has(name))),
    devices: user.deviceIds.map((device_id) => ({ device_id })),
    custom_attributes: Object.fromEntries(attributes.filter(([name]) => !PROFILE_FIELDS.has(name))),
  };
}

function pick(user: Body, fields: ReadonlySet<string> | null): Body {
  return fields === null ? user : Object.fromEntries(Object.entries(user).filter(([name]) => fields.has(name)));
}
