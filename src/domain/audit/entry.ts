import type { Actor } from '../context.ts';

/** What is written down, and what it says. The list only grows. */
export const AUDIT_ACTIONS = {
  'segment.created': 'A segment was made.',
  'segment.updated': 'A segment was changed.',
  'segment.archived': 'A segment was put away.',
  'segment.restored': 'A segment was brought back.',
  'segment.rolled_back': 'A segment became again what it was in an older version.',
  'segment.duplicated': 'A segment was made as a copy of another.',
  'data_import_key.generated': 'A data import key was made.',
  'data_import_key.rotated': 'A data import key got a successor.',
  'data_import_key.invalidated': 'A data import key was ended.',
  'api_key.created': 'An API key was made.',
  'api_key.rotated': 'An API key got a successor.',
  'api_key.revoked': 'An API key was ended.',
  'workspace.updated': 'Settings of the workspace were changed.',
  'cohort.updated': 'Settings of a cohort were changed.',
  'attribute_index.created': 'An attribute was told to be indexed.',
  'attribute_index.removed': 'The index of an attribute was removed.',
} as const;
export type AuditAction = keyof typeof AUDIT_ACTIONS;

/** What something is done to. */
export const AUDIT_SUBJECTS = [
  'segment',
  'data_import_key',
  'api_key',
  'workspace',
  'cohort',
  'attribute_index',
] as const;
export type AuditSubject = (typeof AUDIT_SUBJECTS)[number];

/** One thing that changed, as it was and as it is. */
export interface FieldChange {
  readonly field: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** Something that was done, and by whom. */
export interface AuditEntry {
  readonly id: number;
  readonly at: Date;
  readonly actor: Actor;
  readonly action: AuditAction;
  readonly subjectType: AuditSubject;
  /** A UUID, a number or a name, as the subject has. */
  readonly subjectId: string;
  /** What the subject was called then. */
  readonly subjectName: string | null;
  readonly changes: readonly FieldChange[];
  /** Whatever else there is to say. Never a secret. */
  readonly details: Readonly<Record<string, unknown>>;
  readonly reason: string | null;
}

/** The fields in which two objects differ, of those that are named. Values compare as JSON. */
export function changesBetween<T extends object>(
  before: T,
  after: T,
  fields: readonly (keyof T & string)[],
): FieldChange[] {
  return fields
    .filter((field) => JSON.stringify(before[field]) !== JSON.stringify(after[field]))
    .map((field) => ({ field, before: before[field], after: after[field] }));
}
