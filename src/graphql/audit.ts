import {
  AUDIT_ACTIONS,
  AUDIT_SUBJECTS,
  type AuditEntry,
  type AuditSubject,
  type FieldChange,
} from '../domain/audit/entry.ts';
import type { Actor } from '../domain/context.ts';
import { respellFilters } from '../domain/segments/version.ts';
import { builder } from './builder.ts';
import { connectionOf, lazyConnection, pageArgs } from './connection.ts';
import type { RequestContext } from './context.ts';
import { filterJson } from './filter-output.ts';
import { decodeNodeId, encodeNumbered, encodeUuid, isUuid, readNumberedId } from './node-id.ts';
import { SegmentRef } from './refs.ts';

// Who changed what.

const ActorKind = builder.enumType('ActorKind', {
  description: 'As what somebody acts.',
  values: {
    API_KEY: { value: 'api_key', description: 'With an API key of the workspace.' },
    CONFIGURED_KEY: { value: 'configured_key', description: 'With the key that the server was started with.' },
    HOST: { value: 'host', description: "As whom the host application's own login says." },
    COMMAND_LINE: { value: 'command_line', description: 'At the command line of the server.' },
    LIBRARY: { value: 'library', description: 'As code of the host application.' },
    SYSTEM: { value: 'system', description: 'As the product itself.' },
  } as const satisfies { readonly [name: string]: { value: Actor['kind']; description: string } },
});

export const ActorRef = builder.objectRef<Actor>('Actor').implement({
  description: 'Who did something.',
  fields: (t) => ({
    kind: t.field({ type: ActorKind, description: 'As what.', resolve: (actor) => actor.kind }),
    name: t.exposeString('name', { nullable: true, description: 'What they were called then.' }),
    apiKeyId: t.id({
      nullable: true,
      description: 'The node id of the API key, where it was one.',
      resolve: ({ kind, id }) => (kind === 'api_key' && id !== null && isUuid(id) ? encodeUuid('ApiKey', id) : null),
    }),
  }),
});

export const FieldChangeRef = builder.objectRef<FieldChange>('FieldChange').implement({
  description: 'One thing that changed.',
  fields: (t) => ({
    field: t.exposeString('field', { description: 'What changed: `name`, `filter`, `monthlyBudget`, and so on.' }),
    before: t.field({
      type: 'JSON',
      nullable: true,
      description: 'As it was. Filters are canonical JSON.',
      resolve: (change) => change.before ?? null,
    }),
    after: t.field({
      type: 'JSON',
      nullable: true,
      description: 'As it was from then on.',
      resolve: (change) => change.after ?? null,
    }),
  }),
});

/** Changes with their filters spelled as clients know them. */
export function showChanges(ctx: RequestContext, changes: readonly FieldChange[]): FieldChange[] {
  return [...respellFilters(changes, (filter) => filterJson(ctx, filter))];
}

const AuditActionEnum = builder.enumType('AuditAction', {
  description: 'What was done. The list only grows.',
  values: Object.fromEntries(
    Object.entries(AUDIT_ACTIONS).map(([action, description]) => [
      action.replace('.', '_').toUpperCase(),
      { value: action as AuditEntry['action'], description },
    ]),
  ),
});

const SUBJECT_DESCRIPTIONS: { readonly [S in AuditSubject]: string } = {
  segment: 'A segment.',
  data_import_key: 'A data import key.',
  api_key: 'An API key.',
  workspace: 'The workspace itself.',
  cohort: 'A cohort.',
  attribute_index: 'An attribute that is or was indexed.',
};

const AuditSubjectEnum = builder.enumType('AuditSubject', {
  description: 'What something was done to. The list only grows.',
  values: Object.fromEntries(
    AUDIT_SUBJECTS.map((subject) => [
      subject.toUpperCase(),
      { value: subject, description: SUBJECT_DESCRIPTIONS[subject] },
    ]),
  ),
});

