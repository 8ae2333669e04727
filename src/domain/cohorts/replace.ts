import { sql } from 'drizzle-orm';
import { v7 as newId } from 'uuid';
import { queryRows } from '../../db/client.ts';
import { replacements } from '../../db/tables/cohorts.ts';
import { type Ctx, inTransaction } from '../context.ts';
import { fail } from '../errors.ts';
import { requireImportKey } from '../keys/key.ts';
import { touchKey, verifyHash } from '../keys/keys.ts';
import { prepare, submit } from './apply-changes.ts';
import { type CohortChange, type CohortChanges, checkChanges, checkIdentities, type Source } from './change.ts';
import type { Outcome } from './cohort.ts';
import { comparisonOf, end, guardPercent } from './commit-replacement.ts';
import { ensureCohort, findPartnerCohort, PATIENCE_MS } from './ensure-cohort.ts';
import { isTooMany } from './guard.ts';
import type { Difference, PageOutcome, Replacement } from './replacement.ts';
import {
  ended,
  findRow,
  findSession,
  lockReplacement,
  type ReplacementRow,
  requireReplacement,
  toReplacement,
  touch,
} from './replacement-rows.ts';
import { inRoom } from './room.ts';
import { countDifference, discardSet } from './staged-set.ts';

// A whole list for a cohort is staged as a set of its own, page by page and through the same path as any import, so that people who
// appear, merge or go meanwhile are followed. Committing it applies the difference as one batch.

/** A set that is staged belongs to no partner. */
const STAGED = '';

export interface Begin {
  readonly partner: string;
  readonly partnerCohortId: string;
  readonly name?: string | null | undefined;
  readonly source: Source;
  /** The sender's name for the run, where its pages say one: the same run is begun once. */
  readonly session?: string | undefined;
}

/**
 * Begins a whole new list for a cohort, which need not exist yet. Changes of the cohort that come after this win over the list.
 * Errors: INVALID_INPUT, UNAUTHENTICATED, FORBIDDEN, LOCKED.
 */
export async function beginReplacement(ctx: Ctx, input: Begin): Promise<Replacement> {
  const { partner, partnerCohortId, name, source } = input;
  checkChanges({ partner, partnerCohortId, name, changes: [], source });
  const keyId = await keyOf(ctx, partner, source);
  return inTransaction(ctx, async (tx) => {
    const running = input.session === undefined ? null : await findSession(tx, input);
    if (running) return running;
    const id = newId();
    const target = await findPartnerCohort(tx, partner, partnerCohortId);
    const list = await ensureCohort(tx, { partner: STAGED, partnerCohortId: id });
    // Whoever held the workspace before may have begun the very same run.
    const begun = input.session === undefined ? null : await findSession(tx, input);
    if (begun) {
      await discardSet(tx, list.id);
      return begun;
    }
    const now = tx.now();
    const [row] = await tx.db
      .insert(replacements)
      .values({
        workspaceId: tx.workspaceId,
        id,
        setId: list.id,
        partner,
        partnerCohortId,
        name: name ?? null,
        state: 'OPEN',
        dialect: source.dialect,
        keyId,
        session: input.session ?? null,
        pages: [],
        afterBatchId: target ? await newestBatch(tx, target.id) : 0,
        createdAt: now,
        touchedAt: now,
      })
      .returning();
    if (!row) throw new Error('An insert returns its row.');
    return toReplacement(row);
  });
}

/**
 * Adds a page to a list: at most 100,000 identifiers a call, as many calls as are needed, in any order. Identities that nobody has are
 * kept with the list, and join it when their user appears. Errors: INVALID_INPUT, NOT_FOUND, NOT_ACTIVE (it has ended), LOCKED.
 */
export async function addToReplacement(
  ctx: Ctx,
  input: { readonly id: string; readonly change: CohortChange; readonly maxIdentifiers?: number | undefined },
): Promise<PageOutcome> {
  checkIdentities([input.change]);
  const staged = await requireReplacement(ctx, input.id);
  if (staged.state !== 'OPEN') throw ended();
  if (input.change.remove)
    throw fail('INVALID_INPUT', 'A list says who is in: leave out who is not.', { path: ['change', 'remove'] });
  const { received, matched, held, ignored, reasons } = await addPage(ctx, staged, input.change, input.maxIdentifiers);
  await touch(ctx, input.id);
  return { received, matched, held, ignored, reasons };
}

