import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { nameCohort } from '../../../src/domain/cohorts/cohorts.ts';
import { type Ctx, inTransaction } from '../../../src/domain/context.ts';
import { DomainError } from '../../../src/domain/errors.ts';
import { archiveSegment, createSegment, updateSegment } from '../../../src/domain/segments/changes.ts';
import type { Filter, FilterDraft } from '../../../src/domain/segments/filter.ts';
import { parseFilterJson } from '../../../src/domain/segments/filter-json-reader.ts';
import { parseFilterText } from '../../../src/domain/segments/filter-text.ts';
import { parseFilter, printFilters } from '../../../src/domain/segments/filters.ts';
import { type ReadFilterOptions, readFilter } from '../../../src/domain/segments/read-filter.ts';
import { makeContext, otherWorkspace } from '../../support/context.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { inSegment } from '../../support/drafts.ts';
import { recordStatements } from '../../support/statements.ts';
import { anyNormalTree, STRANGE_TEXTS } from '../../support/trees.ts';

describe.each(DATABASES)('reading a filter on %s', (kind) => {
  const statements = recordStatements();
  let database: TestDatabase;
  let ctx: Ctx;
  beforeAll(async () => {
    database = await openTestDatabase(kind, { logger: statements.logger });
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    ctx = await makeContext(database);
  });

  const cohort = async (name: string, partnerCohortId = name, partner = 'amplitude') =>
    (await nameCohort(ctx, { partner, partnerCohortId, name })).id;
  const segment = async (name: string, filter: FilterDraft | string) =>
    (await createSegment(ctx, { name, filter: typeof filter === 'string' ? parseFilterText(filter) : filter })).id;
  const change = async (id: string, filter: string) => updateSegment(ctx, { id, filter: parseFilterText(filter) });
  const anonymous: Filter = { type: 'identity', test: { has: 'anonymous' } };

  async function faultOf(work: Promise<unknown>) {
    const error: unknown = await work.then(
      () => null,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof DomainError)) throw new Error(`This is no expected failure: ${error}`);
    const { code, message, path, place } = error;
    return { code, message, path, place };
  }
  const faultOfText = (text: string, options?: ReadFilterOptions) =>
    faultOf((async () => readFilter(ctx, parseFilterText(text), options))());
  const faultOfJson = (json: unknown, options?: ReadFilterOptions) =>
    faultOf((async () => readFilter(ctx, parseFilterJson(json), options))());

  test('finds cohorts by name in their partner, by id, and by the id of their partner', async () => {
    const [a, b, theirs] = [await cohort('A'), await cohort('B'), await cohort('A', 'a', 'mixpanel')];
    const filter = await parseFilter(ctx, {
      text: `amplitude_cohorts includes_any_of ("A", #"${b}") and mixpanel_cohorts includes_value "A"`,
    });
    expect(filter).toMatchObject({ of: [{ values: [a, b] }, { values: [theirs] }] });
    const ref = { partnerCohort: { partner: 'mixpanel', cohortId: 'a' } };
    const leaf = (partner: string): FilterDraft => ({
      type: 'cohorts',
      partner,
      operator: 'includes_value',
      values: [{ ref, path: ['filter', 'x'] }],
    });
    expect(await readFilter(ctx, leaf('mixpanel'))).toMatchObject({ values: [theirs] });
    expect(await faultOf(readFilter(ctx, leaf('amplitude')))).toMatchObject({
      code: 'NOT_FOUND',
      path: ['filter', 'x'],
    });
  });

  test('tells which cohort is not there, or is of another partner, or of another workspace', async () => {
    const [a, theirs] = [await cohort('A'), await cohort('Theirs', 't', 'mixpanel')];
    const message = 'There is no such cohort of amplitude in this workspace.';
    expect(await faultOfText('identity is anonymous and\namplitude_cohorts includes_any_of ("A", "B")')).toEqual({
      code: 'NOT_FOUND',
      message: `Line 2, column 41: ${message}`,
      path: ['filterText'],
      place: { line: 2, column: 41 },
    });
    const leaf = (id: unknown) => ({ filter: 'amplitude_cohorts', operator: 'includes_any_of', value: [`${a}`, id] });
    for (const id of [`${theirs}`, '99', '-1', '0', '1.5', '99999999999', 'x', ''])
      expect(await faultOfJson({ all: [leaf(`${a}`), { not: leaf(id) }] })).toEqual({
        code: 'NOT_FOUND',
        message,
        path: ['filterJson', 'all', 1, 'not', 'value', 1],
        place: undefined,
      });
    const here = ctx;
    ctx = await otherWorkspace(here);
    expect(await faultOfText(`amplitude_cohorts includes_value "A"`)).toMatchObject({ code: 'NOT_FOUND' });
  });

  test('refuses a name that several cohorts of a partner have, and prints them by id', async () => {
    const [one, two] = [await cohort('Same', '1'), await cohort('Same', '2')];
    await cohort('Same', '3', 'mixpanel');
    expect(await faultOfText('amplitude_cohorts includes_value "Same"')).toMatchObject({
      code: 'AMBIGUOUS',
      message: 'Line 1, column 34: There are 2 cohorts of that name: refer to one by its id.',
    });
    const text = `amplitude_cohorts includes_any_of (#"${one}", #"${two}") or mixpanel_cohorts includes_value "Same"`;
    expect(await printFilters(ctx, [await parseFilter(ctx, { text })])).toEqual([text]);
  });

  test('finds live segments by name and by id', async () => {
    const vip = await segment('VIP', 'identity is identified');
    expect(await parseFilter(ctx, { text: `segment is "VIP" or segment is #"${vip}"` })).toEqual({
      type: 'any',
      of: [
        { type: 'segment', segment: vip },
        { type: 'segment', segment: vip },
      ],
    });
    for (const name of ['vip', 'VIP ', 'Other'])
      expect(await faultOfText(`not segment is "${name}"`)).toMatchObject({
        code: 'NOT_FOUND',
        message: 'Line 1, column 16: There is no such segment in this workspace.',
      });
    for (const id of ['00000000-0000-7000-8000-000000000000', vip.toUpperCase(), 'x', ''])
      expect(await faultOfJson({ not: { filter: 'segment', operator: 'is', value: id } })).toMatchObject({
        code: 'NOT_FOUND',
        path: ['filterJson', 'not', 'value'],
      });
    const here = ctx;
    ctx = await otherWorkspace(here);
    expect(await faultOfText(`segment is #"${vip}"`)).toMatchObject({ code: 'NOT_FOUND' });
  });

  test('refers to an archived segment only where it is referred to already, and prints that by id', async () => {
    const old = await segment('Old', 'identity is identified');
    const user = await segment('User', `segment is "Old"`);
    await archiveSegment(ctx, { id: old, force: true, reason: 'It is old.' });
    expect(await faultOfText('segment is "Old"', { of: user })).toMatchObject({ code: 'NOT_FOUND' });
    expect(await faultOfText(`segment is #"${old}"`)).toEqual({
      code: 'NOT_ACTIVE',
      message: 'Line 1, column 12: The segment "Old" is archived: restore it before referring to it.',
      path: ['filterText'],
      place: { line: 1, column: 12 },
    });
    const other = await segment('Other', 'identity is identified');
    expect(await faultOf(change(other, `segment is #"${old}"`))).toMatchObject({ code: 'NOT_ACTIVE' });
    const changed = await change(user, `not segment is #"${old}"`);
    expect(await printFilters(ctx, [changed.filter])).toEqual([`not segment is #"${old}"`]);
    const text = `segment is #"${old}"`;
    expect(await readFilter(ctx, parseFilterText(text), { allowed: new Set([old]) })).toMatchObject({ segment: old });
    expect(await faultOfText(text, { of: user, allowed: new Set() })).toMatchObject({ code: 'NOT_ACTIVE' });
    const fresh = await segment('Old', 'identity is anonymous');
    expect(await parseFilter(ctx, { text: 'segment is "Old"' })).toMatchObject({ segment: fresh });
  });

  test('refuses circles, and names them', async () => {
    const c = await segment('C', 'identity is anonymous');
    const b = await segment('B', 'not segment is "C"');
    const a = await segment('A', 'segment is "B" or identity has device');
    expect(await faultOf(change(a, 'segment is "A"'))).toEqual({
      code: 'INVALID_INPUT',
      message: 'Line 1, column 12: Segments cannot refer to each other in a circle: "A" → "A".',
      path: ['filterText'],
      place: { line: 1, column: 12 },
    });
    expect(await faultOf(change(b, 'segment is "A"'))).toMatchObject({
      message: expect.stringContaining(': "B" → "A" → "B".'),
    });
    expect(
      await faultOf(updateSegment(ctx, { id: c, filter: { type: 'all', of: [anonymous, inSegment(a)] } })),
    ).toEqual({
      code: 'INVALID_INPUT',
      message: 'Segments cannot refer to each other in a circle: "C" → "A" → "B" → "C".',
      path: ['filter', 'value'],
      place: undefined,
    });
    expect((await change(a, 'segment is "C" or segment is "B"')).version).toBe(2);
  });

  test('finds the way back among many', async () => {
    const ids = [await segment('S0', 'identity is anonymous')];
    for (let i = 1; i <= 9; i++) ids.push(await segment(`S${i}`, `segment is "S${i - 1}" and segment is "S${i - 1}"`));
    expect(await faultOfText('segment is "S9"', { of: ids[0] })).toMatchObject({
      message: expect.stringContaining(`: "S0" → "S9" → "S8" → `),
    });
  });

  test('has the database read regular expressions, and says which of them it cannot', async () => {
    const matches = (pattern: string) => ({
      filter: 'custom_attribute',
      custom_attribute_name: 'plan',
      comparison: 'matches_regex',
      value: pattern,
    });
    expect(await readFilter(ctx, parseFilterJson({ any: [matches('^pro'), matches('[[:alpha:]]{2}')] }))).toMatchObject(
      {
        of: [{ test: { value: '^pro' } }, { test: { value: '[[:alpha:]]{2}' } }],
      },
    );
    for (const bad of ['[z-a]', 'a{1000}', '[a-\\d]'])
      expect(await faultOfJson({ any: [matches('^pro'), { not: matches(bad) }, matches('x')] })).toMatchObject({
        code: 'INVALID_INPUT',
        message: expect.stringMatching(/^The regular expression cannot be read: (?!the database refuses it).+\.$/),
        path: ['filterJson', 'any', 1, 'not'],
      });
    expect(await faultOfText('identity is anonymous or\n attribute plan does_not_match_regex "[z-a]"')).toMatchObject({
      code: 'INVALID_INPUT',
      place: { line: 2, column: 2 },
    });
  });

  test('refuses regular expressions that explode before the database sees them', async () => {
    for (const pattern of ['(a{255}){255}', '((a?){30}){30}', '(a)\\\\1', '(?=a)b', 'x'.repeat(257)]) {
      statements.take();
      const { code, place } = await faultOfText(`not attribute plan matches_regex "${pattern}"`);
      expect([code, place]).toEqual(['INVALID_INPUT', { line: 1, column: 5 }]);
      expect(statements.take()).toEqual([]);
    }
  });

  test('lets no regular expression through that the database cannot answer for', async () => {
    const atoms = fc.constantFrom(
      'a',
      '\\w',
      '\\d',
      '.',
      '[ab]',
      '[^a]',
      '[[:alpha:]]',
      'é',
      '\\y',
      '^',
      '$',
      '[b-a]',
      'x{300}',
    );
    const quantifiers = fc.constantFrom('', '', '*', '+', '??', '{2}', '{0,20}', '{1,}', '{100}', '{255}', '{0,100}');
    const { pattern } = fc.letrec<{ pattern: string; piece: string; group: string }>((tie) => ({
      pattern: fc.oneof(
        fc.array(tie('piece'), { minLength: 1, maxLength: 4 }).map((pieces) => pieces.join('')),
        fc.array(tie('piece'), { minLength: 2, maxLength: 3 }).map((pieces) => pieces.join('|')),
      ),
      piece: fc.tuple(fc.oneof({ maxDepth: 4 }, atoms, tie('group')), quantifiers).map((parts) => parts.join('')),
      group: tie('pattern').map((inside) => `(${inside})`),
    }));
    const outcomes = new Set<string>();
    await fc.assert(
      fc.asyncProperty(pattern, async (value) => {
        const draft: FilterDraft = { type: 'attribute', name: 'a', test: { comparison: 'matches_regex', value } };
        const outcome = await readFilter(ctx, draft).then(
          (filter) => filter.type,
          (error: unknown) => (error instanceof DomainError ? error.code : Promise.reject(error)),
        );
        expect(['attribute', 'INVALID_INPUT']).toContain(outcome);
        outcomes.add(outcome);
      }),
      { numRuns: 200 },
    );
    expect(outcomes.size).toBe(2);
  });

  test('leaves the transaction around it usable', async () => {
    const name = await inTransaction(ctx, async (tx) => {
      const draft = parseFilterText('attribute plan matches_regex "[z-a]"');
      expect(await faultOf(readFilter(tx, draft))).toMatchObject({ code: 'INVALID_INPUT' });
      return (await nameCohort(tx, { partner: 'amplitude', partnerCohortId: '1', name: 'Afterwards' })).name;
    });
    expect(name).toBe('Afterwards');
  });

  test('costs the same statements for one part as for many', async () => {
    for (const partner of ['amplitude', 'mixpanel', 'census']) await cohort('A', 'a', partner);
    await segment('S', 'identity is anonymous');
    const part = (i: number) =>
      `${['amplitude', 'mixpanel', 'census'][i % 3]}_cohorts includes_value "A" and segment is "S" and attribute plan matches_regex "${i}"`;
    const read = async (text: string) => {
      statements.take();
      await parseFilter(ctx, { text });
      return statements.take().length;
    };
    expect(await read(part(0))).toBe(3);
    expect(await read(Array.from({ length: 30 }, (_, i) => part(i)).join(' or '))).toBe(3);
    expect(await read('identity is anonymous')).toBe(0);
  });

  test('keeps to 10,000 bytes of JSON, whatever it was written in', async () => {
    const long = (length: number): FilterDraft => ({
      type: 'attribute',
      name: 'a',
      test: { comparison: 'equals', value: 'ü'.repeat(length) },
    });
    const around = Buffer.byteLength(
      JSON.stringify({ filter: 'custom_attribute', custom_attribute_name: 'a', comparison: 'equals', value: '' }),
    );
    const most = Math.trunc((10_000 - around) / 2);
    expect(await readFilter(ctx, long(most))).toEqual(long(most));
    const tooLong = { code: 'LIMIT_EXCEEDED', path: ['filter'], message: expect.stringMatching(/at most 10000 bytes/) };
    expect(await faultOf(readFilter(ctx, long(most + 1)))).toMatchObject(tooLong);
    const value = { ref: { name: 'No such' }, path: ['filter', 'value'] };
    const many: FilterDraft = {
      type: 'any',
      of: Array.from({ length: 499 }, () => ({
        type: 'cohorts',
        partner: 'amplitude',
        operator: 'includes_any_of',
        values: Array.from({ length: 256 }, () => value),
      })),
    };
    statements.take();
    expect(await faultOf(readFilter(ctx, many))).toMatchObject(tooLong);
    expect(statements.take()).toEqual([]);
  });

  test('makes of groups of one their part, in every spelling', async () => {
    const leaf = { filter: 'identity', operator: 'is', value: 'anonymous' };
    const json = { any: [{ all: [{ not: { any: [leaf] } }] }] };
    expect(await parseFilter(ctx, { json })).toEqual({ type: 'not', of: anonymous });
    expect(await parseFilter(ctx, { json: { all: [{ all: [leaf, leaf] }, leaf] } })).toEqual({
      type: 'all',
      of: [{ type: 'all', of: [anonymous, anonymous] }, anonymous],
    });
    expect(await faultOfJson({ all: [{ any: [] }] })).toMatchObject({
      code: 'INVALID_INPUT',
      path: ['filterJson', 'all', 0],
    });
  });

  test.each([
    ['a bucket beyond the last', 'random_bucket between 0 and 10000', 'Buckets are whole numbers from 0 to 9999.'],
    ['a bucket below the first', 'random_bucket between -1 and 10', 'Buckets are whole numbers from 0 to 9999.'],
    ['half a bucket', 'random_bucket between 0.5 and 10', 'Buckets are whole numbers from 0 to 9999.'],
    [
      'buckets the wrong way round',
      'random_bucket between 10 and 9',
      'Buckets run from the lower one to the higher one: exchange them.',
    ],
    ['days without end', 'created_at less_than_x_days_ago 36501', 'Days are a whole number from 0 to 36500.'],
    ['days below none', 'attribute a greater_than_x_days_ago -1', 'Days are a whole number from 0 to 36500.'],
    ['an attribute without a name', 'attribute "" exists', 'An attribute filter needs the name of an attribute.'],
    [
      'an attribute with too long a name',
      `attribute "${'x'.repeat(256)}" exists`,
      'The name of an attribute has at most 255 characters.',
    ],
    ['an empty label', 'identity has alias ""', 'An alias label must not be empty.'],
  ])('refuses %s', async (_, text, message) => {
    expect(await faultOfText(`not ${text}`)).toEqual({
      code: 'INVALID_INPUT',
      message: `Line 1, column 5: ${message}`,
      path: ['filterText'],
      place: { line: 1, column: 5 },
    });
  });

  test.each([
    ['cohorts', `amplitude_cohorts includes_any_of (${Array.from({ length: 257 }, () => '"A"').join()})`, 1],
    ['parts', Array.from({ length: 380 }, () => 'not segment is"A"').join(' or '), 1],
  ])('keeps to its limits of %s', async (_, text, column) => {
    expect(await faultOfText(text)).toMatchObject({ code: 'LIMIT_EXCEEDED', place: { line: 1, column } });
  });

  test('prints what it reads back as the same, whatever things are called', async () => {
    const names = [...new Set(STRANGE_TEXTS)].filter((name) => name.trim() !== '' && name.length <= 200);
    const cohorts: number[] = [];
    for (const [i, name] of names.entries()) cohorts.push(await cohort(name, `${i}`));
    const shared = [await cohort('Shared', 's1'), await cohort('Shared', 's2')];
    const segments: string[] = [];
    for (const name of ['and', 'عملاء \u202E"\\', '顧客']) segments.push(await segment(name, 'identity is anonymous'));
    const vocabulary = {
      cohorts: { amplitude: [...cohorts, ...shared], mixpanel: [await cohort('and', 'm', 'mixpanel')] },
      segments,
    };
    await fc.assert(
      fc.asyncProperty(fc.array(anyNormalTree(vocabulary), { minLength: 1, maxLength: 3 }), async (filters) => {
        const texts = await printFilters(ctx, filters);
        for (const [i, text] of texts.entries())
          if (Buffer.byteLength(text) <= 10_000) expect(await parseFilter(ctx, { text })).toEqual(filters[i]);
      }),
      { numRuns: 40 },
    );
  });

  test('prints many filters by two statements', async () => {
    const a = await cohort('A');
    const s = await segment('S', 'identity is anonymous');
    const filters: Filter[] = Array.from({ length: 50 }, (_, i) => ({
      type: 'all',
      of: [
        { type: 'cohorts', partner: 'amplitude', operator: 'includes_value', values: [a] },
        { type: 'segment', segment: s },
        { type: 'random_bucket', from: i, to: i },
      ],
    }));
    statements.take();
    expect((await printFilters(ctx, filters))[49]).toBe(
      'amplitude_cohorts includes_value "A" and segment is "S" and random_bucket between 49 and 49',
    );
    expect(statements.take()).toHaveLength(2);
    expect(await printFilters(ctx, [anonymous])).toEqual(['identity is anonymous']);
    expect(statements.take()).toHaveLength(0);
  });
});
