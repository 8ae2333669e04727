interface Details {
  /** It may be gone after a while: trying again makes sense. */
  readonly isPassing?: boolean;
  /** The sender did not take the request: nothing began and nothing counts. */
  readonly isRefusal?: boolean;
  /** How long the sender asks to wait. */
  readonly retryAfterMs?: number | null;
  readonly cause?: unknown;
}

/** Why a pull cannot go on, as one sentence for operators. There is never a key, a body or an identity in it. */
export class PullFault extends Error {
  override readonly name = 'PullFault';
  readonly isPassing: boolean;
  readonly isRefusal: boolean;
  readonly retryAfterMs: number | null;
  constructor(message: string, details: Details = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.isPassing = details.isPassing ?? false;
    this.isRefusal = details.isRefusal ?? false;
    this.retryAfterMs = details.retryAfterMs ?? null;
  }
}

/** Cohorts with more users than this cannot be downloaded. Source: Amplitude docs, Behavioral Cohorts API. */
export const COHORT_MAX_USERS = 2_000_000;

export const TOO_LARGE = `The cohort is larger than Amplitude lets be downloaded (${COHORT_MAX_USERS.toLocaleString('en-US')} users): let Amplitude send it instead.`;

/** What an answer that is no success means. */
export function faultOfStatus(status: number, retryAfterMs: number | null): PullFault {
  if (status === 401 || status === 403)
    return new PullFault(
      `Amplitude refuses the keys (${status}): check the API key and the secret key, and whether the project is in the other region.`,
      { isRefusal: true },
    );
  if (status === 404)
    return new PullFault('Amplitude does not know this cohort or this download (404): pull it again.', {
      isRefusal: true,
    });
  if (status === 413) return new PullFault(TOO_LARGE, { isRefusal: true });
  if (status === 429)
    return new PullFault('Amplitude takes no more requests for now (429): pull again later, or less often.', {
      isPassing: true,
      isRefusal: true,
      retryAfterMs,
    });
  if (status === 504)
    return new PullFault(
      `Amplitude did not find the time to answer (504), as happens with cohorts that are too large: pull again later, or let Amplitude send it.`,
      { isPassing: true, retryAfterMs },
    );
  if (status >= 500)
    return new PullFault(`Amplitude failed (${status}): pull again later.`, {
      isPassing: true,
      isRefusal: status === 503,
      retryAfterMs,
    });
  return new PullFault(`Amplitude answered ${status}, which its documentation does not mention: check the base URL.`);
}

/** What sort of failure happened before a connection was there: the request was never sent. */
const NEVER_SENT = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT'];

/** What a connection that failed means. */
export function faultOfConnection(error: unknown): PullFault {
  const code = codeOf(error);
  return new PullFault(
    `Amplitude cannot be reached${code === null ? '' : ` (${code})`}: check the region, and that this machine may connect.`,
    { isPassing: true, isRefusal: code !== null && NEVER_SENT.includes(code), cause: error },
  );
}

/** What it means that a file cannot be read to its end; the error itself where nothing is known of it. */
export function faultOfDownload(error: unknown): unknown {
  const code = codeOf(error) ?? '';
  if (code.startsWith('Z_'))
    return new PullFault('The downloaded file is damaged or breaks off: pull the cohort again.', { cause: error });
  const isCut = ['ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE', 'ETIMEDOUT', 'EPIPE'].includes(code);
  return isCut ? faultOfConnection(error) : error;
}

/** The code of a system error, wherever a library wrapped it. */
function codeOf(error: unknown): string | null {
  for (let e = error; e instanceof Error; e = e.cause) {
    const { code } = e as Error & { code?: unknown };
    if (typeof code === 'string') return code;
  }
  return null;
}

/** The milliseconds that a `Retry-After` asks for, in seconds or as a date; null where it says nothing readable. */
export function readRetryAfter(header: string | null | undefined, now: Date): number | null {
  const text = header?.trim() ?? '';
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  const at = text === '' ? Number.NaN : Date.parse(text);
  return Number.isNaN(at) ? null : Math.max(0, at - now.getTime());
}
