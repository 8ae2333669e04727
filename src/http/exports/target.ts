const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

// Ids as GraphQL writes them: an edge of its own, which knows them by other means.

/** The UUID of a segment in a path: its GraphQL id, or the UUID itself; null for what is neither. */
export function readSegmentId(text: string): string | null {
  if (UUID.test(text)) return text;
  const uuid = /^Segment:(.+)$/.exec(decode(text))?.[1] ?? '';
  return UUID.test(uuid) ? uuid : null;
}

/** The number of a cohort in a path, by its GraphQL id; null for what is none of this workspace. */
export function readCohortId(text: string, workspaceId: number): number | null {
  const [, workspace, number] = /^Cohort:([1-9][0-9]{0,9})\.([1-9][0-9]{0,9})$/.exec(decode(text)) ?? [];
  const id = Number(number);
  return workspace === String(workspaceId) && id < 2 ** 31 ? id : null;
}

/** The GraphQL id of a user. */
export function userIdWriter(workspaceId: number): (userId: number) => string {
  return (userId) => btoa(`User:${workspaceId}.${userId}`);
}

function decode(text: string): string {
  return Buffer.from(text, 'base64').toString();
}
