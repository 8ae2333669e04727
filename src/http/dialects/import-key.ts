import { fail } from '../../domain/errors.ts';
import { parsePartner } from '../../domain/keys/partner.ts';
import { type ParsedSecret, parseSecret } from '../../domain/keys/secret.ts';
import type { Inbound, Sender } from './receive.ts';

/**
 * Who sends a request whose key is in a header or in the address. Only the form of the key is looked at here, before the body is read.
 * Errors: INVALID_INPUT (no name of a partner), UNAUTHENTICATED.
 */
export function identifySender({ c, note }: Inbound): Sender {
  const partner = parsePartner(c.req.param('partner') ?? '');
  const presented = presentedTexts(c.req.raw.headers, c.req.param('key'));
  if (presented.length === 0)
    throw fail(
      'UNAUTHENTICATED',
      'Send a data import key: as a bearer token, as the user name of Basic authentication, or in the header x-api-key or api_key.',
    );
  const key = presented.map(parseSecret).find(isImportKey);
  if (!key) throw fail('UNAUTHENTICATED', 'The data import key is not valid: generate one on the partner page.');
  const sender = { partner, workspaceId: key.workspaceId, presentedHash: key.hash };
  note(sender);
  return sender;
}

function isImportKey(secret: ParsedSecret | null): secret is ParsedSecret {
  return secret?.kind === 'data_import';
}

/**
 * Everything that may be a key. Several may be there: a proxy has a login of its own, a form asks for a user name besides. The first that
 * has the form of a data import key is it.
 */
function presentedTexts(headers: Headers, ofAddress: string | undefined): string[] {
  const authorization = headers.get('authorization') ?? '';
  const bearer = /^Bearer\s+(\S+)$/i.exec(authorization)?.[1];
  const texts = [ofAddress, bearer, ...basicTexts(authorization), headers.get('x-api-key'), headers.get('api_key')];
  return texts.filter((text) => typeof text === 'string' && text !== '') as string[];
}

/** The user name, and the password for forms that want something for a name. */
function basicTexts(authorization: string): string[] {
  const packed = /^Basic\s+(\S+)$/i.exec(authorization)?.[1];
  if (packed === undefined) return [];
  const text = Buffer.from(packed, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? [text] : [text.slice(0, colon), text.slice(colon + 1)];
}
