import type { Domain } from '../../domain/index.ts';
import type { Body } from '../json.ts';
import { type Answer, success } from './answer.ts';
import { type ItemFault, readEach, readExternalId, readItems, refusals } from './reading.ts';

// `/users/external_ids/rename` and `/users/external_ids/remove`: up to 50 in one transaction, item by item. Errors have a list of their own
// here, each an array of the place in the request and a text. Source: Braze user docs, external id migration.

/**
 * `POST /users/external_ids/rename`. Gives users another external id; the old one still resolves, as a deprecated one. The new one must be
 * nobody's. `external_ids` are the renames that were done.
 */
export async function renameExternalIds(body: Body, domain: Domain): Promise<Answer> {
  const { items, faults } = readItems(body, 'external_id_renames', (object) => ({
    externalId: readExternalId(object.current_external_id, 'current_external_id'),
    newExternalId: readExternalId(object.new_external_id, 'new_external_id'),
  }));
  const results = await domain.identities.renameExternalIds({ items: items.map((item) => item.value) });
  const done = items.filter((_, i) => isDone(results[i]));
  return success(
    {
      external_ids: done.map(({ value }) => ({
        current_external_id: value.externalId,
        new_external_id: value.newExternalId,
      })),
      rename_errors: asArrays([...refusals(items, results, 'external_id_renames'), ...faults]),
    },
    [],
  );
}

/** `POST /users/external_ids/remove`. Makes deprecated external ids mean nobody; a current one is refused. */
export async function removeExternalIds(body: Body, domain: Domain): Promise<Answer> {
  const { items, faults } = readEach(body, 'external_ids', (value) => ({
    externalId: readExternalId(value, 'external_ids'),
  }));
  const results = await domain.identities.removeExternalIds({ items: items.map((item) => item.value) });
  const done = items.filter((_, i) => isDone(results[i]));
  return success(
    {
      removed_ids: done.map(({ value }) => value.externalId),
      removal_errors: asArrays([...refusals(items, results, 'external_ids'), ...faults]),
    },
    [],
  );
}

function isDone(result: object | undefined): boolean {
  return result !== undefined && !('error' in result);
}

function asArrays(faults: readonly ItemFault[]): [number, string][] {
  return [...faults].sort((a, b) => a.index - b.index).map(({ index, type }) => [index, type]);
}
