import type { Context, Handler } from 'hono';
import type { Log, Observer } from '../../domain/context.ts';
import type { DomainError } from '../../domain/errors.ts';
import type { Domain, Domains } from '../../domain/index.ts';
import { isPartner } from '../../domain/keys/partner.ts';
import { type HttpError, toHttpError } from '../errors.ts';
import { bodyStatus, readBody } from './read-body.ts';

export interface PartnerOptions {
  readonly domains: Domains;
  readonly log: Log;
  /** Is told what is refused here; what reaches the domain it tells itself. */
  readonly observer: Observer;
  readonly now: () => Date;
  /** Per partner, the `partner_api_key` values accepted in the Braze dialect; a partner without any is not asked for one. */
  readonly partnerApiKeys: Readonly<Record<string, readonly string[]>>;
}

/** One wire form in which partners send cohorts. */
export interface Dialect {
  /** As the ledger, the log and the metrics call it. */
  readonly name: string;
  readonly maxBodyBytes: number;
  /** The key travels in a header or in the address, not in the body. */
  readonly isKeyOutside: boolean;
  /** The statuses that this form gives to some codes. */
  readonly statusOf: (error: DomainError) => number | undefined;
  /** What it says of a failure. */
  readonly refusal: (error: HttpError, inbound: Inbound) => object | Promise<object>;
}

export interface Answer {
  readonly status: 200 | 201;
  readonly body: object;
}

/** Whose key came with a request. The domain checks it, in the round trip it makes anyway. */
export interface Sender {
  readonly partner: string;
  readonly workspaceId: number;
  readonly presentedHash: string;
}

/** One request on its way in. */
export interface Inbound {
  readonly c: Context;
  readonly options: PartnerOptions;
  /** The body, read when it is first asked for. Errors: INVALID_INPUT, LIMIT_EXCEEDED. */
  readonly readText: () => Promise<string>;
  /** Says who sends, for the log. */
  readonly note: (sender: Sender) => void;
  /** Hands the request over: from here on the domain tells the observer what becomes of it. */
  readonly handOver: <T>(workspaceId: number, work: (domain: Domain) => Promise<T>) => Promise<T>;
}

/**
 * Answers requests of a dialect. What is refused is logged with its dialect, partner, workspace (what the key claims), code and path: never
 * a body, a key, or the address, which may hold one.
 */
export function receive(
  dialect: Dialect,
  options: PartnerOptions,
  work: (inbound: Inbound) => Promise<Answer>,
): Handler {
  return async (c) => {
    const progress: Progress = { startedAt: performance.now(), isRead: false, isHandedOver: false, workspaceId: null };
    const inbound = open(c, dialect, options, progress);
    try {
      const { status, body } = await work(inbound);
      return c.json(body, status);
    } catch (thrown) {
      const error = toHttpError(thrown, options.log, (e) => bodyStatus(e) ?? dialect.statusOf(e));
      tell(inbound, dialect, error, progress);
      const answer = await dialect.refusal(error, inbound);
      return c.json(answer, error.status as 400, headersOf(error, dialect, progress));
    }
  };
}

/** How far a request has come. */
interface Progress {
  readonly startedAt: number;
  isRead: boolean;
  isHandedOver: boolean;
  workspaceId: number | null;
}

function open(c: Context, dialect: Dialect, options: PartnerOptions, progress: Progress): Inbound {
  let text: Promise<string> | undefined;
  return {
    c,
    options,
    readText: () => {
      text ??= readBody(c, dialect.maxBodyBytes, () => {
        progress.isRead = true;
      });
      return text;
    },
    note: ({ workspaceId }) => {
      progress.workspaceId = workspaceId;
    },
    handOver: (workspaceId, work) => {
      progress.isHandedOver = true;
      return work(options.domains.in(workspaceId));
    },
  };
}

function tell(
  { c, options }: Inbound,
  { name: dialect }: Dialect,
  { code, path }: HttpError,
  progress: Progress,
): void {
  const { workspaceId, isHandedOver, startedAt } = progress;
  const named = c.req.param('partner') ?? '';
  const partner = isPartner(named) ? named : null;
  options.log.warn({ dialect, partner, workspaceId, code, path }, 'a request of a partner was refused');
  if (isHandedOver) return;
  const durationMs = performance.now() - startedAt;
  options.observer.ingested({ ...NOTHING, dialect, outcome: code, durationMs });
}

const NOTHING = { received: 0, matched: 0, held: 0, ignored: 0, added: 0, removed: 0, unchanged: 0 };

function headersOf(error: HttpError, dialect: Dialect, { isRead }: Progress): Record<string, string> {
  const headers = { ...error.headers };
  // Without this a client that is still sending sees a broken socket instead of the answer.
  if (!isRead) headers.connection = 'close';
  // Some clients name themselves only when they are asked to.
  if (error.status === 401 && dialect.isKeyOutside) headers['www-authenticate'] = 'Basic realm="muster"';
  return headers;
}
