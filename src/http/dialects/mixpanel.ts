import { randomUUID } from 'node:crypto';
import type { Hono } from 'hono';
import type { Domain } from '../../domain/index.ts';
import { isObject, parseJson, parseJsonObject } from '../json.ts';
import { MAX_IDENTIFIERS } from './fields.ts';
import { type IdentityKind, parseIdentityKind, toCohortChange, toCohortChanges } from './id-changes.ts';
import { identifySender } from './import-key.ts';
import { isMixpanelAction, type MixpanelMessage, parseMixpanel, parseMixpanelField } from './parse-mixpanel.ts';
import { type Answer, type Dialect, type Inbound, type PartnerOptions, receive, type Sender } from './receive.ts';

const MIXPANEL: Dialect = {
  name: 'mixpanel',
  /** Room for 10,000 members with properties of some 1,600 bytes. */
  maxBodyBytes: 16 * 1024 * 1024,
  isKeyOutside: true,
  statusOf: ({ code }) => (code === 'FORBIDDEN' ? 401 : undefined),
  /** Mixpanel shows the message to whoever set up the sync. The action must be the one it sent. */
  refusal: async ({ status, message, path }, { readText }) => ({
    action: await readText().then(actionOf, () => null),
    status: 'failure',
    error: { message, code: status, path },
  }),
};

function actionOf(text: string): string | null {
  try {
    const body = parseJson(text);
    return isObject(body) && isMixpanelAction(body.action) ? body.action : null;
  } catch {
    return null;
  }
}

/**
 * Mixpanel's custom webhook: `POST /partners/{partner}/mixpanel` with the key in a header, or `/mixpanel/{key}`. 200 only after commit; for
 * a page of a whole list, when the page is stored.
 */
export function mountMixpanel(app: Hono, options: PartnerOptions): void {
  const handler = receive(MIXPANEL, options, accept);
  app.post('/partners/:partner/mixpanel', handler);
  app.post('/partners/:partner/mixpanel/:key', handler);
}

async function accept(inbound: Inbound): Promise<Answer> {
  const { c, options, readText, handOver } = inbound;
  const sender = identifySender(inbound);
  const kind = parseIdentityKind(c.req.query('identity'));
  const field = parseMixpanelField(c.req.query('field'));
  const message = parseMixpanel(parseJsonObject(await readText()), field);
  await handOver(sender.workspaceId, (domain) => apply(domain, sender, kind, message));
  const { action, skipped } = message;
  if (skipped === 0) return { status: 200, body: { action, status: 'success' } };
  const { partner, workspaceId } = sender;
  options.log.info(
    { dialect: MIXPANEL.name, partner, workspaceId, skipped },
    'members without the chosen field were skipped',
  );
  return { status: 200, body: { action, status: 'success', skipped } };
}

async function apply(domain: Domain, sender: Sender, kind: IdentityKind, message: MixpanelMessage): Promise<void> {
  const { action, partnerCohortId, name, session, page, totalPages, ids, requestId } = message;
  const { partner, presentedHash } = sender;
  const source = { dialect: MIXPANEL.name, presentedHash };
  const change = { ids, remove: action === 'remove_members' };
  if (action === 'members')
    await domain.cohorts.applySessionPage({
      partner,
      partnerCohortId,
      name,
      // A list without a session is one page, and the whole of it.
      session: session ?? randomUUID(),
      page,
      totalPages,
      change: toCohortChange(kind, change),
      source,
    });
  else
    await domain.cohorts.applyChanges({
      partner,
      partnerCohortId,
      name,
      changes: toCohortChanges(kind, [change]),
      maxIdentifiers: MAX_IDENTIFIERS,
      source: { ...source, requestId: requestId ?? undefined },
    });
}
