import { type SQL, sql } from 'drizzle-orm';
import type { Muster } from '../src/app.ts';
import { type Db, queryRows } from '../src/db/client.ts';
import { COHORTS, externalIdOf } from './support/data.ts';
import { ms, timeInTurn } from './support/measure.ts';
import { seeded } from './support/random.ts';

/** A filter by cohort numbers of the data set, in the three forms that are compared. */
type Tree = { all: Tree[] } | { any: Tree[] } | { not: Tree } | { in: number };

const has = (cohort: number): Tree => ({ in: cohort });
const not = (of: Tree): Tree => ({ not: of });
const all = (...of: Tree[]): Tree => ({ all: of });
const any = (...of: Tree[]): Tree => ({ any: of });
const LARGE = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
const MID = [11, 12, 13, 14, 15, 16, 17, 18, 19, 20];

/** Large cohorts hold about half of all users, middling ones about 2 %, small ones 1 % and less. */
const TREES: readonly (readonly [string, Tree])[] = [
  ['A large', has(1)],
  ['A mid', has(11)],
  ['large AND large', all(has(1), has(2))],
  ['small AND large', all(has(21), has(1))],
  ['mid AND mid', all(has(11), has(12))],
  ['large AND NOT large', all(has(1), not(has(2)))],
  ['mid AND NOT large', all(has(11), not(has(1)))],
  ['(large OR mid) AND NOT large', all(any(has(1), has(11)), not(has(2)))],
  ['(mid OR mid) AND NOT small', all(any(has(11), has(12)), not(has(21)))],
  ['OR of 10 mid', any(...MID.map(has))],
  ['OR of 10 large', any(...LARGE.map(has))],
  ['NOT large', not(has(1))],
];

export interface Questions {
  readonly muster: Muster;
  readonly db: Db;
  readonly apiKey: string;
  readonly users: number;
  readonly rounds: number;
}

/** Exact counts: through GraphQL, as hand-written SQL over the bits, and the two usual forms over a table of rows. */
export async function measureCounts(q: Questions): Promise<string[][]> {
  const rows: string[][] = [];
  for (const [name, tree] of TREES) {
    const floor = bitsCount(tree);
    const answers = [
      await graphqlCount(q, tree),
      await one(q.db, floor),
      await one(q.db, sql`select count(*)::int as n from (${setOperations(tree)}) s`),
    ];
    if (new Set(answers).size !== 1) throw new Error(`The forms of "${name}" disagree: ${answers.join(', ')}.`);
    // The forms over rows run for so long, and through so much memory, that whoever comes after them starts cold: they have turns apart.
    const bits = await timeInTurn(
      { graphql: () => graphqlCount(q, tree), floor: () => one(q.db, floor) },
      q.rounds * 3,
      8_000,
    );
    const rowForms = await timeInTurn(
      {
        semi: () => one(q.db, sql`select count(*)::int as n from users u where u.workspace_id = 1 and ${exists(tree)}`),
        setops: () => one(q.db, sql`select count(*)::int as n from (${setOperations(tree)}) s`),
      },
      q.rounds,
      6_000,
    );
    const timing = { ...bits, ...rowForms };
    const row = Math.min(timing.semi.median, timing.setops.median);
    rows.push([
      name,
      (answers[0] ?? 0).toLocaleString('en-US'),
      ms(timing.graphql.median),
      ms(timing.graphql.p95),
      ms(timing.floor.median),
      ms(timing.graphql.median - timing.floor.median),
      ms(row),
      `${Math.round(row / timing.graphql.median)}×`,
    ]);
  }
  return rows;
}

export const COUNT_HEAD = [
  'filter',
  'users',
  'GraphQL ms',
  'p95',
  'floor: SQL over bits ms',
  'above floor',
  'best of rows ms',
  'faster',
];

