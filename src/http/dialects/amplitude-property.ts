import type { Hono } from 'hono';
import { parseJsonObject } from '../json.ts';
import { amplitudeDialect, integrationStatus } from './amplitude.ts';
import { MAX_IDENTIFIERS } from './fields.ts';
import { parseIdentityKind, toCohortChanges } from './id-changes.ts';
import { identifySender } from './import-key.ts';
import { parseAmplitudeProperties } from './parse-amplitude-property.ts';
import { type Answer, type Inbound, type PartnerOptions, receive } from './receive.ts';

const PROPERTY = amplitudeDialect('amplitude_property', integrationStatus);

/** Amplitude's property integration: `POST /partners/{partner}/properties` for one user or a batch. 200 only after commit. */
export function mountAmplitudeProperty(app: Hono, options: PartnerOptions): void {
  const handler = receive(PROPERTY, options, apply);
  app.post('/partners/:partner/properties', handler);
  app.post('/partners/:partner/properties/batch', handler);
}

async function apply(inbound: Inbound): Promise<Answer> {
  const { c, readText, handOver } = inbound;
  const { partner, workspaceId, presentedHash } = identifySender(inbound);
  const kind = parseIdentityKind(c.req.query('identity'));
  const { partnerCohortId, name, changes } = parseAmplitudeProperties(parseJsonObject(await readText()));
  await handOver(workspaceId, ({ cohorts }) =>
    cohorts.applyChanges({
      partner,
      partnerCohortId,
      name,
      changes: toCohortChanges(kind, changes),
      maxIdentifiers: MAX_IDENTIFIERS,
      source: { dialect: PROPERTY.name, presentedHash },
    }),
  );
  return { status: 200, body: { message: 'success' } };
}
