import { builder } from './builder.ts';
import './apply-changes.ts';
import './audit.ts';
import './batches.ts';
import './cohorts.ts';
import { placeErrors } from './errors.ts';
import './explain.ts';
import './held-changes.ts';
import './identities.ts';
import './keys.ts';
import './past.ts';
import './pending.ts';
import './pulls.ts';
import './preview.ts';
import './replacements.ts';
import './reversal.ts';
import './segment-changes.ts';
import './segment-life.ts';
import './segment-versions.ts';
import './segments.ts';
import './syncs.ts';
import './update-cohort.ts';
import './usage.ts';
import './usage-forecast.ts';
import './users.ts';
import './workspace.ts';

/** The public schema. `schema/schema.graphql` is its printed form. */
export const schema = placeErrors(builder.toSchema());
