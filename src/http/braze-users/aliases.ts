import type { Domain } from '../../domain/index.ts';
import type { Body } from '../json.ts';
import { type Answer, fatal, success } from './answer.ts';
import { isGiven, readAlias, readExternalId, readItems, readText, refusals } from './reading.ts';

// `/users/alias/new`, `/users/alias/update` and `/users/identify`: each up to 50 objects in one transaction, item by item. What is
// refused is told in `errors`; 400 when not one object can be read. Source: Braze user docs.

/**
 * `POST /users/alias/new`. Adds an alias to the user who has the external id; without an external id makes a user who has nothing but the
 * alias, unless somebody has it. An unknown external id is refused, and so is a pair that somebody else has, or a second name under a
 * label: `errors` says so, where Braze calls it a success and does nothing.
 */
export async function newAliases(body: Body, domain: Domain): Promise<Answer> {
  const { items, faults } = readItems(body, 'user_aliases', (object) => ({
    aliases: [readAlias(object)],
    ...(isGiven(object.external_id) ? { externalId: readExternalId(object.external_id), updateOnly: true } : {}),
  }));
  if (items.length === 0) return fatal("'user_aliases' holds nothing that is an alias", faults);
  const { users } = await domain.users.upsertUsers({ users: items.map((item) => item.value), perItem: true });
  const refused = refusals(items, users, 'user_aliases');
  return success({ aliases_processed: items.length - refused.length }, [...refused, ...faults]);
}

/** `POST /users/alias/update`. Renames aliases; the old pair means nobody from then on. */
export async function updateAliases(body: Body, domain: Domain): Promise<Answer> {
  const { items, faults } = readItems(body, 'alias_updates', (object) => ({
    label: readText(object.alias_label, 'alias_label'),
    name: readText(object.old_alias_name, 'old_alias_name'),
    newName: readText(object.new_alias_name, 'new_alias_name'),
  }));
  if (items.length === 0) return fatal("'alias_updates' holds nothing that is an alias update", faults);
  const results = await domain.identities.renameAliases({ items: items.map((item) => item.value) });
  return success({}, [...refusals(items, results, 'alias_updates'), ...faults]);
}
