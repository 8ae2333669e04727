import type { Person } from './roster.ts';
import type { Attributes } from './user-input.ts';

/** What happened to a person's attributes: some were set or removed, or they inherited those of somebody who went. */
export type AttributeChange = { readonly patch: Attributes } | { readonly from: Person };

/** True when a person took over from somebody, so that their attributes follow from those of several people. */
export function isHeir(person: Person): boolean {
  return person.attributeChanges.some((change) => 'from' in change);
}

/** Notes what was said of a person's attributes; null removes one. */
export function patchAttributes(person: Person, patch: Attributes): void {
  const last = person.attributeChanges.at(-1);
  if (last && 'patch' in last) person.attributeChanges.pop();
  person.attributeChanges.push({ patch: last && 'patch' in last ? { ...last.patch, ...patch } : patch });
}

/** What was said of the attributes of a person who is nobody's heir. */
export function patchOf(person: Person): Attributes {
  const [only] = person.attributeChanges;
  return only && 'patch' in only ? only.patch : {};
}

/** What a patch sets and which attributes it removes. */
export function splitPatch(patch: Attributes): { set: Attributes; removed: string[] } {
  const entries = Object.entries(patch);
  return {
    set: Object.fromEntries(entries.filter(([, value]) => value !== null)),
    removed: entries.filter(([, value]) => value === null).map(([name]) => name),
  };
}

/** A person and everybody they took over from, through however many merges. */
export function forebears(person: Person): Person[] {
  const out = [person];
  // Grows while it is walked.
  for (const p of out) for (const change of p.attributeChanges) if ('from' in change) out.push(change.from);
  return out;
}

/**
 * A person's attributes after all that happened to them, in the order in which it happened. What only the one who went knew stays known;
 * where both knew, the word of the one who stays stands. `stored` has the attributes that people had before, by number.
 */
export function attributesOf(person: Person, stored: ReadonlyMap<number, Attributes>): Attributes {
  let now: Attributes = stored.get(person.id) ?? {};
  for (const change of person.attributeChanges) {
    if ('from' in change) now = { ...attributesOf(change.from, stored), ...now };
    else {
      const { set, removed } = splitPatch(change.patch);
      now = Object.fromEntries(Object.entries({ ...now, ...set }).filter(([name]) => !removed.includes(name)));
    }
  }
  return now;
}
