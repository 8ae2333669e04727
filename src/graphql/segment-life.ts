import { HISTORY_MAX_POINTS } from '../domain/history/size-point.ts';
import { SIZES_KEPT_DAYS, type SizeReason } from '../domain/segments/keep-sizes.ts';
import type { SegmentSizePoint } from '../domain/segments/segment-sizes.ts';
import { builder } from './builder.ts';
import { SegmentRef } from './refs.ts';

// Who uses segments, and how large they were.

const SegmentDependent = builder.unionType('SegmentDependent', {
  description: 'Something that refers to a segment.',
  types: [SegmentRef],
  resolveType: () => SegmentRef,
});

const SegmentSizeReason = builder.enumType('SegmentSizeReason', {
  description: 'Why a segment was counted.',
  values: {
    DAY: { description: 'It is counted once in each UTC day.' },
    CHANGE: { description: 'It was changed.' },
  } as const satisfies { readonly [R in SizeReason]: object },
});

const SegmentSizePointRef = builder.objectRef<SegmentSizePoint>('SegmentSizePoint').implement({
  description: 'How many users a segment had.',
  fields: (t) => ({
    at: t.field({ type: 'DateTime', description: 'When it was counted.', resolve: (point) => point.at }),
    size: t.exposeInt('size', { description: 'How many users it had then, exactly.' }),
    version: t.exposeInt('version', { description: 'The version of the segment that was counted.' }),
    reason: t.field({ type: SegmentSizeReason, description: 'Why.', resolve: (point) => point.reason }),
  }),
});

builder.objectFields(SegmentRef, (t) => ({
  usedBy: t.field({
    type: [SegmentDependent],
    authScopes: { scope: 'segments:read' },
    description: 'What is live and refers to it, by name: while there is any, it is archived only by force.',
    resolve: async (segment, _, { loaders }) => [...((await loaders.segmentsUsing.load(segment.id)) ?? [])],
  }),
  sizeHistory: t.field({
    type: [SegmentSizePointRef],
    authScopes: { scope: 'segments:read' },
    description:
      `How its size went, oldest first: counted once a day and at each change, kept for ${SIZES_KEPT_DAYS} days. At most ` +
      `${HISTORY_MAX_POINTS.toLocaleString('en-US')} points. Errors: INVALID_INPUT, LIMIT_EXCEEDED.`,
    args: {
      from: t.arg({ type: 'DateTime', required: true, description: 'From when on.' }),
      to: t.arg({ type: 'DateTime', description: 'Until when; now if nothing is said.' }),
    },
    resolve: (segment, input, ctx) => {
      ctx.takeItems(SIZES_KEPT_DAYS);
      return ctx.loaders.segmentSizes.load({ segmentId: segment.id, input });
    },
  }),
}));
