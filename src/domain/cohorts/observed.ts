import type { Ctx } from '../context.ts';
import { databaseFault } from '../database-fault.ts';
import { DomainError } from '../errors.ts';
import type { Outcome } from './cohort.ts';

/** Does an inbound request and tells the observer what became of it, also where it is refused. `null`: accepted, to be applied later. */
export async function observed<T extends Outcome | null>(
  ctx: Ctx,
  dialect: string,
  work: () => Promise<T>,
): Promise<T> {
  const startedAt = performance.now();
  const tell = (what: string, outcome: Outcome | null) => {
    const { received = 0, matched = 0, held = 0, ignored = 0, added = 0, removed = 0, written = 0 } = outcome ?? {};
    const counts = { received, matched, held, ignored, added, removed, unchanged: written - added - removed };
    ctx.observer.ingested({ dialect, outcome: what, ...counts, durationMs: performance.now() - startedAt });
  };
  try {
    const outcome = await work();
    tell(nameOf(outcome), outcome?.isDuplicate ? null : outcome);
    return outcome;
  } catch (error) {
    const expected = error instanceof DomainError ? error : databaseFault(error);
    tell(expected?.code ?? 'INTERNAL', null);
    throw error;
  }
}

function nameOf(outcome: Outcome | null): string {
  if (outcome === null) return 'queued';
  if (outcome.isDuplicate) return 'duplicate';
  return outcome.heldChangesId === null ? 'applied' : 'held';
}
