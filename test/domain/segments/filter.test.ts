import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkFilter } from '../../../src/domain/segments/check-filter.ts';
import { cohortsOf, leavesOf, mapValues } from '../../../src/domain/segments/filter.ts';
import { fromJson, toJson } from '../../../src/domain/segments/filter-json.ts';
import { anyFilter } from '../../support/world.ts';

describe('the canonical JSON of a filter', () => {
  test('reads back as the same filter, through text too', () => {
    fc.assert(
      fc.property(anyFilter, (filter) => {
        expect(fromJson(JSON.parse(JSON.stringify(toJson(filter))))).toEqual(filter);
      }),
    );
  });

  test('spells filters and operators as Braze does', () => {
    const leaf = { type: 'cohorts', partner: 'amplitude', operator: 'includes_value', values: [7] } as const;
    const many = { type: 'cohorts', partner: 'mixpanel', operator: 'includes_any_of', values: [8, 9] } as const;
    expect(
      toJson(
        { type: 'all', of: [leaf, { type: 'not', of: many }] },
        { writeCohort: (id) => `cohort ${id}`, writeSegment: (id) => id },
      ),
    ).toEqual({
      all: [
        { filter: 'amplitude_cohorts', operator: 'includes_value', value: 'cohort 7' },
        { not: { filter: 'mixpanel_cohorts', operator: 'includes_any_of', value: ['cohort 8', 'cohort 9'] } },
      ],
    });
  });

  test.each([
    ['nothing', {}],
    ['an unknown operator', { filter: 'amplitude_cohorts', operator: 'like', value: '1' }],
    ['an unknown filter', { filter: 'age', operator: 'includes_value', value: '1' }],
    ['a fault in the depths', { all: [{ not: { any: [{ filter: 1 }] } }] }],
  ])('with %s in it is damage, not a mistake of a caller', (_, json) => {
    expect(() => fromJson(json)).toThrow('A stored filter has a node of no known kind.');
  });
});

describe('a filter tree', () => {
  test('names each of its cohorts once, in ascending order', () => {
    fc.assert(
      fc.property(anyFilter, (filter) => {
        const named = leavesOf(filter).flatMap((leaf) => (leaf.type === 'cohorts' ? leaf.values : []));
        expect(cohortsOf(filter)).toEqual([...new Set(named)].sort((a, b) => a - b));
      }),
    );
  });

  test('keeps its shape when its cohorts are named another way', () => {
    fc.assert(
      fc.property(anyFilter, (filter) => {
        const there = mapValues(
          filter,
          (cohort, partner) => ({ cohort, partner }),
          (segment) => ({ segment }),
        );
        expect(
          mapValues(
            there,
            ({ cohort }) => cohort,
            ({ segment }) => segment,
          ),
        ).toEqual(filter);
        for (const leaf of leavesOf(there))
          if (leaf.type === 'cohorts') expect(leaf.values.every(({ partner }) => partner === leaf.partner)).toBe(true);
      }),
    );
  });

  test('within the limits is let through', () => {
    fc.assert(fc.property(anyFilter, (filter) => checkFilter(filter, ['filter'])));
  });
});
