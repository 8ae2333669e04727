import * as audit from './audit/audit.ts';
import { bind } from './bind.ts';
import * as cohorts from './cohorts/cohorts.ts';
import type { Actor, Ctx } from './context.ts';
import * as batches from './history/batches.ts';
import * as forecasts from './history/forecast.ts';
import * as pastMembers from './history/members.ts';
import * as retention from './history/retention.ts';
import * as reversal from './history/reversal.ts';
import * as sizes from './history/sizes.ts';
import * as syncs from './history/syncs.ts';
import * as jobs from './jobs/jobs.ts';
import * as keys from './keys/keys.ts';
import * as pulls from './pulls/pulls.ts';
import * as changes from './segments/changes.ts';
import * as explanations from './segments/explain.ts';
import * as memberExports from './segments/export-members.ts';
import * as filters from './segments/filters.ts';
import * as members from './segments/members.ts';
import * as segmentSizes from './segments/segment-sizes.ts';
import * as segments from './segments/segments.ts';
import * as versions from './segments/versions.ts';
import * as usage from './usage/usage.ts';
import * as attributeIndexes from './users/attribute-indexes.ts';
import * as attributeNames from './users/attribute-names.ts';
import * as identities from './users/identities.ts';
import * as pending from './users/pending.ts';
import * as users from './users/users.ts';
import * as workspaces from './workspaces/workspaces.ts';

/** The verbs of the product, for one workspace. */
export function bindDomain(ctx: Ctx) {
  return {
    workspaceId: ctx.workspaceId,
    audit: bind(ctx, audit),
    workspaces: bind(ctx, workspaces),
    keys: bind(ctx, keys),
    users: bind(ctx, users),
    identities: bind(ctx, identities),
    pending: bind(ctx, pending),
    attributes: { ...bind(ctx, attributeIndexes), ...bind(ctx, attributeNames) },
    usage: bind(ctx, usage),
    cohorts: bind(ctx, cohorts),
    history: {
      ...bind(ctx, batches),
      ...bind(ctx, syncs),
      ...bind(ctx, sizes),
      ...bind(ctx, pastMembers),
      ...bind(ctx, reversal),
      ...bind(ctx, retention),
    },
    pulls: bind(ctx, pulls),
    segments: {
      ...bind(ctx, segments),
      ...bind(ctx, changes),
      ...bind(ctx, versions),
      ...bind(ctx, segmentSizes),
    },
    filters: bind(ctx, filters),
    members: { ...bind(ctx, members), ...bind(ctx, memberExports) },
    explanations: bind(ctx, explanations),
    forecasts: bind(ctx, forecasts),
    jobs: bind(ctx, jobs),
  };
}

export type Domain = ReturnType<typeof bindDomain>;

/** The product over one database: `in(workspaceId)` gives its verbs for a workspace, as somebody where it says who. */
export interface Domains {
  in(workspaceId: number, actor?: Actor): Domain;
}

const LIBRARY: Actor = { kind: 'library', id: null, name: null };

export function createDomains(home: Omit<Ctx, 'workspaceId' | 'inTransaction' | 'actor'>): Domains {
  const bound = new Map<number, Domain>();
  const bindTo = (workspaceId: number, actor: Actor) =>
    bindDomain({ ...home, workspaceId, actor, inTransaction: false });
  return {
    in(workspaceId, actor) {
      if (actor) return bindTo(workspaceId, actor);
      let domain = bound.get(workspaceId);
      if (!domain) {
        domain = bindTo(workspaceId, LIBRARY);
        // A secret names its workspace, so anybody may make one up: bindings of unknown workspaces must not pile up.
        if (bound.size > 1_000) bound.clear();
        bound.set(workspaceId, domain);
      }
      return domain;
    },
  };
}
