import type { LedgerBatch } from '../domain/history/batch.ts';
import type { BatchFilter, BatchList, BatchUsers } from '../domain/history/batches.ts';
import type { HistoryInput, SizePoint } from '../domain/history/size-point.ts';
import type { SizesAround } from '../domain/history/sizes.ts';
import type { Domain } from '../domain/index.ts';
import { alike, byId, inOrder, pages } from './batching.ts';

/** Batches of a cohort or of a sync, those that pass the filter. */
export interface FilteredBatches {
  readonly of: BatchList;
  readonly filter: BatchFilter;
}

/** The members of a cohort at a time. */
export interface MembersThen {
  readonly cohortId: number;
  readonly asOf: Date;
}

/** The batched reads of the ledger. */
export function createLedgerLoaders({ history }: Domain) {
  const kindOf = (list: FilteredBatches) => list.filter;
  const lists = (all: readonly FilteredBatches[]) => all.map(({ of }) => of);
  const cohortIds = (all: readonly { readonly cohortId: number }[]) => all.map(({ cohortId }) => cohortId);
  return {
    batch: byId((ids: readonly number[]): Promise<Map<number, LedgerBatch>> => history.batchesByIds(ids)),
    batchPage: pages(
      (all: readonly [FilteredBatches, ...FilteredBatches[]], args) =>
        history.pageBatches(lists(all), all[0].filter, args),
      kindOf,
    ),
    batchCount: alike(
      (list: FilteredBatches) => JSON.stringify(kindOf(list)),
      (all) => history.countBatches(lists(all), all[0].filter),
    ),
    batchUnchanged: byId(
      (ids: readonly number[]): Promise<Map<number, number | null>> => history.unchangedByBatchIds(ids),
    ),
    batchUserPage: pages((all: readonly BatchUsers[], args) => history.pageBatchUsers(all, args)),
    batchUserCount: inOrder((all: readonly BatchUsers[]) => history.countBatchUsers(all), JSON.stringify),
    /** How large the cohort was before and after a batch. */
    sizesAround: inOrder(async (batches: readonly { cohortId: number; batchId: number }[]) => {
      const found = await history.sizesAroundBatches(batches);
      return batches.map(({ batchId }) => found.get(batchId) ?? NO_SIZES);
    }, JSON.stringify),
    syncPage: pages((ids: readonly number[], args) => history.pageSyncs(ids, args)),
    syncCount: byId((ids: readonly number[]): Promise<Map<number, number>> => history.countSyncs(ids)),
    sizes: alike(
      ({ input }: { readonly cohortId: number; readonly input: HistoryInput }) => JSON.stringify(input),
      (all): Promise<SizePoint[][]> => history.listSizes(cohortIds(all), all[0].input),
    ),
    memberThenPage: pages(
      (all: readonly [MembersThen, ...MembersThen[]], args) =>
        history.pageMembersAsOf(cohortIds(all), all[0].asOf, args),
      ({ asOf }) => asOf,
    ),
    memberThenCount: alike(
      ({ asOf }: MembersThen) => asOf.toISOString(),
      (all) => history.countMembersAsOf(cohortIds(all), all[0].asOf),
    ),
  };
}

const NO_SIZES: SizesAround = { before: 0, after: 0 };
