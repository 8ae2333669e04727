import { segmentVersions } from '../../db/tables/segments.ts';
import { noteAudit } from '../audit/note-audit.ts';
import type { Ctx } from '../context.ts';
import { toJson } from './filter-json.ts';
import { keepSizes } from './keep-sizes.ts';
import type { Segment } from './segment.ts';
import { diffSegments, type SegmentChange } from './version.ts';

/** What happened to a segment, beyond what its states say. */
export interface Happened {
  readonly change: SegmentChange;
  readonly ofVersion?: number | undefined;
  readonly reason?: string | null | undefined;
  /** For the audit log. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

/** Keeps what a segment became: its version, the note of who did it, and its size at that moment. In the transaction of the change. */
export async function keepVersion(tx: Ctx, before: Segment | null, after: Segment, happened: Happened): Promise<void> {
  const { id, version, name, description, filter, tags, archivedAt } = after;
  const { change, ofVersion, reason = null, details } = happened;
  await tx.db.insert(segmentVersions).values({
    workspaceId: tx.workspaceId,
    segmentId: id,
    version,
    name,
    description,
    filter: toJson(filter),
    tags: [...tags],
    archivedAt,
    change,
    ofVersion: ofVersion ?? null,
    reason,
    actorKind: tx.actor.kind,
    actorId: tx.actor.id,
    actorName: tx.actor.name,
    at: tx.now(),
  });
  await noteAudit(tx, {
    action: `segment.${change}`,
    subjectType: 'segment',
    subjectId: id,
    subjectName: name,
    changes: before ? diffSegments(before, after) : [],
    details: { version, ...(ofVersion === undefined ? {} : { ofVersion }), ...details },
    reason,
  });
  await keepSizes(tx, [after], 'CHANGE');
}