/** First pages of 100 members, with what a list shows of each. */
export async function measurePages(q: Questions): Promise<string[][]> {
  const trees: readonly (readonly [string, Tree])[] = [
    ['A large', has(1)],
    ['A mid', has(11)],
    ['(large OR mid) AND NOT large', all(any(has(1), has(11)), not(has(2)))],
    ['OR of 10 large', any(...LARGE.map(has))],
    ['tiny AND large (the hardest)', all(has(22), has(1))],
  ];
  const rows: string[][] = [];
  for (const [name, tree] of trees) {
    // Turns apart, as for the counts.
    const { graphql } = await timeInTurn({ graphql: () => graphqlPage(q, tree) }, q.rounds * 3, 8_000);
    const { rows: asRows } = await timeInTurn(
      {
        rows: () =>
          queryRows(
            q.db,
            sql`select u.id, i.value from users u join identities i on i.workspace_id = 1 and i.user_id = u.id
            where u.workspace_id = 1 and ${exists(tree)} order by u.id limit 100`,
          ),
      },
      q.rounds,
      6_000,
    );
    const timing = { graphql, rows: asRows };
    rows.push([name, ms(timing.graphql.median), ms(timing.graphql.p95), ms(timing.rows.median)]);
  }
  return rows;
}

export const PAGE_HEAD = ['first page of 100', 'GraphQL ms', 'p95', 'rows, SQL only ms'];

/** Which of 1,000 users are in which of 20 segments. */
export async function measureMembership(q: Questions): Promise<string[][]> {
  const random = seeded(7);
  const trees = Array.from({ length: 20 }, (_, i) =>
    all(any(has(1 + (i % 10)), has(11 + (i % 10))), not(has(1 + ((i + 3) % 10)))),
  );
  const segments: string[] = [];
  for (const [i, tree] of trees.entries()) segments.push(await createSegment(q, `bench ${i} ${Math.random()}`, tree));
  const users = Array.from({ length: 1_000 }, () => ({ externalId: externalIdOf(1 + Math.floor(random() * q.users)) }));
  const values = sql`select i.user_id from unnest(${`{${users.map((u) => u.externalId).join(',')}}`}::text::text[]) v
    join identities i on i.workspace_id = 1 and i.kind = 1 and i.label = '' and i.value = v`;
  const columns = trees.map((tree, i) => sql`${exists(tree)} as ${sql.raw(`s${i}`)}`);
  const facts = sql`with d as materialized (select user_id >> 13 as block, array_agg(user_id) as ids from (${values}) u(user_id) group by 1)
    select m.cohort_id, array_agg(u.id)::text from d join membership_blocks m on m.workspace_id = 1 and m.cohort_id between 1 and 20
      and m.block = d.block, unnest(d.ids) as u(id) where get_bit(m.bits, u.id & 8191) = 1 group by m.cohort_id`;
  const bits = await timeInTurn(
    { graphql: () => execute(q, MEMBERSHIP, { users, segments }), floor: () => queryRows(q.db, facts) },
    q.rounds * 2,
  );
  const asRows = await timeInTurn(
    { rows: () => queryRows(q.db, sql`select u.id, ${sql.join(columns, sql`, `)} from (${values}) u(id)`) },
    q.rounds,
  );
  const timing = { ...bits, ...asRows };
  return [
    [
      '1,000 users × 20 segments',
      ms(timing.graphql.median),
      ms(timing.graphql.p95),
      ms(timing.floor.median),
      ms(timing.rows.median),
    ],
  ];
}

export const MEMBERSHIP_HEAD = ['membership', 'GraphQL ms', 'p95', 'floor: SQL over bits ms', 'rows, SQL only ms'];

const PREVIEW = `query ($filter: SegmentFilterInput!) { previewSegment(filter: $filter) { ... on SegmentPreview { size } } }`;
const PAGE = `query ($filter: SegmentFilterInput!) { previewSegment(filter: $filter) { ... on SegmentPreview {
  users(first: 100) { nodes { id externalId } pageInfo { hasNextPage endCursor } } } } }`;
const MEMBERSHIP = `query ($users: [UserRef!]!, $segments: [ID!]!) { membership(users: $users, segments: $segments) {
  ... on MembershipSuccess { memberships { segments } } } }`;
const CREATE = `mutation ($input: CreateSegmentInput!) { createSegment(input: $input) {
  ... on CreateSegmentSuccess { segment { id } } ... on Error { message } } }`;

async function graphqlCount(q: Questions, tree: Tree): Promise<number> {
  const { previewSegment } = await execute<{ previewSegment: { size: number } }>(q, PREVIEW, { filter: toInput(tree) });
  return previewSegment.size;
}

function graphqlPage(q: Questions, tree: Tree): Promise<unknown> {
  return execute(q, PAGE, { filter: toInput(tree) });
}

