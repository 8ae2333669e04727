import type { Ctx } from '../context.ts';
import { fail, type Path } from '../errors.ts';
import type { UserRef } from '../users/identity.ts';
import { findUserIds } from '../users/resolve.ts';
import type { User } from '../users/user.ts';
import { usersByIds } from '../users/users.ts';
import { setsAmong } from './evaluate.ts';
import { expand, loadWithAll } from './expand.ts';
import type { ExplainedNode, Explanation, NamedBy, Provenance } from './explanation.ts';
import { factsAmong } from './fact-sources.ts';
import { cohortsOf, type Filter } from './filter.ts';
import { asked, factKey, type Known, matches } from './matches.ts';
import { type Trace, traceUser } from './provenance.ts';
import { segmentsByIds } from './segments.ts';

/**
 * Why a user is in a segment, or not: every part of its filter with a verdict, and for each cohort how the user came to be in it or out of
 * it. `asOf` asks about a moment within the ledger's memory: cohorts are answered as they were then, everything else as it is now, which
 * is said. Errors: NOT_FOUND (no such user or segment), INVALID_INPUT (a moment to come).
 */
export async function explainMembership(
  ctx: Ctx,
  input: { readonly user: UserRef; readonly segmentId: string; readonly asOf?: Date | null | undefined },
): Promise<Explanation> {
  const asOf = input.asOf ?? null;
  if (asOf && asOf > ctx.now())
    throw fail('INVALID_INPUT', 'That moment is still to come: ask about one that has passed.', { path: ['asOf'] });
  const [[userId], segments] = await Promise.all([
    findUserIds(ctx, [input.user]),
    segmentsByIds(ctx, [input.segmentId]),
  ]);
  if (!userId) throw fail('NOT_FOUND', 'There is no such user in this workspace.', { path: ['user'] });
  const segment = segments.get(input.segmentId);
  if (!segment) throw fail('NOT_FOUND', 'There is no such segment in this workspace.', { path: ['segment'] });
  const nested = await loadWithAll(ctx, [segment.id]);
  const whole = expand(segment.filter, nested);
  const cohortIds = cohortsOf(whole);
  const { sets, facts } = asked([whole]);
  const [inSets, holding, traces, users] = await Promise.all([
    setsAmong(ctx, [userId], sets),
    factsAmong(ctx, [userId], facts),
    traceUser(ctx, { userId, cohortIds, asOf }),
    usersByIds(ctx, [userId]),
  ]);
  const isIn = (set: number) => {
    const then = asOf && set > 0 ? traces.get(set)?.wasMember : null;
    return then ?? inSets.get(userId)?.has(set) ?? set === 0;
  };
  const known: Known = { isIn, holds: (fact) => holding.get(factKey(fact))?.has(userId) ?? false };
  const tree = explainNode(segment.filter, [], {
    nested,
    known,
    provenanceOf: (id) => provenance(id, isIn(id), traces.get(id), users.get(userId)),
  });
  const asOfNow = asOf && (facts.length > 0 || sets.some((set) => set < 0)) ? ['identity', 'attributes'] : [];
  return { userId, segmentId: segment.id, isMember: tree.verdict, asOf, tree, asOfNow };
}

interface Facts {
  readonly nested: ReadonlyMap<string, Filter>;
  readonly known: Known;
  readonly provenanceOf: (cohortId: number) => Provenance;
}

function explainNode(filter: Filter, path: Path, facts: Facts): ExplainedNode {
  const verdict = matches(expand(filter, facts.nested), facts.known);
  const node = (parts: readonly ExplainedNode[], provenance: readonly Provenance[] = []): ExplainedNode => ({
    path,
    filter,
    verdict,
    parts,
    provenance,
  });
  switch (filter.type) {
    case 'all':
    case 'any':
      return node(filter.of.map((part, i) => explainNode(part, [...path, filter.type, i], facts)));
    case 'not':
      return node([explainNode(filter.of, [...path, 'not'], facts)]);
    case 'segment': {
      const named = facts.nested.get(filter.segment);
      return node(named ? [explainNode(named, [...path, 'segment'], facts)] : []);
    }
    case 'cohorts':
      return node([], filter.values.map(facts.provenanceOf));
    default:
      return node([]);
  }
}

function provenance(cohortId: number, isMember: boolean, trace: Trace | undefined, user: User | undefined): Provenance {
  return {
    cohortId,
    isMember,
    batch: trace?.last ?? null,
    namedBy: user && trace?.last ? namedBy(user, trace.identityKinds ?? 0) : [],
    isForgotten: trace?.isForgotten ?? false,
  };
}

/** The user's identities of the kinds that a batch named users by. Mostly it is one. */
function namedBy(user: User, kinds: number): NamedBy[] {
  const external =
    kinds & 1 && user.externalId !== null ? [{ kind: 'external_id' as const, value: user.externalId }] : [];
  const aliases = kinds & 2 ? user.aliases.map((alias) => ({ kind: 'alias' as const, alias })) : [];
  const devices = kinds & 4 ? user.deviceIds.map((value) => ({ kind: 'device_id' as const, value })) : [];
  return [...external, ...aliases, ...devices];
}
