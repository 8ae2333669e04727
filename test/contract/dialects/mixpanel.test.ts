import { mixpanel } from '../../support/dialects/mixpanel.ts';
import { checkConformance } from './conformance.ts';

checkConformance(mixpanel);
