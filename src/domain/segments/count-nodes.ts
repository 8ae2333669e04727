import { type SQL, sql } from 'drizzle-orm';
import { queryRows } from '../../db/client.ts';
import type { Ctx } from '../context.ts';
import type { Path } from '../errors.ts';
import { compile } from './compile.ts';
import { prepareFilters } from './evaluate.ts';
import type { Filter } from './filter.ts';

/** How many users one part of a filter has. */
export interface NodeCount {
  /** Where the part stands: `all`, `any` with a position, and `not`, from the outside in. The whole has none. */
  readonly path: Path;
  /** Users of this part alone. */
  readonly size: number;
  /** Inside a group: users of this part and the ones before it together, as the group joins them. Null for whatever stands in no group. */
  readonly running: number | null;
}

interface Node {
  readonly path: Path;
  readonly filter: Filter;
  /** The group it stands in, by position in the list, and its place there. */
  readonly group: { readonly at: number; readonly type: 'all' | 'any'; readonly place: number } | null;
}

/**
 * The exact size of a filter and of every part of it, the whole first, each before its parts, and the running size inside each group. A
 * segment it refers to is one part. One statement, so all sizes are of one moment.
 */
export async function countNodes(ctx: Ctx, filter: Filter): Promise<NodeCount[]> {
  const nodes = nodesOf(filter);
  const { filters, how } = await prepareFilters(
    ctx,
    nodes.map((node) => node.filter),
  );
  const { blocks } = compile(how, filters);
  const sums = nodes.map((_, n) => sql`coalesce(sum(bit_count(${word(n)})), 0)::int as ${sql.raw(`c${n}`)}`);
  const [row] = await queryRows<Record<string, number> & { readonly running: string }>(
    ctx.db,
    sql`/* countNodes */ with b as materialized (${blocks()}) select ${sql.join(sums, sql`, `)}, ${running(nodes)} as running from b`,
  );
  const runs = new Map(JSON.parse(row?.running ?? '[]') as [number, number][]);
  return nodes.map(({ path, group }, n) => ({ path, size: row?.[`c${n}`] ?? 0, running: group && (runs.get(n) ?? 0) }));
}

function nodesOf(filter: Filter): Node[] {
  const nodes: Node[] = [];
  const visit = (node: Filter, path: Path, group: Node['group']): void => {
    const at = nodes.push({ path, filter: node, group }) - 1;
    if (node.type === 'not') visit(node.of, [...path, 'not'], null);
    if (node.type !== 'all' && node.type !== 'any') return;
    const { type } = node;
    node.of.forEach((child, place) => {
      visit(child, [...path, type, place], { at, type, place });
    });
  };
  visit(filter, [], null);
  return nodes;
}

/** Pairs of a part and the users of it and the ones before it in its group. Rows for the parts, so that a wide group costs no more a part. */
function running(nodes: readonly Node[]): SQL {
  const parts = (['all', 'any'] as const).flatMap((type) => {
    const members = nodes.flatMap(({ group }, n) => (group?.type === type ? [{ n, group }] : []));
    if (members.length === 0) return [];
    const rows = members.map(({ n, group }) => sql`(${sql.raw(`${n}, ${group.at}, ${group.place}`)}, ${word(n)})`);
    const aggregate = type === 'all' ? sql`bit_and` : sql`bit_or`;
    return [
      sql`select f.n, ${aggregate}(f.w) over (partition by b.block, f.g order by f.place) as w from b
        cross join lateral (values ${sql.join(rows, sql`, `)}) f(n, g, place, w)`,
    ];
  });
  if (parts.length === 0) return sql`'[]'`;
  return sql`(select json_agg(json_build_array(r.n, r.size))::text from (
    select u.n, sum(bit_count(u.w))::int as size from (${sql.join(parts, sql` union all `)}) u group by u.n) r)`;
}

function word(n: number): SQL {
  return sql.raw(`w${n}`);
}
