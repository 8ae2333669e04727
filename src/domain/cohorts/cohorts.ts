import { and, asc, desc, eq, gt, ilike, type SQL, sql } from 'drizzle-orm';
import { intArray, queryRows, textArray } from '../../db/client.ts';
import { cohorts } from '../../db/tables/cohorts.ts';
import { type Ctx, inTransaction } from '../context.ts';
import { fail } from '../errors.ts';
import { requireImportKey } from '../keys/key.ts';
import { touchKey, verifyHash } from '../keys/keys.ts';
import { type Page, type PageArgs, parsePage, toPage } from '../page.ts';
import * as apply from './apply-changes.ts';
import { COHORT_ID_MAX_CHARACTERS, COHORT_NAME_MAX_CHARACTERS, type CohortChanges, cohortTextFault } from './change.ts';
import type { Activity, Cohort, CohortOrder, CohortRef, Outcome } from './cohort.ts';
import { cohortColumns, ensureCohort, setCohortName } from './ensure-cohort.ts';
import { type CohortFreshness, freshnessByCohortIds as readFreshness } from './read-freshness.ts';
import { type CohortSettings, updateCohort as changeCohort } from './update-cohort.ts';

export { acceptChanges, applyAccepted, findAccepted } from './accept-changes.ts';
export { commitReplacement } from './commit-replacement.ts';
export {
  approveHeldChanges,
  countHeldChanges,
  discardHeldChanges,
  heldChangesByIds,
  listHeldChanges,
} from './held-changes.ts';
export {
  abandonReplacement,
  abandonStale,
  addToReplacement,
  beginReplacement,
  findReplacement,
  getReplacement,
  previewReplacement,
} from './replace.ts';
export { applySessionPage } from './session-pages.ts';

/** See `apply-changes.ts`: the one way in for members. */
export async function applyChanges(ctx: Ctx, command: CohortChanges): Promise<Outcome> {
  return apply.applyChanges(ctx, command);
}

/**
 * Names a cohort, and makes it if it is unknown. A repeat changes nothing; `createdAt` counts the first time only.
 * `presentedHash` is the hash of a data import key to check first.
 * Errors: INVALID_INPUT, UNAUTHENTICATED, FORBIDDEN, LOCKED. Source: Braze partner docs, cohort import.
 */
export async function nameCohort(
  ctx: Ctx,
  input: {
    readonly partner: string;
    readonly partnerCohortId: string;
    readonly name: string;
    readonly createdAt?: Date | undefined;
    readonly presentedHash?: string | undefined;
  },
): Promise<Cohort> {
  const idFault = cohortTextFault(input.partnerCohortId, COHORT_ID_MAX_CHARACTERS);
  if (idFault) throw fail('INVALID_INPUT', `A cohort id ${idFault}.`, { path: ['partnerCohortId'] });
  const nameFault = cohortTextFault(input.name, COHORT_NAME_MAX_CHARACTERS);
  if (nameFault) throw fail('INVALID_INPUT', `A cohort name ${nameFault}.`, { path: ['name'] });
  if (input.presentedHash !== undefined)
    await touchKey(ctx, requireImportKey(await verifyHash(ctx, input.presentedHash), input.partner));
  return inTransaction(ctx, async (tx) => setCohortName(tx, await ensureCohort(tx, input), input.name));
}

/**
 * The cohorts that references mean, in the caller's order; null where there is none. A name is looked for among the cohorts of
 * `partner`, or of all partners. Errors: AMBIGUOUS when a name fits several; the path is the reference's position.
 */
export async function findCohorts(
  ctx: Ctx,
  refs: readonly CohortRef[],
  partner?: string | undefined,
): Promise<(Cohort | null)[]> {
  if (refs.length === 0) return [];
  const ids = refs.flatMap((r) => ('id' in r ? [r.id] : []));
  const names = refs.flatMap((r) => ('name' in r ? [r.name] : []));
  const theirs = refs.flatMap((r) => ('partnerCohort' in r ? [r.partnerCohort] : []));
  const either: SQL[] = [];
  if (ids.length > 0) either.push(sql`${cohorts.id} = any(${intArray(ids)})`);
  if (names.length > 0) either.push(sql`${cohorts.name} = any(${textArray(names)})`);
  if (theirs.length > 0)
    either.push(sql`(${cohorts.partner}, ${cohorts.partnerCohortId}) in (select * from
      unnest(${textArray(theirs.map((t) => t.partner))}, ${textArray(theirs.map((t) => t.cohortId))}))`);
  const rows = await ctx.db
    .select(cohortColumns)
    .from(cohorts)
    .where(
      and(
        eq(cohorts.workspaceId, ctx.workspaceId),
        isCohort,
        partner === undefined ? undefined : eq(cohorts.partner, partner),
        sql`(${sql.join(either, sql` or `)})`,
      ),
    )
    .prepare('findCohorts')
    .execute();
  return refs.map((ref, i) => pick(rows, ref, i));
}

function pick(rows: readonly Cohort[], ref: CohortRef, position: number): Cohort | null {
  if ('id' in ref) return rows.find((c) => c.id === ref.id) ?? null;
  if ('partnerCohort' in ref) {
    const { partner, cohortId } = ref.partnerCohort;
    return rows.find((c) => c.partner === partner && c.partnerCohortId === cohortId) ?? null;
  }
  const fits = rows.filter((c) => c.name === ref.name);
  if (fits.length > 1)
    throw fail('AMBIGUOUS', `There are ${fits.length} cohorts of that name: refer to one by its id.`, {
      path: [position],
    });
  return fits[0] ?? null;
}

