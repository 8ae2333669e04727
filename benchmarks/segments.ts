import { sql } from 'drizzle-orm';
import type { Muster } from '../src/app.ts';
import { type Db, queryRows } from '../src/db/client.ts';
import { externalIdOf } from './support/data.ts';
import { ms, quantile, timeInTurn } from './support/measure.ts';

/** What is asked, and what answers. */
export interface Asked {
  readonly muster: Muster;
  readonly db: Db;
  readonly apiKey: string;
  readonly users: number;
  readonly rounds: number;
}

export const DEPTH_HEAD = ['question through GraphQL', 'p50 ms', 'p99 ms', 'floor ms', 'what the floor is'];
export const ATTRIBUTE_HEAD = [
  'equality AND 2 cohorts',
  'users',
  'posting bits ms',
  'GIN ms',
  'narrow table ms',
  'scan ms',
];

type Input = Record<string, unknown>;
const has = (cohort: number): Input => ({
  amplitudeCohorts: { includesValue: { partnerCohort: { partner: 'amplitude', cohortId: `c${cohort}` } } },
});
const not = (of: Input): Input => ({ not: of });
const all = (...of: Input[]): Input => ({ all: of });
const any = (...of: Input[]): Input => ({ any: of });

/** Twelve cohort leaves in groups, as somebody builds them. */
const TWELVE = all(
  any(has(1), has(2), has(11)),
  not(any(has(12), has(13), has(21))),
  any(all(has(3), not(has(4))), all(has(5), has(6))),
  not(all(has(14), has(7))),
);
/** Thirty leaves, five groups deep. */
const DEEP = [5, 4, 3, 2, 1].reduce<Input>(
  (inner, level) =>
    (level % 2 ? all : any)(
      inner,
      ...Array.from({ length: 6 }, (_, i) => (i % 3 ? has : (c: number) => not(has(c)))(1 + ((level * 6 + i) % 20))),
    ),
  has(1),
);

/** Previews with the size of every part, deep trees, and explanations with their provenance. */
export async function measureSegments(asked: Asked): Promise<string[][]> {
  const preview = `query ($f: SegmentFilterInput!) { previewSegment(filter: $f) { ... on SegmentPreview { nodes { path size running } } ... on Error { message } } }`;
  const size = `query ($f: SegmentFilterInput!) { previewSegment(filter: $f) { ... on SegmentPreview { size } ... on Error { message } } }`;
  const floor = () =>
    queryRows(
      asked.db,
      sql`select sum(bit_count(bits)) from (select bit_or(bits) as bits from membership_blocks
    where workspace_id = 1 and cohort_id between 1 and 14 group by block) s`,
    );
  const rows: string[][] = [];
  const row = async (
    name: string,
    work: () => Promise<unknown>,
    rounds: number,
    least: () => Promise<unknown>,
    what: string,
  ) => {
    const samples: number[] = [];
    for (let i = 0; i < 3; i++) await work();
    for (let i = 0; i < rounds; i++) {
      const started = performance.now();
      await work();
      samples.push(performance.now() - started);
    }
    const { least: base } = await timeInTurn({ least }, 15);
    rows.push([name, ms(quantile(samples, 0.5)), ms(quantile(samples, 0.99)), ms(base.median), what]);
  };
  const reading = 'reading fourteen cohorts once';
  await row(
    'preview, 12 cohort leaves, every part counted',
    () => ask(asked, preview, { f: TWELVE }),
    asked.rounds * 3,
    floor,
    reading,
  );
  await row('size, 31 leaves, 5 groups deep', () => ask(asked, size, { f: DEEP }), asked.rounds * 2, floor, reading);
  const segment = await explained(asked);
  const explain = `query ($u: String!, $s: ID!) { explainMembership(user: { externalId: $u }, segment: $s) {
    ... on Explanation { isMember nodes { path verdict provenance { isMember batch { appliedAt dialect } } } } ... on Error { message } } }`;
  let user = 0;
  const next = () => {
    user = (user + 7_919) % asked.users;
    return externalIdOf(user + 1);
  };
  await row(
    'explain, 3 cohorts of 1,000 batches each',
    () => ask(asked, explain, { u: next(), s: segment }),
    asked.rounds * 2,
    () => queryRows(asked.db, sql`select 1`),
    'a round trip',
  );
  return rows;
}

/** A segment over three cohorts whose ledgers have a thousand batches each, as a first sync leaves them. */
async function explained(asked: Asked): Promise<string> {
  for (const cohort of [1, 2, 11])
    await asked.db.execute(sql`insert into batches (workspace_id, cohort_id, dialect, sync_no, identity_kinds, applied_at, duration_ms, received_count, matched_count,
        held_count, ignored_count, reasons, added_count, removed_count, added, removed, unchanged)
      select 1, ${cohort}::int, 'braze', 1, 1, now() - interval '1 day', 10, 1000, 1000, 0, 0, '{}', cardinality(u.ids), 0, u.ids, '{}', '{}'
      from (select n % 1000 as part, array_agg(id) as ids from (select m.block * 8192 + i as id, row_number() over () as n
        from membership_blocks m, generate_series(0, 8191) i where m.workspace_id = 1 and m.cohort_id = ${cohort}::int and get_bit(m.bits, i) = 1) a group by 1) u`);
  await asked.db.execute(sql`analyze batches`);
  const answer = await ask(
    asked,
    `mutation ($f: SegmentFilterInput!) { createSegment(input: { name: "bench ${Date.now()}", filter: $f }) { ... on CreateSegmentSuccess { segment { id } } ... on Error { message } } }`,
    { f: all(has(1), not(any(has(2), has(11)))) },
  );
  return (answer as { createSegment: { segment: { id: string } } }).createSegment.segment.id;
}

