import type { Context, MiddlewareHandler } from 'hono';
import { fail } from '../domain/errors.ts';

/**
 * The most bytes of request bodies that are in memory at once. As text, as JSON and as rows to be, a body takes several times its
 * bytes: this many come to half a gigabyte. Of bodies of 1,000 identifiers it is more than a thousand.
 */
const BODIES_MAX_BYTES = 64 * 1024 * 1024;

/** Where a request has its own counter. */
const TAKE = 'takeBodyBytes';

/** Keeps the bodies of all requests under way, on every route, from filling the memory. */
export interface BodyRoom {
  readonly middleware: MiddlewareHandler;
  /** Bytes that were read and whose requests are not answered yet. */
  bytes(): number;
}

/**
 * Bytes count from when they arrive until their request is answered. Not when they are announced: who announces much and sends nothing
 * must not keep others out. The reading of a body that does not fit fails with OVERLOADED, so that every dialect refuses it in its own
 * words; one that would not fit by the length it announces is not read at all.
 */
export function createBodyRoom(maxBytes = BODIES_MAX_BYTES): BodyRoom {
  let held = 0;
  const middleware: MiddlewareHandler = async (c, next) => {
    const { raw } = c.req;
    if (!raw.body) return next();
    const announced = Number(raw.headers.get('content-length') ?? 0);
    let own = 0;
    let isRefused = false;
    let isAnswered = false;
    const take = (bytes: number) => {
      if (isAnswered) return;
      isRefused ||= held + Math.max(bytes, announced - own) > maxBytes;
      if (isRefused) {
        // Whoever keeps sending into a closed ear sees a broken socket instead of the answer.
        c.header('connection', 'close');
        throw overloaded();
      }
      own += bytes;
      held += bytes;
    };
    c.set(TAKE, take);
    const init: RequestInit & { duplex: 'half' } = { body: metered(raw.body, take), duplex: 'half' };
    c.req.raw = new Request(raw, init);
    try {
      await next();
      if (!isRefused || c.res.status === 429) return;
      // A library that reads bodies by itself takes every failure for a fault of the body.
      c.res = undefined;
      throw overloaded();
    } finally {
      isAnswered = true;
      held -= own;
    }
  };
  return { middleware, bytes: () => held };
}

/** Counts what became of a body when it was unpacked. Errors: OVERLOADED. */
export function countUnpacked(c: Context, bytes: number): void {
  (c.get(TAKE) as ((bytes: number) => void) | undefined)?.(bytes);
}

/** The same bytes. Each part is told before it is handed on, and that there will be some before any is read. */
function metered(body: ReadableStream<Uint8Array>, take: (bytes: number) => void): ReadableStream<Uint8Array> {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  return new ReadableStream(
    {
      pull: async (controller) => {
        if (!reader) take(0);
        reader ??= body.getReader();
        const { done, value } = await reader.read();
        if (done) return controller.close();
        take(value.byteLength);
        controller.enqueue(value);
      },
      cancel: (reason) => reader?.cancel(reason),
    },
    // Nothing is read before somebody asks for it.
    { highWaterMark: 0 },
  );
}

function overloaded(): Error {
  return fail(
    'OVERLOADED',
    'More is being sent at once than the server takes. Nothing was applied: send it again after a moment.',
    {
      retryAfterSeconds: 1,
    },
  );
}
