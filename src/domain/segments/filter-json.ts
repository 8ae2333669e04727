import {
  type AttributeTest,
  COMPARISONS,
  type Filter,
  type FilterTree,
  type IdentityTest,
  OPERATORS,
  type Operator,
  type TimeTest,
} from './filter.ts';
import { type IdWriter, STORED_IDS } from './filter-ids.ts';

/** The canonical JSON of a filter. Source: Braze's connected audience object, extended by what it has no filter for. */
export type FilterJson =
  | { readonly all: readonly FilterJson[] }
  | { readonly any: readonly FilterJson[] }
  | { readonly not: FilterJson }
  | { readonly filter: string; readonly operator: Operator; readonly value: string | readonly string[] }
  | { readonly filter: 'segment'; readonly operator: 'is'; readonly value: string }
  | {
      readonly filter: 'identity';
      readonly operator: 'is';
      readonly value: 'identified' | 'anonymous' | 'has_device';
    }
  | { readonly filter: 'identity'; readonly operator: 'has_alias'; readonly value: string | null }
  | ({ readonly filter: 'custom_attribute'; readonly custom_attribute_name: string } & AttributeTest)
  | ({ readonly filter: 'created_at' } & TimeTest)
  | { readonly filter: 'random_bucket'; readonly from: number; readonly to: number };

/** The canonical JSON of a filter; as it is stored, unless it is said how ids are written. */
export function toJson(filter: Filter, ids: IdWriter = STORED_IDS): FilterJson {
  switch (filter.type) {
    case 'all':
      return { all: filter.of.map((child) => toJson(child, ids)) };
    case 'any':
      return { any: filter.of.map((child) => toJson(child, ids)) };
    case 'not':
      return { not: toJson(filter.of, ids) };
    case 'cohorts': {
      const values = filter.values.map(ids.writeCohort);
      const [only] = values;
      const isSingle = filter.operator === 'includes_value' || filter.operator === 'does_not_include_value';
      return {
        filter: `${filter.partner}_cohorts`,
        operator: filter.operator,
        value: isSingle && only !== undefined ? only : values,
      };
    }
    case 'segment':
      return { filter: 'segment', operator: 'is', value: ids.writeSegment(filter.segment) };
    case 'identity':
      return identityJson(filter.test);
    case 'attribute':
      return { filter: 'custom_attribute', custom_attribute_name: filter.name, ...filter.test };
    case 'created_at':
      return { filter: 'created_at', ...filter.test };
    case 'random_bucket':
      return { filter: 'random_bucket', from: filter.from, to: filter.to };
  }
}

function identityJson(test: IdentityTest): FilterJson {
  if (test.has === 'alias') return { filter: 'identity', operator: 'has_alias', value: test.label };
  return { filter: 'identity', operator: 'is', value: test.has === 'device' ? 'has_device' : test.has };
}

/** Reads canonical JSON that this product stored. What it cannot read is damage, not a caller's mistake. */
export function fromJson(json: unknown): Filter {
  const node = json as Partial<Record<string, unknown>>;
  if (Array.isArray(node.all)) return { type: 'all', of: node.all.map(fromJson) };
  if (Array.isArray(node.any)) return { type: 'any', of: node.any.map(fromJson) };
  if (node.not !== undefined) return { type: 'not', of: fromJson(node.not) };
  if (typeof node.filter !== 'string') throw damaged();
  switch (node.filter) {
    case 'segment':
      if (typeof node.value !== 'string') throw damaged();
      return { type: 'segment', segment: node.value };
    case 'identity':
      return { type: 'identity', test: storedIdentity(node) };
    case 'custom_attribute':
      if (typeof node.custom_attribute_name !== 'string') throw damaged();
      return { type: 'attribute', name: node.custom_attribute_name, test: storedTest<AttributeTest>(node) };
    case 'created_at':
      return { type: 'created_at', test: storedTest<TimeTest>(node) };
    case 'random_bucket':
      return { type: 'random_bucket', from: Number(node.from), to: Number(node.to) };
    default:
      return storedCohorts(node.filter, node);
  }
}

function storedIdentity({ operator, value }: Partial<Record<string, unknown>>): IdentityTest {
  if (operator === 'has_alias' && (typeof value === 'string' || value === null)) return { has: 'alias', label: value };
  if (value === 'identified' || value === 'anonymous') return { has: value };
  if (value === 'has_device') return { has: 'device' };
  throw damaged();
}

/** The values were checked when they were stored. */
function storedTest<Test extends AttributeTest>({ comparison, value }: Partial<Record<string, unknown>>): Test {
  if (!COMPARISONS.some((known) => known === comparison)) throw damaged();
  return (value === undefined ? { comparison } : { comparison, value }) as Test;
}

function storedCohorts(name: string, node: Partial<Record<string, unknown>>): FilterTree<number, never> {
  const operator = OPERATORS.find((o) => o === node.operator);
  if (!name.endsWith('_cohorts') || !operator) throw damaged();
  const values = (Array.isArray(node.value) ? node.value : [node.value]).map(Number);
  return { type: 'cohorts', partner: name.slice(0, -'_cohorts'.length), operator, values };
}

function damaged(): Error {
  return new Error('A stored filter has a node of no known kind.');
}
