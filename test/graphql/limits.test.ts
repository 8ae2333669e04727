import { getIntrospectionQuery } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FILTER_MAX_DEPTH, FILTER_MAX_NODES, FILTER_MAX_VALUES } from '../../src/domain/segments/filter.ts';
import { openTestApp, type TestApp, type TestWorkspace } from '../support/app.ts';
import { inCohort } from '../support/drafts.ts';
import { PreviewDocument, type SegmentFilterInput } from '../support/gql/graphql.ts';
import { codeOf, dataOf } from '../support/graphql.ts';
import { seedCohort, seedIdentified } from '../support/seed.ts';

let app: TestApp;
let ws: TestWorkspace;
beforeAll(async () => {
  app = await openTestApp('pglite');
  ws = await app.workspace();
  await seedIdentified(ws.ctx, 'ada');
  await seedCohort(ws.ctx, 'amp', { externalIds: ['ada'] });
  await ws.domain.cohorts.nameCohort({ partner: 'amplitude', partnerCohortId: '1', name: 'Same' });
  await ws.domain.cohorts.nameCohort({ partner: 'amplitude', partnerCohortId: '2', name: 'Same' });
});
afterAll(() => app.close());

const send = (init: RequestInit & { duplex?: 'half' }) =>
  app.muster.fetch(
    new Request('http://muster.test/graphql', {
      method: 'POST',
      ...init,
      headers: {
        'content-type': 'application/json',
        'x-viewer': JSON.stringify({ workspaceId: ws.id, scopes: ['segments:read', 'cohorts:read'] }),
        ...init.headers,
      },
    }),
  );

