import type { CohortChange } from '../../domain/cohorts/change.ts';
import type { Outcome } from '../../domain/cohorts/cohort.ts';
import type { PageOutcome } from '../../domain/cohorts/replacement.ts';
import { BatchLanes } from './batch-lanes.ts';
import type { Member } from './member.ts';
import { type Batch, batchesOf } from './member-batches.ts';
import { persistently } from './persistently.ts';
import type { RefusedFile } from './refused.ts';
import { Repeats } from './repeats.ts';
import type { Row } from './row.ts';

/** Batches under way at once: one is looked up while another is committed and a third is read. */
const LANES = 4;

/** What the rows of a file came to so far. */
export interface Totals extends PageOutcome {
  readonly rows: number;
  /** Rows that could not be taken, and how many of them merely name nobody. */
  readonly refused: number;
  readonly nameless: number;
  /** Identifiers that an earlier row named already; a lower bound where `repeatsAreExact` is false. */
  readonly repeated: number;
  readonly repeatsAreExact: boolean;
  /** Users who entered and left. */
  readonly added: number;
  readonly removed: number;
  /** What the shrink guard keeps for an operator. */
  readonly heldChangesIds: readonly string[];
  /** Every row up to this line has been dealt with. */
  readonly line: number;
}

/** What became of a batch: a page of a list says nothing of who entered. */
export type Sent = PageOutcome & Partial<Pick<Outcome, 'added' | 'removed' | 'heldChangesId'>>;

export interface ImportOptions {
  /** What a row without an operation means. */
  readonly remove: boolean;
  readonly refused: RefusedFile;
  readonly signal: AbortSignal;
  /** Is told the totals whenever a batch is done. */
  readonly onBatch: (totals: Totals) => void;
}

/** The totals of no rows. */
export const NOTHING: Totals = {
  rows: 0,
  refused: 0,
  nameless: 0,
  received: 0,
  matched: 0,
  held: 0,
  ignored: 0,
  reasons: {},
  repeated: 0,
  repeatsAreExact: true,
  added: 0,
  removed: 0,
  heldChangesIds: [],
  line: 0,
};

/**
 * Sends the members of a file batch by batch and writes down the rows that are refused. Several batches are under way at once as long as
 * all add or all remove, where order makes no difference; a batch that does both, or the other, waits for those before it.
 * Stops after the batches under way when the signal says so. Errors: whatever a batch or the file says, when the batches under way have
 * ended; `onBatch` was told up to which line everything is in.
 */
export async function importMembers(
  rows: AsyncIterable<readonly Row<Member>[]>,
  send: (changes: readonly CohortChange[]) => Promise<Sent>,
  options: ImportOptions,
): Promise<Totals> {
  const repeats = new Repeats();
  const lanes = new BatchLanes(LANES);
  let totals = NOTHING;
  try {
    for await (const batch of batchesOf(rows, options.remove, repeats)) {
      await lanes.room(batch.direction);
      if (options.signal.aborted || lanes.hasFailed) break;
      await options.refused.write(batch.refusals);
      const work = async () => {
        const sent = batch.changes.length === 0 ? NOTHING : await persistently(() => send(batch.changes));
        totals = add(totals, batch, sent, repeats);
      };
      lanes.run(batch.line, batch.direction, work, (line) => {
        totals = { ...totals, line };
        options.onBatch(totals);
      });
    }
  } catch (error) {
    // Whoever stops an import closes what it reads from.
    if (!options.signal.aborted) throw error;
  } finally {
    await lanes.settle();
  }
  lanes.throwFailure();
  return totals;
}

function add(totals: Totals, batch: Batch, sent: Sent, repeats: Repeats): Totals {
  const reasons = { ...totals.reasons };
  for (const [reason, count] of Object.entries(sent.reasons)) reasons[reason] = (reasons[reason] ?? 0) + count;
  return {
    rows: totals.rows + batch.rows,
    refused: totals.refused + batch.refusals.length,
    nameless: totals.nameless + batch.nameless,
    received: totals.received + sent.received,
    matched: totals.matched + sent.matched,
    held: totals.held + sent.held,
    ignored: totals.ignored + sent.ignored,
    reasons,
    repeated: repeats.count,
    repeatsAreExact: repeats.isExact,
    added: totals.added + (sent.added ?? 0),
    removed: totals.removed + (sent.removed ?? 0),
    heldChangesIds: sent.heldChangesId ? [...totals.heldChangesIds, sent.heldChangesId] : totals.heldChangesIds,
    line: totals.line,
  };
}
