import { type Ctx, inTransaction } from '../context.ts';
import { DomainError, fail, type Path } from '../errors.ts';
import { flush } from './flush.ts';
import {
  type Alias,
  alias,
  deviceId,
  externalId,
  type Identity,
  identityOfRef,
  isStorable,
  parseIdentityText,
  type UserRef,
} from './identity.ts';
import { ITEMS_MAX, type ItemResult } from './item-result.ts';
import {
  aliasName,
  currentExternalId,
  isDeprecatedAlias,
  isIdentified,
  type Person,
  Roster,
  survivor,
} from './roster.ts';
import { giveDevice, mergeInto } from './upsert.ts';

// Operations on identities. Each takes up to 1,000 items and goes ITEM BY ITEM: a faulty item is refused in its place and the others are
// applied, in order, later items seeing what earlier ones did; all in one transaction. Memberships follow the user: pending members join,
// merged users' cohorts become the survivor's. Errors of the call: LIMIT_EXCEEDED, LOCKED. Errors of an item are named at each operation.

/**
 * Gives anonymous users an external id. Where somebody has it already, the anonymous user is merged into them.
 * An item for a user who has just that external id changes nothing. `onAliasClash: 'REFUSE'` refuses to merge users who both have an alias
 * of one label, as Braze does; otherwise the one who goes keeps theirs as a deprecated alias, which still resolves.
 * Errors of an item: NOT_FOUND, IDENTITY_TAKEN (the user has another external id, or an alias clash), INVALID_INPUT.
 * Source: Braze user docs, identify.
 */
export async function identifyUsers(
  ctx: Ctx,
  input: {
    readonly items: readonly { readonly user: UserRef; readonly externalId: string }[];
    readonly onAliasClash?: 'DEPRECATE' | 'REFUSE' | undefined;
  },
): Promise<ItemResult[]> {
  return eachItem(ctx, input.items, {
    refs: (item) => [item.user, { externalId: item.externalId }],
    apply: (roster, item, path) => {
      const id = checkedExternalId(item.externalId, [...path, 'externalId']);
      const person = existing(roster, item.user, [...path, 'user']);
      const owner = roster.owner(id);
      if (owner === person) return person;
      if (isIdentified(person))
        throw fail('IDENTITY_TAKEN', 'The user has another external id: rename that, or merge the users.', { path });
      if (!owner) {
        roster.give(person, id);
        return person;
      }
      if (input.onAliasClash === 'REFUSE' && haveCommonLabel(person, owner))
        throw fail('IDENTITY_TAKEN', 'Both users have an alias with the same label: they are not combined.', { path });
      mergeInto(roster, person, owner);
      return owner;
    },
  });
}

/**
 * Makes one user of two: `into` stays and has every identity and membership of either; where both have an attribute, theirs stands. The
 * external id of the one who goes still resolves, as a deprecated one, unless the other has none.
 * Errors of an item: NOT_FOUND (one of them, a deleted user too), INVALID_INPUT (a merge with oneself). Source: Braze user docs, merge.
 */
export async function mergeUsers(
  ctx: Ctx,
  input: { readonly items: readonly { readonly user: UserRef; readonly into: UserRef }[] },
): Promise<ItemResult[]> {
  return eachItem(ctx, input.items, {
    refs: (item) => [item.user, item.into],
    apply: (roster, item, path) => {
      const goes = existing(roster, item.user, [...path, 'user']);
      const stays = existing(roster, item.into, [...path, 'into']);
      if (goes === stays) throw fail('INVALID_INPUT', 'Both references mean the same user.', { path });
      mergeInto(roster, goes, stays);
      return stays;
    },
  });
}

/**
 * Adds an alias to a user. One the user has already changes nothing.
 * Errors of an item: NOT_FOUND, IDENTITY_TAKEN (it belongs to somebody else, or the user has another of that label), INVALID_INPUT.
 */
export async function addAliases(
  ctx: Ctx,
  input: { readonly items: readonly { readonly user: UserRef; readonly alias: Alias }[] },
): Promise<ItemResult[]> {
  return eachItem(ctx, input.items, {
    refs: (item) => [item.user, { alias: item.alias }],
    apply: (roster, item, path) => {
      const identity = checkedAlias(item.alias, [...path, 'alias']);
      const person = existing(roster, item.user, [...path, 'user']);
      if (roster.owner(identity) === person) return person;
      checkFree(roster, identity, person, [...path, 'alias']);
      if (aliasName(person, identity.label) !== null)
        throw fail('IDENTITY_TAKEN', 'The user has another alias with this label: rename that.', {
          path: [...path, 'alias'],
        });
      roster.give(person, identity);
      return person;
    },
  });
}

