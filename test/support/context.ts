import type { Db, OpenDatabase } from '../../src/db/client.ts';
import type { Ctx, Log } from '../../src/domain/context.ts';
import { createWorkspace } from '../../src/domain/workspaces/workspaces.ts';

const quiet: Log = { info: () => {}, warn: () => {}, error: () => {} };

/** A context of a new, empty workspace. The clock is the real one unless given. */
export async function makeContext(database: { readonly db: Db }, options: { now?: () => Date } = {}): Promise<Ctx> {
  return newWorkspace({
    db: database.db,
    inTransaction: false,
    now: options.now ?? (() => new Date()),
    log: quiet,
    observer: { ingested: () => {} },
    actor: { kind: 'library', id: null, name: null },
    workspaceId: 0,
  });
}

/** A context of another new workspace in the same database, with the same clock. */
export async function otherWorkspace(ctx: Ctx): Promise<Ctx> {
  return newWorkspace(ctx);
}

/** The same workspace as another server sees it. */
export function seenBy(ctx: Ctx, server: OpenDatabase): Ctx {
  return { ...ctx, db: server.db };
}

/** A clock that moves only when told to. */
export interface FakeClock {
  readonly now: () => Date;
  advance(milliseconds: number): void;
}

export function fakeClock(start = '2026-03-01T12:00:00.000Z'): FakeClock {
  let at = new Date(start).getTime();
  return {
    now: () => new Date(at),
    advance: (milliseconds) => {
      at += milliseconds;
    },
  };
}

let workspaces = 0;

async function newWorkspace(ctx: Ctx): Promise<Ctx> {
  // No id means that somebody else took it in the same moment.
  for (;;) {
    const workspace = await createWorkspace(ctx, { name: `Workspace ${process.pid}-${++workspaces}` });
    if (workspace) return { ...ctx, workspaceId: workspace.id };
  }
}