const AuditEntryRef = builder.objectRef<AuditEntry>('AuditEntry').implement({
  description:
    'Something that was done. It was written down together with what it did: neither is there without the other.',
  fields: (t) => ({
    at: t.field({ type: 'DateTime', description: 'When.', resolve: (entry) => entry.at }),
    actor: t.field({ type: ActorRef, description: 'By whom.', resolve: (entry) => entry.actor }),
    action: t.field({ type: AuditActionEnum, description: 'What.', resolve: (entry) => entry.action }),
    subject: t.field({ type: AuditSubjectEnum, description: 'To what.', resolve: (entry) => entry.subjectType }),
    subjectId: t.id({
      nullable: true,
      description: 'The node id of what it was done to; null where that has none.',
      resolve: (entry, _, ctx) => subjectNodeId(ctx, entry),
    }),
    subjectName: t.exposeString('subjectName', { nullable: true, description: 'What that was called then.' }),
    changes: t.field({
      type: [FieldChangeRef],
      description: 'What it changed; empty where something was made or ended.',
      resolve: (entry, _, ctx) => showChanges(ctx, entry.changes),
    }),
    details: t.field({
      type: 'JSON',
      description: 'What else there is to say, by name. Never a secret.',
      resolve: (entry) => entry.details,
    }),
    reason: t.exposeString('reason', { nullable: true, description: 'Why, where somebody said so.' }),
  }),
});

const AuditConnection = connectionOf('AuditEntry', AuditEntryRef);

/** The subjects that have node ids, by the names of their types. */
const SUBJECT_OF_TYPE: Readonly<Record<string, AuditSubject>> = {
  Segment: 'segment',
  DataImportKey: 'data_import_key',
  ApiKey: 'api_key',
  Workspace: 'workspace',
  Cohort: 'cohort',
};

function subjectNodeId(ctx: RequestContext, { subjectType, subjectId }: AuditEntry): string | null {
  switch (subjectType) {
    case 'segment':
      return encodeUuid('Segment', subjectId);
    case 'data_import_key':
      return encodeUuid('DataImportKey', subjectId);
    case 'api_key':
      return encodeUuid('ApiKey', subjectId);
    case 'workspace':
      return encodeNumbered(ctx, 'Workspace', Number(subjectId));
    case 'cohort':
      return encodeNumbered(ctx, 'Cohort', Number(subjectId));
    case 'attribute_index':
      return null;
  }
}

/** What a node id names in the log; something to which nothing was done where it is none. */
function readSubject(ctx: RequestContext, nodeId: string): { subjectType: AuditSubject; subjectId: string } {
  const { typename, id } = decodeNodeId(nodeId);
  const subjectType = SUBJECT_OF_TYPE[typename] ?? 'segment';
  const isNumbered = subjectType === 'workspace' || subjectType === 'cohort';
  const subjectId = isNumbered ? String(readNumberedId(ctx, id) ?? '') : isUuid(id) ? id : '';
  return { subjectType, subjectId };
}

builder.queryField('auditLog', (t) =>
  t.field({
    type: AuditConnection,
    authScopes: { scope: 'keys:manage' },
    description: 'Who changed what, the newest first: segments, keys, settings.',
    args: {
      of: t.arg.id({ description: 'The node id of what it was done to.' }),
      subject: t.arg({ type: AuditSubjectEnum, description: 'What kind of thing it was done to.' }),
      action: t.arg({ type: AuditActionEnum, description: 'What was done.' }),
      ...pageArgs,
    },
    resolve: (_, { of, subject, action, ...args }, ctx) => {
      const { audit } = ctx.domain;
      const named = of === null || of === undefined ? null : readSubject(ctx, String(of));
      const isNothing = named !== null && subject && subject !== named.subjectType;
      const which = {
        subjectType: named?.subjectType ?? subject,
        subjectId: isNothing ? '' : named?.subjectId,
        action,
      };
      return lazyConnection(
        ctx,
        args,
        () => audit.listAudit({ ...which, ...args }),
        () => audit.countAudit(which),
      );
    },
  }),
);

builder.objectField(SegmentRef, 'history', (t) =>
  t.field({
    type: AuditConnection,
    authScopes: { scope: 'segments:read' },
    description: 'Who changed it and how, the newest first: its part of the audit log.',
    args: pageArgs,
    resolve: (segment, args, ctx) =>
      lazyConnection(
        ctx,
        args,
        () => ctx.loaders.segmentAuditPage.load({ list: segment.id, args }),
        async () => (await ctx.loaders.segmentAuditCount.load(segment.id)) ?? 0,
      ),
  }),
);
