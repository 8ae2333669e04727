import { type DomainError, formatPath } from '../../domain/errors.ts';
import type { Domain } from '../../domain/index.ts';
import { persistently } from './persistently.ts';
import type { Refusal, RefusedFile } from './refused.ts';
import type { Row } from './row.ts';

/** Rows of one call, whichever of the two is reached first. */
const BATCH_ROWS = 1_000;
const BATCH_CHARACTERS = 4 * 1024 * 1024;

export interface Totals {
  readonly rows: number;
  readonly created: number;
  readonly updated: number;
  readonly refused: number;
  /** Memberships that pending members turned into. */
  readonly joined: number;
  /** The last line that was dealt with. */
  readonly line: number;
}

const NOTHING: Totals = { rows: 0, created: 0, updated: 0, refused: 0, joined: 0, line: 0 };

/**
 * Upserts the rows of a file batch by batch, in order, and writes down those that are refused. One call is under way at a time: upserts
 * of one workspace take turns in the database anyway. Stops after the batch under way when the signal says so.
 * `onBatch` is told the totals after each batch. Errors: whatever the database says; the batches before it are in.
 */
export async function importUsers(
  rows: AsyncIterable<readonly Row<unknown>[]>,
  users: Pick<Domain['users'], 'upsertUsers'>,
  options: { readonly refused: RefusedFile; readonly signal: AbortSignal; readonly onBatch: (totals: Totals) => void },
): Promise<Totals> {
  let totals = NOTHING;
  try {
    for await (const batch of batches(rows)) {
      if (options.signal.aborted) break;
      totals = await takeBatch(totals, batch, users, options.refused);
      options.onBatch(totals);
    }
  } catch (error) {
    // Whoever stops an import closes what it reads from.
    if (!options.signal.aborted) throw error;
  }
  return totals;
}

async function takeBatch(
  totals: Totals,
  batch: readonly Row<unknown>[],
  users: Pick<Domain['users'], 'upsertUsers'>,
  refused: RefusedFile,
): Promise<Totals> {
  const { refusals, ...done } = await applyBatch(batch, users);
  await refused.write(refusals);
  return {
    rows: totals.rows + batch.length,
    created: totals.created + done.created,
    updated: totals.updated + done.updated,
    refused: totals.refused + refusals.length,
    joined: totals.joined + done.joined,
    line: batch.at(-1)?.line ?? totals.line,
  };
}

async function* batches(rows: AsyncIterable<readonly Row<unknown>[]>): AsyncGenerator<readonly Row<unknown>[]> {
  let batch: Row<unknown>[] = [];
  let characters = 0;
  for await (const some of rows) {
    for (const row of some) {
      batch.push(row);
      characters += row.text.length;
      if (batch.length < BATCH_ROWS && characters < BATCH_CHARACTERS) continue;
      yield batch;
      batch = [];
      characters = 0;
    }
  }
  if (batch.length > 0) yield batch;
}

async function applyBatch(batch: readonly Row<unknown>[], users: Pick<Domain['users'], 'upsertUsers'>) {
  const sound = batch.filter((row) => 'value' in row);
  const done = await persistently(() => users.upsertUsers({ users: sound.map((row) => row.value), perItem: true }));
  const reasons = new Map<Row<unknown>, string>();
  for (const row of batch) if ('fault' in row) reasons.set(row, row.fault);
  done.users.forEach((result, i) => {
    const row = sound[i];
    if (row && 'error' in result) reasons.set(row, explainRefusal(result.error));
  });
  const refusals = batch.flatMap((row): Refusal[] => {
    const reason = reasons.get(row);
    return reason === undefined ? [] : [{ row, reason }];
  });
  return { refusals, created: done.created, updated: done.updated, joined: done.joined };
}

/** The path of a refused user begins with its place in the call, which means nothing to whoever wrote the file. */
function explainRefusal({ message, path }: DomainError): string {
  const inside = path?.slice(2) ?? [];
  return inside.length === 0 ? message : `${formatPath(inside)}: ${message}`;
}
