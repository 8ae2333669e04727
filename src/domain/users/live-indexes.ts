import { type SQL, sql } from 'drizzle-orm';

/** An index of an attribute as writers see it. */
export interface LiveIndex {
  readonly name: string;
  /** The last user whose attributes are in it. */
  readonly builtTo: number;
}

/** What `built_to` is of an index that is being dropped: nobody is in it. */
export const DROPPING = -1;

/** The indexes of a workspace, as a column of a larger statement: null where there are none, else read with `readIndexes`. */
export function liveIndexes(workspaceId: number): SQL {
  return sql`(select jsonb_agg(jsonb_build_array(x.name, case x.state when 'READY' then null else x.built_to end))::text
    from attribute_indexes x where x.workspace_id = ${workspaceId}::int)`;
}

export function readIndexes(column: string | null): LiveIndex[] {
  if (column === null) return [];
  const rows = JSON.parse(column) as [string, number | null][];
  return rows.map(([name, builtTo]) => ({ name, builtTo: builtTo ?? Number.POSITIVE_INFINITY }));
}
