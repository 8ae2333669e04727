import { amplitudeList } from '../../support/dialects/amplitude-list.ts';
import { checkConformance } from './conformance.ts';

checkConformance(amplitudeList);
