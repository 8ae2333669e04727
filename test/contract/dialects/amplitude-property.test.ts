import { amplitudeProperty } from '../../support/dialects/amplitude-property.ts';
import { checkConformance } from './conformance.ts';

checkConformance(amplitudeProperty);
