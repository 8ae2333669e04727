import { auditLog } from '../../db/tables/segments.ts';
import type { Ctx } from '../context.ts';
import type { AuditAction, AuditSubject, FieldChange } from './entry.ts';

/** Something that is being done. */
export interface AuditNote {
  readonly action: AuditAction;
  readonly subjectType: AuditSubject;
  readonly subjectId: string | number;
  readonly subjectName: string | null;
  readonly changes?: readonly FieldChange[] | undefined;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  readonly reason?: string | null | undefined;
}

/**
 * Writes down what is being done and by whom. Must be in the transaction that does it: then whatever was done is in the log, and whatever
 * is in the log was done. Nothing secret may be in the note.
 */
export async function noteAudit(tx: Ctx, note: AuditNote): Promise<void> {
  if (!tx.inTransaction) throw new Error('What is done and the note of it are one transaction.');
  await tx.db.insert(auditLog).values({
    workspaceId: tx.workspaceId,
    at: tx.now(),
    actorKind: tx.actor.kind,
    actorId: tx.actor.id,
    actorName: tx.actor.name,
    action: note.action,
    subjectType: note.subjectType,
    subjectId: String(note.subjectId),
    subjectName: note.subjectName,
    details: { ...note.details, changes: note.changes ?? [] },
    reason: note.reason ?? null,
  });
}
