import { sql } from 'drizzle-orm';
import { intArray, queryPrepared, textArray } from '../../db/client.ts';
import type { Ctx } from '../context.ts';
import { BLOCK_SHIFT, BUCKET_BITS, bucketSet, RESERVED, STAGED_BELOW } from '../membership/bits.ts';
import { bucketOf } from '../membership/buckets.ts';
import { appendBatches, type Batch } from '../membership/ledger.ts';
import { Masks, writeMasks } from '../membership/masks.ts';
import { attributesOf, forebears, isHeir, patchOf, splitPatch } from './attributes.ts';
import { takeWorkspaceAlone } from './gate.ts';
import { table } from './hold.ts';
import { keepFacts } from './keep-facts.ts';
import { type LiveIndex, liveIndexes, readIndexes } from './live-indexes.ts';
import { noteDrops } from './pending-drops.ts';
import { type Arrival, isAliased, isDeviced, isIdentified, type Person, type Roster, survivor } from './roster.ts';
import type { Attributes } from './user-input.ts';

/** What became of pending members while users appeared. */
export interface Joined {
  /** Memberships that pending members turned into. */
  readonly joined: number;
  /** Pending members that can never join, because the device now belongs to an identified user. */
  readonly dropped: number;
}

/**
 * Writes what changed in a roster: users, identities, what is kept of them as bits, and the memberships that follow. Pending members of an identity
 * that now has a user join their cohorts here, in the transaction that gives it the user. Locks go in one order everywhere: workspace,
 * identities, cohorts.
 */
export async function flush(tx: Ctx, roster: Roster): Promise<Joined> {
  const people = [...roster.people.values()];
  const staying = people.filter((p) => !p.gone);
  const going = people.filter((p) => p.gone && !p.isNew);
  const indexes = await settleWorkspace(tx, roster);
  const before = await storedAttributes(tx, staying.filter(isHeir).flatMap(forebears));
  await keepFacts(tx, people, indexes, before);
  await insertUsers(
    tx,
    staying.filter((p) => p.isNew),
    before,
  );
  await writeIdentities(tx, roster);
  await updateUsers(
    tx,
    staying.filter((p) => !p.isNew && (p.attributeChanges.length > 0 || isIdentified(p) !== p.wasIdentified)),
    before,
  );
  const joined = await joinPending(tx, roster);
  await loseIdentities(tx, roster);
  await leaveCohorts(tx, going);
  await writeReservedSets(tx, people);
  await deleteUsers(tx, going);
  return joined;
}

/**
 * Where imports under way must notice, waits for them to commit and makes later ones look up again. Answers which attributes are indexed:
 * most workspaces index none, and are not asked a question of its own for it.
 */
async function settleWorkspace(tx: Ctx, roster: Roster): Promise<LiveIndex[]> {
  if (roster.unsettles) await takeWorkspaceAlone(tx);
  const [row] = await queryPrepared<{ indexes: string | null }>(
    tx.db,
    sql`/* settleWorkspace */ update workspaces set next_user_id = ${roster.nextId}::int,
    identity_epoch = identity_epoch + ${roster.unsettles ? 1 : 0}::int where id = ${tx.workspaceId}::int
    returning ${liveIndexes(tx.workspaceId)} as indexes`,
  );
  return readIndexes(row?.indexes ?? null);
}

/** The attributes of people as they are before this call. The workspace row is held: nobody changes them meanwhile. */
async function storedAttributes(tx: Ctx, people: readonly Person[]): Promise<Map<number, Attributes>> {
  const ids = people.filter((p) => !p.isNew).map((p) => p.id);
  if (ids.length === 0) return new Map();
  const rows = await queryPrepared<{ id: number; attributes: string }>(
    tx.db,
    sql`/* storedAttributes */ select id, attributes::text as attributes from users
    where workspace_id = ${tx.workspaceId}::int and id = any(${intArray(ids)})`,
  );
  return new Map(rows.map((row) => [row.id, JSON.parse(row.attributes) as Attributes]));
}

