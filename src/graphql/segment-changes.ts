import {
  REASON_MAX_CHARACTERS as REASON_MAX,
  SEGMENT_DESCRIPTION_MAX_CHARACTERS,
  SEGMENT_MAX_TAGS,
  SEGMENT_NAME_MAX_CHARACTERS,
  type Segment,
  TAG_MAX_CHARACTERS,
} from '../domain/segments/segment.ts';
import { builder, WRITTEN } from './builder.ts';
import { resultOf } from './errors.ts';
import { SegmentFilterInput } from './filter-input.ts';
import { isSpelled, readSpelledFilter } from './filter-spellings.ts';
import { readSegmentId } from './inputs.ts';
import { SegmentRef } from './refs.ts';

// Every change of a segment.

const CreateInput = builder.inputType('CreateSegmentInput', {
  description: 'A segment to save.',
  fields: (t) => ({
    name: t.string({
      required: true,
      description: `1 to ${SEGMENT_NAME_MAX_CHARACTERS} characters, unique among live segments.`,
    }),
    description: t.string({ description: `At most ${SEGMENT_DESCRIPTION_MAX_CHARACTERS} characters.` }),
    tags: t.stringList({
      description: `Words to find it by: at most ${SEGMENT_MAX_TAGS} of 1 to ${TAG_MAX_CHARACTERS} characters.`,
    }),
    filter: t.field({ type: SegmentFilterInput, description: 'Who is in it: this, or one of the next two.' }),
    filterJson: t.field({ type: 'JSON', description: 'The same as canonical JSON.' }),
    filterText: t.string({ description: 'The same as text.' }),
  }),
});

const UpdateInput = builder.inputType('UpdateSegmentInput', {
  description: 'Changes to a segment; what is left out stays.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'The segment.' }),
    name: t.string({ description: 'The new name.' }),
    description: t.string({ description: 'The new description; an empty one removes it.' }),
    tags: t.stringList({ description: 'All its tags from now on; an empty list removes them.' }),
    filter: t.field({ type: SegmentFilterInput, description: 'The new filter: this, or one of the next two.' }),
    filterJson: t.field({ type: 'JSON', description: 'The same as canonical JSON.' }),
    filterText: t.string({ description: 'The same as text.' }),
    ifVersion: t.int({
      description: 'The version that the caller has read: VERSION_CHANGED when somebody changed it since.',
    }),
  }),
});

const ArchiveInput = builder.inputType('ArchiveSegmentInput', {
  description: 'A segment to put away.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'The segment.' }),
    force: t.boolean({
      required: true,
      defaultValue: false,
      description: 'Also while other segments refer to it: they go on evaluating it. Needs a reason.',
    }),
    reason: t.string({ description: `Why, for its versions and the audit log: at most ${REASON_MAX} characters.` }),
  }),
});

const RestoreInput = builder.inputType('RestoreSegmentInput', {
  description: 'A segment to bring back.',
  fields: (t) => ({ id: t.id({ required: true, description: 'The segment.' }) }),
});

const RollbackInput = builder.inputType('RollbackSegmentInput', {
  description: 'A segment that is to be again what it was.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'The segment.' }),
    version: t.int({ required: true, description: 'The version to go back to.' }),
    reason: t.string({ description: `Why, for its versions and the audit log: at most ${REASON_MAX} characters.` }),
  }),
});

const DuplicateInput = builder.inputType('DuplicateSegmentInput', {
  description: 'A segment to copy.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'The segment; an archived one too.' }),
    name: t.string({
      description:
        'The name of the copy: "Copy of" and the name if nothing is said, with a number where that is taken.',
    }),
  }),
});

const segmentSuccess = (name: string) =>
  builder.objectRef<{ readonly segment: Segment }>(name).implement({
    description: 'Done.',
    fields: (t) => ({
      segment: t.field({
        type: SegmentRef,
        grantScopes: [WRITTEN],
        description: 'The segment as it is now.',
        resolve: (done) => done.segment,
      }),
    }),
  });

