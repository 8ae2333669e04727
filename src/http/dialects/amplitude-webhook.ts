import { randomUUID } from 'node:crypto';
import type { Hono } from 'hono';
import type { Outcome } from '../../domain/cohorts/cohort.ts';
import { parseJson } from '../json.ts';
import { amplitudeDialect, webhookStatus } from './amplitude.ts';
import { MAX_IDENTIFIERS } from './fields.ts';
import { parseIdentityKind, toCohortChanges } from './id-changes.ts';
import { identifySender } from './import-key.ts';
import { parseAmplitudeWebhook } from './parse-amplitude-webhook.ts';
import { type Answer, type Inbound, type PartnerOptions, receive } from './receive.ts';

const WEBHOOK = amplitudeDialect('amplitude_webhook', webhookStatus);

/**
 * Amplitude's cohort webhook: `POST /partners/{partner}/webhook` with the key in a header, or `/webhook/{key}`. 200 once the message is
 * committed, or stored to be applied in its turn: the sender waits for a second or two only.
 */
export function mountAmplitudeWebhook(app: Hono, options: PartnerOptions): void {
  const handler = receive(WEBHOOK, options, accept);
  app.post('/partners/:partner/webhook', handler);
  app.post('/partners/:partner/webhook/:key', handler);
}

async function accept(inbound: Inbound): Promise<Answer> {
  const { c, options, readText, handOver } = inbound;
  const { partner, workspaceId, presentedHash } = identifySender(inbound);
  const kind = parseIdentityKind(c.req.query('identity'));
  const message = parseAmplitudeWebhook(parseJson(await readText()), options.now());
  const outcome = await handOver(workspaceId, ({ cohorts }) =>
    cohorts.acceptChanges({
      partner,
      partnerCohortId: message.partnerCohortId,
      name: message.name,
      changes: toCohortChanges(kind, message.changes),
      maxIdentifiers: MAX_IDENTIFIERS,
      source: {
        dialect: WEBHOOK.name,
        presentedHash,
        // What is stored to be applied later is told from what was applied already by its id.
        requestId: message.messageId ?? randomUUID(),
        computedAt: message.computedAt ?? undefined,
      },
    }),
  );
  return { status: 200, body: { message: 'success', status: statusOf(outcome) } };
}

function statusOf(outcome: Outcome | null): string {
  if (outcome === null) return 'accepted';
  if (outcome.isDuplicate) return 'duplicate';
  return outcome.heldChangesId === null ? 'applied' : 'held';
}
