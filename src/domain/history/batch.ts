import { type SQL, sql } from 'drizzle-orm';
import type { ErrorCode } from '../errors.ts';

/** One row of the ledger: a request that was applied, or what users or an operator changed. */
export interface LedgerBatch {
  readonly id: number;
  readonly cohortId: number;
  /** The wire form it came in; `join`, `merge`, `delete` where users changed; `undo`, `replay` where an operator said so. */
  readonly dialect: string;
  readonly keyId: string | null;
  readonly requestId: string | null;
  readonly computedAt: Date | null;
  /** The sync it belongs to; null where no sender sent it. */
  readonly syncNumber: number | null;
  readonly ofBatchId: number | null;
  readonly appliedAt: Date;
  readonly durationMs: number;
  readonly received: number;
  readonly matched: number;
  readonly held: number;
  readonly ignored: number;
  readonly reasons: Readonly<Record<string, number>>;
  readonly added: number;
  readonly removed: number;
  /** Retention has dropped whom it named; its counts stay. */
  readonly isForgotten: boolean;
}

/** Written when users changed rather than the cohort. They cannot be taken back: the users would have to be. */
export const USER_DIALECTS = ['join', 'merge', 'delete'] as const;
/** Written when an operator had a batch taken back or applied again. */
export const OPERATOR_DIALECTS = ['undo', 'replay'] as const;

/** Why a batch cannot be undone or replayed, as a code and a sentence; null when it can. */
export function whyIrreversible(
  batch: Pick<LedgerBatch, 'dialect' | 'isForgotten'>,
): { readonly code: ErrorCode; readonly message: string } | null {
  if (USER_DIALECTS.some((dialect) => dialect === batch.dialect))
    return {
      code: 'INVALID_INPUT',
      message: `This batch was written because users changed (${batch.dialect}): it cannot be undone or replayed.`,
    };
  if (!batch.isForgotten) return null;
  return {
    code: 'NOT_RETAINED',
    message: 'The ledger no longer remembers whom this batch moved: only later ones can be undone.',
  };
}

/** The columns of `b` that `readBatch` reads. Whom a batch named is left out: that can be a million numbers. */
export const batchColumns: SQL = sql`b.id::text as id, b.cohort_id, b.dialect, b.key_id::text as key_id, b.request_id,
  to_json(b.computed_at)::text as computed_at, b.sync_no, b.of_batch_id::text as of_batch_id, to_json(b.applied_at)::text as applied_at,
  b.duration_ms, b.received_count, b.matched_count, b.held_count, b.ignored_count, b.reasons::text as reasons, b.added_count,
  b.removed_count, (b.added is null or b.removed is null) as is_forgotten`;

export interface BatchRow {
  readonly id: string;
  readonly cohort_id: number;
  readonly dialect: string;
  readonly key_id: string | null;
  readonly request_id: string | null;
  readonly computed_at: string | null;
  readonly sync_no: number | null;
  readonly of_batch_id: string | null;
  readonly applied_at: string;
  readonly duration_ms: number;
  readonly received_count: number;
  readonly matched_count: number;
  readonly held_count: number;
  readonly ignored_count: number;
  readonly reasons: string;
  readonly added_count: number;
  readonly removed_count: number;
  readonly is_forgotten: boolean;
}

export function readBatch(row: BatchRow): LedgerBatch {
  return {
    id: Number(row.id),
    cohortId: row.cohort_id,
    dialect: row.dialect,
    keyId: row.key_id,
    requestId: row.request_id,
    computedAt: row.computed_at === null ? null : readTime(row.computed_at),
    syncNumber: row.sync_no,
    ofBatchId: row.of_batch_id === null ? null : Number(row.of_batch_id),
    appliedAt: readTime(row.applied_at),
    durationMs: row.duration_ms,
    received: row.received_count,
    matched: row.matched_count,
    held: row.held_count,
    ignored: row.ignored_count,
    reasons: JSON.parse(row.reasons) as Record<string, number>,
    added: row.added_count,
    removed: row.removed_count,
    isForgotten: row.is_forgotten,
  };
}

/** A time as `to_json(x)::text` prints it. */
export function readTime(json: string): Date {
  return new Date(JSON.parse(json) as string);
}
