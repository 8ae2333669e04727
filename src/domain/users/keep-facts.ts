import { sql } from 'drizzle-orm';
import { intArray, queryPrepared, textArray } from '../../db/client.ts';
import type { Ctx } from '../context.ts';
import { attributesOf, isHeir, patchOf } from './attributes.ts';
import { FACET, type Facet, facetsOf, shortValue, storedFacets } from './facets.ts';
import type { LiveIndex } from './live-indexes.ts';
import { Postings, writePostings } from './postings.ts';
import { labelsOf, type Person } from './roster.ts';
import type { Attributes } from './user-input.ts';

/** How many people's values are in memory at once: each may have tens of kilobytes of them. */
const PEOPLE_AT_ONCE = 2_000;

/**
 * Keeps who has which value of an indexed attribute, and who has an alias of which label, as a roster is written. Comes before the users
 * themselves are written: what they had is read here. Two statements for thousands of people, and none where nothing of it is asked for.
 * `stored` has the attributes of heirs and of whom they took over from.
 */
export async function keepFacts(
  tx: Ctx,
  people: readonly Person[],
  indexes: readonly LiveIndex[],
  stored: ReadonlyMap<number, Attributes>,
): Promise<void> {
  const changing = people.filter((p) => !(p.isNew && p.gone));
  for (let i = 0; i < changing.length; i += PEOPLE_AT_ONCE) {
    const some = changing.slice(i, i + PEOPLE_AT_ONCE);
    const postings = new Postings();
    for (const person of some) noteLabels(postings, person);
    if (indexes.length > 0) await noteAttributes(tx, postings, some, indexes, stored);
    await writePostings(tx, postings);
  }
}

function noteLabels(postings: Postings, person: Person): void {
  const before = person.hadLabels;
  const after = person.gone ? NO_LABELS : labelsOf(person);
  for (const label of before) if (!after.has(label)) postings.lose('', labelFacet(label), person.id);
  for (const label of after) if (!before.has(label)) postings.gain('', labelFacet(label), person.id);
}

const NO_LABELS: ReadonlySet<string> = new Set();
const labelFacet = (label: string): Facet => ({ kind: FACET.aliasLabel, value: label, number: null });

async function noteAttributes(
  tx: Ctx,
  postings: Postings,
  people: readonly Person[],
  indexes: readonly LiveIndex[],
  stored: ReadonlyMap<number, Attributes>,
): Promise<void> {
  const changes = people.map((person) => ({ person, values: changedValues(person, indexes, stored) }));
  const before = await facetsBefore(
    tx,
    changes.filter(({ person, values }) => !person.isNew && values.size > 0).map(({ person }) => person.id),
    [...new Set(changes.flatMap(({ values }) => [...values.keys()]))],
  );
  for (const { person, values } of changes)
    for (const [name, value] of values) {
      const had = byKey(before.get(person.id)?.get(name) ?? []);
      const has = byKey(facetsOf(value));
      for (const [key, facet] of had) if (!has.has(key)) postings.lose(name, facet, person.id);
      for (const [key, facet] of has) if (!had.has(key)) postings.gain(name, facet, person.id);
    }
}

/** The indexed attributes of a person that may change, and what they are afterwards: null where there is none left. */
function changedValues(
  person: Person,
  indexes: readonly LiveIndex[],
  stored: ReadonlyMap<number, Attributes>,
): Map<string, unknown> {
  const isKnownWhole = person.isNew || isHeir(person);
  const after: Attributes = person.gone ? {} : isKnownWhole ? attributesOf(person, stored) : patchOf(person);
  const values = new Map<string, unknown>();
  for (const { name, builtTo } of indexes) {
    if (person.id > builtTo) continue;
    const value = Object.hasOwn(after, name) ? after[name] : undefined;
    // What a patch does not name stays; what is not there of a whole is gone.
    if (value !== undefined) values.set(name, value);
    else if (person.gone || isHeir(person)) values.set(name, null);
  }
  return values;
}

/** What is stored of these users and attributes, as facets. The workspace row is held: nobody changes them meanwhile. */
async function facetsBefore(
  tx: Ctx,
  ids: readonly number[],
  names: readonly string[],
): Promise<Map<number, Map<string, Facet[]>>> {
  if (ids.length === 0 || names.length === 0) return new Map();
  const rows = await queryPrepared<{ id: number; short: string | null }>(
    tx.db,
    sql`/* facetsBefore */ select u.id, (select jsonb_object_agg(n.name, ${shortValue(sql`(u.attributes -> n.name)`)})
        from unnest(${textArray(names)}) as n(name) where u.attributes ? n.name)::text as short
      from unnest(${intArray(ids)}) as i(id) cross join lateral (
        select id, attributes from users u where u.workspace_id = ${tx.workspaceId}::int and u.id = i.id offset 0) u`,
  );
  return new Map(
    rows.map(({ id, short }) => {
      const values = short === null ? {} : (JSON.parse(short) as Record<string, string>);
      return [id, new Map(Object.entries(values).map(([name, value]) => [name, storedFacets(value)]))];
    }),
  );
}

function byKey(facets: readonly Facet[]): Map<string, Facet> {
  return new Map(facets.map((facet) => [`${facet.kind} ${facet.value}`, facet]));
}
