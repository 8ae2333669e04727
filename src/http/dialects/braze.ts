import type { Hono } from 'hono';
import { type DomainError, type ErrorCode, fail } from '../../domain/errors.ts';
import { parsePartner } from '../../domain/keys/partner.ts';
import { hashSecret, parseSecret, sameHash } from '../../domain/keys/secret.ts';
import { parseBrazeName, parseBrazeUsers } from '../braze-cohorts.ts';
import type { HttpError } from '../errors.ts';
import { type Body, parseJsonObject } from '../json.ts';
import { type Answer, type Dialect, type Inbound, type PartnerOptions, receive, type Sender } from './receive.ts';

const BRAZE: Dialect = {
  name: 'braze',
  /** Room for 1,000 aliases of the longest kind. */
  maxBodyBytes: 4 * 1024 * 1024,
  isKeyOutside: false,
  statusOf: ({ code }: DomainError) => BRAZE_STATUS[code],
  refusal: ({ code, path, message: said }: HttpError) => {
    const message = path === null ? (BRAZE_TEXT[code] ?? said) : said;
    return path === null ? { message } : { message, errors: [{ path, message }] };
  },
};

/** Braze answers 401 for a key of another partner too, and 423 for a locked cohort. */
const BRAZE_STATUS: { readonly [C in ErrorCode]?: number } = { FORBIDDEN: 401, LOCKED: 423 };

/** What Braze says of keys, without repeating the key as it does. */
const BRAZE_TEXT: Readonly<Record<string, string>> = {
  UNAUTHENTICATED: 'Invalid client secret.',
  FORBIDDEN: 'The partner is not enabled for the client with this client secret.',
};

const SUCCESS: Answer = { status: 201, body: { message: 'success' } };

/**
 * The Braze partner endpoints: `POST /partners/{partner}/cohorts` names a cohort, `POST /partners/{partner}/cohorts/users` changes its
 * members. The keys travel in the body. 201 `{"message":"success"}` only after commit.
 */
export function mountBraze(app: Hono, options: PartnerOptions): void {
  app.post('/partners/:partner/cohorts', receive(BRAZE, options, applyName));
  app.post('/partners/:partner/cohorts/users', receive(BRAZE, options, applyUsers));
}

async function applyName(inbound: Inbound): Promise<Answer> {
  const body = parseJsonObject(await inbound.readText());
  const { partner, workspaceId, presentedHash } = identify(inbound, body);
  const { cohorts } = inbound.options.domains.in(workspaceId);
  await cohorts.nameCohort({ ...parseBrazeName(body), partner, presentedHash });
  return SUCCESS;
}

async function applyUsers(inbound: Inbound): Promise<Answer> {
  const body = parseJsonObject(await inbound.readText());
  const { partner, workspaceId, presentedHash } = identify(inbound, body);
  const { partnerCohortId, changes } = parseBrazeUsers(body);
  const source = { dialect: BRAZE.name, presentedHash };
  await inbound.handOver(workspaceId, ({ cohorts }) =>
    cohorts.applyChanges({ partner, partnerCohortId, changes, source }),
  );
  return SUCCESS;
}

function identify({ c, options, note }: Inbound, body: Body): Sender {
  const partner = parsePartner(c.req.param('partner') ?? '');
  const secret = typeof body.client_secret === 'string' ? parseSecret(body.client_secret) : null;
  checkPartnerApiKey(body.partner_api_key, acceptedKeys(options, partner));
  if (secret?.kind !== 'data_import') throw fail('UNAUTHENTICATED', 'Invalid client secret.');
  const sender = { partner, workspaceId: secret.workspaceId, presentedHash: secret.hash };
  note(sender);
  return sender;
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
