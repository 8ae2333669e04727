import type { Hono } from 'hono';
import { parseJsonObject } from '../json.ts';
import { amplitudeDialect, integrationStatus } from './amplitude.ts';
import { MAX_IDENTIFIERS } from './fields.ts';
import { parseIdentityKind, toCohortChanges } from './id-changes.ts';
import { identifySender } from './import-key.ts';
import { parseAmplitudeListChange, parseAmplitudeListName } from './parse-amplitude-list.ts';
import { type Answer, type Inbound, type PartnerOptions, receive } from './receive.ts';

const LIST = amplitudeDialect('amplitude_list', integrationStatus);

/**
 * Amplitude's list integration: `POST /partners/{partner}/lists` makes a list, `/lists/{listId}/add` and `/lists/{listId}/remove` change it;
 * the id may stand in the body instead. 200 only after commit.
 */
export function mountAmplitudeList(app: Hono, options: PartnerOptions): void {
  app.post('/partners/:partner/lists', receive(LIST, options, makeList));
  for (const [verb, remove] of [
    ['add', false],
    ['remove', true],
  ] as const) {
    const handler = receive(LIST, options, (inbound) => changeList(inbound, remove));
    app.post(`/partners/:partner/lists/${verb}`, handler);
    app.post(`/partners/:partner/lists/:listId/${verb}`, handler);
  }
}

async function makeList(inbound: Inbound): Promise<Answer> {
  const { partner, workspaceId, presentedHash } = identifySender(inbound);
  const list = parseAmplitudeListName(parseJsonObject(await inbound.readText()));
  await inbound.options.domains.in(workspaceId).cohorts.nameCohort({ ...list, partner, presentedHash });
  const id = list.partnerCohortId;
  // The operator of the integration says where the id stands: it is wherever somebody may have looked.
  const body = {
    message: 'success',
    listId: id,
    list_id: id,
    id,
    cohort_id: id,
    data: { id, listId: id },
    list: { id },
  };
  return { status: 200, body };
}

async function changeList(inbound: Inbound, remove: boolean): Promise<Answer> {
  const { c, readText, handOver } = inbound;
  const { partner, workspaceId, presentedHash } = identifySender(inbound);
  const kind = parseIdentityKind(c.req.query('identity'));
  const list = parseAmplitudeListChange(parseJsonObject(await readText()), remove, c.req.param('listId'));
  await handOver(workspaceId, ({ cohorts }) =>
    cohorts.applyChanges({
      partner,
      partnerCohortId: list.partnerCohortId,
      changes: toCohortChanges(kind, list.changes),
      maxIdentifiers: MAX_IDENTIFIERS,
      source: { dialect: LIST.name, presentedHash },
    }),
  );
  return { status: 200, body: { message: 'success' } };
}
