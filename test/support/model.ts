import type { CohortChange } from '../../src/domain/cohorts/change.ts';
import {
  alias,
  deviceId,
  externalId,
  type Identity,
  identityKey,
  identityOfRef,
  KIND,
  type UserRef,
} from '../../src/domain/users/identity.ts';
import type { Someone } from './seed.ts';

interface Owned {
  readonly identity: Identity;
  readonly user: number;
  isDeprecated: boolean;
}

/**
 * The product as plain sets in memory, for comparing: users, whom identities mean, who is in which cohort, and what is held (policy HOLD).
 * It knows nothing of bits, ledgers or locks. Every operation says whether it is refused, and then has changed nothing.
 */
export class Model {
  readonly users = new Set<number>();
  readonly members = new Map<string, Set<number>>();
  /** Identities held for a cohort, by key. */
  readonly held = new Map<string, Map<string, Identity>>();
  readonly #owned = new Map<string, Owned>();
  #lastId = 0;

  import(cohort: string, changes: readonly CohortChange[]): void {
    const members = this.members.get(cohort) ?? new Set();
    const held = this.held.get(cohort) ?? new Map<string, Identity>();
    this.members.set(cohort, members);
    this.held.set(cohort, held);
    for (const { externalIds, aliases, deviceIds, remove } of changes)
      for (const identity of [...externalIds.map(externalId), ...aliases.map(alias), ...deviceIds.map(deviceId)]) {
        const user = this.#owner(identity);
        if (user === null && remove) held.delete(identityKey(identity));
        else if (user === null) held.set(identityKey(identity), identity);
        else if (identity.kind === KIND.deviceId && this.#isIdentified(user)) continue;
        else if (remove) members.delete(user);
        else members.add(user);
      }
  }

  upsert({ externalId: id = null, aliases = [], deviceIds = [] }: Someone): boolean {
    const first = (identities: Identity[]) =>
      identities.map((i) => this.#owner(i)).find((user) => user !== null) ?? null;
    const byAlias = first(aliases.map(alias));
    const byDevice = first(deviceIds.map(deviceId));
    const known = id === null ? null : this.#owner(externalId(id));
    const anonymous = byDevice !== null && this.#isIdentified(byDevice) ? null : byDevice;
    const user = known ?? byAlias ?? (id === null ? byDevice : anonymous);
    if (id !== null && known === null && user !== null && this.#isIdentified(user)) return false;
    for (const [i, a] of aliases.entries()) {
      const owner = this.#owner(alias(a));
      if (owner !== null && owner !== user) return false;
      const before = aliases.slice(0, i).find((other) => other.label === a.label)?.name;
      const name = before ?? (user === null ? undefined : this.#aliasName(user, a.label));
      if (name !== undefined && name !== a.name) return false;
    }
    const person = user ?? this.#create();
    if (id !== null && known === null) this.#give(person, externalId(id));
    for (const a of aliases) this.#give(person, alias(a));
    for (const device of deviceIds) this.#giveDevice(person, deviceId(device));
    this.#join();
    return true;
  }

  identify(ref: UserRef, id: string): boolean {
    const user = this.#find(ref);
    const owner = this.#owner(externalId(id));
    if (user === null) return false;
    if (owner === user) return true;
    if (this.#isIdentified(user)) return false;
    if (owner === null) this.#give(user, externalId(id));
    else this.#merge(user, owner);
    this.#join();
    return true;
  }

  merge(from: UserRef, into: UserRef): boolean {
    const [goes, stays] = [this.#find(from), this.#find(into)];
    if (goes === null || stays === null || goes === stays) return false;
    this.#merge(goes, stays);
    this.#join();
    return true;
  }

  rename(from: string, to: string): boolean {
    const owned = this.#owned.get(identityKey(externalId(from)));
    if (!owned || owned.isDeprecated || this.#owner(externalId(to)) !== null) return false;
    owned.isDeprecated = true;
    this.#give(owned.user, externalId(to));
    this.#join();
    return true;
  }

  delete(ref: UserRef): boolean {
    const user = this.#find(ref);
    if (user === null) return false;
    for (const [key, owned] of this.#owned) if (owned.user === user) this.#owned.delete(key);
    this.#forget(user);
    return true;
  }

  #find(ref: UserRef): number | null {
    const identity = identityOfRef(ref);
    if (identity !== null) return this.#owner(identity);
    return 'id' in ref && this.users.has(ref.id) ? ref.id : null;
  }

  #owner(identity: Identity): number | null {
    return this.#owned.get(identityKey(identity))?.user ?? null;
  }

  #ofUser(user: number): Owned[] {
    return [...this.#owned.values()].filter((owned) => owned.user === user);
  }

  #current(user: number, kind: number): Owned[] {
    return this.#ofUser(user).filter((owned) => owned.identity.kind === kind && !owned.isDeprecated);
  }

  #isIdentified(user: number): boolean {
    return this.#current(user, KIND.externalId).length > 0;
  }

  #aliasName(user: number, label: string): string | undefined {
    return this.#current(user, KIND.alias).find((owned) => owned.identity.label === label)?.identity.value;
  }

  #create(): number {
    this.users.add(++this.#lastId);
    return this.#lastId;
  }

  #give(user: number, identity: Identity, isDeprecated = false): void {
    this.#owned.set(identityKey(identity), { identity, user, isDeprecated });
  }

  #giveDevice(user: number, device: Identity): void {
    const before = this.#owner(device);
    if (before !== null && before !== user && this.#becomes(before, user)) this.#merge(before, user);
    else this.#give(user, device);
  }

  /** True when whoever had a device is nothing beside devices, and is either known by now or would have no name left. */
  #becomes(before: number, user: number): boolean {
    if (this.#isIdentified(before) || this.#current(before, KIND.alias).length > 0) return false;
    return this.#isIdentified(user) || this.#ofUser(before).length === 1;
  }

  #merge(goes: number, stays: number): void {
    for (const { identity, isDeprecated } of this.#ofUser(goes)) {
      const clashes =
        identity.kind === KIND.externalId
          ? this.#isIdentified(stays)
          : identity.kind === KIND.alias && this.#aliasName(stays, identity.label) !== undefined;
      this.#give(stays, identity, isDeprecated || clashes);
    }
    for (const members of this.members.values()) if (members.has(goes)) members.add(stays);
    this.#forget(goes);
  }

  #forget(user: number): void {
    for (const members of this.members.values()) members.delete(user);
    this.users.delete(user);
  }

  /** What is held joins once its identity means somebody; a device never joins somebody identified. */
  #join(): void {
    for (const [cohort, held] of this.held)
      for (const [key, identity] of held) {
        const user = this.#owner(identity);
        if (user === null) continue;
        held.delete(key);
        if (identity.kind !== KIND.deviceId || !this.#isIdentified(user)) this.members.get(cohort)?.add(user);
      }
  }
}
