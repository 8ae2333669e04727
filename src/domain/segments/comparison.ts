import { parseMoment } from '../iso-time.ts';
import {
  type AttributeTest,
  COMPARISONS,
  DISTANCES,
  EQUALITIES,
  INCLUSIONS,
  MOMENTS,
  ORDERS,
  PATTERNS,
  PRESENCES,
  type TimeTest,
} from './filter.ts';

// What every spelling of a filter knows about comparisons: their names, and the values each takes.

export type Comparison = AttributeTest['comparison'];
export type TimeComparison = TimeTest['comparison'];

export const TIME_COMPARISONS: readonly TimeComparison[] = [...MOMENTS, ...DISTANCES];

/** Braze spells the same comparison one way for booleans and another for everything else. */
const SYNONYMS: Readonly<Record<string, Comparison>> = { does_not_equal: 'not_equal' };

/** The comparison of a name; null where there is none. */
export function comparisonNamed(name: string): Comparison | null {
  if (Object.hasOwn(SYNONYMS, name)) return SYNONYMS[name] ?? null;
  return isOneOf(COMPARISONS, name) ? name : null;
}

export function isTimeComparison(name: string): name is TimeComparison {
  return isOneOf(TIME_COMPARISONS, name);
}

/** The kinds of values that comparisons take. */
export type ValueKind = 'nothing' | 'scalar' | 'pattern' | 'element' | 'number' | 'moment' | 'days';

export function valueKindOf(comparison: Comparison): ValueKind {
  if (isOneOf(PRESENCES, comparison)) return 'nothing';
  if (isOneOf(EQUALITIES, comparison)) return 'scalar';
  if (isOneOf(PATTERNS, comparison)) return 'pattern';
  if (isOneOf(INCLUSIONS, comparison)) return 'element';
  if (isOneOf(ORDERS, comparison)) return 'number';
  return isOneOf(MOMENTS, comparison) ? 'moment' : 'days';
}

/** The test of a comparison with a value; null where the comparison takes no such value. Nothing is converted. */
export function attributeTest(comparison: Comparison, value: unknown): AttributeTest | null {
  if (isOneOf(PRESENCES, comparison)) return value === undefined ? { comparison } : null;
  if (isOneOf(EQUALITIES, comparison)) {
    if (typeof value === 'number') return { comparison, value: unsignedZero(value) };
    return typeof value === 'string' || typeof value === 'boolean' ? { comparison, value } : null;
  }
  if (isOneOf(PATTERNS, comparison)) return typeof value === 'string' ? { comparison, value } : null;
  if (isOneOf(INCLUSIONS, comparison)) {
    if (typeof value === 'number') return { comparison, value: unsignedZero(value) };
    return typeof value === 'string' ? { comparison, value } : null;
  }
  if (isOneOf(ORDERS, comparison)) return typeof value === 'number' ? { comparison, value: unsignedZero(value) } : null;
  return timeTest(comparison, value);
}

/** The same for times. */
export function timeTest(comparison: TimeComparison, value: unknown): TimeTest | null {
  if (isOneOf(DISTANCES, comparison))
    return typeof value === 'number' && Number.isInteger(value) ? { comparison, value: unsignedZero(value) } : null;
  const moment = value instanceof Date ? value : parseMoment(value);
  return moment ? { comparison, value: moment.toISOString() } : null;
}

/** JSON knows one zero. */
function unsignedZero(value: number): number {
  return value === 0 ? 0 : value;
}

function isOneOf<Name extends string>(names: readonly Name[], name: string): name is Name {
  return names.some((known) => known === name);
}
