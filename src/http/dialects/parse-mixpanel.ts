import { createHash } from 'node:crypto';
import { type Body, isAbsent, isObject } from '../json.ts';
import { malformed, readIdentity, readList, readText } from './fields.ts';

// The Mixpanel custom webhook. Source: Mixpanel docs, syncing cohorts to a custom webhook.

/** `members`: the whole cohort; the others: who entered and who left. */
export const MIXPANEL_ACTIONS = ['members', 'add_members', 'remove_members'] as const;
export type MixpanelAction = (typeof MIXPANEL_ACTIONS)[number];

export interface MixpanelMessage {
  readonly action: MixpanelAction;
  readonly partnerCohortId: string;
  readonly name: string | null;
  /** Names the requests of one export; null where it has only one. */
  readonly session: string | null;
  /** From 1. */
  readonly page: number;
  readonly totalPages: number;
  readonly ids: readonly string[];
  /** Members without the chosen field: nobody could be found by it. */
  readonly skipped: number;
  /** The same for the same request sent again; null without a session. */
  readonly requestId: string | null;
}

/** The one field that every member has. */
const DISTINCT_ID = 'mixpanel_distinct_id';
const FIELD_MAX_CHARACTERS = 256;
/** Leaves room for the rest of a request id. */
const SESSION_MAX_CHARACTERS = 256;
const MAX_PAGES = 100_000;

/** The query parameter `field`: which field of a member identifies it. Errors: INVALID_INPUT. */
export function parseMixpanelField(text: string | undefined): string {
  return text === undefined ? DISTINCT_ID : readText(text, ['field'], FIELD_MAX_CHARACTERS);
}

export function isMixpanelAction(value: unknown): value is MixpanelAction {
  return (MIXPANEL_ACTIONS as readonly unknown[]).includes(value);
}

/** Reads a request. Errors: INVALID_INPUT, LIMIT_EXCEEDED. */
export function parseMixpanel(body: Body, field = DISTINCT_ID): MixpanelMessage {
  const { action, parameters } = body;
  if (!isMixpanelAction(action)) throw malformed(['action'], `must be one of ${MIXPANEL_ACTIONS.join(', ')}`);
  if (!isObject(parameters)) throw malformed(['parameters'], 'must be an object');
  const cohortId = parameters.mixpanel_cohort_id;
  const partnerCohortId = Number.isSafeInteger(cohortId) ? String(cohortId) : cohortId;
  const name = parameters.mixpanel_cohort_name;
  const session = parameters.mixpanel_session_id;
  const place = readPage(parameters.page_info);
  const members = readMembers(parameters.members, field);
  const message = {
    action,
    partnerCohortId: readText(partnerCohortId, ['parameters', 'mixpanel_cohort_id']),
    name: isAbsent(name) ? null : readText(name, ['parameters', 'mixpanel_cohort_name']),
    session: isAbsent(session)
      ? null
      : readText(session, ['parameters', 'mixpanel_session_id'], SESSION_MAX_CHARACTERS),
    ...place,
    ...members,
  };
  if (action === 'members' && message.session === null && message.totalPages > 1)
    throw malformed(['parameters', 'mixpanel_session_id'], 'must be there where there are several pages');
  return { ...message, requestId: requestIdOf(message) };
}

function readPage(info: unknown): { page: number; totalPages: number } {
  if (isAbsent(info)) return { page: 1, totalPages: 1 };
  if (!isObject(info)) throw malformed(['parameters', 'page_info'], 'must be an object');
  const totalPages = readCount(info, 'total_pages');
  const page = readCount(info, 'page_count');
  if (page > totalPages) throw malformed(['parameters', 'page_info', 'page_count'], 'must not exceed total_pages');
  return { page, totalPages };
}

function readCount(info: Body, name: string): number {
  const value = info[name];
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > MAX_PAGES)
    throw malformed(['parameters', 'page_info', name], `must be a whole number from 1 to ${MAX_PAGES}`);
  return value;
}

/** A field that an operator has chosen need not be known of everybody. */
function readMembers(value: unknown, field: string): { ids: readonly string[]; skipped: number } {
  const path = ['parameters', 'members'];
  const list = readList(value, path);
  const ids: string[] = [];
  list.forEach((member, i) => {
    if (!isObject(member)) throw malformed([...path, i], 'must be an object');
    const id = Object.hasOwn(member, field) ? member[field] : undefined;
    const isMissing = field !== DISTINCT_ID && (isAbsent(id) || id === '');
    if (!isMissing) ids.push(readIdentity(id, [...path, i, field]));
  });
  return { ids, skipped: list.length - ids.length };
}

/** An export that failed half-way starts again: only a page that says the same is the same request. */
function requestIdOf(message: Omit<MixpanelMessage, 'requestId'>): string | null {
  if (message.session === null) return null;
  const digest = createHash('sha256').update(JSON.stringify(message.ids)).digest('hex').slice(0, 32);
  return `${message.session}/${message.action}/${message.page}/${digest}`;
}
