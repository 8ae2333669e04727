import type { CohortChange } from '../../src/domain/cohorts/change.ts';
import type { ErrorCode } from '../../src/domain/errors.ts';
import type { Alias, UserRef } from '../../src/domain/users/identity.ts';
import type { UnknownIdentityPolicy } from '../../src/domain/workspaces/workspaces.ts';
import type { Answer, Command, Somebody, State, Told } from './command.ts';

// The product's decisions about users, cohorts and pending members, as plainly as they can be put: sets, maps, and one thing after the
// other. No bits, no ledger, no locks, and nothing shared with the engine.

interface Person {
  readonly id: number;
  /** Every identity of the person, and whether it is current or a former one that still resolves. */
  readonly names: Map<string, 'current' | 'former'>;
  attributes: Record<string, unknown>;
  /** Where the person went when they were merged away; null when they were deleted. */
  went?: Person | null;
}

interface CohortSet {
  readonly id: number;
  readonly name: string;
  readonly members: Set<Person>;
  /** Identities nobody has, and when each was held. */
  readonly pending: Map<string, number>;
  readonly requests: {
    received: number;
    matched: number;
    held: number;
    ignored: number;
    written: number;
    changed: number;
  };
}

const DAY_MS = 86_400_000;

/** Thrown inside the model where the engine answers an error. */
class Refusal extends Error {
  readonly code: ErrorCode;
  constructor(code: ErrorCode) {
    super(code);
    this.code = code;
  }
}

const external = (value: string) => `external ${value}`;
const aliasName = (a: Alias) => `alias ${a.label}/${a.name}`;
const device = (value: string) => `device ${value}`;
const isExternal = (name: string) => name.startsWith('external ');
const isAlias = (name: string) => name.startsWith('alias ');
const isDevice = (name: string) => name.startsWith('device ');
/** The label of an alias; labels of the tests have no slash. */
const labelOf = (name: string) => name.slice('alias '.length, name.indexOf('/'));

function nameOf(ref: Exclude<UserRef, { readonly id: number }>): string {
  if ('externalId' in ref) return external(ref.externalId);
  return 'alias' in ref ? aliasName(ref.alias) : device(ref.deviceId);
}

function isIdentity(text: string): boolean {
  return text !== '' && new TextEncoder().encode(text).length <= 512 && text.isWellFormed() && !text.includes('\u0000');
}

function demand(isGood: boolean, code: ErrorCode): void {
  if (!isGood) throw new Refusal(code);
}

/** A workspace in memory. `apply` does what the engine should do and says what it should answer. */
export class Model {
  policy: UnknownIdentityPolicy = 'HOLD';
  #people: Person[] = [];
  #cohorts: CohortSet[] = [];
  #nextId = 1;
  #drops: Record<string, number> = {};
  /** Pending members that joined in the call under way. */
  #joins: { readonly cohort: CohortSet; readonly person: Person }[] = [];

