import type { Key, KeyState, NewKey } from '../domain/keys/key.ts';
import { SCOPES } from '../domain/keys/scopes.ts';
import { pageOfArray } from '../domain/page.ts';
import { builder } from './builder.ts';
import { lazyConnection, pageArgs } from './connection.ts';
import type { RequestContext } from './context.ts';
import { resultOf } from './errors.ts';
import { parsePartnerArg, readKeyId } from './inputs.ts';
import { isUuid } from './node-id.ts';
import { ApiKeyConnection, ApiKeyRef, DataImportKeyConnection, DataImportKeyRef } from './refs.ts';

const KeyStateEnum = builder.enumType('KeyState', {
  description: 'Whether a key works.',
  values: {
    ACTIVE: { description: 'It works.' },
    ROTATED: { description: 'It has a successor, and works until the overlap ends.' },
    EXPIRED: { description: 'Its time is over.' },
    INVALIDATED: { description: 'Somebody ended it.' },
  } satisfies { readonly [S in KeyState]: object },
});

const ScopeEnum = builder.enumType('ApiKeyScope', {
  description: 'What an API key may do.',
  values: Object.fromEntries(
    SCOPES.map((scope) => [scope.replace(':', '_').toUpperCase(), { value: scope, description: `\`${scope}\`` }]),
  ),
});

const loadKeys = (kind: Key['kind']) => (ids: string[], ctx: RequestContext) =>
  Promise.all(
    ids.map(async (id) => {
      const key = isUuid(id) ? await ctx.loaders.key.load(id) : null;
      return key?.kind === kind ? key : null;
    }),
  );

const isKey = (value: unknown, kind: Key['kind']) =>
  typeof value === 'object' && value !== null && 'prefix' in value && (value as Key).kind === kind;

builder.node(DataImportKeyRef, {
  description:
    'A secret of one partner that may import cohorts and nothing else. The secret itself is shown once, when it is made.',
  authScopes: { scope: 'keys:manage' },
  id: { resolve: (key) => key.id },
  isTypeOf: (value) => isKey(value, 'data_import'),
  loadMany: loadKeys('data_import'),
  fields: (t) => ({
    partner: t.string({ description: 'Whose cohorts it may import.', resolve: (key) => key.partner ?? '' }),
    name: t.exposeString('name', { nullable: true, description: 'For people.' }),
    prefix: t.exposeString('prefix', { description: 'How the secret begins, to recognise it by.' }),
    state: t.field({ type: KeyStateEnum, description: 'Whether it works.', resolve: (key) => key.state }),
    createdAt: t.field({ type: 'DateTime', description: 'When it was made.', resolve: (key) => key.createdAt }),
    lastUsedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it was last used, to the minute.',
      resolve: (key) => key.lastUsedAt,
    }),
    expiresAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it stops working.',
      resolve: (key) => key.expiresAt,
    }),
  }),
});

builder.node(ApiKeyRef, {
  description: 'A secret with scopes, for GraphQL and exports. The secret itself is shown once, when it is made.',
  authScopes: { scope: 'keys:manage' },
  id: { resolve: (key) => key.id },
  isTypeOf: (value) => isKey(value, 'api'),
  loadMany: loadKeys('api'),
  fields: (t) => ({
    name: t.exposeString('name', { nullable: true, description: 'For people.' }),
    scopes: t.field({ type: [ScopeEnum], description: 'What it may do.', resolve: (key) => [...key.scopes] }),
    prefix: t.exposeString('prefix', { description: 'How the secret begins, to recognise it by.' }),
    state: t.field({ type: KeyStateEnum, description: 'Whether it works.', resolve: (key) => key.state }),
    createdAt: t.field({ type: 'DateTime', description: 'When it was made.', resolve: (key) => key.createdAt }),
    lastUsedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it was last used, to the minute.',
      resolve: (key) => key.lastUsedAt,
    }),
    expiresAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it stops working.',
      resolve: (key) => key.expiresAt,
    }),
  }),
});