async function insertUsers(tx: Ctx, people: readonly Person[], before: ReadonlyMap<number, Attributes>): Promise<void> {
  if (people.length === 0) return;
  const now = sql`${tx.now().toISOString()}::timestamptz`;
  await queryPrepared(
    tx.db,
    sql`/* insertUsers */ with made as (
      insert into users (workspace_id, id, is_identified, attributes, created_at)
      select ${tx.workspaceId}::int, id, identified = 1, attributes::jsonb, ${now}
      from unnest(${intArray(people.map((p) => p.id))}, ${intArray(people.map((p) => (isIdentified(p) ? 1 : 0)))},
        ${textArray(people.map((p) => JSON.stringify(attributesOf(p, before))))}) as u(id, identified, attributes))
    insert into user_blocks as b (workspace_id, block, first_created_at, last_created_at)
    select ${tx.workspaceId}::int, block, ${now}, ${now} from unnest(${intArray([...new Set(people.map((p) => p.id >> BLOCK_SHIFT))])}) as u(block)
    on conflict (workspace_id, block) do update set first_created_at = least(b.first_created_at, excluded.first_created_at),
      last_created_at = greatest(b.last_created_at, excluded.last_created_at)
    where excluded.first_created_at < b.first_created_at or excluded.last_created_at > b.last_created_at`,
  );
}

/** Nobody else adds or moves identities now; an import may have just held one of these, and is met on the primary key. */
async function writeIdentities(tx: Ctx, roster: Roster): Promise<void> {
  const owned = roster.changes().filter((c) => c.person !== null);
  if (owned.length > 0)
    await queryPrepared(
      tx.db,
      sql`/* writeIdentities */ insert into identities (workspace_id, kind, label, value, user_id, is_deprecated)
      select ${tx.workspaceId}::int, w.k, w.l, w.v, w.u, w.d = 1
      from unnest(${intArray(owned.map((c) => c.identity.kind))}::smallint[], ${textArray(owned.map((c) => c.identity.label))},
        ${textArray(owned.map((c) => c.identity.value))}, ${intArray(owned.map((c) => c.person?.id ?? 0))},
        ${intArray(owned.map((c) => (c.isDeprecated ? 1 : 0)))}) as w(k, l, v, u, d) order by w.k, w.l collate "C", w.v collate "C"
      on conflict (workspace_id, kind, label, value) do update set user_id = excluded.user_id, is_deprecated = excluded.is_deprecated`,
    );
}

/**
 * After joining: an identity that this call gave and took again may have been waited for. Imports are kept out meanwhile, because
 * whoever loses an identity unsettles.
 */
async function loseIdentities(tx: Ctx, roster: Roster): Promise<void> {
  const lost = roster
    .changes()
    .filter((c) => c.person === null)
    .map((c) => c.identity);
  if (lost.length > 0)
    await queryPrepared(
      tx.db,
      sql`/* loseIdentities */ delete from identities i using ${table(lost)}
      where i.workspace_id = ${tx.workspaceId}::int and i.kind = w.k and i.label = w.l and i.value = w.v`,
    );
}

/** Patches go to what is stored, in the database; only the attributes of heirs are worked out here. */
async function updateUsers(tx: Ctx, people: readonly Person[], before: ReadonlyMap<number, Attributes>): Promise<void> {
  if (people.length === 0) return;
  const patches = people.map((p) =>
    isHeir(p) ? { set: attributesOf(p, before), removed: [] } : splitPatch(patchOf(p)),
  );
  await queryPrepared(
    tx.db,
    sql`/* updateUsers */ update users u set is_identified = w.identified = 1,
      attributes = (case when w.heir = 1 then '{}' else u.attributes end || w.set::jsonb) - array(select jsonb_array_elements_text(w.removed::jsonb))
    from unnest(${intArray(people.map((p) => p.id))}, ${intArray(people.map((p) => (isIdentified(p) ? 1 : 0)))},
      ${intArray(people.map((p) => (isHeir(p) ? 1 : 0)))}, ${textArray(patches.map((p) => JSON.stringify(p.set)))},
      ${textArray(patches.map((p) => JSON.stringify(p.removed)))}) as w(id, identified, heir, set, removed)
    where u.workspace_id = ${tx.workspaceId}::int and u.id = w.id`,
  );
}