  /** `now` in milliseconds. */
  apply(command: Command, now: number): Answer {
    switch (command.do) {
      case 'upsert':
        return this.#upsertAll(command.users, command.perItem);
      case 'change':
        return this.#change(command.cohort, command.changes, now);
      case 'identify':
        return this.#each(command.items, (item) => this.#identify(item.user, item.externalId, command.onAliasClash));
      case 'merge':
        return this.#each(command.items, (item) => this.#merge(item.user, item.into));
      case 'addAlias':
        return this.#each(command.items, (item) => this.#addAlias(item.user, item.alias));
      case 'renameAlias':
        return this.#each(command.items, (item) => this.#renameAlias(item.label, item.name, item.newName));
      case 'attachDevice':
        return this.#each(command.items, (item) => this.#attachDevice(item.user, item.deviceId));
      case 'detachDevice':
        return this.#each(command.items, (item) => this.#detachDevice(item.deviceId));
      case 'renameExternalId':
        return this.#each(command.items, (item) => this.#renameExternalId(item.externalId, item.newExternalId));
      case 'removeExternalId':
        return this.#each(command.items, (item) => this.#removeExternalId(item.externalId));
      case 'delete':
        return this.#each(command.items, (item) => this.#delete(item.user));
      case 'policy':
        this.policy = command.policy;
        return { done: true };
      case 'trim':
        return { dropped: this.#trim(command.maxMembers, command.maxAgeDays, now) };
    }
  }

  /** A copy that goes its own way. */
  clone(): Model {
    const copy = new Model();
    const twins = new Map<Person, Person>();
    for (const person of this.#people)
      twins.set(person, { id: person.id, names: new Map(person.names), attributes: { ...person.attributes } });
    copy.policy = this.policy;
    copy.#people = [...twins.values()];
    copy.#cohorts = this.#cohorts.map((c) => ({
      ...c,
      members: new Set([...c.members].map((person) => twins.get(person) as Person)),
      pending: new Map(c.pending),
      requests: { ...c.requests },
    }));
    copy.#nextId = this.#nextId;
    copy.#drops = { ...this.#drops };
    return copy;
  }

  state(): State {
    const numbers = (people: Iterable<Person>) => [...people].map((p) => p.id).sort((a, b) => a - b);
    const having = (test: (name: string) => boolean) =>
      numbers(this.#people.filter((p) => this.#currentNames(p).some(test)));
    return {
      users: [...this.#people]
        .sort((a, b) => a.id - b.id)
        .map((p) => ({
          id: p.id,
          names: this.#currentNames(p).sort(),
          formerNames: [...p.names.keys()].filter((name) => p.names.get(name) === 'former').sort(),
          attributes: sortedKeys(p.attributes),
        })),
      cohorts: this.#cohorts.map((c) => ({
        id: c.id,
        name: c.name,
        members: numbers(c.members),
        pending: [...c.pending.keys()].sort(),
        requests: { ...c.requests },
      })),
      everyone: numbers(this.#people),
      identified: having(isExternal),
      aliased: having(isAlias),
      drops: sortedKeys(this.#drops) as Record<string, number>,
    };
  }

  // Whom names mean

  #owner(name: string): Person | null {
    return this.#people.find((p) => p.names.has(name)) ?? null;
  }

  #existing(ref: UserRef): Person {
    const person = 'id' in ref ? this.#people.find((p) => p.id === ref.id) : this.#owner(nameOf(ref));
    if (!person) throw new Refusal('NOT_FOUND');
    return person;
  }

  #currentNames(person: Person): string[] {
    return [...person.names.keys()].filter((name) => person.names.get(name) === 'current');
  }

  #isIdentified(person: Person): boolean {
    return this.#currentNames(person).some(isExternal);
  }

  #aliasUnder(person: Person, label: string): string | undefined {
    return this.#currentNames(person).find((name) => isAlias(name) && labelOf(name) === label);
  }

  #isOnlyDevices(person: Person): boolean {
    return [...person.names.keys()].every(isDevice);
  }

  // What happens to a name

  #create(): Person {
    const person: Person = { id: this.#nextId++, names: new Map(), attributes: {} };
    this.#people.push(person);
    return person;
  }

  /** The person has the name from now on. Who was waited for under it has appeared: pending members join. */
  #give(person: Person, name: string): void {
    if (person.names.has(name)) return;
    this.#owner(name)?.names.delete(name);
    person.names.set(name, 'current');
    for (const cohort of this.#cohorts) {
      if (!cohort.pending.delete(name)) continue;
      if (isDevice(name) && this.#isIdentified(person)) {
        this.#drop('device_of_identified_user', 1);
        continue;
      }
      cohort.members.add(person);
      this.#joins.push({ cohort, person });
    }
  }

  #drop(reason: string, members: number): void {
    if (members > 0) this.#drops[reason] = (this.#drops[reason] ?? 0) + members;
  }

  #absorb(goes: Person, stays: Person): void {
    for (const [name, age] of goes.names) {
      const clashes = isExternal(name)
        ? this.#isIdentified(stays)
        : isAlias(name) && this.#aliasUnder(stays, labelOf(name)) !== undefined;
      stays.names.set(name, age === 'former' || clashes ? 'former' : 'current');
    }
    goes.names.clear();
    stays.attributes = { ...goes.attributes, ...stays.attributes };
    for (const cohort of this.#cohorts) if (cohort.members.delete(goes)) cohort.members.add(stays);
    this.#people = this.#people.filter((p) => p !== goes);
    goes.went = stays;
  }

  #giveDevice(person: Person, id: string): void {
    const name = device(id);
    const before = this.#owner(name);
    if (before === person) return;
    if (before && this.#isOnlyDevices(before) && (this.#isIdentified(person) || before.names.size === 1))
      this.#absorb(before, person);
    else this.#give(person, name);
  }

  // Users

  #upsertAll(users: readonly Somebody[], perItem: boolean): Answer {
    const before = this.clone();
    this.#joins = [];
    const attempt = <T>(work: () => T): T | Refusal => {
      try {
        return work();
      } catch (error) {
        if (error instanceof Refusal && perItem) return error;
        throw error;
      }
    };
    try {
      // A call is read as a whole before anything of it is done.
      const read = users.map((user) => attempt(() => this.#readUser(user)));
      const results = users.map((user, i) => {
        const fault = read[i];
        return fault instanceof Refusal ? fault : attempt(() => this.#upsert(user));
      });
      const told = results.map((result) => {
        if (result instanceof Refusal) return result.code;
        const left = whoIsLeft(result.person);
        return { id: left?.id ?? 0, isCreated: result.isCreated && left === result.person };
      });
      const done = told.filter((t) => typeof t === 'object');
      const created = done.filter((t) => t.isCreated).length;
      return {
        users: told,
        created,
        updated: done.length - created,
        refusedUsers: told.length - done.length,
        joined: this.#newMembers(before),
      };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#become(before);
      return { refused: error.code };
    }
  }

  /** Memberships that pending members have turned into since then, by whoever is left. */
  #newMembers(before: Model): number {
    const now = new Set(this.#joins.map(({ cohort, person }) => `${cohort.id} ${whoIsLeft(person)?.id}`));
    for (const { id, members } of before.#cohorts) for (const person of members) now.delete(`${id} ${person.id}`);
    return now.size;
  }

  #readUser(user: Somebody): void {
    const texts = [
      ...(user.externalId === null ? [] : [user.externalId]),
      ...user.aliases.flatMap((a) => [a.label, a.name]),
      ...user.deviceIds,
    ];
    demand(texts.every(isIdentity), 'INVALID_INPUT');
    demand(user.id === undefined ? texts.length > 0 : user.externalId === null, 'INVALID_INPUT');
  }

  #upsert(user: Somebody): { person: Person; isCreated: boolean } {
    const found = this.#whoIsMeant(user);
    const isNewName = user.externalId !== null && this.#owner(external(user.externalId)) === null;
    if (user.id !== undefined || user.updateOnly) demand(found !== null && !isNewName, 'NOT_FOUND');
    if (found && user.externalId !== null && !found.names.has(external(user.externalId)))
      demand(!this.#isIdentified(found), 'IDENTITY_TAKEN');
    const labels = new Map<string, string>();
    for (const a of user.aliases) {
      const owner = this.#owner(aliasName(a));
      demand(owner === null || owner === found, 'IDENTITY_TAKEN');
      // A former alias of the person still means them, and nothing more.
      if (found?.names.get(aliasName(a)) === 'former') continue;
      const other = labels.get(a.label) ?? (found ? this.#aliasUnder(found, a.label) : undefined);
      demand(other === undefined || other === aliasName(a), 'IDENTITY_TAKEN');
      labels.set(a.label, aliasName(a));
    }
    const person = found ?? this.#create();
    if (user.externalId !== null) this.#give(person, external(user.externalId));
    for (const a of user.aliases) this.#give(person, aliasName(a));
    for (const d of user.deviceIds) this.#giveDevice(person, d);
    for (const [key, value] of Object.entries(user.attributes ?? {})) {
      if (value === null) delete person.attributes[key];
      else person.attributes[key] = value;
    }
    return { person, isCreated: found === null };
  }

  #whoIsMeant(user: Somebody): Person | null {
    const first = (names: string[], fits = (_: Person) => true) =>
      names.map((name) => this.#owner(name)).find((p) => p !== null && fits(p)) ?? null;
    if (user.id !== undefined) return this.#people.find((p) => p.id === user.id) ?? null;
    const byAlias = first(user.aliases.map(aliasName));
    const devices = user.deviceIds.map(device);
    if (user.externalId === null) return byAlias ?? first(devices);
    // A device never says that an identified user is somebody else's external id.
    return this.#owner(external(user.externalId)) ?? byAlias ?? first(devices, (person) => !this.#isIdentified(person));
  }

  #each<Item>(items: readonly Item[], apply: (item: Item) => Person | null): Answer {
    const results = items.map((item): Person | null | ErrorCode => {
      try {
        return apply(item);
      } catch (error) {
        if (error instanceof Refusal) return error.code;
        throw error;
      }
    });
    return { items: results.map((r): Told => (typeof r === 'string' ? r : (whoIsLeft(r)?.id ?? null))) };
  }

  #identify(ref: UserRef, id: string, onAliasClash: 'DEPRECATE' | 'REFUSE'): Person {
    demand(isIdentity(id), 'INVALID_INPUT');
    const person = this.#existing(ref);
    const owner = this.#owner(external(id));
    if (owner === person) return person;
    demand(!this.#isIdentified(person), 'IDENTITY_TAKEN');
    if (!owner) {
      this.#give(person, external(id));
      return person;
    }
    const clash = this.#currentNames(person).some((name) => isAlias(name) && this.#aliasUnder(owner, labelOf(name)));
    demand(!(clash && onAliasClash === 'REFUSE'), 'IDENTITY_TAKEN');
    this.#absorb(person, owner);
    return owner;
  }

  #merge(from: UserRef, into: UserRef): Person {
    const goes = this.#existing(from);
    const stays = this.#existing(into);
    demand(goes !== stays, 'INVALID_INPUT');
    this.#absorb(goes, stays);
    return stays;
  }

  #addAlias(ref: UserRef, alias: Alias): Person {
    demand(isIdentity(alias.label) && isIdentity(alias.name), 'INVALID_INPUT');
    const person = this.#existing(ref);
    const owner = this.#owner(aliasName(alias));
    if (owner === person) return person;
    demand(owner === null && this.#aliasUnder(person, alias.label) === undefined, 'IDENTITY_TAKEN');
    this.#give(person, aliasName(alias));
    return person;
  }

  #renameAlias(label: string, name: string, newName: string): Person {
    demand(isIdentity(label) && isIdentity(newName), 'INVALID_INPUT');
    const before = aliasName({ label, name });
    const after = aliasName({ label, name: newName });
    const person = this.#existing({ alias: { label, name } });
    // Former names are not anybody's to rename: nobody goes by them any more.
    demand(person.names.get(before) === 'current', 'NOT_FOUND');
    if (before === after) return person;
    const owner = this.#owner(after);
    demand(owner === null || owner === person, 'IDENTITY_TAKEN');
    person.names.delete(before);
    if (owner) person.names.set(after, 'current');
    else this.#give(person, after);
    return person;
  }

  #attachDevice(ref: UserRef, id: string): Person {
    demand(isIdentity(id), 'INVALID_INPUT');
    const person = this.#existing(ref);
    this.#giveDevice(person, id);
    return person;
  }

  #detachDevice(id: string): Person {
    const person = this.#existing({ deviceId: id });
    demand(person.names.size > 1, 'INVALID_INPUT');
    person.names.delete(device(id));
    return person;
  }

  #renameExternalId(before: string, after: string): Person {
    demand(isIdentity(after), 'INVALID_INPUT');
    const person = this.#existing({ externalId: before });
    demand(person.names.get(external(before)) === 'current', 'NOT_FOUND');
    demand(this.#owner(external(after)) === null, 'IDENTITY_TAKEN');
    person.names.set(external(before), 'former');
    this.#give(person, external(after));
    return person;
  }

  #removeExternalId(id: string): Person {
    const person = this.#existing({ externalId: id });
    demand(person.names.get(external(id)) === 'former', 'INVALID_INPUT');
    person.names.delete(external(id));
    return person;
  }

  #delete(ref: UserRef): null {
    const person = this.#existing(ref);
    for (const cohort of this.#cohorts) cohort.members.delete(person);
    this.#people = this.#people.filter((p) => p !== person);
    person.went = null;
    return null;
  }

  // Cohorts

  #change(cohortName: string, changes: readonly CohortChange[], now: number): Answer {
    const mentions = changes.flatMap((c) =>
      [...c.externalIds.map(external), ...c.aliases.map(aliasName), ...c.deviceIds.map(device)].map((name) => ({
        name,
        remove: c.remove,
      })),
    );
    const texts = changes.flatMap((c) => [
      ...c.externalIds,
      ...c.aliases.flatMap((a) => [a.label, a.name]),
      ...c.deviceIds,
    ]);
    if (!texts.every(isIdentity)) return { refused: 'INVALID_INPUT' };
    const answer = {
      ...{ received: mentions.length, matched: 0, held: 0, ignored: 0 },
      ...{ reasons: {} as Record<string, number>, written: 0, added: 0, removed: 0 },
    };
    const known = this.#cohorts.find((c) => c.name === cohortName);
    if (!known && changes.length === 0) return { cohort: null, ...answer };
    const cohort = known ?? this.#createCohort(cohortName);

    const last = new Map(mentions.map(({ name, remove }) => [name, remove]));
    if (this.policy === 'CREATE')
      for (const [name, remove] of last)
        if (!remove && !isDevice(name) && !this.#owner(name)) this.#give(this.#create(), name);

    const said = new Map<Person, boolean>();
    for (const { name, remove } of mentions) {
      const owner = this.#owner(name);
      if (owner && !(isDevice(name) && this.#isIdentified(owner))) {
        answer.matched++;
        said.set(owner, remove);
        continue;
      }
      const reason = owner ? 'device_of_identified_user' : `unknown_${kindOf(name)}`;
      answer.reasons[reason] = (answer.reasons[reason] ?? 0) + 1;
      if (!owner && !remove && this.policy === 'HOLD') answer.held++;
      else answer.ignored++;
    }
    for (const [person, remove] of said) {
      answer.written++;
      if (remove && cohort.members.delete(person)) answer.removed++;
      if (!remove && !cohort.members.has(person)) {
        cohort.members.add(person);
        answer.added++;
      }
    }
    for (const [name, remove] of last) {
      if (this.#owner(name)) continue;
      if (remove) cohort.pending.delete(name);
      else if (this.policy === 'HOLD' && !cohort.pending.has(name)) cohort.pending.set(name, now);
    }
    for (const count of ['received', 'matched', 'held', 'ignored', 'written'] as const)
      cohort.requests[count] += answer[count];
    cohort.requests.changed += answer.added + answer.removed;
    return { cohort: cohort.id, ...answer, reasons: sortedKeys(answer.reasons) as Record<string, number> };
  }

  #createCohort(name: string): CohortSet {
    const requests = { received: 0, matched: 0, held: 0, ignored: 0, written: 0, changed: 0 };
    const cohort = { id: this.#cohorts.length + 1, name, members: new Set<Person>(), pending: new Map(), requests };
    this.#cohorts.push(cohort);
    return cohort;
  }

  // The pending pool

  #trim(maxMembers: number | null, maxAgeDays: number | null, now: number): number {
    const all = () =>
      this.#cohorts
        .flatMap((cohort) => [...cohort.pending].map(([name, heldAt]) => ({ cohort, name, heldAt })))
        .sort((a, b) => a.heldAt - b.heldAt || inOrder(a, b));
    const old = maxAgeDays === null ? [] : all().filter((m) => m.heldAt < now - maxAgeDays * DAY_MS);
    for (const { cohort, name } of old) cohort.pending.delete(name);
    const left = all();
    const over = maxMembers === null ? [] : left.slice(0, Math.max(0, left.length - maxMembers));
    for (const { cohort, name } of over) cohort.pending.delete(name);
    this.#drop('too_old', old.length);
    this.#drop('over_limit', over.length);
    return old.length + over.length;
  }

  #become(other: Model): void {
    this.#people = other.#people;
    this.#cohorts = other.#cohorts;
    this.#nextId = other.#nextId;
    this.#drops = other.#drops;
  }
}

function kindOf(name: string): string {
  return isExternal(name) ? 'external_id' : isAlias(name) ? 'alias' : 'device_id';
}

/** What was held in one moment goes in the order of the pending list. */
function inOrder(a: { cohort: CohortSet; name: string }, b: { cohort: CohortSet; name: string }): number {
  const rank = (name: string) => (isExternal(name) ? `1${name}` : isAlias(name) ? `2${name}` : `3${name}`);
  return rank(a.name) === rank(b.name) ? a.cohort.id - b.cohort.id : rank(a.name) < rank(b.name) ? -1 : 1;
}

function whoIsLeft(person: Person | null): Person | null {
  let at = person;
  while (at?.went !== undefined) at = at.went;
  return at;
}

function sortedKeys(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
