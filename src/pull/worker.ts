import { setTimeout as wait } from 'node:timers/promises';
import type { Log } from '../domain/context.ts';
import type { Domains } from '../domain/index.ts';
import { AMPLITUDE } from '../domain/keys/partner.ts';
import { amplitudeApi, type Sleep } from './amplitude-api.ts';
import { PullFault } from './fault.ts';
import { goOn, LEASE_MS, readRemote, type Workshop } from './go-on.ts';
import type { Account } from './settings.ts';

export interface PullerOptions {
  readonly domains: Domains;
  /** By workspace. Pulls of the other workspaces are left to other servers. */
  readonly accounts: ReadonlyMap<number, Account>;
  readonly now: () => Date;
  readonly log: Log;
  /** Logs a surprise and answers the id to show. */
  readonly logSurprise: (thrown: unknown, log: Log) => string;
  /** How to wait between attempts of one call. Default: by the clock of the machine. */
  readonly sleep?: Sleep | undefined;
}

/** The background work of pulling. Several servers share it, each step is done by one of them. */
export interface Puller {
  /** Asks for the pulls that the schedule says, and now and then for what Amplitude says of its own syncs. */
  tend(): Promise<void>;
  /** Takes a step with every pull that is due. */
  work(): Promise<void>;
  /** Lets go of what is under way; `work` ends soon. */
  stop(): void;
}

/** Freshness counts in hours, so that a quarter of one is soon enough. The list counts against no cap. */
const SYNC_REPORT_EVERY_MS = 15 * 60_000;

export function createPuller(options: PullerOptions): Puller {
  const stopping = new AbortController();
  const { domains, now, log, logSurprise, sleep = sleepByTheClock } = options;
  const shops: readonly Workshop[] = [...options.accounts].map(([workspaceId, account]) => {
    const domain = domains.in(workspaceId);
    const api = amplitudeApi(account, { now, sleep, stop: stopping.signal });
    return { domain, api, account, now, log, logSurprise, stop: stopping.signal };
  });
  return {
    tend: async () => {
      for (const shop of shops) {
        await shop.domain.pulls.scheduleDuePulls(AMPLITUDE);
        const report = { partner: AMPLITUDE, everyMs: SYNC_REPORT_EVERY_MS };
        if (await shop.domain.pulls.claimSyncReport(report)) await hearOfSyncs(shop);
      }
    },
    work: async () => {
      for (const shop of shops) {
        while (!stopping.signal.aborted) {
          const pull = await shop.domain.pulls.claimDuePull({ partner: AMPLITUDE, leaseMs: LEASE_MS });
          if (!pull) break;
          await goOn(shop, pull);
        }
      }
    },
    stop: () => stopping.abort(),
  };
}

/** Nothing depends on it at once: what fails comes round again. */
async function hearOfSyncs(shop: Workshop): Promise<void> {
  try {
    await readRemote(shop);
  } catch (error) {
    if (!(error instanceof PullFault)) throw error;
    if (shop.stop.aborted) return;
    const { workspaceId } = shop.domain;
    shop.log.warn({ workspaceId, reason: error.message }, 'Amplitude did not say how it sends its cohorts');
  }
}

const sleepByTheClock: Sleep = async (ms, signal) => {
  await wait(ms, undefined, { signal });
};
