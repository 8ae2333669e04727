/** What Braze calls the `braze_id`, opaque to whoever reads it. It carries the workspace, so that one of another means nobody. */
export function formatBrazeId(workspaceId: number, userId: number): string {
  return `${workspaceId}.${userId}`;
}

/** The number behind a `braze_id`; 0, which nobody has, when it is none of this workspace. */
export function readBrazeId(workspaceId: number, value: string): number {
  const [workspace, number = ''] = value.split('.');
  const isOurs = workspace === String(workspaceId) && /^[1-9][0-9]{0,9}$/.test(number);
  return isOurs && value === formatBrazeId(workspaceId, Number(number)) ? Number(number) : 0;
}