/** The keys of one kind as a connection; they are few, so one read serves page and count. */
export function keyConnection(
  ctx: RequestContext,
  kind: Key['kind'],
  partner: string | null | undefined,
  args: Parameters<typeof pageOfArray>[2],
) {
  const list = JSON.stringify([ctx.domain.workspaceId, 'keys', kind, partner]);
  let read: Promise<Key[]> | undefined;
  const all = () => {
    read ??= ctx.domain.keys.listKeys({ kind, partner });
    return read;
  };
  return lazyConnection(
    ctx,
    args,
    async () => pageOfArray(await all(), list, args, (key) => key.id),
    async () => (await all()).length,
  );
}

builder.queryFields((t) => ({
  dataImportKeys: t.field({
    type: DataImportKeyConnection,
    authScopes: { scope: 'keys:manage' },
    description: 'Data import keys, the newest first.',
    args: { partner: t.arg.string({ description: 'Only those of this partner.' }), ...pageArgs },
    resolve: (_, { partner, ...args }, ctx) => keyConnection(ctx, 'data_import', parsePartnerArg(partner), args),
  }),
  apiKeys: t.field({
    type: ApiKeyConnection,
    authScopes: { scope: 'keys:manage' },
    description: 'API keys, the newest first.',
    args: pageArgs,
    resolve: (_, args, ctx) => keyConnection(ctx, 'api', null, args),
  }),
}));

function newKeyType(name: string, type: typeof DataImportKeyRef | typeof ApiKeyRef, description: string) {
  return builder.objectRef<NewKey>(name).implement({
    description,
    fields: (t) => ({
      key: t.field({ type, description: 'The new key.', resolve: (made) => made.key }),
      secret: t.exposeString('secret', { description: 'The secret. It is shown this once and stored nowhere.' }),
    }),
  });
}

const SHOWN_ONCE = 'A new key and its secret.';
const GenerateSuccess = newKeyType('GenerateDataImportKeySuccess', DataImportKeyRef, SHOWN_ONCE);
const RotateSuccess = newKeyType('RotateDataImportKeySuccess', DataImportKeyRef, SHOWN_ONCE);
const CreateApiSuccess = newKeyType('CreateApiKeySuccess', ApiKeyRef, SHOWN_ONCE);
const RotateApiSuccess = newKeyType('RotateApiKeySuccess', ApiKeyRef, SHOWN_ONCE);

function endedKeyType(name: string, type: typeof DataImportKeyRef | typeof ApiKeyRef) {
  return builder.objectRef<{ readonly key: Key }>(name).implement({
    description: 'The key, which works no more.',
    fields: (t) => ({ key: t.field({ type, description: 'The key.', resolve: (done) => done.key }) }),
  });
}

const InvalidateSuccess = endedKeyType('InvalidateDataImportKeySuccess', DataImportKeyRef);
const RevokeSuccess = endedKeyType('RevokeApiKeySuccess', ApiKeyRef);

const GenerateInput = builder.inputType('GenerateDataImportKeyInput', {
  description: 'A data import key to make.',
  fields: (t) => ({
    partner: t.string({ required: true, description: 'Whose cohorts it may import: `amplitude`, `mixpanel`, ...' }),
    name: t.string({ description: 'For people, at most 200 characters.' }),
    expiresAt: t.field({ type: 'DateTime', description: 'When it is to stop working.' }),
  }),
});

const CreateApiInput = builder.inputType('CreateApiKeyInput', {
  description: 'An API key to make.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'For people, at most 200 characters.' }),
    scopes: t.field({ type: [ScopeEnum], required: true, description: 'What it may do: at least one.' }),
    expiresAt: t.field({ type: 'DateTime', description: 'When it is to stop working.' }),
  }),
});

