import { decodeGlobalID, encodeGlobalID } from '@pothos/plugin-relay';
import type { RequestContext } from './context.ts';

/** Types whose members are numbered inside their workspace. Their ids carry the workspace, so that one of another means nothing. */
type Numbered = 'User' | 'Cohort' | 'Batch' | 'Workspace';

/** What node ids need to know. */
type Home = Pick<RequestContext, 'domain'>;

/** Every type that has node ids. */
export const NODE_TYPES = [
  'Workspace',
  'User',
  'Cohort',
  'Batch',
  'Segment',
  'DataImportKey',
  'ApiKey',
  'HeldChanges',
  'Replacement',
  'Pull',
] as const;
type Typename = (typeof NODE_TYPES)[number];

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** An id of nothing. */
const NOTHING = { typename: 'Workspace', id: '0' };

/** The type and the rest of a node id. What is none is read as the id of nothing, so that it is answered like any other unknown one. */
export function decodeNodeId(nodeId: string): { typename: string; id: string } {
  try {
    const decoded = decodeGlobalID(nodeId);
    return NODE_TYPES.some((type) => type === decoded.typename) ? decoded : NOTHING;
  } catch {
    return NOTHING;
  }
}

/** The part of a node id that stands behind the type, for a thing numbered inside its workspace. */
export function numberedId(ctx: Home, id: number): string {
  return `${ctx.domain.workspaceId}.${id}`;
}

/** The number in what `numberedId` made, at most `most`; null when it is of another workspace or no such id. */
export function readNumberedId(ctx: Home, id: string, most = 2 ** 31 - 1): number | null {
  const [workspace, number, ...rest] = id.split('.');
  const isOurs =
    rest.length === 0 && workspace === String(ctx.domain.workspaceId) && /^[1-9][0-9]{0,15}$/.test(number ?? '');
  const value = Number(number);
  return isOurs && value <= most ? value : null;
}

/** The same of a batch, which is numbered beyond what an Int holds. */
export function readBatchId(ctx: Home, id: string): number | null {
  return readNumberedId(ctx, id, Number.MAX_SAFE_INTEGER);
}

/** The node id of a thing numbered inside its workspace. */
export function encodeNumbered(ctx: Home, typename: Numbered, id: number): string {
  return encodeGlobalID(typename, numberedId(ctx, id));
}

/** The number behind a node id; null when it is not an id of that type in this workspace. */
export function decodeNumbered(ctx: Home, typename: Numbered, nodeId: string): number | null {
  const raw = decode(typename, nodeId);
  if (raw === null) return null;
  return typename === 'Batch' ? readBatchId(ctx, raw) : readNumberedId(ctx, raw);
}

/** The node id of a thing that has a UUID. */
export function encodeUuid(typename: Typename, id: string): string {
  return encodeGlobalID(typename, id);
}

/** The UUID behind a node id; null when it is not an id of that type. */
export function decodeUuid(typename: Typename, nodeId: string): string | null {
  const raw = decode(typename, nodeId);
  return raw !== null && UUID.test(raw) ? raw : null;
}

export function isUuid(id: string): boolean {
  return UUID.test(id);
}

function decode(typename: Typename, nodeId: string): string | null {
  const decoded = decodeNodeId(nodeId);
  return decoded.typename === typename ? decoded.id : null;
}
