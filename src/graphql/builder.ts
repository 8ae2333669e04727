import SchemaBuilder from '@pothos/core';
import ErrorsPlugin from '@pothos/plugin-errors';
import RelayPlugin from '@pothos/plugin-relay';
import ScopeAuthPlugin from '@pothos/plugin-scope-auth';
import { DateResolver, DateTimeResolver, JSONResolver, SafeIntResolver } from 'graphql-scalars';
import { fail } from '../domain/errors.ts';
import type { Scope } from '../domain/keys/scopes.ts';
import type { RequestContext } from './context.ts';
import { MAX_NODES } from './limits.ts';
import { decodeNodeId } from './node-id.ts';

/** The schema builder: plugins, scalars, defaults. Defines no types of its own. */
export const builder = new SchemaBuilder<{
  Context: RequestContext;
  DefaultFieldNullability: false;
  AuthScopes: { scope: Scope };
  Scalars: {
    Date: { Input: Date; Output: Date | string };
    DateTime: { Input: Date; Output: Date | string };
    JSON: { Input: unknown; Output: unknown };
    SafeInt: { Input: number; Output: number };
    ID: { Input: string; Output: string | number };
  };
}>({
  // Errors come first: what the others refuse is then a typed result as well.
  plugins: [ErrorsPlugin, ScopeAuthPlugin, RelayPlugin],
  defaultFieldNullability: false,
  errors: { defaultTypes: [] },
  relay: {
    decodeGlobalID: decodeNodeId,
    idFieldOptions: { description: 'Unique among all things of all workspaces; opaque.' },
    nodeTypeOptions: { description: 'A thing with an id.' },
    nodeQueryOptions: {
      description: 'The thing with this id; null where this workspace has none.',
      args: { id: { description: 'The id.' } },
    },
    nodesQueryOptions: {
      description: `The things with these ids, in order; null where this workspace has none. Errors: LIMIT_EXCEEDED.`,
      args: { ids: { description: `The ids, at most ${MAX_NODES}.` } },
      resolve: (_, { ids }, __, ___, resolveNodes) => {
        if (ids.length > MAX_NODES)
          throw fail('LIMIT_EXCEEDED', `One call takes at most ${MAX_NODES} ids.`, { path: ['ids'] });
        return resolveNodes(ids);
      },
    },
  },
  scopeAuth: {
    authScopes: ({ scopes }) => ({ scope: (scope: Scope) => scopes.has(scope) }),
    unauthorizedError: () => fail('FORBIDDEN', 'The API key lacks the scope that this needs.'),
  },
});

/**
 * Whoever changed a thing is shown it in the answer, also without the scope to read it elsewhere: refusing the answer would say that the
 * change failed, and it did not.
 */
export const WRITTEN = 'written';

builder.addScalarType('Date', DateResolver);
builder.addScalarType('DateTime', DateTimeResolver);
builder.addScalarType('JSON', JSONResolver);
builder.addScalarType('SafeInt', SafeIntResolver);
builder.queryType({ description: 'Every question.' });
builder.mutationType({
  description: 'Every change. Expected failures are members of the result unions; nothing is half applied.',
});