async function createSegment(q: Questions, name: string, tree: Tree): Promise<string> {
  const made = await execute<{ createSegment: { segment: { id: string } } }>(q, CREATE, {
    input: { name, filter: toInput(tree) },
  });
  return made.createSegment.segment.id;
}

/** The whole way a request takes, but for the socket. */
async function execute<T>(q: Questions, query: string, variables: object): Promise<T> {
  const body = JSON.stringify({ query, variables });
  const headers = {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    authorization: `Bearer ${q.apiKey}`,
  };
  const response = await q.muster.fetch(new Request('http://bench/graphql', { method: 'POST', headers, body }));
  const { data, errors } = (await response.json()) as { data?: T; errors?: unknown };
  if (!data || errors) throw new Error(`GraphQL answered ${JSON.stringify(errors)}`);
  return data;
}

function toInput(tree: Tree): object {
  if ('all' in tree) return { all: tree.all.map(toInput) };
  if ('any' in tree) return { any: tree.any.map(toInput) };
  if ('not' in tree) return { not: toInput(tree.not) };
  return { amplitudeCohorts: { includesValue: { partnerCohort: { partner: 'amplitude', cohortId: `c${tree.in}` } } } };
}

/** The best SQL a person would write by hand over the blocks: one aggregate a leaf, an OR of leaves shares one. */
function bitsCount(tree: Tree): SQL {
  if ('in' in tree)
    return sql`select sum(bit_count(bits))::int as n from membership_blocks where workspace_id = 1 and cohort_id = ${sql.raw(String(tree.in))}`;
  const groups: string[] = [];
  const cohorts = new Set<number>();
  const group = (list: readonly number[]) => {
    for (const c of list) cohorts.add(c);
    groups.push(`coalesce(bit_or(bits) filter (where cohort_id in (${list.join()})), 0::bit(8192)) g${groups.length}`);
    return `g${groups.length - 1}`;
  };
  const word = (t: Tree): string => {
    if ('in' in t) return group([t.in]);
    if ('any' in t) return group(t.any.map((leaf) => ('in' in leaf ? leaf.in : 0)));
    if ('not' in t) return `(${group([0])} & (~ ${word(t.not)}))`;
    const [bound, ...rest] = t.all;
    return `(${bound ? word(bound) : ''}${rest.map((r) => ('not' in r ? ` & (~ ${word(r.not)})` : ` & ${word(r)}`)).join('')})`;
  };
  const expression = word(tree);
  return sql.raw(`select sum(bit_count(${expression}))::int as n from (select block, ${groups.join(', ')} from membership_blocks
    where workspace_id = 1 and cohort_id in (${[...cohorts].join()}) group by block) s`);
}

/** The row model, per user: EXISTS and NOT EXISTS. */
function exists(tree: Tree): SQL {
  if ('all' in tree) return sql`(${sql.join(tree.all.map(exists), sql` and `)})`;
  if ('any' in tree) return sql`(${sql.join(tree.any.map(exists), sql` or `)})`;
  if ('not' in tree) return sql`(not ${exists(tree.not)})`;
  return sql`exists (select 1 from member_rows m where m.cohort_id = ${sql.raw(String(tree.in))} and m.user_id = u.id)`;
}

/** The row model, by sets: UNION, INTERSECT, EXCEPT. */
function setOperations(tree: Tree): SQL {
  if ('in' in tree) return sql`select user_id from member_rows where cohort_id = ${sql.raw(String(tree.in))}`;
  if ('any' in tree)
    return sql`select user_id from member_rows where cohort_id in (${sql.raw(tree.any.map((t) => ('in' in t ? t.in : 0)).join())}) group by user_id`;
  if ('not' in tree)
    return sql`select id as user_id from users where workspace_id = 1 except ${setOperations(tree.not)}`;
  const [bound, ...rest] = tree.all;
  const parts = rest.map((r) =>
    'not' in r ? sql` except (${setOperations(r.not)})` : sql` intersect (${setOperations(r)})`,
  );
  return sql`(${bound ? setOperations(bound) : sql``})${sql.join(parts, sql``)}`;
}

async function one(db: Db, statement: SQL): Promise<number> {
  const [row] = await queryRows<{ n: number }>(db, statement);
  return row?.n ?? 0;
}

/** Bytes of a membership in both models. */
export function membershipCount(users: number): number {
  return Math.round(COHORTS.reduce((sum, c) => sum + c.share, 0) * users);
}
