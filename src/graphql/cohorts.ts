import type { Cohort } from '../domain/cohorts/cohort.ts';
import { DomainError, fail, type Path } from '../domain/errors.ts';
import { type PartnerEndpoint as Endpoint, partnerEndpoints } from '../domain/keys/endpoints.ts';
import { parsePartner } from '../domain/keys/partner.ts';
import { pageOfArray } from '../domain/page.ts';
import type { Reach } from '../domain/segments/reach.ts';
import { builder, WRITTEN } from './builder.ts';
import { lazyConnection, pageArgs } from './connection.ts';
import type { RequestContext } from './context.ts';
import {
  CohortRefInput,
  type CohortRefShape,
  OrderDirection,
  parseCohortRef,
  parsePartnerArg,
  parseSearch,
  parseUserRef,
  UserRefInput,
} from './inputs.ts';
import { keyConnection } from './keys.ts';
import { numberedId, readNumberedId } from './node-id.ts';
import { PendingMemberConnection, pendingArgs, pendingConnection } from './pending.ts';
import {
  CohortConnection,
  CohortRef,
  DataImportKeyConnection,
  PartnerRef,
  SegmentConnection,
  UserConnection,
} from './refs.ts';
import { userConnection } from './user-connection.ts';

const CohortReach = builder.objectRef<Reach & { readonly pending: number }>('CohortReach').implement({
  description: 'Members by the best identity they have. The first three add up to the size.',
  fields: (t) => ({
    identified: t.exposeInt('identified', { description: 'Have an external id.' }),
    aliasOnly: t.exposeInt('aliasOnly', { description: 'Have no external id, but an alias.' }),
    deviceOnly: t.exposeInt('deviceOnly', { description: 'Have nothing but devices.' }),
    pending: t.exposeInt('pending', {
      description: 'Identities that nobody has yet: not members, not counted in the size.',
    }),
  }),
});

builder.node(CohortRef, {
  description: 'A behavioural cohort as a partner sends it.',
  authScopes: { $any: { scope: 'cohorts:read', $granted: WRITTEN } },
  id: { resolve: (cohort, _, ctx) => numberedId(ctx, cohort.id) },
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'partnerCohortId' in value,
  loadMany: (ids, ctx) =>
    Promise.all(
      ids.map((id) => {
        const number = readNumberedId(ctx, id);
        return number === null ? null : ctx.loaders.cohort.load(number);
      }),
    ),
  fields: (t) => ({
    partner: t.exposeString('partner', { description: 'Who sends it.' }),
    partnerCohortId: t.exposeString('partnerCohortId', { description: "The partner's id for it." }),
    name: t.exposeString('name', { description: "Its name; the partner's id until the partner sends one." }),
    isNamed: t.exposeBoolean('isNamed', { description: 'The partner has sent a name.' }),
    createdAt: t.field({ type: 'DateTime', description: 'When it was made.', resolve: (cohort) => cohort.createdAt }),
    size: t.int({
      description: 'How many users are in it, exactly.',
      resolve: (cohort, _, { loaders }) => loaders.cohortSize.load(cohort.id),
    }),
    users: t.field({
      type: UserConnection,
      authScopes: { scope: 'users:read' },
      description: 'The users in it, in order of appearance in the workspace.',
      args: pageArgs,
      resolve: (cohort, args, ctx) =>
        userConnection(ctx, { cohortId: cohort.id }, args, () => ctx.loaders.cohortSize.load(cohort.id)),
    }),
    includes: t.boolean({
      description: 'Whether a user is in it; false where the reference means nobody.',
      args: { user: t.arg({ type: UserRefInput, required: true, description: 'Who.' }) },
      resolve: async (cohort, { user }, ctx) => {
        const userId = await ctx.loaders.userIdByRef.load(parseUserRef(ctx, user, ['user']));
        return userId === null ? false : ctx.loaders.isInCohort.load({ userId, of: cohort.id });
      },
    }),
    reach: t.field({
      type: CohortReach,
      authScopes: { scope: 'users:read' },
      description: 'How its users can be reached, and who is not a user yet.',
      resolve: async (cohort, _, { loaders }) => {
        const [reach, pending] = await Promise.all([
          loaders.cohortReach.load(cohort.id),
          loaders.cohortPending.load(cohort.id),
        ]);
        return { ...reach, pending: pending ?? 0 };
      },
    }),
    pendingMembers: t.field({
      type: PendingMemberConnection,
      authScopes: { scope: 'users:read' },
      description: 'Identities it names that nobody has yet, by kind and identity.',
      args: { ...pendingArgs, ...pageArgs },
      resolve: (cohort, args, ctx) => pendingConnection(ctx, cohort.id, args),
    }),
    lastReceivedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When its sender last sent something.',
      resolve: async (cohort, _, { loaders }) => (await loaders.cohortActivity.load(cohort.id))?.lastReceivedAt,
    }),
    lastChangedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When somebody last entered or left.',
      resolve: async (cohort, _, { loaders }) => (await loaders.cohortActivity.load(cohort.id))?.lastChangedAt,
    }),
    segments: t.field({
      type: SegmentConnection,
      authScopes: { scope: 'segments:read' },
      description: 'The live segments whose filter mentions it, by name.',
      args: pageArgs,
      resolve: (cohort, args, ctx) => {
        const { domain, loaders } = ctx;
        const all = async () => (await loaders.segmentsOfCohort.load(cohort.id)) ?? [];
        const list = JSON.stringify([domain.workspaceId, 'segments of cohort', cohort.id]);
        return lazyConnection(
          ctx,
          args,
          async () => pageOfArray(await all(), list, args, (segment) => segment.id),
          async () => (await all()).length,
        );
      },
    }),
  }),
});