const rotateInput = (name: string) =>
  builder.inputType(name, {
    description: 'A key to replace.',
    fields: (t) => ({
      id: t.id({ required: true, description: 'The key.' }),
      overlapHours: t.float({
        description: 'How long the old key still works, 0 to 2,160 hours; 24 if nothing is said.',
      }),
    }),
  });

const endInput = (name: string) =>
  builder.inputType(name, {
    description: 'A key to end at once.',
    fields: (t) => ({ id: t.id({ required: true, description: 'The key.' }) }),
  });

const RotateInput = rotateInput('RotateDataImportKeyInput');
const RotateApiInput = rotateInput('RotateApiKeyInput');
const InvalidateInput = endInput('InvalidateDataImportKeyInput');
const RevokeInput = endInput('RevokeApiKeyInput');
const NEEDS_KEYS = { authScopes: { scope: 'keys:manage' } } as const;

builder.mutationFields((t) => ({
  generateDataImportKey: t.field({
    ...NEEDS_KEYS,
    type: GenerateSuccess,
    errors: resultOf('GenerateDataImportKey'),
    description: 'Makes a data import key of one partner.',
    args: { input: t.arg({ type: GenerateInput, required: true, description: 'The key.' }) },
    resolve: (_, { input }, { domain }) => domain.keys.generateDataImportKey(input),
  }),
  rotateDataImportKey: t.field({
    ...NEEDS_KEYS,
    type: RotateSuccess,
    errors: resultOf('RotateDataImportKey'),
    description: 'Makes a successor of a data import key; both work until the overlap ends.',
    args: { input: t.arg({ type: RotateInput, required: true, description: 'The key.' }) },
    resolve: (_, { input }, { domain }) =>
      domain.keys.rotateKey({
        kind: 'data_import',
        id: readKeyId('DataImportKey', String(input.id)),
        overlapHours: input.overlapHours,
      }),
  }),
  invalidateDataImportKey: t.field({
    ...NEEDS_KEYS,
    type: InvalidateSuccess,
    errors: resultOf('InvalidateDataImportKey'),
    description: 'Ends a data import key: its very next request is refused.',
    args: { input: t.arg({ type: InvalidateInput, required: true, description: 'The key.' }) },
    resolve: async (_, { input }, { domain }) => ({
      key: await domain.keys.invalidateKey({ kind: 'data_import', id: readKeyId('DataImportKey', String(input.id)) }),
    }),
  }),
  createApiKey: t.field({
    ...NEEDS_KEYS,
    type: CreateApiSuccess,
    errors: resultOf('CreateApiKey'),
    description: 'Makes an API key. It can be given no scope that the asking key lacks.',
    args: { input: t.arg({ type: CreateApiInput, required: true, description: 'The key.' }) },
    resolve: (_, { input }, { domain, scopes }) => domain.keys.createApiKey({ ...input, grantable: [...scopes] }),
  }),
  rotateApiKey: t.field({
    ...NEEDS_KEYS,
    type: RotateApiSuccess,
    errors: resultOf('RotateApiKey'),
    description: 'Makes a successor of an API key; both work until the overlap ends.',
    args: { input: t.arg({ type: RotateApiInput, required: true, description: 'The key.' }) },
    resolve: (_, { input }, { domain, scopes }) =>
      domain.keys.rotateKey({
        kind: 'api',
        id: readKeyId('ApiKey', String(input.id)),
        overlapHours: input.overlapHours,
        grantable: [...scopes],
      }),
  }),
  revokeApiKey: t.field({
    ...NEEDS_KEYS,
    type: RevokeSuccess,
    errors: resultOf('RevokeApiKey'),
    description: 'Ends an API key: its very next request is refused.',
    args: { input: t.arg({ type: RevokeInput, required: true, description: 'The key.' }) },
    resolve: async (_, { input }, { domain }) => ({
      key: await domain.keys.invalidateKey({ kind: 'api', id: readKeyId('ApiKey', String(input.id)) }),
    }),
  }),
}));
