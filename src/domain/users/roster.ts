import { sql } from 'drizzle-orm';
import { intArray, queryPrepared } from '../../db/client.ts';
import type { Ctx } from '../context.ts';
import { fail } from '../errors.ts';
import type { AttributeChange } from './attributes.ts';
import { table } from './hold.ts';
import { type Alias, alias, type Identity, identityKey, isUserId, KIND } from './identity.ts';

/** How long a call waits for each lock before it is LOCKED. Calls of one workspace take turns, and the largest takes about a second. */
const PATIENCE_MS = 30_000;

/** A user while identities are being changed. */
export interface Person {
  readonly id: number;
  readonly isNew: boolean;
  /** As it is in the database, for telling afterwards what changed. */
  readonly wasIdentified: boolean;
  readonly wasAliased: boolean;
  readonly wasDeviced: boolean;
  readonly hadLabels: ReadonlySet<string>;
  /** Identities this person has, by key. */
  readonly identities: Map<string, Holding>;
  /** What happened to their attributes, in order. */
  readonly attributeChanges: AttributeChange[];
  /** Set when the person has gone: into another person, or deleted. */
  gone: { readonly into: Person | null } | null;
}

export interface Holding {
  readonly identity: Identity;
  readonly isDeprecated: boolean;
}

/** An identity that nobody had and somebody was given: who waits for it under that name joins. */
export interface Arrival {
  readonly identity: Identity;
  readonly person: Person;
  /** True for a device that came to an identified user: it has never meant them. */
  readonly isMeaningless: boolean;
}

interface IdentityRow {
  readonly kind: Identity['kind'];
  readonly label: string;
  readonly value: string;
  readonly user_id: number | null;
  readonly is_deprecated: boolean;
}

/**
 * The identities that a call speaks of and the users who have them, in memory. Every operation on identities is a few changes here,
 * written together by `flush`. Whoever holds a roster holds the workspace row, so nobody else adds or moves identities meanwhile;
 * imports may still hold new unknown ones, which `flush` meets on the unique index.
 */
export class Roster {
  readonly people = new Map<number, Person>();
  /** Identities that change owner, or lose theirs. */
  readonly changed = new Set<string>();
  /** Identities that found their user, in the order in which they did. */
  readonly arrivals: Arrival[] = [];
  readonly #owners = new Map<string, { identity: Identity; person: Person | null }>();
  #nextId: number;
  #moves = false;

  private constructor(nextId: number) {
    this.#nextId = nextId;
  }

