import { builder } from './builder.ts';
import './cohorts.ts';
import { placeErrors } from './errors.ts';
import './identities.ts';
import './keys.ts';
import './pending.ts';
import './segments.ts';
import './update-cohort.ts';
import './users.ts';
import './workspace.ts';

/** The public schema. `schema/schema.graphql` is its printed form. */
export const schema = placeErrors(builder.toSchema());
