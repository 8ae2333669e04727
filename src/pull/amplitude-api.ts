import type { Readable } from 'node:stream';
import pRetry from 'p-retry';
import { z } from 'zod';
import { faultOfConnection, faultOfStatus, PullFault, readRetryAfter } from './fault.ts';
import { openFile } from './open-file.ts';
import type { Account } from './settings.ts';

/** Waits; rejects when the signal says so. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>;

export interface ApiOptions {
  readonly now: () => Date;
  readonly sleep: Sleep;
  /** Ends what is under way: the server stops. */
  readonly stop: AbortSignal;
}

/** Amplitude's Behavioral Cohorts API, as far as it is needed to fetch cohorts. Errors: `PullFault`. */
export interface AmplitudeApi {
  /** Every cohort that the keys may see, and how each is sent elsewhere. */
  listCohorts(): Promise<RemoteCohort[]>;
  /** Asks for a download; answers the name of the job. Counts against the monthly cap. */
  requestCohort(cohortId: string): Promise<string>;
  /** Whether the job has ended. */
  isReady(requestId: string): Promise<boolean>;
  /** The file of a job that has ended, as CSV. It must be read to its end or destroyed. */
  openFile(requestId: string): Promise<Readable>;
}

export type RemoteCohort = z.output<typeof remoteCohort>;

/** Of an answer with forty fields only what is used is looked at, so that a new form of the others does no harm. */
const remoteCohort = z.object({
  id: z.coerce.string().min(1),
  name: z.string().nullish(),
  size: z.number().nullish(),
  syncMetadata: z
    .array(
      z.object({
        target: z.string().nullish(),
        frequency: z.string().nullish(),
        last_successful: z.union([z.string(), z.number()]).nullish(),
        last_failure: z.union([z.string(), z.number()]).nullish(),
      }),
    )
    .nullish(),
});
const cohortList = z.object({ cohorts: z.array(remoteCohort) });
const requested = z.object({ request_id: z.union([z.string().min(1), z.number()]).transform(String) });
const status = z.object({ async_status: z.string() });

const TIMEOUT_MS = 30_000;
const RETRIES = 4;
const FIRST_WAIT_MS = 1_000;
/** Who asks for more patience than this gets it, but not while a pull is held for it. */
const LONGEST_WAIT_MS = 60_000;

/** The API as one account sees it. Reads are tried up to five times; what may have counted against the cap is not. */
export function amplitudeApi(account: Account, { now, sleep, stop }: ApiOptions): AmplitudeApi {
  const call = async <T>(path: string, shape: z.ZodType<T>, signals: readonly AbortSignal[]): Promise<T> => {
    const response = await fetch(`${account.baseUrl}${path}`, {
      headers: { authorization: account.authorization, accept: 'application/json' },
      redirect: 'manual',
      signal: AbortSignal.any([...signals, AbortSignal.timeout(TIMEOUT_MS)]),
    }).catch((error: unknown) => {
      throw faultOfConnection(error);
    });
    if (!response.ok) {
      await response.body?.cancel();
      throw faultOfStatus(response.status, readRetryAfter(response.headers.get('retry-after'), now()));
    }
    const text = await response.text().catch((error: unknown) => {
      throw faultOfConnection(error);
    });
    return read(text, shape);
  };
  const patiently = <T>(work: () => Promise<T>, isWorthIt: (fault: PullFault) => boolean): Promise<T> =>
    pRetry(work, {
      retries: RETRIES,
      // The waits are ours: they follow `Retry-After`, and end when the server stops.
      minTimeout: 0,
      shouldRetry: async ({ error, attemptNumber }) => {
        if (!(error instanceof PullFault) || !isWorthIt(error)) return false;
        const wait = error.retryAfterMs ?? FIRST_WAIT_MS * 2 ** (attemptNumber - 1);
        if (wait > LONGEST_WAIT_MS) return false;
        return sleep(wait, stop).then(
          () => true,
          () => false,
        );
      },
    });
  const isPassing = (fault: PullFault) => fault.isPassing;
  const filePath = (requestId: string) => `/api/5/cohorts/request/${segment(requestId)}/file`;
  return {
    listCohorts: async () => {
      const list = () => call('/api/3/cohorts?includeSyncInfo=true', cohortList, [stop]);
      return (await patiently(list, isPassing)).cohorts;
    },
    requestCohort: async (cohortId) => {
      // Not given up half way when the server stops: the answer would be lost, and the request would have counted.
      const request = () => call(`/api/5/cohorts/request/${segment(cohortId)}`, requested, []);
      return (await patiently(request, (fault) => fault.isPassing && fault.isRefusal)).request_id;
    },
    isReady: async (requestId) => {
      const ask = () => call(`/api/5/cohorts/request-status/${segment(requestId)}`, status, [stop]);
      const { async_status: said } = await patiently(ask, isPassing);
      if (said === 'JOB COMPLETED') return true;
      if (said === 'JOB INPROGRESS') return false;
      const known = /^[A-Z _]{1,40}$/.test(said) ? ` "${said}"` : ' an unknown state';
      throw new PullFault(`Amplitude says${known} of the download: pull the cohort again.`);
    },
    openFile: (requestId) =>
      patiently(
        () => openFile(`${account.baseUrl}${filePath(requestId)}`, { authorization: account.authorization, now, stop }),
        isPassing,
      ),
  };
}

function read<T>(text: string, shape: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new PullFault('Amplitude answered something that is not JSON: check the base URL.');
  }
  const parsed = shape.safeParse(value);
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues[0]?.path.map(String).join('.') ?? '';
  throw new PullFault(`Amplitude answered in another form than it documents${where === '' ? '' : `, at ${where}`}.`);
}

/** One step of a path. Dots alone would lead elsewhere. */
function segment(text: string): string {
  if (/^\.{1,2}$/.test(text)) throw new PullFault('Amplitude has no cohort of that id.', { isRefusal: true });
  return encodeURIComponent(text);
}
