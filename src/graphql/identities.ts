import type { ErrorCode } from '../domain/errors.ts';
import { ITEMS_MAX, type ItemResult } from '../domain/users/item-result.ts';
import { builder, WRITTEN } from './builder.ts';
import { ErrorInterface, resultOf } from './errors.ts';
import { AliasInput, readUserRef, UserRefInput } from './inputs.ts';
import { UserRef } from './refs.ts';

/** GraphQL takes an `Error` for something thrown, so the error of an item travels as what it says. */
interface ItemFault {
  readonly code: ErrorCode;
  readonly message: string;
  readonly path: readonly string[] | null;
}

const ItemError = builder.objectRef<ItemFault>('ItemError').implement({
  description: 'Why one item was refused. The other items were applied.',
  interfaces: [ErrorInterface],
  isTypeOf: (value) => typeof value === 'object' && value !== null && !(value instanceof Error) && 'code' in value,
});

const UserItemResult = builder.objectRef<ItemResult>('UserItemResult').implement({
  description: 'What became of one item: exactly one of the two unless the user was deleted.',
  fields: (t) => ({
    user: t.field({
      type: UserRef,
      nullable: true,
      grantScopes: [WRITTEN],
      description: 'The user as they are now; null when the item was refused or the user deleted.',
      resolve: (item, _, { loaders }) =>
        'error' in item || item.userId === null ? null : loaders.user.load(item.userId),
    }),
    error: t.field({
      type: ItemError,
      nullable: true,
      description: 'Why the item was refused; the others were applied.',
      resolve: (item): ItemFault | null => {
        if (!('error' in item)) return null;
        const { code, message, path } = item.error;
        return { code, message, path: path?.map(String) ?? null };
      },
    }),
  }),
});

function itemsSuccess(name: string) {
  return builder.objectRef<readonly ItemResult[]>(name).implement({
    description: 'Every item was looked at.',
    fields: (t) => ({
      results: t.field({
        type: [UserItemResult],
        description: 'One per item, in order.',
        resolve: (results) => [...results],
      }),
      applied: t.int({
        description: 'How many were applied.',
        resolve: (results) => results.filter((r) => !('error' in r)).length,
      }),
      refused: t.int({
        description: 'How many were refused.',
        resolve: (results) => results.filter((r) => 'error' in r).length,
      }),
    }),
  });
}

const ITEM_BY_ITEM = `Goes item by item: what is wrong is refused in its place, the others are applied, in order. At most ${ITEMS_MAX} items.`;
const NEEDS_WRITE = { authScopes: { scope: 'users:write' } } as const;

const Identify = builder.inputType('IdentifyUserInput', {
  description: 'An anonymous user and who they are.',
  fields: (t) => ({
    user: t.field({ type: UserRefInput, required: true, description: 'The anonymous user.' }),
    externalId: t.string({ required: true, description: 'Their external id.' }),
  }),
});
const Merge = builder.inputType('MergeUserInput', {
  description: 'Two users who are one.',
  fields: (t) => ({
    user: t.field({ type: UserRefInput, required: true, description: 'Who goes.' }),
    into: t.field({ type: UserRefInput, required: true, description: 'Who stays.' }),
  }),
});
const AddAlias = builder.inputType('AddAliasInput', {
  description: 'A user and an alias for them.',
  fields: (t) => ({
    user: t.field({ type: UserRefInput, required: true, description: 'Who.' }),
    alias: t.field({ type: AliasInput, required: true, description: 'The alias.' }),
  }),
});
const RenameAlias = builder.inputType('RenameAliasInput', {
  description: 'An alias and its new name.',
  fields: (t) => ({
    alias: t.field({ type: AliasInput, required: true, description: 'The alias as it is.' }),
    newName: t.string({ required: true, description: 'Its name from now on.' }),
  }),
});
const AttachDevice = builder.inputType('AttachDeviceInput', {
  description: 'A user and a device of theirs.',
  fields: (t) => ({
    user: t.field({ type: UserRefInput, required: true, description: 'Who.' }),
    deviceId: t.string({ required: true, description: 'The device.' }),
  }),
});
const DetachDevice = builder.inputType('DetachDeviceInput', {
  description: 'A device to take from whoever has it.',
  fields: (t) => ({ deviceId: t.string({ required: true, description: 'The device.' }) }),
});
const RenameExternalId = builder.inputType('RenameExternalIdInput', {
  description: 'An external id and its successor.',
  fields: (t) => ({
    externalId: t.string({ required: true, description: 'The current one.' }),
    newExternalId: t.string({ required: true, description: "The new one, nobody's so far." }),
  }),
});
const RemoveExternalId = builder.inputType('RemoveExternalIdInput', {
  description: 'A deprecated external id to forget.',
  fields: (t) => ({ externalId: t.string({ required: true, description: 'The deprecated external id.' }) }),
});
const Delete = builder.inputType('DeleteUserInput', {
  description: 'A user to delete.',
  fields: (t) => ({ user: t.field({ type: UserRefInput, required: true, description: 'Who.' }) }),
});

