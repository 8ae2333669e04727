import type { Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { Log } from '../domain/context.ts';
import { type DomainError, fail } from '../domain/errors.ts';
import type { Domains } from '../domain/index.ts';
import { parsePartner } from '../domain/keys/partner.ts';
import { hashSecret, parseSecret, sameHash } from '../domain/keys/secret.ts';
import { parseBrazeBody, parseBrazeName, parseBrazeUsers } from './braze-cohorts.ts';
import { toHttpError } from './errors.ts';
import { readText } from './read-text.ts';

/** Room for 1,000 aliases of the longest kind. */
const BODY_MAX_BYTES = 4 * 1024 * 1024;

export interface PartnerOptions {
  readonly domains: Domains;
  readonly log: Log;
  /** Per partner, the `partner_api_key` values accepted; a partner without any is not asked for one. */
  readonly partnerApiKeys: Readonly<Record<string, readonly string[]>>;
}

/**
 * The Braze partner endpoints: `POST /partners/{partner}/cohorts` names a cohort, `POST /partners/{partner}/cohorts/users` changes its
 * members. The keys travel in the body. 201 `{"message":"success"}` only after commit.
 */
export function mountPartners(app: Hono, options: PartnerOptions): void {
  const limit = bodyLimit({
    maxSize: BODY_MAX_BYTES,
    onError: (c) => {
      // Without this the client keeps sending into a closed ear and sees a broken socket instead of the answer.
      c.header('connection', 'close');
      return c.json(
        { message: `The request body is larger than ${BODY_MAX_BYTES} bytes: send fewer identifiers a request.` },
        413,
      );
    },
  });
  app.post('/partners/:partner/cohorts', limit, (c) => answer(c, options, applyName));
  app.post('/partners/:partner/cohorts/users', limit, (c) => answer(c, options, applyUsers));
}

interface Call {
  readonly body: Readonly<Record<string, unknown>>;
  readonly partner: string;
  readonly workspaceId: number;
  readonly presentedHash: string;
}

async function answer(
  c: Context,
  options: PartnerOptions,
  apply: (call: Call, options: PartnerOptions) => Promise<void>,
) {
  try {
    const body = parseBrazeBody(await readText(c.req.raw));
    const partner = parsePartner(c.req.param('partner') ?? '');
    const secret = typeof body.client_secret === 'string' ? parseSecret(body.client_secret) : null;
    checkPartnerApiKey(body.partner_api_key, acceptedKeys(options, partner));
    if (secret?.kind !== 'data_import') throw fail('UNAUTHENTICATED', 'Invalid client secret.');
    await apply({ body, partner, workspaceId: secret.workspaceId, presentedHash: secret.hash }, options);
    return c.json({ message: 'success' }, 201);
  } catch (error) {
    const { status, headers, path, ...rest } = toHttpError(error, options.log, brazeStatus);
    const message = path === null ? (BRAZE_TEXT[rest.code] ?? rest.message) : rest.message;
    const body = path === null ? { message } : { message, errors: [{ path, message }] };
    return c.json(body, status as 400, headers);
  }
}

async function applyName(
  { body, partner, workspaceId, presentedHash }: Call,
  { domains }: PartnerOptions,
): Promise<void> {
  await domains.in(workspaceId).cohorts.nameCohort({ ...parseBrazeName(body), partner, presentedHash });
}

async function applyUsers(
  { body, partner, workspaceId, presentedHash }: Call,
  { domains }: PartnerOptions,
): Promise<void> {
  const { partnerCohortId, changes } = parseBrazeUsers(body);
  const source = { dialect: 'braze', presentedHash };
  await domains.in(workspaceId).cohorts.applyChanges({ partner, partnerCohortId, changes, source });
}

/** The partner comes from the path: it must not find what every object inherits. */
function acceptedKeys({ partnerApiKeys }: PartnerOptions, partner: string): readonly string[] | undefined {
  return Object.hasOwn(partnerApiKeys, partner) ? partnerApiKeys[partner] : undefined;
}

function checkPartnerApiKey(presented: unknown, accepted: readonly string[] | undefined): void {
  if (!accepted) return;
  const hash = hashSecret(typeof presented === 'string' ? presented : '');
  const fits = accepted.filter((key) => sameHash(hashSecret(key), hash));
  if (fits.length === 0) throw fail('UNAUTHENTICATED', 'Invalid partner API key.', { path: ['partner_api_key'] });
}

/** What Braze says of keys, without repeating the key as it does. */
const BRAZE_TEXT: Readonly<Record<string, string>> = {
  UNAUTHENTICATED: 'Invalid client secret.',
  FORBIDDEN: 'The partner is not enabled for the client with this client secret.',
};

/** Braze answers 401 for a key of another partner too, and 423 for a locked cohort. */
function brazeStatus(error: DomainError): number | undefined {
  if (error.code === 'FORBIDDEN') return 401;
  if (error.code === 'LOCKED') return 423;
  return undefined;
}
