import { get as getPlain, type IncomingMessage } from 'node:http';
import { get as getSecure } from 'node:https';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { faultOfConnection, faultOfDownload, faultOfStatus, PullFault, readRetryAfter } from './fault.ts';

interface FileOptions {
  readonly authorization: string;
  readonly now: () => Date;
  readonly stop: AbortSignal;
}

/** A storage may send on once more by itself. */
const MAX_REDIRECTS = 3;
/** A connection on which nothing comes for so long is given up. */
const IDLE_MS = 60_000;
/** Compressed once for the way, and perhaps once as a file. */
const MAX_GZIPS = 2;

/**
 * Opens a file, following redirects, which are never shown the keys. Answers its bytes decompressed; most damage shows while they are read.
 *
 * Not with `fetch`: that takes a gzip body that breaks off for a whole one, and half a list would remove the other half from the cohort.
 * Errors: `PullFault`.
 */
export async function openFile(address: string, { authorization, now, stop }: FileOptions): Promise<Readable> {
  let url = new URL(address);
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const isStorage = redirects > 0;
    const answer = await send(url, isStorage ? {} : { authorization }, stop);
    const { statusCode = 0, headers } = answer;
    if (statusCode === 200)
      return decompressed(checkEncoding(answer)).catch((error: unknown) => {
        throw faultOfDownload(error);
      });
    answer.destroy();
    if (statusCode < 300 || statusCode > 399 || headers.location === undefined)
      throw isStorage
        ? faultOfStorage(statusCode)
        : faultOfStatus(statusCode, readRetryAfter(headers['retry-after'], now()));
    url = nextUrl(headers.location, url);
  }
  throw new PullFault('Amplitude sends the download from one address to another without end: pull the cohort again.');
}

function send(url: URL, headers: Record<string, string>, signal: AbortSignal): Promise<IncomingMessage> {
  const get = url.protocol === 'https:' ? getSecure : getPlain;
  return new Promise((resolve, reject) => {
    const request = get(url, { headers: { ...headers, 'accept-encoding': 'gzip' }, signal, timeout: IDLE_MS }, resolve);
    request.on('timeout', () => request.destroy(new Error('Nothing came for too long.')));
    request.on('error', (error) => reject(faultOfConnection(error)));
  });
}

/** Never from a safe connection to an open one. */
function nextUrl(location: string, from: URL): URL {
  const to = URL.canParse(location, from.href) ? new URL(location, from) : null;
  if (to?.protocol === 'https:' || (to?.protocol === 'http:' && from.protocol === 'http:')) return to;
  throw new PullFault('Amplitude redirects the download to an address that is not https: nothing was fetched.');
}

/** A link to the storage is good for a minute: asking Amplitude again gives a new one. */
function faultOfStorage(status: number): PullFault {
  return new PullFault(`The storage behind Amplitude does not give the file (${status}): pull again later.`, {
    isPassing: status === 403 || status === 429 || status >= 500,
  });
}

function checkEncoding(answer: IncomingMessage): IncomingMessage {
  const encoding = answer.headers['content-encoding'] ?? 'identity';
  if (['gzip', 'x-gzip', 'identity'].includes(encoding.toLowerCase())) return answer;
  answer.destroy();
  throw new PullFault('Amplitude sends the download in an encoding that was not asked for.');
}

/** Gunzips what begins like gzip, whatever the headers say of it. */
async function decompressed(source: Readable, gzips = 0): Promise<Readable> {
  const { head, whole } = await peek(source);
  if (gzips === MAX_GZIPS || head[0] !== 0x1f || head[1] !== 0x8b) return whole;
  return decompressed(
    // Whoever reads is told of errors by the last stream.
    pipeline(whole, createGunzip(), () => {}),
    gzips + 1,
  );
}

/** The first two bytes of a stream, and the stream with them. */
async function peek(source: Readable): Promise<{ head: Buffer; whole: Readable }> {
  const chunks = source.iterator({ destroyOnReturn: true }) as AsyncIterator<Buffer>;
  let head = Buffer.alloc(0);
  while (head.length < 2) {
    const next = await chunks.next();
    if (next.done) break;
    head = Buffer.concat([head, next.value]);
  }
  async function* all() {
    try {
      if (head.length > 0) yield head;
      for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
    } finally {
      source.destroy();
    }
  }
  return { head, whole: Readable.from(all(), { objectMode: false }) };
}