  /** Takes the workspace row and reads what the identities and numbers mean. Three statements, whatever their number. */
  static async load(tx: Ctx, identities: readonly Identity[], userIds: readonly number[] = []): Promise<Roster> {
    const [workspace] = await queryPrepared<{ next: number }>(
      tx.db,
      sql`/* lockRoster */ select next_user_id::int as next, set_config('lock_timeout', ${`${PATIENCE_MS}ms`}, true) as patience
        from workspaces where id = ${tx.workspaceId}::int for no key update`,
    );
    if (!workspace) throw fail('NOT_FOUND', 'There is no such workspace.');
    const roster = new Roster(workspace.next);
    const owners = await queryPrepared<{ user_id: number }>(
      tx.db,
      sql`/* rosterOwners */ select distinct i.user_id from ${table(identities)} cross join lateral (select i.user_id from identities i
        where i.workspace_id = ${tx.workspaceId}::int and i.kind = k and i.label = l and i.value = v limit 1) i where i.user_id is not null
        union select id from users where workspace_id = ${tx.workspaceId}::int and id = any(${intArray(userIds.filter(isUserId))})`,
    );
    if (owners.length > 0)
      await roster.#loadPeople(
        tx,
        owners.map((o) => o.user_id),
      );
    return roster;
  }

  async #loadPeople(tx: Ctx, ids: readonly number[]): Promise<void> {
    const rows = await queryPrepared<IdentityRow>(
      tx.db,
      // Lateral: by index also where the table has no statistics yet. PGlite never gathers any by itself.
      sql`/* rosterPeople */ select i.* from unnest(${intArray(ids)}) as u(id) cross join lateral (
        select kind, label, value, user_id, is_deprecated from identities i
        where i.workspace_id = ${tx.workspaceId}::int and i.user_id = u.id offset 0) i`,
    );
    const byUser = new Map<number, Holding[]>(ids.map((id) => [id, []]));
    for (const { kind, label, value, user_id, is_deprecated } of rows)
      byUser.get(user_id ?? 0)?.push({ identity: { kind, label, value }, isDeprecated: is_deprecated });
    for (const [id, holdings] of byUser) this.#admit(id, holdings);
  }

  #admit(id: number, holdings: readonly Holding[]): void {
    const identities = new Map(holdings.map((h) => [identityKey(h.identity), h]));
    const person: Person = {
      id,
      isNew: false,
      wasIdentified: holdings.some(isCurrentExternalId),
      wasAliased: holdings.some(isCurrentAlias),
      wasDeviced: holdings.some(isCurrentDevice),
      hadLabels: labelsAmong(holdings),
      identities,
      attributeChanges: [],
      gone: null,
    };
    this.people.set(id, person);
    for (const [key, { identity }] of identities) this.#owners.set(key, { identity, person });
  }

  /** Who has this identity now; null when nobody has. */
  owner(identity: Identity): Person | null {
    return this.#owners.get(identityKey(identity))?.person ?? null;
  }

  /** The person of this number; null when there is none, or not any more. */
  person(id: number): Person | null {
    const person = this.people.get(id);
    return person && !person.gone ? person : null;
  }

  /** A new user, with the next number. */
  create(): Person {
    const person: Person = {
      id: this.#nextId++,
      isNew: true,
      wasIdentified: false,
      wasAliased: false,
      wasDeviced: false,
      hadLabels: NO_LABELS,
      identities: new Map(),
      attributeChanges: [],
      gone: null,
    };
    this.people.set(person.id, person);
    return person;
  }

  /** Gives an identity to a person, whoever had it before. */
  give(person: Person, identity: Identity, isDeprecated = false): void {
    const key = identityKey(identity);
    const now = person.identities.get(key);
    if (now && now.isDeprecated === isDeprecated) return;
    if (!this.#owners.has(key)) {
      // Decided now, as it would be if this item were a call of its own: later ones may identify the user.
      const isMeaningless = identity.kind === KIND.deviceId && isIdentified(person);
      this.arrivals.push({ identity, person, isMeaningless });
    }
    if (!now) this.#loosen(key);
    person.identities.set(key, { identity, isDeprecated });
    this.#owners.set(key, { identity, person });
    this.changed.add(key);
  }

  /** Takes an identity from whoever has it: it means nobody from now on. */
  take(identity: Identity): void {
    const key = identityKey(identity);
    this.#loosen(key);
    this.#owners.set(key, { identity, person: null });
    this.changed.add(key);
  }

  #loosen(key: string): void {
    const before = this.#owners.get(key)?.person;
    if (!before) return;
    before.identities.delete(key);
    this.#moves = true;
  }

  /**
   * True when an identity stops meaning whom it meant to an import: it moved, its user went, or the user became identified and is no
   * longer found by device. Imports under way must then look again.
   */
  get unsettles(): boolean {
    if (this.#moves) return true;
    for (const p of this.people.values()) if (!p.isNew && (p.gone || isIdentified(p) !== p.wasIdentified)) return true;
    return false;
  }

  /** Numbers given out so far. */
  get nextId(): number {
    return this.#nextId;
  }

  /** The identities to write: with a person where somebody has it, without one where it is to go. */
  changes(): { identity: Identity; person: Person | null; isDeprecated: boolean }[] {
    const out: { identity: Identity; person: Person | null; isDeprecated: boolean }[] = [];
    for (const key of this.changed) {
      const entry = this.#owners.get(key);
      if (!entry) continue;
      out.push({ ...entry, isDeprecated: entry.person?.identities.get(key)?.isDeprecated ?? false });
    }
    return out;
  }
}

/** Whom a person has ended up in, through however many merges; null when the end was a deletion. */
export function survivor(person: Person | null): Person | null {
  let at = person;
  while (at?.gone) at = at.gone.into;
  return at;
}

export function isIdentified(person: Person): boolean {
  return [...person.identities.values()].some(isCurrentExternalId);
}

export function isAliased(person: Person): boolean {
  return [...person.identities.values()].some(isCurrentAlias);
}

export function isDeviced(person: Person): boolean {
  return [...person.identities.values()].some(isCurrentDevice);
}

/** The labels under which a person has an alias. */
export function labelsOf(person: Person): ReadonlySet<string> {
  return labelsAmong(person.identities.values());
}

/** The external id a person is known by now; older ones still resolve. */
export function currentExternalId(person: Person): string | null {
  return [...person.identities.values()].find(isCurrentExternalId)?.identity.value ?? null;
}

/** The name a person has under an alias label. */
export function aliasName(person: Person, label: string): string | null {
  for (const h of person.identities.values())
    if (isCurrentAlias(h) && h.identity.label === label) return h.identity.value;
  return null;
}

/** True when the alias is one that the person had before a merge: it still means them, and is not their name under that label. */
export function isDeprecatedAlias(person: Person, a: Alias): boolean {
  return person.identities.get(identityKey(alias(a)))?.isDeprecated ?? false;
}

function isCurrentExternalId(h: Holding): boolean {
  return h.identity.kind === KIND.externalId && !h.isDeprecated;
}

function isCurrentAlias(h: Holding): boolean {
  return h.identity.kind === KIND.alias && !h.isDeprecated;
}

function isCurrentDevice(h: Holding): boolean {
  return h.identity.kind === KIND.deviceId && !h.isDeprecated;
}

/** Most people have no alias: they share one empty set. */
const NO_LABELS: ReadonlySet<string> = new Set();

function labelsAmong(holdings: Iterable<Holding>): ReadonlySet<string> {
  const labels = [...holdings].filter(isCurrentAlias).map((h) => h.identity.label);
  return labels.length === 0 ? NO_LABELS : new Set(labels);
}
