import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatPath } from '../../../src/domain/errors.ts';
import { countNodes } from '../../../src/domain/segments/count-nodes.ts';
import type { Filter } from '../../../src/domain/segments/filter.ts';
import { makeContext } from '../../support/context.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { recordStatements } from '../../support/statements.ts';
import { anyFilter, anyWorld, membersByHand, storeWorld, type World } from '../../support/world.ts';

/** What every part should have, by set arithmetic: path, size, and the running size inside its group. */
function byHand(world: World, filter: Filter): { path: string; size: number; running: number | null }[] {
  const out: { path: string; size: number; running: number | null }[] = [];
  const sizeOf = (part: Filter) => membersByHand(world, part).size;
  const visit = (part: Filter, path: (string | number)[], running: number | null) => {
    out.push({ path: formatPath(path), size: sizeOf(part), running });
    if (part.type === 'not') visit(part.of, [...path, 'not'], null);
    if (part.type !== 'all' && part.type !== 'any') return;
    part.of.forEach((child, i) => {
      visit(child, [...path, part.type, i], sizeOf({ type: part.type, of: part.of.slice(0, i + 1) }));
    });
  };
  visit(filter, [], null);
  return out;
}

describe.each(DATABASES)('the sizes of the parts of a filter on %s', (kind) => {
  const record = recordStatements();
  let database: TestDatabase;
  beforeAll(async () => {
    database = await openTestDatabase(kind, { logger: record.logger });
  });
  afterAll(() => database.close());

  test('are those of sets, each alone and as the group goes on, in one statement', async () => {
    const property = fc.asyncProperty(
      anyWorld,
      fc.array(anyFilter, { minLength: 4, maxLength: 4 }),
      async (world, filters) => {
        const ctx = await makeContext(database);
        await storeWorld(ctx, world);
        for (const filter of filters) {
          record.take();
          const nodes = await countNodes(ctx, filter);
          expect(record.take()).toHaveLength(1);
          expect(nodes.map((node) => ({ ...node, path: formatPath(node.path) }))).toEqual(byHand(world, filter));
        }
      },
    );
    await fc.assert(property, { numRuns: 15 });
  });
});