describe('the shape of a document', () => {
  const circle = ['users(first: 1)', 'nodes', 'cohorts(first: 1)', 'nodes'];
  /** Selections that go this deep. */
  const query = (depth: number) => {
    const fields = Array.from({ length: depth - 2 }, (_, i) => circle[i % circle.length]);
    return `{ cohort(by: { name: "amp" }) { ${fields.map((field) => `${field} {`).join(' ')} __typename ${'}'.repeat(depth - 2)} } }`;
  };

  test('goes at most 20 levels deep', async () => {
    expect(codeOf(await ws.ask(query(20)))).toBeNull();
    expect(await ws.ask(query(21))).toMatchObject({
      errors: [{ message: expect.stringContaining('20'), extensions: { code: 'LIMIT_EXCEEDED' } }],
    });
    expect(codeOf(await ws.ask(query(500)))).toBe('LIMIT_EXCEEDED');
  });

  test('is not made deeper by fragments, nor by fragments that call each other', async () => {
    const fragments = Array.from({ length: 12 }, (_, i) => `fragment F${i} on NotFilter { not { ...F${i + 1} } }`).join(
      ' ',
    );
    const chain = `{ segment(by: { name: "S" }) { filter { ...F0 } } } ${fragments} fragment F12 on NotFilter { __typename }`;
    expect(codeOf(await ws.ask(chain))).toBe('LIMIT_EXCEEDED');
    const spiral = await ws.ask(
      '{ segment(by: { name: "S" }) { filter { ...A } } } fragment A on NotFilter { not { ...A } }',
    );
    expect(spiral.errors?.length).toBeGreaterThan(0);
    expect(codeOf(spiral)).not.toBe('INTERNAL');
  });

  test('has at most 50 aliases', async () => {
    const aliases = (count: number) =>
      `{ ${Array.from({ length: count }, (_, i) => `a${i}: workspace { id }`).join(' ')} }`;
    expect(codeOf(await ws.ask(aliases(50)))).toBeNull();
    expect(codeOf(await ws.ask(aliases(51)))).toBe('LIMIT_EXCEEDED');
  });

  test('has at most 5,000 tokens', async () => {
    const users = '{ alias: { label: "a", name: "b" } } '.repeat(400);
    const tokens = (count: number) => `{ users(by: [${users}]) { ${'id '.repeat(count - 12 * 400 - 11)} } }`;
    expect(codeOf(await ws.ask(tokens(5_000)))).toBeNull();
    expect(codeOf(await ws.ask(tokens(5_001)))).toBe('LIMIT_EXCEEDED');
  });

  test('may be what clients ask to learn the schema', async () => {
    const answer = await ws.ask(
      getIntrospectionQuery({ descriptions: true, inputValueDeprecation: true, oneOf: true }),
    );
    expect(codeOf(answer)).toBeNull();
    expect(answer.data).toHaveProperty('__schema.types');
  });

  test('cannot come in batches', async () => {
    const response = await send({ body: JSON.stringify([{ query: '{ __typename }' }, { query: '{ __typename }' }]) });
    expect(response.status).toBe(400);
  });
});

describe('pages', () => {
  test.each([
    ['first: 1001', 'LIMIT_EXCEEDED', ['first']],
    ['last: 1001', 'LIMIT_EXCEEDED', ['last']],
    ['first: 2147483647', 'LIMIT_EXCEEDED', ['first']],
    ['first: -1', 'INVALID_INPUT', ['first']],
    ['last: -1', 'INVALID_INPUT', ['last']],
    ['first: 1, last: 1', 'INVALID_INPUT', ['last']],
    ['first: 1, before: "x"', 'INVALID_INPUT', ['before']],
    ['last: 1, after: "x"', 'INVALID_INPUT', ['after']],
    ['after: "nonsense"', 'INVALID_CURSOR', ['after']],
    ['last: 1, before: "W10="', 'INVALID_CURSOR', ['before']],
    ['after: "bnVsbA=="', 'INVALID_CURSOR', ['after']],
  ])('%s is refused, wherever there are pages', async (page, code, inputPath) => {
    await ws.domain.segments.createSegment({ name: `S ${page}`, filter: inCohort('amp') });
    const lists = [
      'everyone(PAGE) { nodes { id } }',
      'cohorts(PAGE) { nodes { id } }',
      'cohorts(PAGE, orderBy: { field: CREATED_AT, direction: DESC }) { edges { cursor } }',
      'segments(PAGE) { pageInfo { hasNextPage } }',
      'segments(search: "S ", first: 1) { nodes { versions(PAGE) { nodes { version } } } }',
      'segments(search: "S ", first: 1) { nodes { history(PAGE) { nodes { at } } } }',
      'auditLog(PAGE) { nodes { at } }',
      'apiKeys(PAGE) { nodes { id } }',
      'cohort(by: { name: "amp" }) { users(PAGE) { nodes { id } } }',
      'cohort(by: { name: "amp" }) { segments(PAGE) { nodes { id } } }',
      'user(by: { externalId: "ada" }) { cohorts(PAGE) { nodes { id } } }',
    ];
    for (const list of lists) {
      const answer = await ws.ask(`{ ${list.replace('PAGE', page)} }`);
      expect(answer.errors).toMatchObject([{ extensions: { code, inputPath }, path: expect.any(Array) }]);
    }
  });

  test('a page has up to 1,000 items', async () => {
    expect(
      codeOf(await ws.ask('{ cohorts(first: 1000) { nodes { id } } everyone(last: 1000) { nodes { id } } }')),
    ).toBeNull();
  });

  test('a cursor made up by somebody who knows its form is refused before the database sees it', async () => {
    const orders = ['NAME', 'CREATED_AT', 'UPDATED_AT'];
    for (const field of orders) {
      const list = (after: string | null) =>
        ws.ask(
          `query ($after: String) { segments(after: $after, first: 1, orderBy: { field: ${field}, direction: ASC }) { nodes { id } pageInfo { endCursor } } }`,
          { after },
        );
      const create =
        'mutation ($n: String!) { createSegment(input: { name: $n, filter: { amplitudeCohorts: { includesValue: { name: "amp" } } } }) { __typename } }';
      await ws.ask(create, { n: field });
      const { data } = (await list(null)) as { data: { segments: { pageInfo: { endCursor: string } } } };
      const [tag, value, id] = JSON.parse(
        Buffer.from(data.segments.pageInfo.endCursor, 'base64url').toString(),
      ) as string[];
      const forged = [
        [tag],
        [tag, value],
        [tag, value, id, id],
        [tag, value, 'no id'],
        [tag, value, 1],
        [tag, 1, id],
        [tag, 'a\u0000b', id],
        [tag, '\ud800', id],
        [tag, null, id],
        [tag, { a: 1 }, id],
        ...(field === 'NAME'
          ? []
          : [
              [tag, 'yesterday', id],
              [tag, '0000-01-01T00:00:00.000Z', id],
              [tag, '+010000-01-01T00:00:00.000Z', id],
            ]),
        ['other', value, id],
      ];
      for (const cursor of forged)
        expect(codeOf(await list(Buffer.from(JSON.stringify(cursor)).toString('base64url')))).toBe('INVALID_CURSOR');
      expect(codeOf(await list(Buffer.from(JSON.stringify([tag, value, id])).toString('base64url')))).toBeNull();
    }
  });
});

describe('filters', () => {
  const leaf: SegmentFilterInput = { amplitudeCohorts: { includesValue: { name: 'amp' } } };
  const preview = async (filter: SegmentFilterInput) =>
    dataOf(await ws.ask(PreviewDocument, { filter })).previewSegment;
  const negated = (levels: number) => {
    let filter: SegmentFilterInput = leaf;
    for (let level = 1; level < levels; level++) filter = { not: filter };
    return filter;
  };
  const grouped = (levels: number) => {
    let filter: SegmentFilterInput = leaf;
    for (let level = 1; level < levels; level++) filter = { all: [filter] };
    return filter;
  };
  const tooDeep = { __typename: 'LimitExceededError', code: 'LIMIT_EXCEEDED', path: ['filter'] };
  const inline = (levels: number) =>
    `{ previewSegment(filter: ${'{ not: '.repeat(levels - 1)}{ amplitudeCohorts: { includesValue: { name: "amp" } } }${' }'.repeat(levels - 1)}) { __typename ... on Error { code path } } }`;

  test('go 16 levels deep', async () => {
    expect(await preview(negated(FILTER_MAX_DEPTH))).toMatchObject({ size: 0 });
    expect(await preview(grouped(FILTER_MAX_DEPTH))).toMatchObject({ size: 1 });
    expect(await ws.ask(inline(FILTER_MAX_DEPTH))).toEqual({
      data: { previewSegment: { __typename: 'SegmentPreview' } },
    });
  });

  test.each([17, 18, 30])('%i levels deep is a typed error, in variables and inline', async (levels) => {
    expect(await preview(negated(levels))).toMatchObject(tooDeep);
    expect(await preview(grouped(levels))).toMatchObject(tooDeep);
    expect(await ws.ask(inline(levels))).toEqual({ data: { previewSegment: tooDeep } });
  });

  test('as deep as a document can hold is a typed error, or a limit on the document', async () => {
    expect(await ws.ask(inline(90))).toEqual({ data: { previewSegment: tooDeep } });
    for (const levels of [100, 1_000, 1_600, 10_000])
      expect(codeOf(await ws.ask(inline(levels)))).toBe('LIMIT_EXCEEDED');
    for (const opening of ['{a', '{a(b:[', '{a(b:{c:'])
      expect(codeOf(await ws.ask(opening.repeat(100_000)))).toBe('LIMIT_EXCEEDED');
  });

  test.each([70, 1_000, 10_000, 100_000])(
    '%i levels deep in variables is refused before it is read',
    async (levels) => {
      const [open, close] = ['{"not":'.repeat(levels), '}'.repeat(levels)];
      const body = `{"query":${JSON.stringify(PreviewDocument.toString())},"variables":{"filter":${open}{"amplitudeCohorts":{"includesValue":{"name":"amp"}}}${close}}}`;
      const response = await send({ body });
      expect(response.status).toBe(400);
      expect(codeOf((await response.json()) as never)).toBe('LIMIT_EXCEEDED');
    },
  );

  test('a body nested a million levels deep is refused like any other that means nothing', async () => {
    for (const body of ['['.repeat(1_000_000), `${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}`]) {
      const response = await send({ body });
      expect(response.status).toBe(400);
    }
  });

  test(`have at most ${FILTER_MAX_NODES} parts`, async () => {
    // Negations are the shortest parts: as many leaves alone would be too many bytes.
    const negated = (times: number): SegmentFilterInput =>
      times === 0 ? { randomBucket: { from: 0, to: 9 } } : { not: negated(times - 1) };
    const any = (count: number): SegmentFilterInput => {
      const sizes = Array.from({ length: Math.ceil((count - 1) / 11) }, (_, i) => Math.min(11, count - 1 - i * 11));
      return { any: sizes.map((size) => negated(size - 1)) };
    };
    expect(await preview(any(FILTER_MAX_NODES))).toMatchObject({ size: expect.any(Number) });
    expect(await preview(any(FILTER_MAX_NODES + 1))).toMatchObject({ code: 'LIMIT_EXCEEDED', path: ['filter'] });
  });

  test('have at most 10,000 bytes of JSON', async () => {
    const any = (count: number): SegmentFilterInput => ({ any: Array.from({ length: count }, () => leaf) });
    expect(await preview(any(100))).toMatchObject({ size: 1 });
    expect(await preview(any(200))).toMatchObject({ code: 'LIMIT_EXCEEDED', path: ['filter'] });
  });

  test(`name at most ${FILTER_MAX_VALUES} cohorts in one condition`, async () => {
    const anyOf = (count: number): SegmentFilterInput => ({
      amplitudeCohorts: { includesAnyOf: Array.from({ length: count }, () => ({ name: 'amp' })) },
    });
    expect(await preview(anyOf(FILTER_MAX_VALUES))).toMatchObject({ size: 1 });
    expect(await preview(anyOf(FILTER_MAX_VALUES + 1))).toMatchObject({ code: 'LIMIT_EXCEEDED', path: ['filter'] });
  });

  const faults: readonly (readonly [string, SegmentFilterInput, string, readonly string[]])[] = [
    [
      'an unknown cohort',
      { amplitudeCohorts: { includesValue: { name: 'none' } } },
      'NOT_FOUND',
      ['filter', 'amplitudeCohorts', 'includesValue'],
    ],
    [
      'an unknown cohort in the depths',
      {
        all: [leaf, { not: { any: [leaf, { amplitudeCohorts: { includesNoneOf: [{ name: 'amp' }, { id: 'x' }] } }] } }],
      },
      'NOT_FOUND',
      ['filter', 'all', '1', 'not', 'any', '1', 'amplitudeCohorts', 'includesNoneOf', '1'],
    ],
    [
      'a cohort of another partner',
      { partnerCohorts: { partner: 'mixpanel', condition: { includesValue: { name: 'amp' } } } },
      'NOT_FOUND',
      ['filter', 'partnerCohorts', 'condition', 'includesValue'],
    ],
    [
      'a cohort of another partner by its id there',
      { amplitudeCohorts: { includesValue: { partnerCohort: { partner: 'mixpanel', cohortId: 'amp' } } } },
      'NOT_FOUND',
      ['filter', 'amplitudeCohorts', 'includesValue'],
    ],
    [
      'a name that two cohorts have',
      { all: [leaf, { amplitudeCohorts: { includesAnyOf: [{ name: 'amp' }, { name: 'Same' }] } }] },
      'AMBIGUOUS',
      ['filter', 'all', '1', 'amplitudeCohorts', 'includesAnyOf', '1'],
    ],
    ['an empty group', { all: [leaf, { any: [] }] }, 'INVALID_INPUT', ['filter', 'all', '1']],
    ['an empty condition', { not: { amplitudeCohorts: { includesAllOf: [] } } }, 'INVALID_INPUT', ['filter', 'not']],
    [
      'a partner that is no name',
      { partnerCohorts: { partner: 'Mix Panel', condition: { includesValue: { name: 'amp' } } } },
      'INVALID_INPUT',
      ['filter', 'partnerCohorts', 'partner'],
    ],
    [
      'a cohort name that is none',
      { amplitudeCohorts: { includesValue: { name: ' ' } } },
      'INVALID_INPUT',
      ['filter', 'amplitudeCohorts', 'includesValue', 'name'],
    ],
  ];
  test.each(faults)('%s is refused with its path', async (_, filter, code, path) => {
    expect(await preview(filter)).toMatchObject({ code, path });
  });

  test.each([
    ['two fields', '{ not: { amplitudeCohorts: { includesValue: { name: "amp" } } }, all: [] }'],
    ['no field', '{}'],
    ['null', '{ not: null }'],
    ['two conditions', '{ amplitudeCohorts: { includesValue: { name: "amp" }, includesAnyOf: [] } }'],
    ['a cohort named in two ways', '{ amplitudeCohorts: { includesValue: { name: "amp", id: "x" } } }'],
  ])('%s where one is asked for is refused by the schema', async (_, filter) => {
    const answer = await ws.ask(`{ previewSegment(filter: ${filter}) { __typename } }`);
    expect(answer.data).toBeUndefined();
    expect(answer.errors?.[0]?.message).toMatch(/exactly one|must be non-null/i);
  });
});

describe('bodies', () => {
  const large = `{"query":"{ __typename }","variables":{"x":"${'x'.repeat(16 * 1024 * 1024)}"}}`;

  test('larger than 16 MiB are refused by their length', async () => {
    const response = await send({ body: large, headers: { 'content-length': String(large.length) } });
    expect([response.status, response.headers.get('connection')]).toEqual([413, 'close']);
    expect(codeOf((await response.json()) as never)).toBe('LIMIT_EXCEEDED');
  });

  test('larger than 16 MiB are refused without a length too', async () => {
    const response = await send({ body: new Blob([large]).stream(), duplex: 'half' });
    expect(response.status).toBe(413);
    expect(codeOf((await response.json()) as never)).toBe('LIMIT_EXCEEDED');
  });
});

describe('pages in pages', () => {
  test('ask for at most 100,000 items in all, counted before they are read', async () => {
    const nested = (first: number, inner: number) =>
      `{ everyone(first: ${first}) { nodes { cohorts(first: ${inner}) { nodes { name } } } } }`;
    await seedIdentified(ws.ctx, ...Array.from({ length: 200 }, (_, i) => `u${i}`));
    expect(codeOf(await ws.ask(nested(100, 999)))).toBeNull();
    const answer = await ws.ask(nested(101, 1_000));
    expect(answer).toMatchObject({ data: null, errors: [{ extensions: { code: 'LIMIT_EXCEEDED' } }] });
  });

  test('are counted anew for every request', async () => {
    const large = '{ a: everyone(first: 1000) { nodes { id } } b: everyone(last: 1000) { nodes { id } } }';
    for (let i = 0; i < 60; i++) expect(codeOf(await ws.ask(large))).toBeNull();
  });
});
