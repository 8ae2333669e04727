import { createGunzip } from 'node:zlib';
import type { Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { DomainError, fail, InvalidInputError, LimitExceededError } from '../../domain/errors.ts';
import { countUnpacked } from '../body-room.ts';
import { textOf } from '../read-text.ts';

/** The body is larger than the dialect takes: 413. */
class BodyTooLargeError extends LimitExceededError {}
/** The body is packed in a way that nobody here unpacks: 415. */
class UnknownEncodingError extends InvalidInputError {}

/** Unpacked at a time: a fault is found, and memory counted, between two parts. */
const PART_BYTES = 64 * 1024;

/**
 * The body as text, unpacked if it came as gzip. `maxBytes` is for what travels and for what comes out; `onRead` is told when nothing more
 * of it is under way, which does not happen where it is larger. Errors: INVALID_INPUT, LIMIT_EXCEEDED; see `bodyStatus`.
 */
export async function readBody(c: Context, maxBytes: number, onRead: () => void): Promise<string> {
  const encoding = (c.req.header('content-encoding') ?? '').trim().toLowerCase();
  if (encoding !== '' && encoding !== 'identity' && encoding !== 'gzip')
    throw new UnknownEncodingError('INVALID_INPUT', 'The content encoding must be gzip, or none at all.', {});
  const refuse = () => {
    throw tooLarge(maxBytes);
  };
  await bodyLimit({ maxSize: maxBytes, onError: refuse })(c, async () => {});
  const bytes = Buffer.from(await c.req.raw.arrayBuffer());
  onRead();
  return textOf(encoding === 'gzip' ? await unpack(bytes, maxBytes, (more) => countUnpacked(c, more)) : bytes);
}

/** The HTTP status of a body that was refused for its size or packing; undefined for every other failure. */
export function bodyStatus(error: DomainError): number | undefined {
  if (error instanceof BodyTooLargeError) return 413;
  return error instanceof UnknownEncodingError ? 415 : undefined;
}

async function unpack(bytes: Buffer, maxBytes: number, count: (bytes: number) => void): Promise<Buffer> {
  const gunzip = createGunzip({ chunkSize: PART_BYTES });
  gunzip.end(bytes);
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of gunzip as AsyncIterable<Buffer>) {
      size += part.byteLength;
      if (size > maxBytes) throw tooLarge(maxBytes);
      count(part.byteLength);
      parts.push(part);
    }
  } catch (error) {
    if (error instanceof DomainError) throw error;
    throw fail('INVALID_INPUT', 'The request body must be whole gzip, as its content encoding says.', { cause: error });
  }
  return Buffer.concat(parts, size);
}

function tooLarge(maxBytes: number): DomainError {
  return new BodyTooLargeError(
    'LIMIT_EXCEEDED',
    `The request body is larger than ${maxBytes} bytes: send fewer identifiers a request.`,
    {},
  );
}
