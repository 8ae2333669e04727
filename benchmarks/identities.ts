import { sql } from 'drizzle-orm';
import type { Muster } from '../src/app.ts';
import { type Db, queryRows } from '../src/db/client.ts';
import { ms, quantile, thousands } from './support/measure.ts';

/**
 * Pending members joining while their users appear: 100,000 held by one cohort, then 100,000 users upserted 1,000 a call. The floor is the
 * same upsert of users nobody waits for.
 */
export async function measureJoining(muster: Muster, db: Db, people: number): Promise<string[][]> {
  const domain = muster.domain();
  const perCall = 1_000;
  const name = (kind: string, i: number) => `${kind}-${String(i).padStart(12, '0')}-padded-to-36-characters`;
  for (let i = 0; i < people; i += perCall)
    await domain.cohorts.applyChanges({
      partner: 'amplitude',
      partnerCohortId: 'bench-pending',
      changes: [{ externalIds: ids('waiting', i, perCall), aliases: [], deviceIds: [], remove: false }],
      source: { dialect: 'library' },
    });
  function ids(kind: string, from: number, count: number): string[] {
    return Array.from({ length: count }, (_, i) => name(kind, from + i));
  }
  const upsert = async (kind: string) => {
    const start = performance.now();
    let joined = 0;
    for (let i = 0; i < people; i += perCall) {
      const done = await domain.users.upsertUsers({
        users: ids(kind, i, perCall).map((externalId) => ({ externalId })),
      });
      joined += done.joined;
    }
    return { perSecond: people / ((performance.now() - start) / 1000), joined };
  };
  const floor = await upsert('nobody-waits');
  const joining = await upsert('waiting');
  const [left] = await queryRows<{ n: number }>(
    db,
    sql`select count(*)::int as n from pending_members p join cohorts c on c.workspace_id = 1 and c.id = p.cohort_id where c.partner_cohort_id = 'bench-pending'`,
  );
  if (joining.joined !== people || left?.n !== 0) throw new Error(`${joining.joined} joined, ${left?.n} are left.`);
  return [
    ['upsert, nobody waits (floor)', thousands(floor.perSecond)],
    ['upsert, every user joins a cohort', thousands(joining.perSecond)],
  ];
}

/** Merging two users who are in all of a thousand cohorts. */
export async function measureMerges(muster: Muster, db: Db, cohorts: number, merges: number): Promise<string[][]> {
  const domain = muster.domain();
  const people = Array.from({ length: merges * 2 }, (_, i) => `merge-${i}`);
  await domain.users.upsertUsers({ users: people.map((externalId) => ({ externalId })) });
  const first = 1_000_000;
  await db.execute(sql`insert into cohorts (workspace_id, id, partner, partner_cohort_id, name)
    select 1, ${first}::int + i, 'bench', 'm' || i, 'm' || i from generate_series(1, ${cohorts}::int) i`);
  const numbers = await domain.users.userIds(people.map((externalId) => ({ externalId })));
  // Those who go are in every cohort: the most a merge can have to do.
  const going = numbers.filter((_, i) => i % 2 === 0).filter((n) => n !== null);
  await db.execute(sql`insert into membership_blocks (workspace_id, cohort_id, block, bits)
    select 1, ${first}::int + c, u >> 13, bit_or(set_bit(0::bit(8192), u & 8191, 1))
    from generate_series(1, ${cohorts}::int) c, unnest(${`{${going.join(',')}}`}::text::int[]) u group by c, u >> 13`);
  const samples: number[] = [];
  for (let i = 0; i < merges; i++) {
    const start = performance.now();
    await domain.identities.mergeUsers({
      items: [{ user: { externalId: `merge-${i * 2}` }, into: { externalId: `merge-${i * 2 + 1}` } }],
    });
    samples.push(performance.now() - start);
  }
  return [[`merge, ${cohorts} cohorts`, ms(quantile(samples, 0.5)), ms(quantile(samples, 0.95))]];
}
