import pRetry from 'p-retry';
import { COHORT_NAME_MAX_CHARACTERS, cohortTextFault } from '../domain/cohorts/change.ts';
import type { Replacement } from '../domain/cohorts/replacement.ts';
import type { Log } from '../domain/context.ts';
import { DomainError } from '../domain/errors.ts';
import type { Domain } from '../domain/index.ts';
import { AMPLITUDE } from '../domain/keys/partner.ts';
import type { ClaimedPull, PullEnd } from '../domain/pulls/pull.ts';
import type { AmplitudeApi, RemoteCohort } from './amplitude-api.ts';
import { readUserIds, type Tally } from './cohort-file.ts';
import { COHORT_MAX_USERS, PullFault, TOO_LARGE } from './fault.ts';
import { readReportedSyncs } from './reported-syncs.ts';
import type { Account } from './settings.ts';

/** What going on with the pulls of one workspace takes. */
export interface Workshop {
  readonly domain: Domain;
  readonly api: AmplitudeApi;
  readonly account: Account;
  readonly now: () => Date;
  readonly log: Log;
  /** Logs a surprise and answers the id to show. */
  readonly logSurprise: (thrown: unknown, log: Log) => string;
  /** The server stops: pulls are let go of. */
  readonly stop: AbortSignal;
}

/** How long whoever has a pull keeps it without a sign of life: longer than the most patient call to Amplitude takes. */
export const LEASE_MS = 10 * 60_000;
/** A job that has not ended by then never will. */
export const JOB_DEADLINE_MS = 2 * 3_600_000;
/** Source: Amplitude docs, Behavioral Cohorts API, limits. */
const LIMITS = { perTenMinutes: 60, atOnce: 4 } as const;
/** Small cohorts are ready at once, others take half a minute to many: first soon, then ever more rarely. */
const FIRST_LOOK_MS = 2_000;
const LAST_LOOK_MS = 30_000;
/** What stands in the way for a while is tried again after this long. */
const AGAIN_MS = 30_000;
const DIALECT = 'amplitude_pull';

/** Somebody else was given the pull: this one has nothing more to say. */
class LostPull extends Error {}

/**
 * Takes one step with a pull that the caller was given: asks for the download, or looks whether it is ready and takes it. Whatever goes
 * wrong is written into the pull and into the log; the cohort changes only by the commit of a whole list.
 */
export async function goOn(shop: Workshop, pull: ClaimedPull): Promise<void> {
  try {
    if (pull.remoteId !== null) await look(shop, pull, pull.remoteId);
    else if (pull.startedAt === null) await ask(shop, pull);
    // Asking again might cost a second of the few requests a month for the same list.
    else
      throw new PullFault('The server stopped between asking Amplitude and hearing the answer: pull the cohort again.');
  } catch (error) {
    await settle(shop, pull, error);
  }
}

async function ask(shop: Workshop, pull: ClaimedPull): Promise<void> {
  const { domain, api, account, now, stop } = shop;
  const remote = await findRemote(shop, pull);
  const limits = { ...LIMITS, perMonth: account.monthlyCap, leaseMs: LEASE_MS };
  const admission = await domain.pulls.admitPull({ ...pull.lease, partner: pull.partner, ...limits });
  if (admission.kind === 'later') return postpone(shop, pull, admission.until);
  if (admission.kind === 'lost') throw new LostPull();
  if (admission.kind === 'capped')
    throw new PullFault(
      `Amplitude was asked for ${admission.asked} downloads this month, and ${account.monthlyCap} are allowed: pull again next month, or raise the cap if the contract has a higher one.`,
    );
  const withdraw = (until: Date, why?: string) => domain.pulls.withdrawPull({ ...pull.lease, until, error: why });
  // Before the job computes its list: what happens to the cohort from here on is newer than the list, and wins.
  const list = await begin(domain, { ...pull, startedAt: admission.startedAt }, remote.name).catch(async (error) => {
    await withdraw(now());
    throw error;
  });
  let remoteId: string;
  try {
    remoteId = await api.requestCohort(pull.partnerCohortId);
  } catch (error) {
    // If that fails the list goes by itself after a day, and what went wrong first is worth more.
    await domain.cohorts.abandonReplacement(list.id).catch(() => {});
    if (!(error instanceof PullFault)) throw error;
    // Whether it counted nobody knows, so it is not made again.
    if (!error.isRefusal) throw new PullFault(error.message, { cause: error });
    const wait = stop.aborted ? 0 : waitOf(error, pull);
    if (wait === null || age(shop, pull) > JOB_DEADLINE_MS) throw error;
    await withdraw(new Date(now().getTime() + wait), error.message);
    return;
  }
  const until = new Date(now().getTime() + FIRST_LOOK_MS);
  // The answer is worth one of the month's requests: a database that is away for a moment must not lose it.
  if (!(await pRetry(() => domain.pulls.notePullAsked({ ...pull.lease, remoteId, until }), { retries: 4 })))
    throw new LostPull();
}

/** The cohort as Amplitude lists it: what cannot be fetched should cost none of the month's requests. */
async function findRemote(shop: Workshop, pull: ClaimedPull): Promise<RemoteCohort> {
  const remote = (await readRemote(shop)).find((cohort) => cohort.id === pull.partnerCohortId);
  if (!remote)
    throw new PullFault('Amplitude lists no cohort of that id: check the id, and that the cohort is published.');
  if ((remote.size ?? 0) > COHORT_MAX_USERS) throw new PullFault(TOO_LARGE);
  return remote;
}

/** What Amplitude has; what it says of its own syncs is kept. */
export async function readRemote({ domain, api, account }: Workshop): Promise<RemoteCohort[]> {
  const cohorts = await api.listCohorts();
  await domain.pulls.noteReportedSyncs({ partner: AMPLITUDE, syncs: readReportedSyncs(cohorts, account.syncTarget) });
  return cohorts;
}

