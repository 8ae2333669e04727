import {
  type GraphQLInputType,
  type GraphQLOutputType,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
  isRequiredArgument,
  isRequiredInputField,
  isUnionType,
} from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { schema } from '../../src/graphql/schema.ts';
import { openTestApp, type TestApp, type TestWorkspace } from '../support/app.ts';
import { DATABASES } from '../support/database.ts';

// Every place of every root field that takes text is given text that nothing can be called. The places are read off the schema.

const BAD = { NUL: 'a\u0000b', 'half a surrogate pair': 'a\ud800b', 'a giant': 'x'.repeat(100_000) };

const SMALLEST: Readonly<Record<string, unknown>> = {
  Int: 1,
  Float: 1,
  Boolean: true,
  JSON: {},
  DateTime: '2026-01-01T00:00:00Z',
  Date: '2026-01-01',
};

/** The smallest value that fits an input. */
function smallest(type: GraphQLInputType): unknown {
  if (isNonNullType(type)) return smallest(type.ofType);
  if (isListType(type)) return [];
  if (isEnumType(type)) return type.getValues()[0]?.name;
  if (!isInputObjectType(type)) return SMALLEST[type.name] ?? 'x';
  const fields = Object.values(type.getFields());
  // A cohort that its partner's id names is the one way to name what need not exist.
  const way = fields.find((field) => field.name === 'partnerCohort') ?? fields[0];
  const given = type.isOneOf ? fields.filter((field) => field === way) : fields.filter(isRequiredInputField);
  return Object.fromEntries(given.map((field) => [field.name, smallest(field.type)]));
}

interface Place {
  readonly path: readonly string[];
  readonly kind: 'String' | 'ID';
  /** The smallest value with this text in its place. */
  readonly fill: (text: string) => unknown;
}

/** Every place inside an input that takes text. Types inside themselves are entered once. */
function placesOf(type: GraphQLInputType, path: readonly string[], inside: readonly string[] = []): Place[] {
  if (isNonNullType(type)) return placesOf(type.ofType, path, inside);
  if (isListType(type))
    return placesOf(type.ofType, path, inside).map((p) => ({ ...p, fill: (text) => [p.fill(text)] }));
  if (type.name === 'String' || type.name === 'ID') return [{ path, kind: type.name, fill: (text) => text }];
  if (!isInputObjectType(type) || inside.includes(type.name)) return [];
  return Object.values(type.getFields()).flatMap((field) =>
    placesOf(field.type, [...path, field.name], [...inside, type.name]).map((place) => ({
      ...place,
      fill: (text: string) => ({ ...(type.isOneOf ? {} : (smallest(type) as object)), [field.name]: place.fill(text) }),
    })),
  );
}

/** A selection that makes a field do its work, and shows every error. */
function selectionOf(type: GraphQLOutputType): string {
  const named = getNamedType(type);
  if (isUnionType(named))
    return `{ __typename ... on Error { code } ${named
      .getTypes()
      .filter((member) => member.name.endsWith('Success') || member.name === 'SegmentPreview')
      .map((member) => `... on ${member.name} ${selectionOf(member)}`)
      .join(' ')} }`;
  if (!isObjectType(named)) return '{ __typename }';
  const fields = named.getFields();
  const shown = ['nodes', 'results', 'error', 'errors'].flatMap((name) =>
    fields[name] ? [`${name} ${selectionOf(fields[name].type)}`] : [],
  );
  return `{ __typename ${fields.code ? 'code' : ''} ${shown.join(' ')} }`;
}

const questions = (['query', 'mutation'] as const).flatMap((operation) => {
  const type = operation === 'query' ? schema.getQueryType() : schema.getMutationType();
  return Object.values(type?.getFields() ?? {}).flatMap((field) =>
    field.args.flatMap((argument) =>
      placesOf(argument.type, [argument.name]).map(({ path, kind, fill }) => {
        const needed = field.args.filter((other) => other === argument || isRequiredArgument(other));
        const variables = needed.map((other) => `$${other.name}: ${other.type}`).join(', ');
        const args = needed.map((other) => `${other.name}: $${other.name}`).join(', ');
        return {
          place: `${field.name}(${path.join('.')})`,
          kind,
          query: `${operation} (${variables}) { it: ${field.name}(${args}) ${selectionOf(field.type)} }`,
          variables: (text: string) =>
            Object.fromEntries(
              needed.map((other) => [other.name, other === argument ? fill(text) : smallest(other.type)]),
            ),
        };
      }),
    ),
  );
});

const codesOf = (answer: unknown) =>
  [...JSON.stringify(answer).matchAll(/"code":"([A-Z_]+)"/g)].map(([, code]) => code);

describe.each(DATABASES)('text that nothing can be called, on %s', (kind) => {
  let app: TestApp;
  let ws: TestWorkspace;
  beforeAll(async () => {
    app = await openTestApp(kind);
    ws = await app.workspace();
  });
  afterAll(() => app.close());

  test('the places are found', () => {
    const places = questions.map(({ place }) => place);
    expect(places).toEqual(
      expect.arrayContaining([
        'cohorts(search)',
        'cohorts(after)',
        'user(by.alias.label)',
        'membership(users.deviceId)',
        'previewSegment(filter.amplitudeCohorts.includesAnyOf.partnerCohort.cohortId)',
        'createSegment(input.filter.partnerCohorts.partner)',
        'applyCohortChanges(input.changes.aliases.name)',
      ]),
    );
    expect(places.length).toBeGreaterThan(100);
  });

  test.each(questions.filter((q) => q.kind === 'String'))('$place refuses it', async ({ place, query, variables }) => {
    for (const text of Object.values(BAD)) {
      const answer = await ws.ask(query, variables(text));
      // Where items are answered one by one, an identity that nobody can have is one that nobody has.
      // A segment that is changed is looked for before its filter is read, because it may keep what it refers to already.
      const right = /\(items\.|^updateSegment\(input\.filter/.test(place)
        ? /^(INVALID_INPUT|NOT_FOUND|LIMIT_EXCEEDED)$/
        : /^(INVALID_(INPUT|CURSOR)|LIMIT_EXCEEDED)$/;
      expect(codesOf(answer)).toEqual([expect.stringMatching(right)]);
    }
    expect(app.takeLog()).toEqual([]);
  });

  test.each(questions.filter((q) => q.kind === 'ID'))('$place finds nothing by it', async ({ query, variables }) => {
    for (const text of Object.values(BAD)) {
      const answer = await ws.ask(query, variables(text));
      expect(codesOf(answer).filter((code) => code !== 'NOT_FOUND')).toEqual([]);
      expect(answer.errors).toBeUndefined();
    }
    expect(app.takeLog()).toEqual([]);
  });
});
