import { fail, type Path } from '../domain/errors.ts';
import { attributeTest, type TimeComparison, timeTest } from '../domain/segments/comparison.ts';
import {
  type AttributeTest,
  DAYS_MAX,
  type FilterDraft,
  type IdentityTest,
  LAST_BUCKET,
  PATTERN_MAX_CHARACTERS,
  type TimeTest,
} from '../domain/segments/filter.ts';
import { builder } from './builder.ts';
import { IdentityKind } from './filter-output.ts';
import { parseSegmentRef, type SegmentRefShape } from './inputs.ts';

/** How identities are asked for. */
export interface IdentityInput {
  readonly has: IdentityTest['has'];
  readonly label?: string | null | undefined;
}

/** How times are asked for: one of these is given. */
export interface TimeInput {
  readonly before?: Date | null | undefined;
  readonly after?: Date | null | undefined;
  readonly lessThanXDaysAgo?: number | null | undefined;
  readonly greaterThanXDaysAgo?: number | null | undefined;
  readonly lessThanXDaysInTheFuture?: number | null | undefined;
  readonly greaterThanXDaysInTheFuture?: number | null | undefined;
}

/** How an attribute is asked for: one of these is given. */
export interface ConditionInput extends TimeInput {
  readonly exists?: boolean | null | undefined;
  readonly equals?: unknown;
  readonly notEqual?: unknown;
  readonly matchesRegex?: string | null | undefined;
  readonly doesNotMatchRegex?: string | null | undefined;
  readonly includesValue?: unknown;
  readonly doesNotIncludeValue?: unknown;
  readonly greaterThan?: number | null | undefined;
  readonly greaterThanOrEqualTo?: number | null | undefined;
  readonly lessThan?: number | null | undefined;
  readonly lessThanOrEqualTo?: number | null | undefined;
}

export interface AttributeInput {
  readonly name: string;
  readonly condition: ConditionInput;
}

/** The leaves that are neither groups nor cohorts: exactly one of these is given. */
export interface LeafInput {
  readonly segment?: SegmentRefShape | null | undefined;
  readonly identity?: IdentityInput | null | undefined;
  readonly attribute?: AttributeInput | null | undefined;
  readonly createdAt?: TimeInput | null | undefined;
  readonly randomBucket?: { readonly from: number; readonly to: number } | null | undefined;
}

const COMPARISON_OF_TIME_FIELD: { readonly [K in keyof TimeInput]-?: TimeComparison } = {
  before: 'before',
  after: 'after',
  lessThanXDaysAgo: 'less_than_x_days_ago',
  greaterThanXDaysAgo: 'greater_than_x_days_ago',
  lessThanXDaysInTheFuture: 'less_than_x_days_in_the_future',
  greaterThanXDaysInTheFuture: 'greater_than_x_days_in_the_future',
};

const COMPARISON_OF_FIELD: {
  readonly [K in Exclude<keyof ConditionInput, 'exists'>]-?: AttributeTest['comparison'];
} = {
  ...COMPARISON_OF_TIME_FIELD,
  equals: 'equals',
  notEqual: 'not_equal',
  matchesRegex: 'matches_regex',
  doesNotMatchRegex: 'does_not_match_regex',
  includesValue: 'includes_value',
  doesNotIncludeValue: 'does_not_include_value',
  greaterThan: 'greater_than',
  greaterThanOrEqualTo: 'greater_than_or_equal_to',
  lessThan: 'less_than',
  lessThanOrEqualTo: 'less_than_or_equal_to',
};

export const IdentityFilterInput = builder.inputType('IdentityFilterInput', {
  description: 'A condition on the identities of a user.',
  fields: (t) => ({
    has: t.field({ type: IdentityKind, required: true, description: 'What a user has.' }),
    label: t.string({ description: 'Of `ALIAS`: the label; of any label if nothing is said.' }),
  }),
});

const DAYS = `a whole number from 0 to ${DAYS_MAX}`;

export const TimeConditionInput = builder.inputType('TimeConditionInput', {
  description: 'A condition on a time, in exactly one way.',
  isOneOf: true,
  fields: (t) => ({
    before: t.field({ type: 'DateTime', description: '`before`: is earlier than this.' }),
    after: t.field({ type: 'DateTime', description: '`after`: is later than this.' }),
    lessThanXDaysAgo: t.int({
      description: `\`less_than_x_days_ago\`: is past, by less than this many days, ${DAYS}.`,
    }),
    greaterThanXDaysAgo: t.int({
      description: `\`greater_than_x_days_ago\`: is past, by more than this many days, ${DAYS}.`,
    }),
    lessThanXDaysInTheFuture: t.int({
      description: `\`less_than_x_days_in_the_future\`: is to come, in less than this many days, ${DAYS}.`,
    }),
    greaterThanXDaysInTheFuture: t.int({
      description: `\`greater_than_x_days_in_the_future\`: is to come, in more than this many days, ${DAYS}.`,
    }),
  }),
});

