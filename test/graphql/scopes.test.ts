import {
  type GraphQLField,
  type GraphQLInputType,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isRequiredArgument,
  isRequiredInputField,
  isUnionType,
} from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SCOPES, type Scope } from '../../src/domain/keys/scopes.ts';
import { schema } from '../../src/graphql/schema.ts';
import { openTestApp, type TestApp, type TestWorkspace } from '../support/app.ts';
import { type Answer, codeOf } from '../support/graphql.ts';
import { seedCohort, seedIdentified } from '../support/seed.ts';

/** What each root field needs. A field that is not here needs nothing, or what it returns does. */
const NEEDS: Readonly<Record<string, Scope>> = {
  apiKeys: 'keys:manage',
  dataImportKeys: 'keys:manage',
  cohort: 'cohorts:read',
  cohorts: 'cohorts:read',
  everyone: 'users:read',
  user: 'users:read',
  users: 'users:read',
  segment: 'segments:read',
  segments: 'segments:read',
  membership: 'segments:read',
  previewSegment: 'segments:read',
  parseFilter: 'segments:read',
  createApiKey: 'keys:manage',
  revokeApiKey: 'keys:manage',
  rotateApiKey: 'keys:manage',
  generateDataImportKey: 'keys:manage',
  invalidateDataImportKey: 'keys:manage',
  rotateDataImportKey: 'keys:manage',
  usage: 'cohorts:read',
  upsertUsers: 'users:write',
  applyCohortChanges: 'cohorts:write',
  updateCohort: 'cohorts:write',
  pullCohort: 'cohorts:write',
  undoBatch: 'cohorts:write',
  replayBatch: 'cohorts:write',
  createSegment: 'segments:write',
  updateSegment: 'segments:write',
  archiveSegment: 'segments:write',
  restoreSegment: 'segments:write',
  rollbackSegment: 'segments:write',
  duplicateSegment: 'segments:write',
  auditLog: 'keys:manage',
};
/** Answer anybody who has a key: nothing below them does. */
const OPEN = ['node', 'nodes', 'partner', 'workspace'];

const SMALLEST: Readonly<Record<string, string>> = { Int: '1', Float: '1', Boolean: 'true', Date: '"2026-02-28"' };

/** The smallest value that fits an input. */
function smallest(type: GraphQLInputType): string {
  if (isNonNullType(type)) return smallest(type.ofType);
  if (isListType(type)) return '[]';
  if (isEnumType(type)) return type.getValues()[0]?.name ?? '';
  if (!isInputObjectType(type)) return SMALLEST[type.name] ?? '"x"';
  const fields = Object.values(type.getFields());
  const given = type.isOneOf ? fields.slice(0, 1) : fields.filter(isRequiredInputField);
  return `{ ${given.map((field) => `${field.name}: ${smallest(field.type)}`).join(', ')} }`;
}

function question(kind: 'query' | 'mutation', field: GraphQLField<unknown, unknown>): string {
  const given = field.args.filter(isRequiredArgument).map((argument) => `${argument.name}: ${smallest(argument.type)}`);
  const result = isUnionType(getNamedType(field.type)) ? '{ __typename ... on Error { code } }' : '{ __typename }';
  return `${kind} { it: ${field.name}${given.length > 0 ? `(${given.join(', ')})` : ''} ${result} }`;
}

const rootFields = (['query', 'mutation'] as const).flatMap((kind) => {
  const type = kind === 'query' ? schema.getQueryType() : schema.getMutationType();
  return Object.values(type?.getFields() ?? {}).map((field) => ({
    kind,
    name: field.name,
    ask: question(kind, field),
  }));
});

/** Refused for want of a scope: typed where there is a result union, a code elsewhere. */
function isForbidden(answer: Answer<unknown>): boolean {
  const it = (answer.data as { it?: { __typename?: string; code?: string } | null } | null | undefined)?.it;
  return it?.__typename === 'ForbiddenError' ? it.code === 'FORBIDDEN' : codeOf(answer) === 'FORBIDDEN';
}