/** What committing a list would do now. Errors: NOT_FOUND, NOT_ACTIVE. */
export async function previewReplacement(ctx: Ctx, id: string): Promise<Difference> {
  const staged = await requireReplacement(ctx, id);
  if (staged.state !== 'OPEN' && staged.state !== 'HELD') throw ended();
  const target = await findPartnerCohort(ctx, staged.partner, staged.partnerCohortId);
  const [difference, percent] = await Promise.all([
    countDifference(ctx, comparisonOf(staged, target)),
    guardPercent(ctx),
  ]);
  return { ...difference, wouldBeHeld: isTooMany(difference.leaving, difference.size, percent) };
}

/** Throws a list away. The cohort is as it was. Does nothing where it has ended already. Errors: NOT_FOUND. */
export async function abandonReplacement(ctx: Ctx, id: string): Promise<void> {
  await requireReplacement(ctx, id);
  await inTransaction(ctx, async (tx) => {
    await lockTenant(tx);
    const staged = await lockReplacement(tx, id);
    if (staged.state !== 'OPEN' && staged.state !== 'HELD') return;
    await end(tx, staged, 'ABANDONED', null);
  });
}

/** The replacement of this id; null where there is none. */
export async function findReplacement(ctx: Ctx, id: string): Promise<Replacement | null> {
  const row = await findRow(ctx, id);
  return row && toReplacement(row);
}

/** The replacement of this id. Errors: NOT_FOUND. */
export async function getReplacement(ctx: Ctx, id: string): Promise<Replacement> {
  return toReplacement(await requireReplacement(ctx, id));
}

/** How long an untouched list is kept, open and held, in days. */
const KEEP_OPEN_DAYS = 1;
const KEEP_HELD_DAYS = 30;

/** Abandons lists that nobody goes on with. Answers how many. */
export async function abandonStale(ctx: Ctx): Promise<number> {
  const rows = await queryRows<{ id: string }>(
    ctx.db,
    sql`/* staleReplacements */ select id from replacements where workspace_id = ${ctx.workspaceId}::int and state in ('OPEN', 'HELD')
      and touched_at < ${ctx.now().toISOString()}::timestamptz - make_interval(days => case state when 'OPEN' then ${KEEP_OPEN_DAYS}::int else ${KEEP_HELD_DAYS}::int end) limit 100`,
  );
  for (const { id } of rows) await abandonReplacement(ctx, id);
  return rows.length;
}

/** Takes identities into a list through the path of any import. */
export async function addPage(
  ctx: Ctx,
  staged: ReplacementRow,
  change: CohortChange,
  maxIdentifiers?: number | undefined,
): Promise<Outcome> {
  const command: CohortChanges = {
    partner: staged.partner,
    partnerCohortId: staged.partnerCohortId,
    changes: [change],
    maxIdentifiers,
    source: { dialect: staged.dialect, keyId: staged.keyId },
  };
  checkChanges(command);
  const toList = { ...command, partner: STAGED, partnerCohortId: staged.id };
  return inRoom(ctx, toList, async () => {
    const found = await prepare(ctx, toList);
    if ('outcome' in found || !found.prepared.cohort) throw ended();
    // Nobody is made before the list is committed.
    const { policy } = found.prepared;
    return submit({ ...found.prepared, policy: policy === 'CREATE' ? 'HOLD' : policy, guardPercent: null });
  });
}

async function keyOf(ctx: Ctx, partner: string, source: Source): Promise<string | null> {
  if (source.presentedHash === undefined) return source.keyId ?? null;
  const key = requireImportKey(await verifyHash(ctx, source.presentedHash), partner);
  await touchKey(ctx, key);
  return key.id;
}

async function lockTenant(tx: Ctx): Promise<void> {
  await tx.db.execute(
    sql`/* lockTenant */ select set_config('lock_timeout', ${`${PATIENCE_MS}ms`}, true) from workspaces where id = ${tx.workspaceId}::int for no key update`,
  );
}

async function newestBatch(ctx: Ctx, cohortId: number): Promise<number> {
  const [row] = await queryRows<{ id: string }>(
    ctx.db,
    sql`/* newestBatch */ select coalesce(max(id), 0)::text as id from batches where workspace_id = ${ctx.workspaceId}::int and cohort_id = ${cohortId}::int`,
  );
  return Number(row?.id ?? 0);
}
