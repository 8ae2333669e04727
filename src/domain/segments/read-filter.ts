import { findNamedCohorts } from '../cohorts/named-cohorts.ts';
import type { Ctx } from '../context.ts';
import { fail, type Path } from '../errors.ts';
import { checkFilter } from './check-filter.ts';
import { checkPatterns } from './check-patterns.ts';
import { FILTER_MAX_BYTES, type Filter, type FilterDraft, leavesOf, mapValues } from './filter.ts';
import { toJson } from './filter-json.ts';
import { originOf, placed } from './filter-origin.ts';
import { findNamedSegments } from './named-segments.ts';
import { normalize } from './normalize.ts';

export interface ReadFilterOptions {
  /** The segment that is to have this filter, where there is one already: what it refers to must not lead back to it. */
  readonly of?: string | undefined;
  /** Segments that may be referred to although they are archived. Left out: those that `of` refers to now. */
  readonly allowed?: ReadonlySet<string> | undefined;
}

/**
 * Reads a filter that somebody asks: checks its limits and its regular expressions, finds its cohorts and its segments, and makes it what
 * every spelling can say. A statement for cohorts, segments, what those lead to, and regular expressions each, where there are any.
 * Errors, with the path in the filter, and line and column where it was text: INVALID_INPUT (a circle of segments too), LIMIT_EXCEEDED
 * (10,000 bytes of canonical JSON too), NOT_FOUND, AMBIGUOUS (several cohorts of that name), NOT_ACTIVE (an archived segment).
 */
export async function readFilter(ctx: Ctx, draft: FilterDraft, options: ReadFilterOptions = {}): Promise<Filter> {
  const origin = originOf(draft);
  const path = [origin.field];
  checkDraft(draft);
  try {
    const cohorts = await findCohorts(ctx, draft);
    const segments = await findNamedSegments(ctx, draft, options);
    await checkPatterns(ctx, draft, path);
    const filter = normalize(
      mapValues(
        draft,
        (value) => found(cohorts, value),
        (value) => found(segments, value),
      ),
    );
    checkBytes(filter, path);
    return filter;
  } catch (error) {
    throw placed(error, origin);
  }
}

/**
 * Says of a draft what can be said without a look at the database: `readFilter` does it too. Errors, placed as those of `readFilter`:
 * INVALID_INPUT, LIMIT_EXCEEDED.
 */
export function checkDraft(draft: FilterDraft): void {
  const origin = originOf(draft);
  const path = [origin.field];
  try {
    checkFilter(draft, path);
    // Numbers of one digit are the least it can be: most of what is too large needs no look at the database.
    checkBytes(
      mapValues(
        draft,
        () => 1,
        () => '',
      ),
      path,
    );
  } catch (error) {
    throw placed(error, origin);
  }
}

function checkBytes(filter: Filter, path: Path): void {
  if (Buffer.byteLength(JSON.stringify(toJson(filter))) > FILTER_MAX_BYTES)
    throw fail(
      'LIMIT_EXCEEDED',
      `A filter is at most ${FILTER_MAX_BYTES} bytes of JSON: divide it into segments and refer to them.`,
      { path },
    );
}

async function findCohorts(ctx: Ctx, draft: FilterDraft): Promise<ReadonlyMap<object, number>> {
  const named = leavesOf(draft).flatMap((leaf) =>
    leaf.type === 'cohorts' ? leaf.values.map((value) => ({ partner: leaf.partner, ref: value.ref, value })) : [],
  );
  const fits = await findNamedCohorts(ctx, named);
  return new Map(
    named.map(({ partner, value }, i) => {
      const [id, ...others] = fits[i] ?? [];
      if (id === undefined)
        throw fail('NOT_FOUND', `There is no such cohort of ${partner} in this workspace.`, { path: value.path });
      if (others.length > 0)
        throw fail('AMBIGUOUS', `There are ${others.length + 1} cohorts of that name: refer to one by its id.`, {
          path: value.path,
        });
      return [value, id];
    }),
  );
}

function found<Id>(ids: ReadonlyMap<object, Id>, value: object): Id {
  const id = ids.get(value);
  if (id === undefined) throw new Error('Every reference of a filter was looked up.');
  return id;
}
