import { isUserId } from '../../domain/users/identity.ts';

/** What Braze calls the `braze_id`, opaque to whoever reads it. It carries the workspace, so that one of another means nobody. */
export function formatBrazeId(workspaceId: number, userId: number): string {
  return `${workspaceId}.${userId}`;
}

/** The number behind a `braze_id`; 0, which nobody has, when it is none of this workspace. */
export function readBrazeId(workspaceId: number, value: string): number {
  const userId = Number(value.split('.')[1]);
  return isUserId(userId) && value === formatBrazeId(workspaceId, userId) ? userId : 0;
}