/**
 * Gives the user who has an alias another name under the same label; the old pair means nobody from then on.
 * Errors of an item: NOT_FOUND (it is nobody's current alias), IDENTITY_TAKEN (somebody has the new one), INVALID_INPUT.
 */
export async function renameAliases(
  ctx: Ctx,
  input: { readonly items: readonly { readonly label: string; readonly name: string; readonly newName: string }[] },
): Promise<ItemResult[]> {
  return eachItem(ctx, input.items, {
    refs: ({ label, name, newName }) => [{ alias: { label, name } }, { alias: { label, name: newName } }],
    apply: (roster, { label, name, newName }, path) => {
      const before = alias({ label, name });
      const after = checkedAlias({ label, name: newName }, path);
      const person = existing(roster, { alias: { label, name } }, path);
      if (isDeprecatedAlias(person, { label, name }))
        throw fail('NOT_FOUND', 'This alias is deprecated already: rename the current one of that label.', { path });
      if (name === newName) return person;
      checkFree(roster, after, person, [...path, 'newName']);
      roster.take(before);
      roster.give(person, after);
      return person;
    },
  });
}

/**
 * Gives a device to a user, whoever had it; an anonymous user who was nothing but that device is merged into an identified one.
 * Errors of an item: NOT_FOUND, INVALID_INPUT.
 */
export async function attachDevices(
  ctx: Ctx,
  input: { readonly items: readonly { readonly user: UserRef; readonly deviceId: string }[] },
): Promise<ItemResult[]> {
  return eachItem(ctx, input.items, {
    refs: (item) => [item.user, { deviceId: item.deviceId }],
    apply: (roster, item, path) => {
      parseIdentityText(item.deviceId, [...path, 'deviceId']);
      const person = existing(roster, item.user, [...path, 'user']);
      giveDevice(roster, person, item.deviceId);
      return person;
    },
  });
}

/**
 * Takes a device from whoever has it. Errors of an item: NOT_FOUND (nobody has it), INVALID_INPUT (the user would have no identity left).
 */
export async function detachDevices(
  ctx: Ctx,
  input: { readonly items: readonly { readonly deviceId: string }[] },
): Promise<ItemResult[]> {
  return eachItem(ctx, input.items, {
    refs: (item) => [{ deviceId: item.deviceId }],
    apply: (roster, item, path) => {
      const person = existing(roster, { deviceId: item.deviceId }, [...path, 'deviceId']);
      if (person.identities.size === 1)
        throw fail('INVALID_INPUT', 'The user would have no identity left: delete the user instead.', { path });
      roster.take(deviceId(item.deviceId));
      return person;
    },
  });
}

/**
 * Gives a user another external id. The old one still resolves, marked deprecated, until it is removed. The new one must be nobody's.
 * Errors of an item: NOT_FOUND (it is nobody's current external id), IDENTITY_TAKEN, INVALID_INPUT.
 * Source: Braze user docs, external id migration.
 */
export async function renameExternalIds(
  ctx: Ctx,
  input: { readonly items: readonly { readonly externalId: string; readonly newExternalId: string }[] },
): Promise<ItemResult[]> {
  return eachItem(ctx, input.items, {
    refs: (item) => [{ externalId: item.externalId }, { externalId: item.newExternalId }],
    apply: (roster, item, path) => {
      const after = checkedExternalId(item.newExternalId, [...path, 'newExternalId']);
      const person = existing(roster, { externalId: item.externalId }, [...path, 'externalId']);
      if (currentExternalId(person) !== item.externalId)
        throw fail('NOT_FOUND', 'This external id is deprecated already: rename the current one.', {
          path: [...path, 'externalId'],
        });
      if (roster.owner(after))
        throw fail('IDENTITY_TAKEN', 'The new external id is in use, or was by a user who still answers to it.', {
          path: [...path, 'newExternalId'],
        });
      roster.give(person, externalId(item.externalId), true);
      roster.give(person, after);
      return person;
    },
  });
}

