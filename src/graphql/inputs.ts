import { COHORT_ID_MAX_CHARACTERS, COHORT_NAME_MAX_CHARACTERS, cohortTextFault } from '../domain/cohorts/change.ts';
import type { CohortRef } from '../domain/cohorts/cohort.ts';
import { fail, type Path } from '../domain/errors.ts';
import { parsePartner } from '../domain/keys/partner.ts';
import { SEGMENT_NAME_MAX_CHARACTERS, type SegmentRef } from '../domain/segments/segment.ts';
import { parseIdentityText, type UserRef } from '../domain/users/identity.ts';
import { parseAlias } from '../domain/users/user-input.ts';
import { builder } from './builder.ts';
import type { RequestContext } from './context.ts';
import { decodeNumbered, decodeUuid } from './node-id.ts';

// References: inputs that name one thing in one of several ways, and how each is read. A node id of another workspace or another type
// is read as a number nobody has, so that it cannot be told apart from nothing. Text that nothing could be called is refused with its
// path, before it reaches a statement. Errors of every `parse`: INVALID_INPUT.

/** The longest text to search for: the longest name there is. */
const SEARCH_MAX_CHARACTERS = COHORT_NAME_MAX_CHARACTERS;
const NOBODY = 0;
const NO_UUID = '00000000-0000-0000-0000-000000000000';

export const AliasInput = builder.inputType('AliasInput', {
  description: 'One alias: the pair is unique in the workspace, and a user has one name per label.',
  fields: (t) => ({
    label: t.string({ required: true, description: 'What kind of name it is, 1 to 512 bytes.' }),
    name: t.string({ required: true, description: 'The name, 1 to 512 bytes.' }),
  }),
});

export const UserRefInput = builder.inputType('UserRef', {
  description: 'One user, named in exactly one way.',
  isOneOf: true,
  fields: (t) => ({
    id: t.id({ description: 'The node id.' }),
    externalId: t.string({ description: 'The external id; one that was renamed still works.' }),
    alias: t.field({ type: AliasInput, description: 'An alias.' }),
    deviceId: t.string({ description: 'A device id: finds its owner, identified or not.' }),
  }),
});

export function readUserRef(ctx: RequestContext, ref: typeof UserRefInput.$inferInput): UserRef {
  if (isGiven(ref.externalId)) return { externalId: ref.externalId };
  if (isGiven(ref.deviceId)) return { deviceId: ref.deviceId };
  if (ref.alias) return { alias: { label: ref.alias.label, name: ref.alias.name } };
  return { id: decodeNumbered(ctx, 'User', String(ref.id)) ?? NOBODY };
}

/** The same where the whole call is refused for a text that no identity can be. */
export function parseUserRef(ctx: RequestContext, input: typeof UserRefInput.$inferInput, path: Path): UserRef {
  const ref = readUserRef(ctx, input);
  if ('externalId' in ref) parseIdentityText(ref.externalId, [...path, 'externalId']);
  if ('deviceId' in ref) parseIdentityText(ref.deviceId, [...path, 'deviceId']);
  if ('alias' in ref) parseAlias(ref.alias, [...path, 'alias']);
  return ref;
}

export const PartnerCohortInput = builder.inputType('PartnerCohortInput', {
  description: 'A cohort as its partner calls it.',
  fields: (t) => ({
    partner: t.string({ required: true, description: 'For example `amplitude`.' }),
    cohortId: t.string({ required: true, description: "The cohort's id at the partner." }),
  }),
});

export const CohortRefInput = builder.inputType('CohortRef', {
  description: 'One cohort, named in exactly one way.',
  isOneOf: true,
  fields: (t) => ({
    id: t.id({ description: 'The node id.' }),
    partnerCohort: t.field({ type: PartnerCohortInput, description: "The partner's id for it." }),
    name: t.string({ description: 'The name, if only one cohort has it.' }),
  }),
});

/** A cohort reference as GraphQL carries it: one of these is given. */
export interface CohortRefShape {
  readonly id?: string | number | null | undefined;
  readonly name?: string | null | undefined;
  readonly partnerCohort?: { readonly partner: string; readonly cohortId: string } | null | undefined;
}

export function parseCohortRef(ctx: RequestContext, ref: CohortRefShape, path: Path): CohortRef {
  if (isGiven(ref.name)) {
    check(cohortTextFault(ref.name, COHORT_NAME_MAX_CHARACTERS), 'A cohort name', [...path, 'name']);
    return { name: ref.name };
  }
  if (ref.partnerCohort) {
    const at = [...path, 'partnerCohort'];
    const { partner, cohortId } = ref.partnerCohort;
    check(cohortTextFault(cohortId, COHORT_ID_MAX_CHARACTERS), 'A cohort id', [...at, 'cohortId']);
    return { partnerCohort: { partner: parsePartner(partner, [...at, 'partner']), cohortId } };
  }
  return { id: decodeNumbered(ctx, 'Cohort', String(ref.id)) ?? NOBODY };
}

export const SegmentRefInput = builder.inputType('SegmentRef', {
  description: 'One segment, named in exactly one way.',
  isOneOf: true,
  fields: (t) => ({
    id: t.id({ description: 'The node id; finds archived segments too.' }),
    name: t.string({ description: 'The name of a live segment.' }),
  }),
});

/** A segment reference as GraphQL carries it: one of these is given. */
export interface SegmentRefShape {
  readonly id?: string | number | null | undefined;
  readonly name?: string | null | undefined;
}

export function parseSegmentRef(ref: SegmentRefShape, path: Path): SegmentRef {
  if (!isGiven(ref.name)) return { id: readSegmentId(String(ref.id)) };
  check(cohortTextFault(ref.name, SEGMENT_NAME_MAX_CHARACTERS), 'A segment name', [...path, 'name']);
  return { name: ref.name };
}

/** The UUID of a segment's node id; one that nothing has where it is no such id. */
export function readSegmentId(nodeId: string): string {
  return decodeUuid('Segment', nodeId) ?? NO_UUID;
}

/** The UUID of a key's node id; one that nothing has where it is no such id. */
export function readKeyId(typename: 'DataImportKey' | 'ApiKey', nodeId: string): string {
  return decodeUuid(typename, nodeId) ?? NO_UUID;
}

/** A partner's name; null where none is given. */
export function parsePartnerArg(partner: string | null | undefined): string | null {
  return isGiven(partner) ? parsePartner(partner) : null;
}

/** Text to look for; null where none is given. */
export function parseSearch(search: string | null | undefined): string | null {
  if (!isGiven(search) || search.trim() === '') return null;
  check(cohortTextFault(search, SEARCH_MAX_CHARACTERS), 'What to search for', ['search']);
  return search;
}

function isGiven<T>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined;
}

function check(fault: string | null, what: string, path: Path): void {
  if (fault !== null) throw fail('INVALID_INPUT', `${what} ${fault}.`, { path });
}

export const OrderDirection = builder.enumType('OrderDirection', {
  description: 'Which way a list runs.',
  values: {
    ASC: { description: 'Smallest or oldest first.' },
    DESC: { description: 'Largest or newest first.' },
  } as const,
});
