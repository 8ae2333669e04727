import type { Domain } from '../../domain/index.ts';
import type { UserRef } from '../../domain/users/identity.ts';
import type { Body } from '../json.ts';
import { type Answer, fatal, success } from './answer.ts';
import { readBrazeId } from './braze-id.ts';
import {
  isGiven,
  malformed,
  readAlias,
  readEach,
  readExternalId,
  readText,
  refusals,
  refuseUnsupported,
} from './reading.ts';

/**
 * `POST /users/delete`. Deletes up to 50 users without a trace in one transaction, named by `external_ids` (a deprecated one too),
 * `user_aliases` or `braze_ids`, one of the three. Goes item by item: `deleted` counts the users who are gone, who was not there is told
 * in `errors`, 400 when not one element can be read. Source: Braze user docs, delete.
 */
export async function deleteUsers(body: Body, domain: Domain): Promise<Answer> {
  refuseUnsupported(body, ['email_addresses', 'phone_numbers']);
  const given = ['external_ids', 'user_aliases', 'braze_ids'].filter((field) => isGiven(body[field]));
  const [field] = given;
  if (field === undefined || given.length > 1)
    throw malformed("exactly one of 'external_ids', 'user_aliases' and 'braze_ids' is required");
  const { items, faults } = readEach(body, field, (value) => ({ user: readRef(field, value, domain.workspaceId) }));
  if (items.length === 0) return fatal(`'${field}' holds nothing that names a user`, faults);
  const results = await domain.identities.deleteUsers({ items: items.map((item) => item.value) });
  const refused = refusals(items, results, field);
  return success({ deleted: items.length - refused.length }, [...refused, ...faults]);
}

function readRef(field: string, value: unknown, workspaceId: number): UserRef {
  if (field === 'external_ids') return { externalId: readExternalId(value, field) };
  if (field === 'user_aliases') return { alias: readAlias(value) };
  return { id: readBrazeId(workspaceId, readText(value, field)) };
}
