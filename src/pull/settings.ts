import { AMPLITUDE } from '../domain/keys/partner.ts';

/** How to reach one project of Amplitude. Kept in memory only: never stored, never logged. */
export interface AmplitudeSettings {
  readonly apiKey: string;
  readonly secretKey: string;
  /** Where the project's data is. Default `us`. */
  readonly region?: 'us' | 'eu';
  /** Instead of a region: the address of a proxy. https, or http on this machine. */
  readonly baseUrl?: string;
  /** The most downloads asked for in a UTC month. Default 500, which Amplitude allows. */
  readonly monthlyCap?: number;
  /**
   * What Amplitude calls the destination that sends to this server. It matters where a cohort is sent to several: without it nobody can say
   * which of their syncs is about us, and none is believed.
   */
  readonly syncTarget?: string;
}

/** The settings of workspace 1, or settings by workspace. */
export type AmplitudeOption = AmplitudeSettings | Readonly<Record<number, AmplitudeSettings>>;

/** Settings read and checked. */
export interface Account {
  readonly baseUrl: string;
  /** What goes into the header of that name. */
  readonly authorization: string;
  readonly monthlyCap: number;
  readonly syncTarget: string | null;
}

/** Source: Amplitude docs, Behavioral Cohorts API, regions. */
const BASE_URLS = { us: 'https://amplitude.com', eu: 'https://analytics.eu.amplitude.com' } as const;
/** Source: Amplitude docs, Behavioral Cohorts API, limits. */
const MONTHLY_CAP = 500;

/** Reads the option. Errors: a plain `Error` that says which setting cannot be used, never with its value. */
export function readAccounts(option: AmplitudeOption | undefined, defaultWorkspaceId: number): Map<number, Account> {
  if (option === undefined) return new Map();
  const byWorkspace = isSettings(option) ? { [defaultWorkspaceId]: option } : option;
  return new Map(
    Object.entries(byWorkspace).map(([id, settings]) => {
      if (!/^[1-9]\d*$/.test(id)) throw new Error('`amplitude` is settings, or settings by the number of a workspace.');
      return [Number(id), readAccount(settings)];
    }),
  );
}

/** Why a workspace cannot pull a partner's cohorts, as a sentence that says what to do; null: it can. */
export function whyNoPulls(accounts: ReadonlyMap<number, Account>) {
  return (workspaceId: number, partner: string): string | null => {
    if (partner !== AMPLITUDE) return `Only cohorts of ${AMPLITUDE} can be pulled.`;
    if (accounts.has(workspaceId)) return null;
    return 'Nobody said how to reach Amplitude for this workspace: set MUSTER_AMPLITUDE_API_KEY and MUSTER_AMPLITUDE_SECRET_KEY for the first one, or the option `amplitude`, and start again.';
  };
}

function isSettings(option: AmplitudeOption): option is AmplitudeSettings {
  return 'apiKey' in option || 'secretKey' in option;
}

function readAccount(settings: AmplitudeSettings): Account {
  const { apiKey, secretKey, region, baseUrl, monthlyCap = MONTHLY_CAP, syncTarget } = settings;
  // Of a user name and a password the colon is what divides them.
  if (typeof apiKey !== 'string' || !/^[^\s:]+$/.test(apiKey))
    throw new Error('`amplitude.apiKey` must not be empty, and contain neither spaces nor colons.');
  if (typeof secretKey !== 'string' || !/^\S+$/.test(secretKey))
    throw new Error('`amplitude.secretKey` must not be empty, and not contain spaces.');
  if (region !== undefined && !(region in BASE_URLS)) throw new Error('`amplitude.region` is `us` or `eu`.');
  if (!Number.isInteger(monthlyCap) || monthlyCap < 1)
    throw new Error('`amplitude.monthlyCap` is a whole number from 1 on.');
  return {
    baseUrl: baseUrl === undefined ? BASE_URLS[region ?? 'us'] : readBaseUrl(baseUrl),
    authorization: `Basic ${Buffer.from(`${apiKey}:${secretKey}`).toString('base64')}`,
    monthlyCap,
    syncTarget: syncTarget ?? null,
  };
}

const THIS_MACHINE = ['localhost', '127.0.0.1', '[::1]'];

function readBaseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && THIS_MACHINE.includes(url.hostname));
  if (!url || !isSafe || url.username !== '' || url.search !== '' || url.hash !== '')
    throw new Error('`amplitude.baseUrl` begins with https:// and has no query; http:// is for this machine only.');
  return url.href.replace(/\/+$/, '');
}