/** An equality of an attribute and two cohorts: as the product does it, and the three usual ways beside it, over the same users. */
export async function measureAttributes(asked: Asked): Promise<string[][]> {
  const { db, muster } = asked;
  await db.execute(sql`update users set attributes = jsonb_build_object('plan', (array['free', 'pro', 'team', 'none'])[1 + id % 4],
    'tier', case when id % 100 = 0 then 'gold' else 'other' end, 'rare', case when id % 10000 = 0 then 'yes' else 'no' end) where workspace_id = 1`);
  await db.execute(sql`vacuum (analyze) users`);
  const cases = [
    ['plan', 'pro', '25 %'],
    ['tier', 'gold', '1 %'],
    ['rare', 'yes', '0.01 %'],
  ] as const;
  const scans = new Map<string, number>();
  const count = (name: string, value: string) =>
    countThrough(
      asked,
      `attribute ${name} equals "${value}" and amplitude_cohorts includes_value "large 1" and amplitude_cohorts includes_value "large 2"`,
    );
  const right = new Map<string, number>();
  for (const [name, value] of cases) {
    right.set(name, await count(name, value));
    scans.set(name, (await timeInTurn({ scan: () => count(name, value) }, 5, 10_000)).scan.median);
  }
  for (const [name] of cases) await muster.domain().attributes.indexAttribute({ name });
  while ((await muster.domain().attributes.buildAttributeIndexes()) > 0);
  await db.execute(sql`create index users_gin on users using gin (attributes jsonb_path_ops)`);
  await db.execute(
    sql`create table narrow (name text collate "C", value text collate "C", user_id int, primary key (name, value, user_id))`,
  );
  await db.execute(
    sql`insert into narrow select e.key, e.value #>> '{}', u.id from users u, jsonb_each(u.attributes) e where u.workspace_id = 1`,
  );
  await db.execute(sql`vacuum (analyze)`);
  const inTwo = sql`(select bit_and(bits) as bits, block from membership_blocks where workspace_id = 1 and cohort_id in (1, 2) group by block having count(*) = 2) c`;
  const fold = (
    ids: ReturnType<typeof sql>,
  ) => sql`select coalesce(sum(bit_count(c.bits & f.bits)), 0)::int as n from ${inTwo} join (
    select w >> 8 as block, bit_or(m::bit(32)::bit(8192) >> ((w & 255) * 32)) as bits from (select i.id >> 5 as w, bit_or(1 << (31 - (i.id & 31))) as m from (${ids}) i group by 1) g group by 1) f on f.block = c.block`;
  const rows: string[][] = [];
  for (const [name, value, share] of cases) {
    const json = JSON.stringify({ [name]: value });
    const gin = async () =>
      one(db, fold(sql`select id from users where workspace_id = 1 and attributes @> ${json}::text::jsonb`));
    const narrow = async () =>
      one(db, fold(sql`select user_id as id from narrow where name = ${name} and value = ${value}`));
    const ours = () => count(name, value);
    if (new Set([await gin(), await narrow(), await ours(), right.get(name)]).size !== 1)
      throw new Error(`The forms of ${name} disagree.`);
    const timing = await timeInTurn({ ours, gin, narrow }, asked.rounds, 20_000);
    rows.push([
      share,
      String(right.get(name)),
      ms(timing.ours.median),
      ms(timing.gin.median),
      ms(timing.narrow.median),
      ms(scans.get(name) ?? Number.NaN),
    ]);
  }
  const bytes = async (table: string) => {
    const [row] = await queryRows<{ n: string }>(db, sql`select pg_total_relation_size(${table}::regclass)::text as n`);
    return Number(row?.n ?? 0) / asked.users;
  };
  const gin = (await queryRows<{ n: string }>(db, sql`select pg_relation_size('users_gin')::text as n`))[0];
  rows.push([
    'bytes a user, 3 attributes',
    '',
    (await bytes('attribute_blocks')).toFixed(1),
    (Number(gin?.n ?? 0) / asked.users).toFixed(1),
    (await bytes('narrow')).toFixed(1),
    '0',
  ]);
  await db.execute(sql`drop index users_gin`);
  await db.execute(sql`drop table narrow`);
  return rows;
}

async function countThrough(asked: Asked, filterText: string): Promise<number> {
  const answer = await ask(
    asked,
    'query ($t: String!) { previewSegment(filterText: $t) { ... on SegmentPreview { size } ... on Error { message } } }',
    { t: filterText },
  );
  return (answer as { previewSegment: { size: number } }).previewSegment.size;
}

async function one(db: Db, statement: ReturnType<typeof sql>): Promise<number> {
  const [row] = await queryRows<{ n: number }>(db, statement);
  return row?.n ?? Number.NaN;
}

async function ask({ muster, apiKey }: Asked, query: string, variables: object): Promise<unknown> {
  const response = await muster.fetch(
    new Request('http://bench/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${apiKey}` },
      body: JSON.stringify({ query, variables }),
    }),
  );
  const { data, errors } = (await response.json()) as { data?: unknown; errors?: unknown };
  if (errors || JSON.stringify(data).includes('"message"')) throw new Error(JSON.stringify(errors ?? data));
  return data;
}
