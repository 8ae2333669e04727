import { DROP_REASONS } from '../domain/users/pending-drops.ts';
import { PENDING_REASONS, type PendingMember, type PendingSummary } from '../domain/users/pending-member.ts';
import { builder } from './builder.ts';
import { connectionOf, lazyConnection } from './connection.ts';
import type { RequestContext } from './context.ts';
import { CohortRef } from './refs.ts';

export const PendingReasonEnum = builder.enumType('PendingReason', {
  description: 'Why an identity is pending: what kind it is that nobody has.',
  values: Object.fromEntries(PENDING_REASONS.map((r) => [r.toUpperCase(), { value: r, description: `\`${r}\`` }])),
});

const DropReasonEnum = builder.enumType('PendingDropReason', {
  description: 'Why a pending member was dropped without joining.',
  values: {
    TOO_OLD: { value: DROP_REASONS[0], description: 'Older than the workspace keeps them.' },
    OVER_LIMIT: { value: DROP_REASONS[1], description: 'The oldest, when there were more than the workspace keeps.' },
    DEVICE_OF_IDENTIFIED_USER: {
      value: DROP_REASONS[2],
      description: 'The device turned out to be of an identified user, whom a device id does not match.',
    },
  },
});

const PendingMemberRef = builder.objectRef<PendingMember>('PendingMember').implement({
  description: 'An identity that a cohort named and no user has. It joins in the transaction that gives it a user.',
  fields: (t) => ({
    reason: t.field({
      type: PendingReasonEnum,
      description: 'What kind of identity nobody has.',
      resolve: (m) => m.reason,
    }),
    label: t.exposeString('label', { nullable: true, description: 'The alias label; null for the other kinds.' }),
    value: t.exposeString('value', { description: 'The external id, alias name or device id.' }),
    heldAt: t.field({ type: 'DateTime', description: 'Since when.', resolve: (m) => m.heldAt }),
    cohort: t.field({
      type: CohortRef,
      nullable: true,
      authScopes: { scope: 'cohorts:read' },
      description: 'Which cohort it waits for.',
      resolve: (m, _, { loaders }) => loaders.cohort.load(m.cohortId),
    }),
  }),
});

export const PendingMemberConnection = connectionOf('PendingMember', PendingMemberRef);

export const pendingArgs = builder.args((t) => ({
  reason: t.field({ type: PendingReasonEnum, description: 'Only those pending for this reason.' }),
}));

/** Pending members of a cohort, or of all. */
export function pendingConnection(
  ctx: RequestContext,
  cohortId: number | null,
  {
    reason,
    ...page
  }: { reason?: PendingMember['reason'] | null } & Parameters<RequestContext['domain']['pending']['listPending']>[0],
) {
  const { domain } = ctx;
  return lazyConnection(
    ctx,
    page,
    () => domain.pending.listPending({ ...page, cohortId, reason }),
    () => domain.pending.countPending({ cohortId, reason }),
  );
}

const ReasonCount = builder.objectRef<PendingSummary['byReason'][number]>('PendingReasonCount').implement({
  description: 'How many are pending for one reason.',
  fields: (t) => ({
    reason: t.field({ type: PendingReasonEnum, description: 'The reason.', resolve: (c) => c.reason }),
    members: t.exposeInt('members', { description: 'How many.' }),
  }),
});

const CohortCount = builder.objectRef<PendingSummary['largestCohorts'][number]>('PendingCohortCount').implement({
  description: 'How many are pending in one cohort.',
  fields: (t) => ({
    cohort: t.field({
      type: CohortRef,
      nullable: true,
      description: 'The cohort.',
      resolve: (c, _, { loaders }) => loaders.cohort.load(c.cohortId),
    }),
    members: t.exposeInt('members', { description: 'How many.' }),
  }),
});

const DropCount = builder.objectRef<PendingSummary['dropped'][number]>('PendingDropCount').implement({
  description: 'How many were dropped for one reason.',
  fields: (t) => ({
    reason: t.field({ type: DropReasonEnum, description: 'The reason.', resolve: (c) => c.reason }),
    members: t.exposeInt('members', { description: 'How many.' }),
  }),
});

/** The pending pool of a workspace. */
export const PendingPool = builder.objectRef<PendingSummary>('PendingPool').implement({
  description: 'The identities that cohorts named and no user has yet.',
  fields: (t) => ({
    members: t.exposeInt('members', { description: 'How many memberships wait.' }),
    byReason: t.field({ type: [ReasonCount], description: 'By kind of identity.', resolve: (p) => [...p.byReason] }),
    largestCohorts: t.field({
      type: [CohortCount],
      authScopes: { scope: 'cohorts:read' },
      description: 'The cohorts where most wait, at most ten.',
      resolve: (p) => [...p.largestCohorts],
    }),
    dropped: t.field({
      type: [DropCount],
      description: 'Dropped without joining in the last 30 days.',
      resolve: (p) => [...p.dropped],
    }),
  }),
});
