import type { Domain } from '../../domain/index.ts';
import type { Body } from '../json.ts';
import { type Answer, fatal, success } from './answer.ts';
import { readAlias, readExternalId, readItems, refusals, refuseUnsupported } from './reading.ts';

/**
 * `POST /users/identify`. Gives the user who has the alias an external id; where somebody has that already, the alias user is merged into
 * them and every membership of either survives. Users who both have an alias of one label are not combined. Up to 50 objects in one
 * transaction, item by item; what is refused is told in `errors`, 400 when not one object can be read. `merge_behavior` is not asked:
 * attributes are merged always. Source: Braze user docs, identify.
 */
export async function identify(body: Body, domain: Domain): Promise<Answer> {
  refuseUnsupported(body, ['emails_to_identify', 'phone_numbers_to_identify']);
  const { items, faults } = readItems(body, 'aliases_to_identify', (object) => ({
    user: { alias: readAlias(object.user_alias) },
    externalId: readExternalId(object.external_id),
  }));
  if (items.length === 0) return fatal("'aliases_to_identify' holds nothing that is an alias to identify", faults);
  const results = await domain.identities.identifyUsers({
    items: items.map((item) => item.value),
    onAliasClash: 'REFUSE',
  });
  const refused = refusals(items, results, 'aliases_to_identify');
  return success({ aliases_processed: items.length - refused.length }, [...refused, ...faults]);
}
