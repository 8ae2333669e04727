import { fail, type Path } from '../errors.ts';
import { patchAttributes } from './attributes.ts';
import { alias, deviceId, externalId, type Identity } from './identity.ts';
import {
  aliasName,
  currentExternalId,
  isAliased,
  isDeprecatedAlias,
  isIdentified,
  type Person,
  type Roster,
} from './roster.ts';
import type { UserInput } from './user-input.ts';

/** Every identity that users to upsert are named by. */
export function identitiesOf(input: UserInput): Identity[] {
  return [
    ...(input.externalId === null ? [] : [externalId(input.externalId)]),
    ...input.aliases.map(alias),
    ...input.deviceIds.map(deviceId),
  ];
}

/**
 * Finds the user an input means, or makes one, and gives them the identities and attributes. The number or the external id decides; then
 * an alias; then a device. An anonymous user named beside a new external id is identified by it and keeps every membership. A device
 * goes to whoever names it last; an anonymous user who was nothing but that device becomes the identified one.
 * Throws before anything is changed: IDENTITY_TAKEN when an identity belongs to somebody else for good; NOT_FOUND when nobody has the
 * number, or when an input that is not to make or identify anybody would have to.
 */
export function upsert(roster: Roster, input: UserInput, path: Path): { person: Person; isCreated: boolean } {
  const found = findPerson(roster, input);
  if (!found || isIdentifying(roster, input)) checkMayMake(input, path);
  checkAliases(roster, input, found, path);
  const person = found ?? roster.create();
  if (input.externalId !== null && !roster.owner(externalId(input.externalId)))
    roster.give(person, externalId(input.externalId));
  // One they have already stays as it is: a deprecated alias means them, and does not become their name again.
  for (const a of input.aliases) if (roster.owner(alias(a)) !== person) roster.give(person, alias(a));
  for (const d of input.deviceIds) giveDevice(roster, person, d);
  if (input.attributes) patchAttributes(person, input.attributes);
  return { person, isCreated: found === null };
}

function findPerson(roster: Roster, input: UserInput): Person | null {
  if (input.id !== undefined) return roster.person(input.id);
  const byAlias = input.aliases.map((a) => roster.owner(alias(a))).find((p) => p !== null) ?? null;
  const byDevice = input.deviceIds.map((d) => roster.owner(deviceId(d))).filter((p) => p !== null);
  if (input.externalId === null) return byAlias ?? byDevice[0] ?? null;
  const known = roster.owner(externalId(input.externalId));
  // An unknown external id: somebody anonymous is being identified, or a new user appears.
  return known ?? byAlias ?? byDevice.find((p) => !isIdentified(p)) ?? null;
}

/** True when the external id is new: whoever else the input names is to be identified by it. */
function isIdentifying(roster: Roster, input: UserInput): boolean {
  return input.externalId !== null && roster.owner(externalId(input.externalId)) === null;
}

function checkMayMake(input: UserInput, path: Path): void {
  if (input.id !== undefined || input.updateOnly)
    throw fail('NOT_FOUND', 'There is no such user in this workspace.', { path });
}

function checkAliases(roster: Roster, input: UserInput, person: Person | null, path: Path): void {
  if (person && isIdentifying(roster, input) && isIdentified(person))
    throw fail(
      'IDENTITY_TAKEN',
      'The alias belongs to a user with another external id: rename that, or merge the users.',
      // A device does not find an identified user, so it was an alias that did.
      { path: [...path, 'aliases', input.aliases.findIndex((a) => roster.owner(alias(a)) === person)] },
    );
  const names = new Map<string, string>();
  input.aliases.forEach((a, i) => {
    const at = [...path, 'aliases', i];
    const owner = roster.owner(alias(a));
    if (owner && owner !== person)
      throw fail('IDENTITY_TAKEN', 'The alias belongs to another user: merge the users, or choose another alias.', {
        path: at,
      });
    if (owner && isDeprecatedAlias(owner, a)) return;
    const other = names.get(a.label) ?? (person ? aliasName(person, a.label) : null);
    if (other !== null && other !== a.name)
      throw fail(
        'IDENTITY_TAKEN',
        'The user has another alias with this label, and one is the most: rename that alias.',
        { path: at },
      );
    names.set(a.label, a.name);
  });
}

/**
 * Gives a device to a person. An anonymous user who was nothing but devices is the person when the person is identified, and has to be
 * when this was their only device: nobody could find them, or their memberships, again. Anybody else keeps what else they have.
 */
export function giveDevice(roster: Roster, person: Person, device: string): void {
  const identity = deviceId(device);
  const before = roster.owner(identity);
  const isOnlyDevices = before !== null && before !== person && !isIdentified(before) && !isAliased(before);
  if (isOnlyDevices && (isIdentified(person) || before.identities.size === 1)) mergeInto(roster, before, person);
  else roster.give(person, identity);
}

/**
 * Makes one user of two: the one who stays has every identity and, after `flush`, every membership of either. The external id of the one
 * who goes stays resolvable as a deprecated one, and so does an alias whose label the one who stays has already.
 */
export function mergeInto(roster: Roster, goes: Person, stays: Person): void {
  const hasExternalId = currentExternalId(stays) !== null;
  for (const { identity, isDeprecated } of [...goes.identities.values()]) {
    const isAlias = identity.label !== '';
    const clashes = isAlias ? aliasName(stays, identity.label) !== null : identity.kind === 1 && hasExternalId;
    roster.give(stays, identity, isDeprecated || clashes);
  }
  stays.attributeChanges.push({ from: goes });
  goes.gone = { into: stays };
}
