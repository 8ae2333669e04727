import { sql } from 'drizzle-orm';
import { type Db, postgresCode, queryRows, textArray } from '../../db/client.ts';
import type { Ctx } from '../context.ts';
import { fail, type Path } from '../errors.ts';
import type { FilterDraft, FilterTree } from './filter.ts';

interface Pattern {
  readonly text: string;
  readonly path: Path;
}

/**
 * Has the database read the regular expressions of a draft that stood at `path`. One statement, and none where there are none. Errors, with
 * the path of the filter that has it: INVALID_INPUT.
 */
export async function checkPatterns(ctx: Ctx, draft: FilterDraft, path: Path): Promise<void> {
  const patterns = patternsOf(draft, path);
  if (patterns.length === 0 || (await faultOf(ctx, patterns)) === null) return;
  // Which one it is the database does not say.
  for (const pattern of patterns) {
    const fault = await faultOf(ctx, [pattern]);
    if (fault !== null)
      throw fail('INVALID_INPUT', `The regular expression cannot be read: ${fault}.`, { path: pattern.path });
  }
}

function patternsOf(tree: FilterTree<unknown, unknown>, path: Path): Pattern[] {
  switch (tree.type) {
    case 'all':
    case 'any':
      return tree.of.flatMap((part, i) => patternsOf(part, [...path, tree.type, i]));
    case 'not':
      return patternsOf(tree.of, [...path, 'not']);
    case 'attribute':
      return tree.test.comparison === 'matches_regex' || tree.test.comparison === 'does_not_match_regex'
        ? [{ text: tree.test.value, path }]
        : [];
    default:
      return [];
  }
}

/** What the database says of regular expressions; null where it can read them all. */
async function faultOf(ctx: Ctx, patterns: readonly Pattern[]): Promise<string | null> {
  const texts = [...new Set(patterns.map(({ text }) => text))];
  const ask = (db: Db) =>
    queryRows(
      db,
      sql`/* checkPatterns */ select count(*) filter (where '' ~ p)::int as n from workspaces, unnest(${textArray(texts)}) as u(p)
        where id = ${ctx.workspaceId}::int`,
    );
  try {
    // What fails would end the transaction under way: it gets one of its own inside.
    await (ctx.inTransaction ? ctx.db.transaction((tx) => ask(tx as unknown as Db)) : ask(ctx.db));
    return null;
  } catch (error) {
    if (postgresCode(error) !== '2201B') throw error;
    return reasonOf(error);
  }
}

/** What PostgreSQL says behind its "invalid regular expression: ". */
function reasonOf(error: unknown): string {
  for (let e = error; e instanceof Error; e = e.cause) {
    const reason = /^invalid regular expression: (.+)$/.exec(e.message)?.[1];
    if (reason !== undefined) return reason;
  }
  return 'the database refuses it';
}
