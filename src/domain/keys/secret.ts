import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import baseX from 'base-x';
import crc32 from 'crc-32';

/** What a secret may do: import cohorts of one partner, or speak to the API. */
export type KeyKind = 'data_import' | 'api';

const PREFIX: { readonly [K in KeyKind]: string } = { data_import: 'muster_dik', api: 'muster_api' };
const base62 = baseX('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz');
/** Random bytes of a secret. The least anybody asks of a bearer secret is 128 bits; this is 192. */
const RANDOM_BYTES = 24;
const CHECKSUM_CHARACTERS = 6;
/** How much of a secret is kept to recognise it by: its kind, workspace and four random characters. */
const SHOWN_RANDOM_CHARACTERS = 4;

export interface Secret {
  readonly secret: string;
  readonly hash: string;
  readonly prefix: string;
}

/**
 * Makes a secret: `muster_dik_<workspace>_<random><checksum>`. Underscores keep it one word to a double click; the checksum lets a
 * scanner or a form tell a mistyped secret from a wrong one; the workspace says where to look it up, and proves nothing.
 */
export function makeSecret(kind: KeyKind, workspaceId: number): Secret {
  const random = base62.encode(randomBytes(RANDOM_BYTES));
  const head = `${PREFIX[kind]}_${workspaceId.toString(36)}_`;
  const secret = head + random + checksum(head + random);
  return { secret, hash: hashSecret(secret), prefix: head + random.slice(0, SHOWN_RANDOM_CHARACTERS) };
}

export interface ParsedSecret {
  readonly kind: KeyKind;
  readonly workspaceId: number;
  readonly hash: string;
}

/** Reads a presented secret: null when it has not our form or its checksum is wrong. */
export function parseSecret(presented: string): ParsedSecret | null {
  const match = /^(muster_dik|muster_api)_([0-9a-z]{1,6})_([0-9A-Za-z]{20,60})$/.exec(presented);
  if (!match) return null;
  const [, prefix, workspace] = match;
  const body = presented.slice(0, -CHECKSUM_CHARACTERS);
  if (checksum(body) !== presented.slice(-CHECKSUM_CHARACTERS)) return null;
  const workspaceId = Number.parseInt(workspace ?? '', 36);
  if (!(workspaceId > 0 && workspaceId < 2 ** 31)) return null;
  const kind = prefix === PREFIX.data_import ? 'data_import' : 'api';
  return { kind, workspaceId, hash: hashSecret(presented) };
}

/** Hex SHA-256. A fast hash is right for secrets of this entropy: there is nothing to guess. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** Compares two hashes in constant time. */
export function sameHash(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}

function checksum(text: string): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32.str(text) >>> 0);
  return base62.encode(bytes).padStart(CHECKSUM_CHARACTERS, '0').slice(-CHECKSUM_CHARACTERS);
}