async function joinPending(tx: Ctx, roster: Roster): Promise<Joined> {
  const { arrivals } = roster;
  if (arrivals.length === 0) return { joined: 0, dropped: 0 };
  const rows = await queryPrepared<{ n: number; cohort_id: number }>(
    tx.db,
    sql`/* joinPending */ delete from pending_members p
      using unnest(${intArray(arrivals.map((a) => a.identity.kind))}::smallint[], ${textArray(arrivals.map((a) => a.identity.label))},
        ${textArray(arrivals.map((a) => a.identity.value))}) with ordinality as w(k, l, v, n)
      where p.workspace_id = ${tx.workspaceId}::int and p.kind = w.k and p.label = w.l and p.value = w.v
      returning (w.n - 1)::int as n, p.cohort_id`,
  );
  const members = new Map<number, Set<number>>();
  let dropped = 0;
  for (const { n, cohort_id } of rows) {
    const { person, isMeaningless } = arrivals[n] as Arrival;
    const heir = survivor(person);
    if (isMeaningless) dropped++;
    else if (heir) members.set(cohort_id, (members.get(cohort_id) ?? new Set()).add(heir.id));
  }
  await noteDrops(tx, 'device_of_identified_user', dropped);
  await lockCohorts(tx, [...members.keys()]);
  const batches = [...members].map(([cohortId, users]) =>
    userBatch(
      cohortId,
      'join',
      [...users].sort((a, b) => a - b),
    ),
  );
  const changed = batches.length === 0 ? [] : await appendBatches(tx, batches);
  return { joined: changed.reduce((n, c) => n + c.added, 0), dropped };
}

async function lockCohorts(tx: Ctx, ids: readonly number[]): Promise<void> {
  if (ids.length === 0) return;
  await queryPrepared(
    tx.db,
    sql`/* lockCohorts */ select 1 from cohorts where workspace_id = ${tx.workspaceId}::int
    and id = any(${intArray(ids)}) order by id for no key update`,
  );
}

/**
 * Takes those who go out of every cohort, and puts whom they were merged into in their place. Needs no cohort locks: the caller holds
 * the workspace row against every other writer of members.
 */
async function leaveCohorts(tx: Ctx, going: readonly Person[]): Promise<void> {
  if (going.length === 0) return;
  const people = new Map(going.map((p) => [p.id, p]));
  const rows = await queryPrepared<{ cohort_id: number; id: number }>(
    tx.db,
    sql`/* leaveCohorts */ select m.cohort_id, u.id from unnest(${intArray([...people.keys()])}) as u(id)
      join membership_blocks m on m.workspace_id = ${tx.workspaceId}::int and m.block = u.id >> 13 and (m.cohort_id > 0 or m.cohort_id < ${STAGED_BELOW}::int)
        and get_bit(m.bits, u.id & 8191) = 1`,
  );
  const batches = new Map<string, { cohortId: number; dialect: string; changes: Set<number> }>();
  for (const { cohort_id, id } of rows) {
    const heir = survivor(people.get(id) as Person);
    const dialect = heir ? 'merge' : 'delete';
    const key = `${cohort_id} ${dialect}`;
    const batch = batches.get(key) ?? { cohortId: cohort_id, dialect, changes: new Set<number>() };
    batch.changes.add(-id);
    if (heir) batch.changes.add(heir.id);
    batches.set(key, batch);
  }
  if (batches.size > 0)
    await appendBatches(
      tx,
      [...batches.values()].map((b) => userBatch(b.cohortId, b.dialect, [...b.changes])),
    );
}

function userBatch(cohortId: number, dialect: string, changes: readonly number[]): Batch {
  return {
    cohortId,
    dialect,
    keyId: null,
    requestId: null,
    durationMs: 0,
    received: 0,
    matched: 0,
    held: 0,
    ignored: 0,
    reasons: {},
    written: 0,
    changes,
  };
}

async function writeReservedSets(tx: Ctx, people: readonly Person[]): Promise<void> {
  const masks = new Masks();
  for (const p of people) {
    const note = (set: number, was: boolean, is: boolean) => {
      if (was !== is) masks.note(set, p.id, is);
    };
    note(RESERVED.everyone, !p.isNew, !p.gone);
    note(RESERVED.identified, p.wasIdentified, !p.gone && isIdentified(p));
    note(RESERVED.aliased, p.wasAliased, !p.gone && isAliased(p));
    note(RESERVED.deviced, p.wasDeviced, !p.gone && isDeviced(p));
    if (p.isNew === !p.gone) {
      const bucket = bucketOf(p.id);
      for (let bit = 0; bit < BUCKET_BITS; bit++) if ((bucket >> bit) & 1) masks.note(bucketSet(bit), p.id, p.isNew);
    }
  }
  await writeMasks(tx, masks);
}

async function deleteUsers(tx: Ctx, going: readonly Person[]): Promise<void> {
  if (going.length === 0) return;
  await queryPrepared(
    tx.db,
    sql`/* deleteUsers */ delete from users where workspace_id = ${tx.workspaceId}::int
      and id = any(${intArray(going.map((p) => p.id))})`,
  );
}