/** Cohorts by number; numbers of none are missing. */
export async function cohortsByIds(ctx: Ctx, ids: readonly number[]): Promise<Map<number, Cohort>> {
  if (ids.length === 0) return new Map();
  const rows = await ctx.db
    .select(cohortColumns)
    .from(cohorts)
    .where(and(eq(cohorts.workspaceId, ctx.workspaceId), isCohort, sql`${cohorts.id} = any(${intArray(ids)})`))
    .prepare('cohortsByIds')
    .execute();
  return new Map(rows.map((row) => [row.id, row]));
}

/** The lists of staged replacements are rows beside the cohorts, and never shown. */
const isCohort = gt(cohorts.id, 0);

interface CohortFilter {
  readonly partner?: string | null | undefined;
  /** Part of the name or of the partner's cohort id, in any case. */
  readonly search?: string | null | undefined;
}

/** A page of cohorts; by name unless asked otherwise. Errors: as `parsePage`. */
export async function listCohorts(
  ctx: Ctx,
  input: CohortFilter & PageArgs & { readonly orderBy?: CohortOrder | null | undefined },
): Promise<Page<Cohort>> {
  const order = input.orderBy ?? { field: 'NAME', direction: 'ASC' };
  const list = JSON.stringify([ctx.workspaceId, 'cohorts', input.partner, input.search, order.field, order.direction]);
  const slice = parsePage(input, list, [order.field === 'NAME' ? 'text' : 'time', 'number']);
  const isAscending = (order.direction === 'ASC') === slice.isForward;
  const value = order.field === 'NAME' ? sql`${cohorts.name}` : sql`${cohorts.createdAt}`;
  const cast = order.field === 'NAME' ? sql`::text` : sql`::timestamptz`;
  const [at, id] = slice.key ?? [];
  const after =
    slice.key === null
      ? undefined
      : sql`(${value}, ${cohorts.id}) ${isAscending ? sql`>` : sql`<`} (${String(at)}${cast}, ${Number(id)}::int)`;
  const direction = isAscending ? asc : desc;
  const rows = await ctx.db
    .select(cohortColumns)
    .from(cohorts)
    .where(and(cohortFilter(ctx, input), after))
    .orderBy(direction(value), direction(cohorts.id))
    .limit(slice.limit + 1);
  return toPage(slice, list, rows, (c) => [order.field === 'NAME' ? c.name : c.createdAt.toISOString(), c.id]);
}

/** How many cohorts a list has in all. */
export async function countCohorts(ctx: Ctx, input: CohortFilter): Promise<number> {
  const [row] = await ctx.db.select({ n: sql<number>`count(*)::int` }).from(cohorts).where(cohortFilter(ctx, input));
  return row?.n ?? 0;
}

function cohortFilter(ctx: Ctx, input: CohortFilter): SQL | undefined {
  const like = input.search ? `%${input.search.replace(/[\\%_]/g, '\\$&')}%` : null;
  return and(
    eq(cohorts.workspaceId, ctx.workspaceId),
    isCohort,
    input.partner ? eq(cohorts.partner, input.partner) : undefined,
    like ? sql`(${ilike(cohorts.name, like)} or ${ilike(cohorts.partnerCohortId, like)})` : undefined,
  );
}

/** The cohorts each user is in, by number, in order of numbers. One statement. */
export async function cohortIdsByUserIds(ctx: Ctx, userIds: readonly number[]): Promise<Map<number, number[]>> {
  const rows = await queryRows<{ id: number; cohort_id: number }>(
    ctx.db,
    sql`/* cohortIdsByUserIds */ select u.id, m.cohort_id from unnest(${intArray(userIds)}) as u(id)
      join membership_blocks m on m.workspace_id = ${ctx.workspaceId}::int and m.block = u.id >> 13 and m.cohort_id > 0
        and get_bit(m.bits, u.id & 8191) = 1
      order by u.id, m.cohort_id`,
  );
  const out = new Map<number, number[]>(userIds.map((id) => [id, []]));
  for (const row of rows) out.get(row.id)?.push(row.cohort_id);
  return out;
}

/** When each cohort last received something from a sender, and when anything last changed it. Read from the ledger, one statement. */
export async function activityByCohortIds(ctx: Ctx, ids: readonly number[]): Promise<Map<number, Activity>> {
  const rows = await queryRows<{ id: number; received: string | null; changed: string | null }>(
    ctx.db,
    sql`/* activityByCohortIds */ select c.id,
      (select to_json(b.applied_at)::text from batches b where b.workspace_id = ${ctx.workspaceId}::int and b.cohort_id = c.id
        and b.sync_no is not null order by b.sync_no desc, b.id desc limit 1) as received,
      (select to_json(b.applied_at)::text from batches b where b.workspace_id = ${ctx.workspaceId}::int and b.cohort_id = c.id
        and b.added_count + b.removed_count > 0 order by b.id desc limit 1) as changed
      from unnest(${intArray(ids)}) as c(id)`,
  );
  const time = (text: string | null) => (text === null ? null : new Date(JSON.parse(text) as string));
  return new Map(rows.map((row) => [row.id, { lastReceivedAt: time(row.received), lastChangedAt: time(row.changed) }]));
}

/** How fresh each cohort is; numbers of none are missing. One statement. See `freshness.ts` for what it means. */
export async function freshnessByCohortIds(ctx: Ctx, ids: readonly number[]): Promise<Map<number, CohortFreshness>> {
  return readFreshness(ctx, ids);
}

/**
 * Changes what an operator says of a cohort; what is left out stays. `cadence` and `pullEveryHours` (1 to 720) take null for none; a
 * cohort that is to be fetched is fetched for the first time at once. Errors: INVALID_INPUT, NOT_FOUND.
 */
export async function updateCohort(ctx: Ctx, input: CohortSettings & { readonly cohortId: number }): Promise<Cohort> {
  return changeCohort(ctx, input);
}
