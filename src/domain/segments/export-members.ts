import { sql } from 'drizzle-orm';
import { queryRows } from '../../db/client.ts';
import type { Ctx } from '../context.ts';
import { databaseFault } from '../database-fault.ts';
import { fail } from '../errors.ts';
import { usersOfBlock } from '../membership/bits.ts';
import { cursorsOf, parsePage } from '../page.ts';
import { compile } from './compile.ts';
import { prepareFilters } from './evaluate.ts';
import type { Filter } from './filter.ts';
import { memberList, type UserList } from './member-list.ts';
import {
  type MemberFacts,
  type MemberSlice,
  readMemberSlice,
  SLICE_MAX_BLOCKS,
  sliceMaxUsers,
} from './member-slice.ts';

/** The members of a list as they were in one moment, to be read once, from beginning to end. */
export interface MemberExport {
  /** How many members the list had in that moment, before `after` and `first`. */
  readonly total: number;
  /** How many of them are to be read: fewer come only where users are deleted meanwhile. */
  readonly remaining: number;
  /** The cursor of a user, for `after`. */
  readonly cursorOf: (userId: number) => string;
  /** In order of the users' numbers. Leaving the loop ends the reading. Errors: LOCKED, UNAVAILABLE, and what nobody expected. */
  readonly slices: AsyncIterable<MemberSlice>;
}

/**
 * Streams the users of a list. Who belongs to it is read in one statement before this answers: changes made later are not seen, however
 * long the reading takes. What is asked of the members is read slice by slice, as it is then; those who are deleted meanwhile are left
 * out. In memory it takes a byte for each user of the blocks that have members, and two slices. A stream that goes on behind a cursor is of
 * a moment of its own. Errors: INVALID_INPUT, INVALID_CURSOR.
 */
export async function exportMembers(
  ctx: Ctx,
  list: UserList,
  options: MemberFacts & { readonly first?: number | undefined; readonly after?: string | undefined } = {},
): Promise<MemberExport> {
  const { name, filter } = memberList(ctx.workspaceId, list);
  const { first } = options;
  if (first !== undefined && !(Number.isSafeInteger(first) && first >= 0))
    throw fail('INVALID_INPUT', 'A number of members is a whole number from 0 on.', { path: ['first'] });
  const [behind] = parsePage({ after: options.after }, name, ['number']).key ?? [0];
  const from = Number(behind) + 1;
  const blocks = await readBlocks(ctx, filter);
  const limit = first ?? Number.POSITIVE_INFINITY;
  const makeCursor = cursorsOf(name);
  return {
    total: blocks.reduce((n, { size }) => n + size, 0),
    remaining: Math.min(
      limit,
      blocks.reduce((n, block) => n + sizeFrom(block, from), 0),
    ),
    cursorOf: (userId) => makeCursor([userId]),
    slices: readSlices(ctx, batchesOf(blocks, from, limit, sliceMaxUsers(options)), options),
  };
}

interface Block {
  readonly block: number;
  /** As PostgreSQL prints it. */
  readonly bits: string;
  readonly size: number;
}

/** The blocks that have members, in order. One statement: one snapshot. */
async function readBlocks(ctx: Ctx, filter: Filter): Promise<Block[]> {
  const { filters, how } = await prepareFilters(ctx, [filter]);
  return queryRows<Block>(
    ctx.db,
    sql`/* exportMembers */ select b.block, b.w0::text as bits, bit_count(b.w0)::int as size
      from (${compile(how, filters).blocks()} offset 0) b where bit_count(b.w0) > 0 order by b.block`,
  );
}

function sizeFrom({ block, bits, size }: Block, from: number): number {
  const [first] = usersOfBlock(block, bits, 0, 1);
  return first === undefined || first >= from ? size : usersOfBlock(block, bits, from).length;
}

/** Users in order, as many at once as a slice takes. */
function* batchesOf(
  blocks: readonly Block[],
  from: number,
  limit: number,
  maxUsers: number,
): Generator<{ readonly ids: number[]; readonly blocks: number[] }> {
  let ids: number[] = [];
  let among: number[] = [];
  let left = limit;
  for (const { block, bits } of blocks) {
    for (let start = from; left > 0; ) {
      const found = usersOfBlock(block, bits, start, Math.min(left, maxUsers - ids.length));
      if (found.length === 0) break;
      for (const id of found) ids.push(id);
      among.push(block);
      left -= found.length;
      start = (found.at(-1) ?? 0) + 1;
      if (ids.length < maxUsers && among.length < SLICE_MAX_BLOCKS) break;
      yield { ids, blocks: among };
      ids = [];
      among = [];
    }
  }
  if (ids.length > 0) yield { ids, blocks: among };
}

/** One slice is read ahead while the last is used. */
async function* readSlices(
  ctx: Ctx,
  batches: ReturnType<typeof batchesOf>,
  facts: MemberFacts,
): AsyncGenerator<MemberSlice, void, undefined> {
  const begin = () => {
    const { value } = batches.next();
    if (!value) return null;
    const slice = readMemberSlice(ctx, value.ids, value.blocks, facts);
    // Whoever leaves the loop does not wait for it.
    slice.catch(() => {});
    return slice;
  };
  try {
    for (let next = begin(); next !== null; ) {
      const slice = await next;
      next = begin();
      yield slice;
    }
  } catch (error) {
    throw databaseFault(error) ?? error;
  }
}