const CreateSuccess = segmentSuccess('CreateSegmentSuccess');
const UpdateSuccess = segmentSuccess('UpdateSegmentSuccess');
const ArchiveSuccess = segmentSuccess('ArchiveSegmentSuccess');
const RestoreSuccess = segmentSuccess('RestoreSegmentSuccess');
const RollbackSuccess = segmentSuccess('RollbackSegmentSuccess');
const DuplicateSuccess = segmentSuccess('DuplicateSegmentSuccess');
const NEEDS_WRITE = { authScopes: { scope: 'segments:write' } } as const;

builder.mutationFields((t) => ({
  createSegment: t.field({
    ...NEEDS_WRITE,
    type: CreateSuccess,
    errors: resultOf('CreateSegment'),
    description: 'Saves a filter under a name.',
    args: { input: t.arg({ type: CreateInput, required: true, description: 'The segment.' }) },
    resolve: async (_, { input }, ctx) => ({
      segment: await ctx.domain.segments.createSegment({ ...input, filter: readSpelledFilter(ctx, input) }),
    }),
  }),
  updateSegment: t.field({
    ...NEEDS_WRITE,
    type: UpdateSuccess,
    errors: resultOf('UpdateSegment'),
    description:
      'Changes a live segment. Errors: VERSION_CHANGED (`ifVersion`); LIMIT_EXCEEDED also when a segment that refers to it would become too large.',
    args: { input: t.arg({ type: UpdateInput, required: true, description: 'The changes.' }) },
    resolve: async (_, { input }, ctx) => ({
      segment: await ctx.domain.segments.updateSegment({
        ...input,
        id: readSegmentId(String(input.id)),
        filter: isSpelled(input) ? readSpelledFilter(ctx, input) : null,
      }),
    }),
  }),
  archiveSegment: t.field({
    ...NEEDS_WRITE,
    type: ArchiveSuccess,
    errors: resultOf('ArchiveSegment'),
    description:
      'Puts a segment away: it leaves lists, and its name becomes free. Errors: IN_USE while live segments refer to it (`usedBy`), unless forced.',
    args: { input: t.arg({ type: ArchiveInput, required: true, description: 'The segment.' }) },
    resolve: async (_, { input }, { domain }) => ({
      segment: await domain.segments.archiveSegment({ ...input, id: readSegmentId(String(input.id)) }),
    }),
  }),
  restoreSegment: t.field({
    ...NEEDS_WRITE,
    type: RestoreSuccess,
    errors: resultOf('RestoreSegment'),
    description: 'Brings an archived segment back.',
    args: { input: t.arg({ type: RestoreInput, required: true, description: 'The segment.' }) },
    resolve: async (_, { input }, { domain }) => ({
      segment: await domain.segments.restoreSegment({ id: readSegmentId(String(input.id)) }),
    }),
  }),
  rollbackSegment: t.field({
    ...NEEDS_WRITE,
    type: RollbackSuccess,
    errors: resultOf('RollbackSegment'),
    description:
      'Makes a live segment again what it was in an older version, as a new version. Refused where that refers to something that is not there any more, with its path in the old filter.',
    args: { input: t.arg({ type: RollbackInput, required: true, description: 'Back to what.' }) },
    resolve: async (_, { input }, { domain }) => ({
      segment: await domain.segments.rollbackSegment({ ...input, id: readSegmentId(String(input.id)) }),
    }),
  }),
  duplicateSegment: t.field({
    ...NEEDS_WRITE,
    type: DuplicateSuccess,
    errors: resultOf('DuplicateSegment'),
    description: 'Makes a segment like another, with its description, tags and filter.',
    args: { input: t.arg({ type: DuplicateInput, required: true, description: 'The segment.' }) },
    resolve: async (_, { input }, { domain }) => ({
      segment: await domain.segments.duplicateSegment({ ...input, id: readSegmentId(String(input.id)) }),
    }),
  }),
}));