const CohortOrder = builder.inputType('CohortOrder', {
  description: 'How a list of cohorts runs.',
  fields: (t) => ({
    field: t.field({
      type: builder.enumType('CohortOrderField', {
        description: 'What to order cohorts by.',
        values: { NAME: { description: 'The name.' }, CREATED_AT: { description: 'The time of making.' } } as const,
      }),
      required: true,
      description: 'By what.',
    }),
    direction: t.field({ type: OrderDirection, required: true, description: 'Which way.' }),
  }),
});

const cohortListArgs = builder.args((t) => ({
  search: t.string({ description: "Part of the name or of the partner's id, in any case." }),
  orderBy: t.field({ type: CohortOrder, description: 'By name if nothing is said.' }),
}));

/** The cohort a reference means, null where there is none; what is wrong with the reference is said at `path`. */
export async function loadCohort(ctx: RequestContext, input: CohortRefShape, path: Path): Promise<Cohort | null> {
  const ref = parseCohortRef(ctx, input, path);
  try {
    return await ctx.loaders.cohortByRef.load(ref);
  } catch (error) {
    throw error instanceof DomainError && error.code === 'AMBIGUOUS'
      ? fail(error.code, error.message, { path: [...path, 'name'] })
      : error;
  }
}

builder.queryFields((t) => ({
  cohort: t.field({
    type: CohortRef,
    nullable: true,
    authScopes: { scope: 'cohorts:read' },
    description: 'One cohort; null where there is none. Errors: AMBIGUOUS when several have the name.',
    args: { by: t.arg({ type: CohortRefInput, required: true, description: 'Which.' }) },
    resolve: (_, { by }, ctx) => loadCohort(ctx, by, ['by']),
  }),
  cohorts: t.field({
    type: CohortConnection,
    authScopes: { scope: 'cohorts:read' },
    description: 'Cohorts.',
    args: { partner: t.arg.string({ description: 'Only those of this partner.' }), ...cohortListArgs, ...pageArgs },
    resolve: (_, args, ctx) => {
      const { domain } = ctx;
      const which = { ...args, partner: parsePartnerArg(args.partner), search: parseSearch(args.search) };
      return lazyConnection(
        ctx,
        args,
        () => domain.cohorts.listCohorts(which),
        () => domain.cohorts.countCohorts(which),
      );
    },
  }),
  partner: t.field({
    type: PartnerRef,
    description:
      'What to paste into a partner, its keys and its cohorts. Any name of a partner is answered, used or not.',
    args: { name: t.arg.string({ required: true, description: 'For example `amplitude`.' }) },
    resolve: (_, { name }) => ({ name: parsePartner(name, ['name']) }),
  }),
}));

const PartnerEndpoint = builder.objectRef<Endpoint>('PartnerEndpoint').implement({
  description: 'A path of this server that a partner can send to.',
  fields: (t) => ({
    dialect: t.exposeString('dialect', { description: 'The wire form it takes.' }),
    method: t.exposeString('method', { description: 'The HTTP method.' }),
    path: t.exposeString('path', { description: "Below the server's address." }),
    description: t.exposeString('description', { description: 'What it does.' }),
  }),
});

PartnerRef.implement({
  description: 'Who sends cohorts. Its name gives the filter `<name>_cohorts`.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'As in the path of its endpoints.' }),
    endpoints: t.field({
      type: [PartnerEndpoint],
      description: 'Where it sends to.',
      resolve: ({ name }) => partnerEndpoints(name),
    }),
    dataImportKeys: t.field({
      type: DataImportKeyConnection,
      authScopes: { scope: 'keys:manage' },
      description: 'Its data import keys, the newest first.',
      args: pageArgs,
      resolve: ({ name }, args, ctx) => keyConnection(ctx, 'data_import', name, args),
    }),
    cohorts: t.field({
      type: CohortConnection,
      authScopes: { scope: 'cohorts:read' },
      description: 'Its cohorts.',
      args: { ...cohortListArgs, ...pageArgs },
      resolve: ({ name }, args, ctx) => {
        const { domain } = ctx;
        const which = { ...args, partner: name, search: parseSearch(args.search) };
        return lazyConnection(
          ctx,
          args,
          () => domain.cohorts.listCohorts(which),
          () => domain.cohorts.countCohorts(which),
        );
      },
    }),
  }),
});
