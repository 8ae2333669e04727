import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openTestApp, type TestApp, type TestWorkspace } from '../support/app.ts';
import { fakeClock } from '../support/context.ts';
import { DATABASES } from '../support/database.ts';
import {
  ApplyChangesDocument,
  type ApplyCohortChangesInput,
  CohortByDocument,
  type CohortRef,
  CohortsDocument,
  type CohortsQueryVariables,
} from '../support/gql/graphql.ts';
import { codeOf, dataOf, successOf } from '../support/graphql.ts';
import { ledgerOf } from '../support/members.ts';
import { adds, removes, seedIdentified, seedUsers, send } from '../support/seed.ts';

describe.each(DATABASES)('cohorts on %s', (kind) => {
  const clock = fakeClock();
  let app: TestApp;
  let ws: TestWorkspace;
  beforeAll(async () => {
    app = await openTestApp(kind, { now: clock.now });
  });
  afterAll(() => app.close());
  beforeEach(async () => {
    ws = await app.workspace();
  });

  const list = async (variables: CohortsQueryVariables) => dataOf(await ws.ask(CohortsDocument, variables)).cohorts;
  const names = async (variables: CohortsQueryVariables) => (await list(variables)).edges.map(({ node }) => node.name);
  const cohortBy = async (by: CohortRef) => dataOf(await ws.ask(CohortByDocument, { by })).cohort;
  const apply = async (input: ApplyCohortChangesInput) =>
    dataOf(await ws.ask(ApplyChangesDocument, { input })).applyCohortChanges;
  const name = (partnerCohortId: string, called: string, partner = 'amplitude') =>
    ws.domain.cohorts.nameCohort({ partner, partnerCohortId, name: called });

  test('a cohort is found by id, by its partner’s id and by name', async () => {
    await name('amp-1', 'Buyers');
    const cohort = await cohortBy({ name: 'Buyers' });
    expect(cohort).toMatchObject({
      partner: 'amplitude',
      partnerCohortId: 'amp-1',
      name: 'Buyers',
      isNamed: true,
      size: 0,
    });
    expect(cohort).toMatchObject({ createdAt: clock.now().toISOString(), lastReceivedAt: null, lastChangedAt: null });
    expect(await cohortBy({ id: cohort?.id ?? '' })).toEqual(cohort);
    expect(await cohortBy({ partnerCohort: { partner: 'amplitude', cohortId: 'amp-1' } })).toEqual(cohort);
    expect(await cohortBy({ partnerCohort: { partner: 'mixpanel', cohortId: 'amp-1' } })).toBeNull();
    expect(await cohortBy({ name: 'buyers' })).toBeNull();
  });

  test('a name that several cohorts have is ambiguous, and spoils nothing beside it', async () => {
    await name('1', 'Same');
    await name('2', 'Same', 'mixpanel');
    await name('3', 'Other');
    const answer = await ws.ask(
      '{ a: cohort(by: { name: "Same" }) { id } b: cohort(by: { name: "Other" }) { partnerCohortId } }',
    );
    expect(answer).toMatchObject({
      data: { a: null, b: { partnerCohortId: '3' } },
      errors: [{ path: ['a'], extensions: { code: 'AMBIGUOUS', inputPath: ['by', 'name'] } }],
    });
  });

  test('size, the last request and the last change are exact', async () => {
    await seedIdentified(ws.ctx, 'a', 'b', 'c');
    await send(ws.ctx, 'amp', adds({ externalIds: ['a', 'b', 'c'] }));
    clock.advance(60_000);
    await send(ws.ctx, 'amp', removes({ externalIds: ['c'] }));
    const changed = clock.now().toISOString();
    clock.advance(60_000);
    await send(ws.ctx, 'amp', adds({ externalIds: ['a'] }));
    const by = { partnerCohort: { partner: 'amplitude', cohortId: 'amp' } };
    expect(await cohortBy(by)).toMatchObject({
      name: 'amp',
      isNamed: false,
      size: 2,
      lastChangedAt: changed,
      lastReceivedAt: clock.now().toISOString(),
    });
  });

  test('the list runs by name or by time, either way, and is paged in both directions', async () => {
    for (const [i, called] of ['b', 'a', 'd', 'c', 'e'].entries()) {
      clock.advance(1000);
      await name(`${i}`, called);
    }
    expect(await names({})).toEqual(['a', 'b', 'c', 'd', 'e']);
    for (const [field, order] of [
      ['NAME', 'abcde'],
      ['CREATED_AT', 'badce'],
    ] as const)
      for (const direction of ['ASC', 'DESC'] as const) {
        const right = direction === 'ASC' ? [...order] : [...order].reverse();
        const orderBy = { field, direction };
        expect(await names({ orderBy })).toEqual(right);
        const first = await list({ orderBy, first: 2 });
        expect(first).toMatchObject({ totalCount: 5, pageInfo: { hasNextPage: true, hasPreviousPage: false } });
        const second = await list({ orderBy, first: 2, after: first.pageInfo.endCursor });
        expect(second.edges.map(({ node }) => node.name)).toEqual(right.slice(2, 4));
        const third = await list({ orderBy, first: 2, after: second.pageInfo.endCursor });
        expect(third).toMatchObject({ totalCount: 5, pageInfo: { hasNextPage: false, hasPreviousPage: true } });
        const back = await list({ orderBy, last: 3, before: third.pageInfo.startCursor });
        expect(back.edges.map(({ node }) => node.name)).toEqual(right.slice(1, 4));
        expect(back.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: true });
        expect((await list({ orderBy, last: 2 })).edges.map(({ node }) => node.name)).toEqual(right.slice(3));
      }
  });

  test('cohorts of one name, made in one moment, are all paged', async () => {
    for (let i = 0; i < 5; i++) await name(`${i}`, 'same');
    for (const field of ['NAME', 'CREATED_AT'] as const) {
      const seen: string[] = [];
      for (let after: string | null = null, more = true; more; ) {
        const page = await list({ first: 2, after, orderBy: { field, direction: 'DESC' } });
        seen.push(...page.edges.map(({ node }) => node.id));
        [after, more] = [page.pageInfo.endCursor, page.pageInfo.hasNextPage];
      }
      expect(new Set(seen).size).toBe(5);
      expect(seen).toHaveLength(5);
    }
  });

  test('a page of none says whether more follow', async () => {
    await name('1', 'a');
    expect(await list({ first: 0 })).toMatchObject({
      totalCount: 1,
      edges: [],
      pageInfo: { hasNextPage: true, endCursor: null },
    });
  });

  test('the list is searched in names and partner ids, in any case, literally, and by partner', async () => {
    await name('amp-%', 'Fifty%');
    await name('amp_1', 'Under_score');
    await name('AMP-2', 'Plain', 'mixpanel');
    expect(await names({ search: 'amp' })).toEqual(['Fifty%', 'Plain', 'Under_score']);
    expect(await names({ search: 'FIFTY' })).toEqual(['Fifty%']);
    expect(await names({ search: '%' })).toEqual(['Fifty%']);
    expect(await names({ search: '_' })).toEqual(['Under_score']);
    expect(await names({ search: '\\' })).toEqual([]);
    expect(await names({ search: ' ' })).toHaveLength(3);
    expect(await names({ search: 'amp', partner: 'mixpanel' })).toEqual(['Plain']);
    expect((await list({ search: 'amp', first: 1 })).totalCount).toBe(3);
    expect(await names({ partner: 'census' })).toEqual([]);
  });

  test('a cursor fits the list it came from, and no other', async () => {
    for (const called of ['a', 'b']) await name(called, called);
    const { pageInfo } = await list({ first: 1 });
    const others: CohortsQueryVariables[] = [
      { after: pageInfo.endCursor, search: 'b' },
      { after: pageInfo.endCursor, partner: 'amplitude' },
      { after: pageInfo.endCursor, orderBy: { field: 'NAME', direction: 'DESC' } },
      { after: pageInfo.endCursor, orderBy: { field: 'CREATED_AT', direction: 'ASC' } },
    ];
    for (const other of others) expect(codeOf(await ws.ask(CohortsDocument, other))).toBe('INVALID_CURSOR');
    expect(await names({ after: pageInfo.endCursor, first: 2 })).toEqual(['b']);
  });

  test('a partner has its endpoints and its own cohorts', async () => {
    await name('1', 'mine', 'mixpanel');
    await name('2', 'other');
    const answer = await ws.ask(
      '{ partner(name: "mixpanel") { name endpoints { method path } cohorts { totalCount nodes { name } } } }',
    );
    expect(answer).toEqual({
      data: {
        partner: {
          name: 'mixpanel',
          endpoints: expect.arrayContaining([
            { method: 'POST', path: '/partners/mixpanel/cohorts' },
            { method: 'POST', path: '/partners/mixpanel/mixpanel/{key}' },
          ]),
          cohorts: { totalCount: 1, nodes: [{ name: 'mine' }] },
        },
      },
    });
  });

  test('a cohort knows its members, who is one, and which live segments mention it', async () => {
    await seedUsers(ws.ctx, { externalId: 'in' }, { externalId: 'out' }, { deviceIds: ['device'] });
    await send(ws.ctx, 'amp', adds({ externalIds: ['in'], deviceIds: ['device'] }));
    const ref = { partnerCohort: { partner: 'amplitude', cohortId: 'amp' } };
    const leaf = {
      type: 'cohorts' as const,
      partner: 'amplitude',
      operator: 'includes_value' as const,
      values: [{ ref, path: [] }],
    };
    for (const called of ['b', 'a', 'gone'])
      await ws.domain.segments.createSegment({ name: called, filter: { type: 'not', of: leaf } });
    const [gone] = await ws.domain.segments.findSegments([{ name: 'gone' }]);
    await ws.domain.segments.archiveSegment({ id: gone?.id ?? '' });
    const answer = await ws.ask(`{ cohort(by: { name: "amp" }) {
      users { totalCount nodes { externalId deviceIds } }
      yes: includes(user: { deviceId: "device" }) no: includes(user: { externalId: "out" }) nobody: includes(user: { externalId: "?" })
      segments(first: 1) { totalCount nodes { name } pageInfo { hasNextPage } } } }`);
    expect(answer).toEqual({
      data: {
        cohort: {
          users: {
            totalCount: 2,
            nodes: [
              { externalId: 'in', deviceIds: [] },
              { externalId: null, deviceIds: ['device'] },
            ],
          },
          yes: true,
          no: false,
          nobody: false,
          segments: { totalCount: 2, nodes: [{ name: 'a' }], pageInfo: { hasNextPage: true } },
        },
      },
    });
  });

  test('changes are applied as on the wire, and the outcome is accounted for', async () => {
    await seedUsers(ws.ctx, { externalId: 'a', deviceIds: ['of-a'] }, { externalId: 'b' });
    await send(ws.ctx, 'amp', adds({ externalIds: ['b'] }));
    const done = successOf(
      await apply({
        cohort: { partnerCohort: { partner: 'amplitude', cohortId: 'amp' } },
        name: 'Named here',
        changes: [
          { externalIds: ['a', 'b', 'unknown'], deviceIds: ['of-a'] },
          { externalIds: ['b'], aliases: [{ label: 'x', name: 'y' }], remove: true },
        ],
      }),
    );
    expect(done).toMatchObject({
      cohort: { name: 'Named here', isNamed: true, size: 1 },
      received: 6,
      matched: 3,
      added: 1,
      removed: 1,
      unchanged: 0,
      unmatched: 3,
      held: 1,
      ignored: 2,
      reasons: { unknown_external_id: 1, device_of_identified_user: 1, unknown_alias: 1 },
    });
    const again = successOf(await apply({ cohort: { name: 'Named here' }, changes: [{ externalIds: ['a'] }] }));
    expect(again).toMatchObject({ added: 0, removed: 0, unchanged: 1 });
  });

  test('changes to a cohort nobody knows by that name or id are refused; its partner’s id makes one', async () => {
    const changes = [{ externalIds: ['a'] }];
    const none = { __typename: 'NotFoundError', code: 'NOT_FOUND', path: ['cohort'] };
    expect(await apply({ cohort: { name: 'none' }, changes })).toMatchObject(none);
    expect(await apply({ cohort: { id: 'none' }, changes })).toMatchObject(none);
    const partnerCohort = { partner: 'amplitude', cohortId: 'new' };
    expect(await apply({ cohort: { partnerCohort }, changes: [] })).toMatchObject(none);
    expect((await list({})).totalCount).toBe(0);
    expect(successOf(await apply({ cohort: { partnerCohort }, changes }))).toMatchObject({
      held: 1,
      cohort: { name: 'new' },
    });
    await name('1', 'Same');
    await name('2', 'Same');
    const ambiguous = { code: 'AMBIGUOUS', path: ['cohort', 'name'] };
    expect(await apply({ cohort: { name: 'Same' }, changes })).toMatchObject(ambiguous);
  });

  test('10,000 identifiers fit into one call and one more does not', async () => {
    const many = Array.from({ length: 5_000 }, (_, i) => `u${i}`);
    const cohort = { partnerCohort: { partner: 'amplitude', cohortId: 'amp' } };
    const over = {
      cohort,
      changes: [{ externalIds: many, deviceIds: many }, { aliases: [{ label: 'l', name: 'n' }] }],
    };
    expect(await apply(over)).toMatchObject({ code: 'LIMIT_EXCEEDED', path: ['changes'] });
    expect((await list({})).totalCount).toBe(0);
    expect(successOf(await apply({ cohort, changes: [{ externalIds: many, deviceIds: many }] }))).toMatchObject({
      received: 10_000,
    });
  });

  test('the ledger knows which API key sent a change', async () => {
    const { key, secret } = await ws.domain.keys.createApiKey({ name: 'k', scopes: ['cohorts:write', 'cohorts:read'] });
    const response = await app.muster.fetch(
      new Request('http://muster.test/graphql', {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${secret}` },
        body: JSON.stringify({
          query: ApplyChangesDocument.toString(),
          variables: {
            input: {
              cohort: { partnerCohort: { partner: 'amplitude', cohortId: 'c' } },
              changes: [{ externalIds: ['a'] }],
            },
          },
        }),
      }),
    );
    expect(response.status).toBe(200);
    expect(await ledgerOf(ws.ctx, 1)).toMatchObject([{ dialect: 'graphql', key_id: key.id }]);
  });
});
