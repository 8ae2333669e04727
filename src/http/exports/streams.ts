import { pipeline, Readable } from 'node:stream';
import { constants, createGzip } from 'node:zlib';
import { fail } from '../../domain/errors.ts';

/** Streams of one server at once. Each keeps a database connection busy, and a byte a user in memory. */
const STREAMS_AT_ONCE = 8;
/** A reader that takes nothing for so long has its stream ended: its place is somebody else's. A slow one may take as long as it likes. */
const IDLE_MS = 120_000;

/** The places of a server's streams. */
export interface Streams {
  /** Takes a place, to be left once; leaving it again does nothing. Errors: OVERLOADED. */
  enter(): () => void;
}

export function createStreams(atOnce = STREAMS_AT_ONCE): Streams {
  let open = 0;
  return {
    enter: () => {
      if (open >= atOnce)
        throw fail('OVERLOADED', `This server streams ${atOnce} exports already: try again when one has ended.`, {
          retryAfterSeconds: 5,
        });
      open++;
      let isIn = true;
      return () => {
        if (isIn) open--;
        isIn = false;
      };
    },
  };
}

export interface BodyOptions {
  readonly gzip: boolean;
  /** Ends the stream when the client is gone. */
  readonly signal: AbortSignal;
  /** Is called once, however the stream ends; with the error, where it broke. */
  readonly onEnd: (error: unknown) => void;
  readonly idleMs?: number | undefined;
}

/** The stream ended before its text did, so that what was sent must not pass for the whole. */
class BrokenOffError extends Error {
  override readonly name = 'BrokenOffError';
}

/**
 * Text as the body of an answer, made only as fast as it is read. Whatever ends the stream ends the making of the text: its end, a failure,
 * the reader's leaving, a reader that does not read.
 */
export function toBody(pieces: AsyncGenerator<string, void, undefined>, options: BodyOptions): ReadableStream {
  const { signal, onEnd, idleMs = IDLE_MS } = options;
  const gzip = options.gzip ? createGzip({ level: constants.Z_BEST_SPEED }) : null;
  // The error of a broken pipeline comes out of the reading, too.
  if (gzip) pipeline(Readable.from(pieces), gzip, () => {});
  const parts = gzip ? (gzip[Symbol.asyncIterator]() as AsyncIterator<Buffer, void>) : bytes(pieces);
  let hasEnded = false;
  const end = (error: unknown) => {
    if (hasEnded) return;
    hasEnded = true;
    clearTimeout(idle);
    signal.removeEventListener('abort', leave);
    onEnd(error);
  };
  const leave = () => {
    end(null);
    gzip?.destroy();
    // Waits for the statement under way, then for nothing more.
    pieces.return().catch(() => {});
  };
  const idle = setTimeout(leave, idleMs).unref();
  signal.addEventListener('abort', leave, { once: true });
  if (signal.aborted) leave();
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        idle.refresh();
        if (hasEnded) throw new BrokenOffError('The export was ended.');
        try {
          const part = await parts.next();
          if (hasEnded) throw new BrokenOffError('The export was ended.');
          if (!part.done) return controller.enqueue(part.value);
          end(null);
          controller.close();
        } catch (error) {
          end(error);
          // Whoever serves it may print it: it must not quote the data.
          throw error instanceof BrokenOffError ? error : new BrokenOffError('The export broke off.');
        }
      },
      cancel: leave,
    },
    { highWaterMark: 0 },
  );
}

async function* bytes(pieces: AsyncIterable<string>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const piece of pieces) yield Buffer.from(piece);
}
