import { amplitudeWebhook } from '../../support/dialects/amplitude-webhook.ts';
import { checkConformance } from './conformance.ts';

checkConformance(amplitudeWebhook);
