import { encodeGlobalID } from '@pothos/plugin-relay';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { toJson } from '../../src/domain/segments/filter-json.ts';
import { openTestApp, type TestApp, type TestWorkspace } from '../support/app.ts';
import { DATABASES } from '../support/database.ts';
import { filterInput } from '../support/filter-input.ts';
import {
  CreateSegmentDocument,
  ParseFilterDocument,
  type SegmentFilterInput,
  UpdateSegmentDocument,
} from '../support/gql/graphql.ts';
import { dataOf, successOf } from '../support/graphql.ts';
import { anyNormalTree, anyTree, STRANGE_TEXTS } from '../support/trees.ts';

// The same filter as a tree of GraphQL, as canonical JSON and as text.

describe.each(DATABASES)('filters over GraphQL on %s', (kind) => {
  let app: TestApp;
  let ws: TestWorkspace;
  beforeAll(async () => {
    app = await openTestApp(kind);
  });
  afterAll(() => app.close());
  beforeEach(async () => {
    ws = await app.workspace();
  });

  const cohort = async (name: string, partnerCohortId = name, partner = 'amplitude') =>
    (await ws.domain.cohorts.nameCohort({ partner, partnerCohortId, name })).id;
  const segment = async (name: string, filterText = 'identity is anonymous') =>
    successOf(dataOf(await ws.ask(CreateSegmentDocument, { input: { name, filterText } })).createSegment).segment.id;
  const cohortId = (id: number) => encodeGlobalID('Cohort', `${ws.id}.${id}`);
  const ids = { cohort: cohortId, segment: (id: string) => encodeGlobalID('Segment', id) };
  const parse = async (variables: { text?: string | null; json?: unknown }) =>
    dataOf(await ws.ask(ParseFilterDocument, variables)).parseFilter;
  const preview = async (args: object): Promise<unknown> => {
    const query = `query ($filter: SegmentFilterInput, $filterJson: JSON, $filterText: String) {
      previewSegment(filter: $filter, filterJson: $filterJson, filterText: $filterText) {
        ... on SegmentPreview { filterJson filterText } ... on Error { code message path line column } } }`;
    return (dataOf(await ws.ask(query, args)) as { previewSegment: unknown }).previewSegment;
  };

  test('say the same in every spelling, trees of every kind', async () => {
    const names = [...new Set(STRANGE_TEXTS)].filter((name) => name.trim() !== '' && name.length <= 100);
    const cohorts: number[] = [];
    for (const [i, name] of names.entries()) cohorts.push(await cohort(name, `${i}`));
    const shared = [await cohort('Shared', 's1'), await cohort('Shared', 's2')];
    const segments = await Promise.all(['VIP', 'عملاء'].map((name) => segment(name)));
    const raw = segments.map((id) => Buffer.from(id, 'base64').toString().replace('Segment:', ''));
    const vocabulary = {
      cohorts: { amplitude: [...cohorts, ...shared], mixpanel: [await cohort('and', 'm', 'mixpanel')] },
      segments: raw,
    };
    const spelled = { writeCohort: ids.cohort, writeSegment: ids.segment };
    await fc.assert(
      fc.asyncProperty(anyNormalTree(vocabulary), async (tree) => {
        const json = toJson(tree, spelled);
        fc.pre(JSON.stringify(json).length < 5_000);
        const asTree = (await preview({ filter: filterInput(tree, ids) })) as {
          filterJson: unknown;
          filterText: string;
        };
        expect(asTree.filterJson).toEqual(json);
        fc.pre(Buffer.byteLength(asTree.filterText) <= 10_000);
        expect(await preview({ filterJson: json })).toEqual(asTree);
        expect(await preview({ filterText: asTree.filterText })).toEqual(asTree);
        expect(await parse({ text: asTree.filterText })).toMatchObject(asTree);
        expect(await parse({ json })).toMatchObject(asTree);
      }),
      { numRuns: 40 },
    );
    await fc.assert(
      fc.asyncProperty(anyTree(vocabulary), async (tree) => {
        fc.pre(JSON.stringify(toJson(tree, spelled)).length < 5_000);
        const answer = await preview({ filter: filterInput(tree, ids) });
        expect(await preview({ filterJson: toJson(tree, spelled) })).toEqual(answer);
      }),
      { numRuns: 20 },
    );
  });

  test('are saved and changed in any spelling, and answered in all', async () => {
    await cohort('Power users');
    const fields = '{ segment { id filterText filterJson } }';
    const create = `mutation ($input: CreateSegmentInput!) { createSegment(input: $input) { ... on CreateSegmentSuccess ${fields} ... on Error { code message } } }`;
    const update = `mutation ($input: UpdateSegmentInput!) { updateSegment(input: $input) { ... on UpdateSegmentSuccess ${fields} ... on Error { code message } } }`;
    const json = { not: { filter: 'identity', operator: 'has_alias', value: null } };
    const made = dataOf(
      await ws.ask(create, { input: { name: 'A', filterText: 'amplitude_cohorts includes_value "Power users"' } }),
    ) as { createSegment: { segment: { id: string } } };
    expect(made).toMatchObject({
      createSegment: { segment: { filterText: 'amplitude_cohorts includes_value "Power users"' } },
    });
    const { id } = made.createSegment.segment;
    expect(dataOf(await ws.ask(update, { input: { id, filterJson: json } }))).toMatchObject({
      updateSegment: { segment: { filterJson: json, filterText: 'not identity has alias' } },
    });
    expect(dataOf(await ws.ask(update, { input: { id, name: 'B' } }))).toMatchObject({
      updateSegment: { segment: { filterText: 'not identity has alias' } },
    });
    expect(dataOf(await ws.ask(update, { input: { id, filterText: `segment is #"${id}"` } }))).toMatchObject({
      updateSegment: {
        code: 'INVALID_INPUT',
        message: 'Line 1, column 12: Segments cannot refer to each other in a circle: "B" → "B".',
      },
    });
  });

  test('come in exactly one spelling', async () => {
    const filterText = 'identity is anonymous';
    const filter: SegmentFilterInput = { identity: { has: 'ANONYMOUS' as never } };
    const fault = { __typename: 'InvalidInputError', code: 'INVALID_INPUT', path: ['filter'] };
    const create = async (spelled: object) =>
      dataOf(await ws.ask(CreateSegmentDocument, { input: { name: 'S', ...spelled } })).createSegment;
    expect(await create({})).toMatchObject(fault);
    expect(await create({ filter: null, filterJson: null, filterText: null })).toMatchObject(fault);
    expect(await create({ filter, filterText })).toMatchObject(fault);
    expect(await create({ filterText, filterJson: { all: [] } })).toMatchObject(fault);
    expect(await preview({})).toMatchObject({ code: 'INVALID_INPUT', path: ['filter'] });
    expect(await parse({})).toMatchObject({ code: 'INVALID_INPUT', path: ['text'] });
    expect(await parse({ text: filterText, json: {} })).toMatchObject({ code: 'INVALID_INPUT', path: ['text'] });
    const { id } = successOf(await create({ filterText })).segment;
    const update = await ws.ask(UpdateSegmentDocument, { input: { id, filter, filterText } });
    expect(dataOf(update).updateSegment).toMatchObject(fault);
    expect(await create({ name: 'T', filter, filterJson: null, filterText: null })).toMatchObject({ segment: {} });
  });

  test('tell editors where they are wrong', async () => {
    expect(await parse({ text: 'identity is anonymous\n  or identity is admin' })).toEqual({
      __typename: 'InvalidInputError',
      code: 'INVALID_INPUT',
      message: 'Line 2, column 18: found `admin`, expected `identified` or `anonymous`.',
      path: ['text'],
      line: 2,
      column: 18,
    });
    expect(await parse({ text: 'not amplitude_cohorts includes_value "None"' })).toEqual({
      __typename: 'NotFoundError',
      code: 'NOT_FOUND',
      message: 'Line 1, column 38: There is no such cohort of amplitude in this workspace.',
      path: ['text'],
      line: 1,
      column: 38,
    });
    expect(await parse({ text: '('.repeat(20) })).toMatchObject({
      __typename: 'LimitExceededError',
      line: 1,
      column: 17,
    });
    expect(await preview({ filterText: 'or' })).toMatchObject({
      code: 'INVALID_INPUT',
      path: ['filterText'],
      line: 1,
      column: 1,
    });
    expect(await parse({ json: { all: [{ filter: 'random_bucket', from: '0', to: 1 }] } })).toEqual({
      __typename: 'InvalidInputError',
      code: 'INVALID_INPUT',
      message: 'A number is expected; nothing is converted.',
      path: ['json', 'all', '0', 'from'],
      line: null,
      column: null,
    });
    expect(await parse({ json: 'identity is anonymous' })).toMatchObject({ code: 'INVALID_INPUT', path: ['json'] });
  });

  const faults: readonly (readonly [string, SegmentFilterInput, readonly string[]])[] = [
    [
      'a list for a value',
      { attribute: { name: 'a', condition: { equals: ['x'] } } },
      ['attribute', 'condition', 'equals'],
    ],
    [
      'an object for a value',
      { not: { attribute: { name: 'a', condition: { notEqual: {} } } } },
      ['not', 'attribute', 'condition', 'notEqual'],
    ],
    [
      'a boolean in a list',
      { attribute: { name: 'a', condition: { includesValue: true } } },
      ['attribute', 'condition', 'includesValue'],
    ],
    ['a label of a device', { identity: { has: 'DEVICE' as never, label: 'x' } }, ['identity', 'label']],
    [
      'a regular expression that explodes',
      { all: [{ attribute: { name: 'a', condition: { matchesRegex: '(a{255}){255}' } } }] },
      ['all', '0'],
    ],
    [
      'a regular expression that is none',
      { all: [{ attribute: { name: 'a', condition: { matchesRegex: '[z-a]' } } }] },
      ['all', '0'],
    ],
    ['a segment name that is none', { segment: { name: ' ' } }, ['segment', 'name']],
    ['buckets the wrong way round', { randomBucket: { from: 2, to: 1 } }, []],
    ['days below none', { createdAt: { lessThanXDaysAgo: -1 } }, []],
    ['an attribute without a name', { attribute: { name: '', condition: { exists: true } } }, []],
  ];
  test.each(faults)('refuse %s, with its path', async (_, filter, path) => {
    expect(await preview({ filter })).toMatchObject({ code: 'INVALID_INPUT', path: ['filter', ...path], line: null });
  });

  test('refuse times without a zone, and texts for numbers', async () => {
    for (const condition of [
      '{ after: "2026-01-31T12:00:00" }',
      '{ greaterThan: "18" }',
      '{ lessThanXDaysAgo: 1.5 }',
    ]) {
      const answer = await ws.ask(
        `{ previewSegment(filter: { attribute: { name: "a", condition: ${condition} } }) { __typename } }`,
      );
      expect(answer.errors?.length).toBeGreaterThan(0);
      expect(answer.data ?? null).toBeNull();
    }
  });

  test('name nothing of another workspace', async () => {
    const c = await cohort('Theirs');
    const s = await segment('Their segment');
    const [theirCohort, theirs] = [cohortId(c), ws];
    ws = await app.workspace();
    for (let i = 0; i < c; i++) await cohort(`Ours ${i}`);
    expect(cohortId(c)).not.toBe(theirCohort);
    for (const text of [`amplitude_cohorts includes_value #"${theirCohort}"`, `segment is #"${s}"`])
      expect(await parse({ text })).toMatchObject({ code: 'NOT_FOUND' });
    expect(await parse({ json: { filter: 'segment', operator: 'is', value: s } })).toMatchObject({ code: 'NOT_FOUND' });
    ws = theirs;
    expect(await parse({ text: `segment is #"${s}"` })).toMatchObject({ filterText: 'segment is "Their segment"' });
  });

  test('show the names of cohorts to those who may read cohorts', async () => {
    await cohort('Secret');
    await segment('S', 'amplitude_cohorts includes_value "Secret"');
    const answer = await ws.askWith(['segments:read'])('{ segment(by: { name: "S" }) { name filterText } }');
    expect(JSON.stringify(answer)).not.toContain('Secret');
    expect(answer.errors?.[0]?.extensions?.code).toBe('FORBIDDEN');
  });
});