const AttributeConditionInput = builder.inputType('AttributeConditionInput', {
  description:
    'A condition on the value of an attribute, in exactly one way. Nothing is converted: the number 1 is not the text "1". Whoever lacks the attribute satisfies what begins with "not" or "does not".',
  isOneOf: true,
  fields: (t) => ({
    exists: t.boolean({ description: '`exists`: has the attribute; `false` is `does_not_exist`.' }),
    equals: t.field({ type: 'JSON', description: '`equals`: is this text, number or boolean.' }),
    notEqual: t.field({ type: 'JSON', description: '`not_equal`: is not this text, number or boolean.' }),
    matchesRegex: t.string({
      description: `\`matches_regex\`: is a text in which this regular expression is found, at most ${PATTERN_MAX_CHARACTERS} characters.`,
    }),
    doesNotMatchRegex: t.string({ description: '`does_not_match_regex`: is no such text.' }),
    includesValue: t.field({
      type: 'JSON',
      description: '`includes_value`: is a list with this text or number in it.',
    }),
    doesNotIncludeValue: t.field({ type: 'JSON', description: '`does_not_include_value`: is no such list.' }),
    greaterThan: t.float({ description: '`greater_than`: is a number above this.' }),
    greaterThanOrEqualTo: t.float({ description: '`greater_than_or_equal_to`: is this number, or above.' }),
    lessThan: t.float({ description: '`less_than`: is a number below this.' }),
    lessThanOrEqualTo: t.float({ description: '`less_than_or_equal_to`: is this number, or below.' }),
    before: t.field({ type: 'DateTime', description: '`before`: is a time earlier than this.' }),
    after: t.field({ type: 'DateTime', description: '`after`: is a time later than this.' }),
    lessThanXDaysAgo: t.int({
      description: `\`less_than_x_days_ago\`: is a past time, by less than this many days, ${DAYS}.`,
    }),
    greaterThanXDaysAgo: t.int({
      description: `\`greater_than_x_days_ago\`: is a past time, by more than this many days, ${DAYS}.`,
    }),
    lessThanXDaysInTheFuture: t.int({
      description: `\`less_than_x_days_in_the_future\`: is a time to come, in less than this many days, ${DAYS}.`,
    }),
    greaterThanXDaysInTheFuture: t.int({
      description: `\`greater_than_x_days_in_the_future\`: is a time to come, in more than this many days, ${DAYS}.`,
    }),
  }),
});

export const AttributeFilterInput = builder.inputType('AttributeFilterInput', {
  description: 'A condition on a custom attribute.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'The name of the attribute, 1 to 255 characters.' }),
    condition: t.field({ type: AttributeConditionInput, required: true, description: 'The condition.' }),
  }),
});

export const RandomBucketFilterInput = builder.inputType('RandomBucketFilterInput', {
  description: `Each user is in one bucket of 0 to ${LAST_BUCKET}, and stays there: these buckets.`,
  fields: (t) => ({
    from: t.int({ required: true, description: 'The lowest bucket.' }),
    to: t.int({ required: true, description: 'The highest bucket, included.' }),
  }),
});

/** Reads a leaf as the domain takes it; null where the input is something else. Errors, with the path: INVALID_INPUT. */
export function readLeafInput(input: LeafInput, path: Path): FilterDraft | null {
  if (input.segment) {
    const at = [...path, 'segment'];
    return { type: 'segment', segment: { ref: parseSegmentRef(input.segment, at), path: at } };
  }
  if (input.identity) return { type: 'identity', test: readIdentity(input.identity, [...path, 'identity']) };
  if (input.attribute) {
    const { name, condition } = input.attribute;
    return { type: 'attribute', name, test: readCondition(condition, [...path, 'attribute', 'condition']) };
  }
  if (input.createdAt) return { type: 'created_at', test: readTime(input.createdAt, [...path, 'createdAt']) };
  if (input.randomBucket) return { type: 'random_bucket', ...input.randomBucket };
  return null;
}

function readIdentity({ has, label }: IdentityInput, path: Path): IdentityTest {
  if (has === 'alias') return { has, label: label ?? null };
  if (label !== null && label !== undefined)
    throw fail('INVALID_INPUT', 'Only aliases have labels: leave it out, or ask for `ALIAS`.', {
      path: [...path, 'label'],
    });
  return { has };
}

function readTime(input: TimeInput, path: Path): TimeTest {
  for (const [field, comparison] of entries(COMPARISON_OF_TIME_FIELD)) {
    const value = input[field];
    if (value === null || value === undefined) continue;
    return valid(timeTest(comparison, value), [...path, field]);
  }
  throw fail('INVALID_INPUT', 'A condition on a time needs a comparison.', { path });
}

function readCondition(input: ConditionInput, path: Path): AttributeTest {
  if (typeof input.exists === 'boolean') return { comparison: input.exists ? 'exists' : 'does_not_exist' };
  for (const [field, comparison] of entries(COMPARISON_OF_FIELD)) {
    const value = input[field];
    if (value === null || value === undefined) continue;
    return valid(attributeTest(comparison, value), [...path, field]);
  }
  throw fail('INVALID_INPUT', 'A condition on an attribute needs a comparison.', { path });
}

/** What fields of their own types do not keep out is a value that is too much of one: a list, an object, a boolean in a list. */
function valid<Test>(test: Test | null, path: Path): Test {
  if (!test)
    throw fail('INVALID_INPUT', 'This takes a text or a number, and comparing for equality a boolean too.', { path });
  return test;
}

function entries<Field extends string, Comparison>(
  of: {
    readonly [K in Field]: Comparison;
  },
): [Field, Comparison][] {
  return Object.entries(of) as [Field, Comparison][];
}
