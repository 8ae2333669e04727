import { sql } from 'drizzle-orm';
import type { Muster } from '../src/app.ts';
import { type Db, queryPrepared, textArray } from '../src/db/client.ts';
import { listIdentities } from '../src/domain/cohorts/fold.ts';
import { lookUp } from '../src/domain/cohorts/look-up.ts';
import { type Ctx, inTransaction } from '../src/domain/context.ts';
import { appendBatches } from '../src/domain/membership/ledger.ts';
import { Masks, writeMasks } from '../src/domain/membership/masks.ts';
import { parseBrazeUsers } from '../src/http/braze-cohorts.ts';
import { parseJsonObject } from '../src/http/json.ts';
import { externalIdOf } from './support/data.ts';
import { ms, summarise } from './support/measure.ts';
import { seeded } from './support/random.ts';

const IDS = 1_000;
const ROUNDS = 60;

export const PROFILE_HEAD = ['part of a request', 'ms', 'p95', 'floor ms', 'what the floor is'];

/** Where the time of one request goes, one request at a time, each part beside the least it can cost. */
export async function measureProfile(muster: Muster, db: Db, users: number): Promise<string[][]> {
  const ctx = contextOf(db);
  const random = seeded(11);
  const cohort = await muster
    .domain()
    .cohorts.nameCohort({ partner: 'amplitude', partnerCohortId: `profile-${Date.now()}`, name: 'profile' });
  const samples = new Map<string, number[]>();
  const note = (name: string, took: number) => samples.set(name, [...(samples.get(name) ?? []), took]);
  const time = async <T>(name: string, work: () => Promise<T> | T): Promise<T> => {
    const started = performance.now();
    const result = await work();
    note(name, performance.now() - started);
    return result;
  };
  /** Times the work of a transaction, and apart from it what beginning and committing take. */
  const transact = async (name: string, work: (tx: Ctx) => Promise<unknown>) => {
    const started = performance.now();
    let inside = 0;
    await inTransaction(ctx, async (tx) => {
      const before = performance.now();
      await work(tx);
      inside = performance.now() - before;
    });
    note(name, inside);
    note(`${name} commit`, performance.now() - started - inside);
  };
  for (let round = 0; round < ROUNDS; round++) {
    const picked = [...new Set(Array.from({ length: IDS }, () => 1 + Math.floor(random() * users)))];
    const ids = picked.map(externalIdOf);
    const text = JSON.stringify({ cohort_id: cohort.partnerCohortId, cohort_changes: [{ user_ids: ids }] });
    await time('parse floor', () => JSON.parse(text));
    const { changes } = await time('parse', () => parseBrazeUsers(parseJsonObject(text)));
    const source = { dialect: 'braze' };
    const command = { partner: 'amplitude', partnerCohortId: cohort.partnerCohortId, changes, source };
    await time('look up floor', () => probe(db, ids));
    const found = await time('look up', () => lookUp(ctx, command, listIdentities(changes)));
    const signed = Int32Array.from(found.resolved.externalIds).sort();
    await transact('empty', async () => {});
    await transact('bits', (tx) => writeMasks(tx, masksOf(signed)));
    const batch = {
      cohortId: cohort.id,
      dialect: 'braze',
      keyId: null,
      requestId: null,
      syncPauseSeconds: 30,
      durationMs: 0,
    };
    const counts = { received: IDS, matched: IDS, held: 0, ignored: 0, reasons: {}, written: signed.length };
    await transact('ledger', (tx) => appendBatches(tx, [{ ...batch, ...counts, changes: signed }]));
  }
  await db.execute(sql`delete from membership_blocks where workspace_id = 1 and cohort_id = -50`);
  const median = (name: string) => summarise(samples.get(name) ?? []).median;
  const row = (label: string, name: string, floor: number, what: string) => {
    const { median, p95 } = summarise(samples.get(name) ?? []);
    return [label, ms(median), ms(p95), ms(floor), what];
  };
  return [
    row('parse and check', 'parse', median('parse floor'), 'JSON.parse alone'),
    row('look up: key, cohort, 1,000 identities', 'look up', median('look up floor'), 'the index probes alone'),
    row('begin and commit', 'empty commit', median('empty commit'), 'an empty transaction'),
    row('apply: flip the bits', 'bits', 0, 'none: it is the floor of the next'),
    row('apply with ledger, sync and meter', 'ledger', median('bits'), 'flipping the bits alone'),
    row('commit of it', 'ledger commit', median('empty commit'), 'an empty transaction'),
  ];
}

/** The users of a list, to be in a set of nobody else's. */
function masksOf(users: Int32Array): Masks {
  const masks = new Masks();
  for (const user of users) masks.note(-50, user, true);
  return masks;
}

function contextOf(db: Db): Ctx {
  const quiet = { info: () => {}, warn: () => {}, error: () => {} };
  return {
    db,
    inTransaction: false,
    now: () => new Date(),
    log: quiet,
    observer: { ingested: () => {} },
    actor: { kind: 'library', id: null, name: null },
    workspaceId: 1,
  };
}

/** What looking up costs at least: a probe of the index an identifier, nothing else and nothing sent back. */
async function probe(db: Db, ids: readonly string[]): Promise<void> {
  await queryPrepared(
    db,
    sql`/* probe */ select count(i.user_id)::int as n from unnest(${textArray(ids)}) s(value) left join lateral (select i.user_id
      from identities i where i.workspace_id = 1 and i.kind = 1 and i.label = '' and i.value = s.value limit 1) i on true`,
  );
}
