import type { Hono } from 'hono';
import { mountAmplitudeList } from './dialects/amplitude-list.ts';
import { mountAmplitudeProperty } from './dialects/amplitude-property.ts';
import { mountAmplitudeWebhook } from './dialects/amplitude-webhook.ts';
import { mountBraze } from './dialects/braze.ts';
import { mountMixpanel } from './dialects/mixpanel.ts';
import type { PartnerOptions } from './dialects/receive.ts';

/** Every form in which a partner may send cohorts. A data import key opens all of them, to its own partner. */
export function mountPartners(app: Hono, options: PartnerOptions): void {
  mountBraze(app, options);
  mountAmplitudeWebhook(app, options);
  mountAmplitudeList(app, options);
  mountAmplitudeProperty(app, options);
  mountMixpanel(app, options);
}

/** Addresses that hold a key, and whatever has the form of a secret. */
const SECRETS = [/(?<=\/(?:webhook|mixpanel)\/).*/is, /muster_[a-z]+_[^/]*/gi];

/** The path of a request as it may be shown: without the keys that some senders can put nowhere else. */
export function withoutSecrets(path: string): string {
  return SECRETS.reduce((shown, secret) => shown.replace(secret, '…'), path);
}