describe('scopes', () => {
  let app: TestApp;
  let ws: TestWorkspace;
  beforeAll(async () => {
    app = await openTestApp('pglite');
    ws = await app.workspace();
    await seedIdentified(ws.ctx, 'ada');
    await seedCohort(ws.ctx, 'amp', { externalIds: ['ada'] });
  });
  afterAll(() => app.close());

  test.each(rootFields.filter(({ name }) => !OPEN.includes(name)))(
    '$kind $name needs one scope, and no other will do',
    async ({ name, ask }) => {
      const enough: Scope[] = [];
      for (const scope of SCOPES) if (!isForbidden(await ws.askWith([scope])(ask))) enough.push(scope);
      expect(enough).toEqual([NEEDS[name] ?? expect.stringMatching(/:(read|write|manage)$/)]);
      expect(isForbidden(await ws.askWith([])(ask))).toBe(true);
      expect(isForbidden(await ws.askWith(SCOPES.filter((scope) => scope !== enough[0]))(ask))).toBe(true);
    },
  );

  test('a mutation refused for want of a scope is typed, and has done nothing', async () => {
    const input = { name: 'S', filter: { amplitudeCohorts: { includesValue: { name: 'amp' } } } };
    const query = `mutation ($input: CreateSegmentInput!) { createSegment(input: $input) {
      ... on ForbiddenError { __typename code message path } } }`;
    expect(await ws.askWith(['segments:read', 'users:write'])(query, { input })).toEqual({
      data: {
        createSegment: {
          __typename: 'ForbiddenError',
          code: 'FORBIDDEN',
          message: 'The API key lacks the scope that this needs.',
          path: null,
        },
      },
    });
    expect(await ws.domain.segments.countSegments({})).toBe(0);
  });

  const nested: readonly (readonly [string, Scope, readonly Scope[], string])[] = [
    ['Partner.cohorts', 'cohorts:read', [], '{ partner(name: "amplitude") { cohorts { totalCount } } }'],
    ['Partner.dataImportKeys', 'keys:manage', [], '{ partner(name: "amplitude") { dataImportKeys { totalCount } } }'],
    ['Cohort.users', 'users:read', ['cohorts:read'], '{ cohort(by: { name: "amp" }) { users { totalCount } } }'],
    [
      'Cohort.segments',
      'segments:read',
      ['cohorts:read'],
      '{ cohort(by: { name: "amp" }) { segments { totalCount } } }',
    ],
    ['Workspace.budget', 'cohorts:read', [], '{ workspace { budget { used } } }'],
    ['Workspace.batches', 'cohorts:read', [], '{ workspace { batches { totalCount } } }'],
    ['Partner.batches', 'cohorts:read', [], '{ partner(name: "amplitude") { batches { totalCount } } }'],
    [
      'Batch.addedUsers',
      'users:read',
      ['cohorts:read'],
      '{ workspace { batches { nodes { addedUsers { totalCount } } } } }',
    ],
    [
      'Batch.removedUsers',
      'users:read',
      ['cohorts:read'],
      '{ workspace { batches { nodes { removedUsers { totalCount } } } } }',
    ],
    ['Cohort.members', 'users:read', ['cohorts:read'], '{ cohort(by: { name: "amp" }) { members { totalCount } } }'],
    ['User.cohorts', 'cohorts:read', ['users:read'], '{ user(by: { externalId: "ada" }) { cohorts { totalCount } } }'],
    ['User.segments', 'segments:read', ['users:read'], '{ user(by: { externalId: "ada" }) { segments { name } } }'],
    ['Segment.users', 'users:read', ['segments:read'], '{ segment(by: { name: "S" }) { users { totalCount } } }'],
    [
      'PartnerCohortsFilter.cohorts',
      'cohorts:read',
      ['segments:read'],
      '{ segment(by: { name: "S" }) { filter { ... on PartnerCohortsFilter { cohorts { name } } } } }',
    ],
    [
      'SegmentPreview.users',
      'users:read',
      ['segments:read'],
      '{ previewSegment(filter: { amplitudeCohorts: { includesValue: { name: "amp" } } }) { ... on SegmentPreview { users { totalCount } } } }',
    ],
    [
      'Membership.user',
      'users:read',
      ['segments:read'],
      '{ membership(users: [{ externalId: "ada" }], segments: []) { ... on MembershipSuccess { memberships { user { id } } } } }',
    ],
  ];
  test.each(nested)('%s needs %s', async (_, scope, others, query) => {
    const [found] = await ws.domain.segments.findSegments([{ name: 'S' }]);
    const ref = { partnerCohort: { partner: 'amplitude', cohortId: 'amp' } };
    if (!found)
      await ws.domain.segments.createSegment({
        name: 'S',
        filter: { type: 'cohorts', partner: 'amplitude', operator: 'includes_value', values: [{ ref, path: [] }] },
      });
    expect(codeOf(await ws.askWith([...others, scope])(query))).toBeNull();
    expect(codeOf(await ws.askWith(SCOPES.filter((s) => s !== scope))(query))).toBe('FORBIDDEN');
  });

  test('a node shows itself only to who may read its kind', async () => {
    const { data } = (await ws.ask(
      '{ user(by: { externalId: "ada" }) { id } cohort(by: { name: "amp" }) { id } }',
    )) as {
      data: Record<'user' | 'cohort', { id: string }>;
    };
    const { key } = await ws.domain.keys.createApiKey({ name: 'k', scopes: ['users:read'] });
    const apiKey = Buffer.from(`ApiKey:${key.id}`).toString('base64');
    const cases: [string, Scope][] = [
      [data.user.id, 'users:read'],
      [data.cohort.id, 'cohorts:read'],
      [apiKey, 'keys:manage'],
    ];
    for (const [id, scope] of cases) {
      const query = 'query ($id: ID!) { node(id: $id) { id } }';
      expect(await ws.askWith([scope])(query, { id })).toEqual({ data: { node: { id } } });
      const refused = await ws.askWith(SCOPES.filter((s) => s !== scope))(query, { id });
      expect(refused).toMatchObject({
        data: { node: null },
        errors: [{ path: ['node', 'id'], extensions: { code: 'FORBIDDEN' } }],
      });
    }
  });

  test('who changed a thing sees it in the answer, and neither what is below it nor the thing elsewhere', async () => {
    const segments = ws.askWith(['segments:write']);
    const create = (of: string) => `mutation ($name: String!) { createSegment(input: { name: $name
      filter: { amplitudeCohorts: { includesValue: { name: "amp" } } } }) { ... on CreateSegmentSuccess { segment { ${of} } } } }`;
    expect(await segments(create('name size'), { name: 'Mine' })).toEqual({
      data: { createSegment: { segment: { name: 'Mine', size: 1 } } },
    });
    const below = [
      'users { totalCount }',
      'versions { totalCount }',
      'history { totalCount }',
      'usedBy { __typename }',
      'sizeHistory(from: "2026-01-01T00:00:00Z") { size }',
    ];
    for (const of of below)
      expect(codeOf(await segments(create(of), { name: `Other ${of.length}` }))).toBe('FORBIDDEN');
    expect(codeOf(await segments('{ segment(by: { name: "Mine" }) { name } }'))).toBe('FORBIDDEN');
    const apply = `mutation { applyCohortChanges(input: { cohort: { partnerCohort: { partner: "amplitude", cohortId: "mine" } }
      changes: [{ externalIds: ["ada"] }] }) { ... on ApplyCohortChangesSuccess { added cohort { name size } } } }`;
    expect(await ws.askWith(['cohorts:write'])(apply)).toEqual({
      data: { applyCohortChanges: { added: 1, cohort: { name: 'mine', size: 1 } } },
    });
    const upsert =
      'mutation { upsertUsers(input: { users: [{ externalId: "mine" }] }) { ... on UpsertUsersSuccess { created users { externalId } } } }';
    expect(await ws.askWith(['users:write'])(upsert)).toEqual({
      data: { upsertUsers: { created: 1, users: [{ externalId: 'mine' }] } },
    });
  });

  test('whoever the host lets in without saying more has every scope of the first workspace', async () => {
    const open = await openTestApp('pglite', { authenticate: () => ({}) });
    try {
      const response = await open.muster.fetch(
        new Request('http://muster.test/graphql?query={apiKeys{totalCount}workspace{name}}'),
      );
      expect(await response.json()).toEqual({ data: { apiKeys: { totalCount: 0 }, workspace: { name: 'default' } } });
    } finally {
      await open.close();
    }
  });
});
