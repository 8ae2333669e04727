import { sql } from 'drizzle-orm';
import { queryPrepared, queryRows } from '../../db/client.ts';
import { noteAudit } from '../audit/note-audit.ts';
import { type Ctx, inTransaction } from '../context.ts';
import { fail } from '../errors.ts';
import { ATTRIBUTE_INDEXES_MAX, type AttributeIndex, parseAttributeName } from './attribute-index.ts';
import { buildSlice } from './build-index.ts';
import { DROPPING } from './live-indexes.ts';

/** Slices of up to 8,192 users that are built before the call answers: small workspaces have their index at once. */
const SLICES_AT_ONCE = 12;
/** Slices of one run in the background, some 1.6 million users: other work of the server has its turn in between. */
const SLICES_A_RUN = 200;

/**
 * Keeps the values of an attribute as bits from now on, so that filters by it are answered from those. Users there are already are added
 * in the background, the first hundred thousand at once; until everybody is in it, filters look at every user as before. An attribute that
 * is indexed already stays as it is. Errors: INVALID_INPUT, LIMIT_EXCEEDED (50 a workspace), LOCKED.
 */
export async function indexAttribute(ctx: Ctx, input: { readonly name: string }): Promise<AttributeIndex> {
  const name = parseAttributeName(input.name, ['name']);
  await inTransaction(ctx, async (tx) => {
    await lockIndexes(tx);
    const indexes = await listAttributeIndexes(tx);
    if (indexes.some((index) => index.name === name)) return;
    if (indexes.length >= ATTRIBUTE_INDEXES_MAX)
      throw fail('LIMIT_EXCEEDED', `A workspace indexes at most ${ATTRIBUTE_INDEXES_MAX} attributes: drop one first.`, {
        path: ['name'],
      });
    // One that is being dropped begins anew: what it leaves is thrown away first.
    await queryPrepared(
      tx.db,
      sql`/* addIndex */ insert into attribute_indexes (workspace_id, name, state, built_to, created_at)
        values (${tx.workspaceId}::int, ${name}, 'BUILDING', 0, ${tx.now().toISOString()}::timestamptz)
        on conflict (workspace_id, name) do update set built_to = 0, created_at = excluded.created_at`,
    );
    await noteIndex(tx, 'attribute_index.created', name);
  });
  await build(ctx, name, SLICES_AT_ONCE);
  const index = (await listAttributeIndexes(ctx)).find((known) => known.name === name);
  if (!index) throw fail('LOCKED', 'The index was dropped while it was made: make it again.', { path: ['name'] });
  return index;
}

/**
 * Stops keeping the values of an attribute; filters by it look at every user from then on. What was kept is thrown away, in the background
 * where it is much. Errors: INVALID_INPUT, NOT_FOUND, LOCKED.
 */
export async function dropAttributeIndex(ctx: Ctx, input: { readonly name: string }): Promise<void> {
  const name = parseAttributeName(input.name, ['name']);
  await inTransaction(ctx, async (tx) => {
    await lockIndexes(tx);
    const rows = await queryPrepared(
      tx.db,
      sql`/* dropIndex */ update attribute_indexes set state = 'BUILDING', built_to = ${DROPPING}::int
        where workspace_id = ${tx.workspaceId}::int and name = ${name} and built_to <> ${DROPPING}::int returning 1`,
    );
    if (rows.length === 0) throw fail('NOT_FOUND', 'This attribute is not indexed.', { path: ['name'] });
    await noteIndex(tx, 'attribute_index.removed', name);
  });
  await build(ctx, name, SLICES_AT_ONCE);
}

/** The indexed attributes, by name. */
export async function listAttributeIndexes(ctx: Ctx): Promise<AttributeIndex[]> {
  const rows = await queryRows<{ name: string; state: AttributeIndex['state']; built_to: number; created_at: string }>(
    ctx.db,
    sql`/* listAttributeIndexes */ select name, state, built_to, to_json(created_at)::text as created_at from attribute_indexes
      where workspace_id = ${ctx.workspaceId}::int and built_to <> ${DROPPING}::int order by name`,
  );
  return rows.map(({ name, state, built_to, created_at }) => ({
    name,
    state,
    builtTo: state === 'READY' ? null : built_to,
    createdAt: new Date(JSON.parse(created_at) as string),
  }));
}

/**
 * Goes on with the indexes that are being built or dropped, for a while. Answers how many slices it did, 0 when there is nothing left to do.
 * Safe to call from every server at any time. Errors: LOCKED.
 */
export async function buildAttributeIndexes(ctx: Ctx): Promise<number> {
  const rows = await queryRows<{ name: string }>(
    ctx.db,
    sql`/* indexesToBuild */ select name from attribute_indexes where workspace_id = ${ctx.workspaceId}::int and state = 'BUILDING' order by name`,
  );
  let slices = 0;
  for (const { name } of rows) slices += await build(ctx, name, SLICES_A_RUN - slices);
  return slices;
}

async function noteIndex(
  tx: Ctx,
  action: 'attribute_index.created' | 'attribute_index.removed',
  name: string,
): Promise<void> {
  await noteAudit(tx, { action, subjectType: 'attribute_index', subjectId: name, subjectName: name });
}

async function build(ctx: Ctx, name: string, mostSlices: number): Promise<number> {
  let slices = 0;
  while (slices < mostSlices) {
    const isMore = await buildSlice(ctx, name);
    slices++;
    if (!isMore) break;
  }
  return slices;
}

/** The row that writers of users hold: they must not miss an index that appears, or write to one that goes. */
async function lockIndexes(tx: Ctx): Promise<void> {
  await queryPrepared(
    tx.db,
    sql`/* lockIndexes */ select 1 from workspaces where id = ${tx.workspaceId}::int for no key update`,
  );
}