const itemsArg = { required: true, description: `In order, at most ${ITEMS_MAX}.` } as const;

builder.mutationFields((t) => ({
  identifyUsers: t.field({
    ...NEEDS_WRITE,
    type: itemsSuccess('IdentifyUsersSuccess'),
    errors: resultOf('IdentifyUsers'),
    description: `Gives anonymous users an external id, or joins them with who has it; every membership is kept. ${ITEM_BY_ITEM}`,
    args: { items: t.arg({ type: [Identify], ...itemsArg }) },
    resolve: (_, { items }, ctx) =>
      ctx.domain.identities.identifyUsers({
        items: items.map((i) => ({ user: readUserRef(ctx, i.user), externalId: i.externalId })),
      }),
  }),
  mergeUsers: t.field({
    ...NEEDS_WRITE,
    type: itemsSuccess('MergeUsersSuccess'),
    errors: resultOf('MergeUsers'),
    description: `Makes one user of two, with the identities and memberships of both. ${ITEM_BY_ITEM}`,
    args: { items: t.arg({ type: [Merge], ...itemsArg }) },
    resolve: (_, { items }, ctx) =>
      ctx.domain.identities.mergeUsers({
        items: items.map((i) => ({ user: readUserRef(ctx, i.user), into: readUserRef(ctx, i.into) })),
      }),
  }),
  addAliases: t.field({
    ...NEEDS_WRITE,
    type: itemsSuccess('AddAliasesSuccess'),
    errors: resultOf('AddAliases'),
    description: `Adds aliases to users. ${ITEM_BY_ITEM}`,
    args: { items: t.arg({ type: [AddAlias], ...itemsArg }) },
    resolve: (_, { items }, ctx) =>
      ctx.domain.identities.addAliases({
        items: items.map((i) => ({ user: readUserRef(ctx, i.user), alias: i.alias })),
      }),
  }),
  renameAliases: t.field({
    ...NEEDS_WRITE,
    type: itemsSuccess('RenameAliasesSuccess'),
    errors: resultOf('RenameAliases'),
    description: `Gives aliases another name under the same label. ${ITEM_BY_ITEM}`,
    args: { items: t.arg({ type: [RenameAlias], ...itemsArg }) },
    resolve: (_, { items }, ctx) =>
      ctx.domain.identities.renameAliases({ items: items.map((i) => ({ ...i.alias, newName: i.newName })) }),
  }),
  attachDevices: t.field({
    ...NEEDS_WRITE,
    type: itemsSuccess('AttachDevicesSuccess'),
    errors: resultOf('AttachDevices'),
    description: `Gives devices to users, whoever had them. ${ITEM_BY_ITEM}`,
    args: { items: t.arg({ type: [AttachDevice], ...itemsArg }) },
    resolve: (_, { items }, ctx) =>
      ctx.domain.identities.attachDevices({
        items: items.map((i) => ({ user: readUserRef(ctx, i.user), deviceId: i.deviceId })),
      }),
  }),
  detachDevices: t.field({
    ...NEEDS_WRITE,
    type: itemsSuccess('DetachDevicesSuccess'),
    errors: resultOf('DetachDevices'),
    description: `Takes devices from whoever has them. ${ITEM_BY_ITEM}`,
    args: { items: t.arg({ type: [DetachDevice], ...itemsArg }) },
    resolve: (_, { items }, ctx) => ctx.domain.identities.detachDevices({ items }),
  }),
  renameExternalIds: t.field({
    ...NEEDS_WRITE,
    type: itemsSuccess('RenameExternalIdsSuccess'),
    errors: resultOf('RenameExternalIds'),
    description: `Gives users another external id; the old one still resolves, as a deprecated one. ${ITEM_BY_ITEM}`,
    args: { items: t.arg({ type: [RenameExternalId], ...itemsArg }) },
    resolve: (_, { items }, ctx) => ctx.domain.identities.renameExternalIds({ items }),
  }),
  removeExternalIds: t.field({
    ...NEEDS_WRITE,
    type: itemsSuccess('RemoveExternalIdsSuccess'),
    errors: resultOf('RemoveExternalIds'),
    description: `Makes deprecated external ids mean nobody. ${ITEM_BY_ITEM}`,
    args: { items: t.arg({ type: [RemoveExternalId], ...itemsArg }) },
    resolve: (_, { items }, ctx) => ctx.domain.identities.removeExternalIds({ items }),
  }),
  deleteUsers: t.field({
    ...NEEDS_WRITE,
    type: itemsSuccess('DeleteUsersSuccess'),
    errors: resultOf('DeleteUsers'),
    description: `Deletes users without a trace. ${ITEM_BY_ITEM}`,
    args: { items: t.arg({ type: [Delete], ...itemsArg }) },
    resolve: (_, { items }, ctx) =>
      ctx.domain.identities.deleteUsers({ items: items.map((i) => ({ user: readUserRef(ctx, i.user) })) }),
  }),
}));