/**
 * Makes deprecated external ids mean nobody. Errors of an item: NOT_FOUND, INVALID_INPUT (it is a user's current external id).
 * Source: Braze user docs, external id migration.
 */
export async function removeExternalIds(
  ctx: Ctx,
  input: { readonly items: readonly { readonly externalId: string }[] },
): Promise<ItemResult[]> {
  return eachItem(ctx, input.items, {
    refs: (item) => [{ externalId: item.externalId }],
    apply: (roster, item, path) => {
      const person = existing(roster, { externalId: item.externalId }, [...path, 'externalId']);
      if (currentExternalId(person) === item.externalId)
        throw fail(
          'INVALID_INPUT',
          'Only a deprecated external id can be removed: rename it first, or delete the user.',
          {
            path: [...path, 'externalId'],
          },
        );
      roster.take(externalId(item.externalId));
      return person;
    },
  });
}

/**
 * Deletes users without a trace: identities, memberships in every cohort, attributes. Their number is never given again.
 * Errors of an item: NOT_FOUND.
 */
export async function deleteUsers(
  ctx: Ctx,
  input: { readonly items: readonly { readonly user: UserRef }[] },
): Promise<ItemResult[]> {
  return eachItem(ctx, input.items, {
    refs: (item) => [item.user],
    apply: (roster, item, path) => {
      const person = existing(roster, item.user, [...path, 'user']);
      for (const { identity } of [...person.identities.values()]) roster.take(identity);
      person.gone = { into: null };
      return null;
    },
  });
}

interface Operation<Item> {
  /** Whom and what the item speaks of. */
  readonly refs: (item: Item) => readonly UserRef[];
  /** Changes the roster, or throws before it has changed anything. */
  readonly apply: (roster: Roster, item: Item, path: Path) => Person | null;
}

async function eachItem<Item>(ctx: Ctx, items: readonly Item[], operation: Operation<Item>): Promise<ItemResult[]> {
  if (items.length > ITEMS_MAX)
    throw fail('LIMIT_EXCEEDED', `One call takes at most ${ITEMS_MAX} items: send several.`, { path: ['items'] });
  if (items.length === 0) return [];
  return inTransaction(ctx, async (tx) => {
    const refs = items.flatMap(operation.refs).filter(isStorable);
    const numbers = refs.flatMap((ref) => ('id' in ref ? [ref.id] : []));
    const roster = await Roster.load(
      tx,
      refs.map(identityOfRef).filter((i) => i !== null),
      numbers,
    );
    const results = items.map((item, i) => applyOne(roster, item, ['items', i], operation));
    await flush(tx, roster);
    // A later item may have merged away or deleted whom an earlier one speaks of.
    return results.map((r) => ('error' in r ? r : { userId: survivor(r.person)?.id ?? null }));
  });
}

function applyOne<Item>(
  roster: Roster,
  item: Item,
  path: Path,
  operation: Operation<Item>,
): { person: Person | null } | { error: DomainError } {
  try {
    return { person: operation.apply(roster, item, path) };
  } catch (error) {
    if (error instanceof DomainError) return { error };
    throw error;
  }
}

function existing(roster: Roster, ref: UserRef, path: Path): Person {
  const identity = identityOfRef(ref);
  const person = 'id' in ref ? roster.person(ref.id) : identity && roster.owner(identity);
  if (!person) throw fail('NOT_FOUND', 'There is no such user in this workspace.', { path });
  return person;
}

function checkFree(roster: Roster, identity: Identity, person: Person, path: Path): void {
  const owner = roster.owner(identity);
  if (owner && owner !== person)
    throw fail('IDENTITY_TAKEN', 'The alias belongs to another user: merge the users, or choose another alias.', {
      path,
    });
}

function checkedExternalId(value: string, path: Path): Identity {
  return externalId(parseIdentityText(value, path));
}

function checkedAlias(value: Alias, path: Path): Identity {
  return alias({
    label: parseIdentityText(value.label, [...path, 'label']),
    name: parseIdentityText(value.name, [...path, 'name']),
  });
}

function haveCommonLabel(a: Person, b: Person): boolean {
  return [...a.identities.values()].some(
    ({ identity, isDeprecated }) => !isDeprecated && identity.label !== '' && aliasName(b, identity.label) !== null,
  );
}