async function look(shop: Workshop, pull: ClaimedPull, remoteId: string): Promise<void> {
  const { api, domain, log, now } = shop;
  if (!(await api.isReady(remoteId))) {
    const waited = age(shop, pull);
    if (waited > JOB_DEADLINE_MS)
      throw new PullFault(
        `Amplitude did not finish the download within ${JOB_DEADLINE_MS / 3_600_000} hours: pull the cohort again.`,
      );
    const next = Math.min(Math.max(waited / 4, FIRST_LOOK_MS), LAST_LOOK_MS);
    return postpone(shop, pull, new Date(now().getTime() + next));
  }
  const list = await begin(domain, pull, null);
  if (list.state === 'ABANDONED') throw new PullFault('Its list was thrown away meanwhile: pull the cohort again.');
  const tally: Tally = { rows: 0, refused: 0 };
  // Whoever had the pull before may have got as far as the commit.
  if (list.state === 'OPEN') await stage(shop, pull, { remoteId, listId: list.id, tally });
  const outcome = await domain.cohorts.commitReplacement({ id: list.id });
  const end: PullEnd = outcome.heldChangesId === null ? { state: 'DONE', batchId: outcome.batchId } : { state: 'HELD' };
  if (!(await domain.pulls.notePullEnded({ ...pull.lease, end }))) throw new LostPull();
  const { added, removed } = outcome;
  log.info({ ...about(shop, pull), ...tally, added, removed, state: end.state }, 'a cohort was pulled');
}

/** Reads the file into the list. */
async function stage(
  shop: Workshop,
  pull: ClaimedPull,
  { remoteId, listId, tally }: { readonly remoteId: string; readonly listId: string; readonly tally: Tally },
): Promise<void> {
  const { api, domain } = shop;
  const keep = async () => {
    if (!(await domain.pulls.keepPull({ ...pull.lease, leaseMs: LEASE_MS, refusedRows: tally.refused })))
      throw new LostPull();
  };
  const bytes = await api.openFile(remoteId);
  try {
    for await (const externalIds of readUserIds(bytes, tally)) {
      await keep();
      const change = { externalIds, aliases: [], deviceIds: [], remove: false };
      await domain.cohorts.addToReplacement({ id: listId, change });
    }
  } finally {
    bytes.destroy();
  }
  if (tally.rows > 0 && tally.rows === tally.refused)
    throw new PullFault('Nobody in the download has a user id that can be used: the cohort stays as it was.');
  await keep();
}

/** The list of a download: the same one however often it is begun. */
async function begin(domain: Domain, pull: ClaimedPull, name: string | null | undefined): Promise<Replacement> {
  const { partner, partnerCohortId, id, startedAt } = pull;
  const isName = cohortTextFault(name, COHORT_NAME_MAX_CHARACTERS) === null;
  return domain.cohorts.beginReplacement({
    partner,
    partnerCohortId,
    name: isName ? name : null,
    source: { dialect: DIALECT },
    session: `${id} ${startedAt?.toISOString()}`,
  });
}

/** What becomes of a pull whose step did not succeed. */
async function settle(shop: Workshop, pull: ClaimedPull, error: unknown): Promise<void> {
  const { domain, log, logSurprise, now, stop } = shop;
  if (error instanceof LostPull) {
    log.info(about(shop, pull), 'somebody else goes on with a pull');
    return;
  }
  if (stop.aborted) return postpone(shop, pull, now());
  const isKnown = error instanceof PullFault || error instanceof DomainError;
  const message = isKnown
    ? error.message
    : `Something unexpected happened. The server's log has it as ${logSurprise(error, log)}.`;
  const wait = waitOf(error, pull);
  if (wait !== null && age(shop, pull) <= JOB_DEADLINE_MS) {
    log.warn({ ...about(shop, pull), reason: message }, 'a pull has to wait');
    return postpone(shop, pull, new Date(now().getTime() + wait), message);
  }
  if (pull.startedAt !== null) await throwAway(domain, pull);
  const end = { state: 'FAILED', error: message } as const;
  if (await domain.pulls.notePullEnded({ ...pull.lease, end }))
    log.error({ ...about(shop, pull), reason: message }, 'a pull failed: the cohort stays as it was');
}

/** How long to wait before the same step may succeed, in milliseconds; null when it never will. */
function waitOf(error: unknown, pull: ClaimedPull): number | null {
  if (error instanceof DomainError)
    return ['LOCKED', 'UNAVAILABLE', 'OVERLOADED'].includes(error.code) ? AGAIN_MS : null;
  if (!(error instanceof PullFault) || !error.isPassing) return null;
  // Nothing is lost yet where the download was not asked for: whoever asked hears of it at once.
  if (pull.remoteId === null && error.retryAfterMs === null) return null;
  return Math.max(error.retryAfterMs ?? 0, AGAIN_MS);
}

async function throwAway(domain: Domain, pull: ClaimedPull): Promise<void> {
  const list = await begin(domain, pull, null);
  if (list.state === 'OPEN') await domain.cohorts.abandonReplacement(list.id);
}

async function postpone(shop: Workshop, pull: ClaimedPull, until: Date, error?: string): Promise<void> {
  await shop.domain.pulls.postponePull({ ...pull.lease, until, error });
}

/** How long ago Amplitude was asked, or the pull was. */
function age({ now }: Workshop, pull: ClaimedPull): number {
  return now().getTime() - (pull.startedAt ?? pull.askedAt).getTime();
}

function about({ domain }: Workshop, pull: ClaimedPull) {
  return { workspaceId: domain.workspaceId, pull: pull.id, partner: pull.partner, cohort: pull.partnerCohortId };
}
