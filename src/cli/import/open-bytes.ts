import { createReadStream, open as openFd, type ReadStream, type Stats } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import { basename } from 'node:path';
import { PassThrough, pipeline, type Readable } from 'node:stream';
import { promisify } from 'node:util';
import { createGunzip } from 'node:zlib';
import { UserError } from '../user-error.ts';

/** Rows of a chunk live until their batch is taken: of larger chunks so many would, that the collector keeps them for long. */
const CHUNK_BYTES = 64 * 1024;
const GZIP = Buffer.from([0x1f, 0x8b]);
/** What an Excel workbook begins with, and every other ZIP. */
const ZIP = Buffer.from('PK\u0003\u0004');
const MARK_MAX_BYTES = 4;

/** The name that means standard input. */
export const STANDARD_INPUT = '-';

/** The bytes of a file, unpacked where they are packed. */
export interface Bytes {
  /** How messages call the file. */
  readonly name: string;
  readonly chunks: AsyncIterable<Buffer>;
  /** Bytes as they lie on the disk; null for what comes through a pipe. */
  readonly size: number | null;
  /** How far the file has been read, in the same bytes. */
  readonly bytesRead: () => number;
  /** Ends the reading at once, also where nothing comes for a long time. */
  readonly close: () => void;
}

/**
 * Opens a file, or standard input for `-`. What begins like gzip is unpacked, whatever its name; a packed file is read to its end first,
 * so that one which is cut off is refused before any row of it is used.
 * Errors: `UserError` when it cannot be read, is a workbook, or is damaged.
 */
export async function openBytes(path: string): Promise<Bytes> {
  if (path === STANDARD_INPUT) return openStream('standard input', process.stdin);
  const name = basename(path);
  const found = await checkFile(path);
  if (found.isFIFO()) return openStream(name, await openPipe(path));
  if (!found.isFile()) return openStream(name, readFrom(path));
  const isPacked = checkMark(name, await readMark(path));
  if (isPacked) await drain(unpack(name, readFrom(path)));
  const stream = readFrom(path);
  return {
    name,
    chunks: isPacked ? unpack(name, stream) : stream,
    size: found.size,
    bytesRead: () => stream.bytesRead,
    close: () => void stream.destroy(),
  };
}

/** What comes through a pipe can be read once only: its beginning says what to do with the rest. */
async function openStream(name: string, stream: Readable): Promise<Bytes> {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let head: Buffer = Buffer.alloc(0);
  while (head.length < MARK_MAX_BYTES) {
    const next = await chunks.next();
    if (next.done) break;
    head = Buffer.concat([head, next.value]);
  }
  let bytesRead = 0;
  async function* all(): AsyncGenerator<Buffer> {
    try {
      for (let chunk = head; ; ) {
        bytesRead += chunk.length;
        yield chunk;
        const next = await chunks.next();
        if (next.done) return;
        chunk = next.value;
      }
    } finally {
      // Whoever writes into the pipe must not keep this process waiting for what nobody reads.
      stream.destroy();
    }
  }
  const isPacked = checkMark(name, head);
  return {
    name,
    chunks: isPacked ? unpack(name, all()) : all(),
    size: null,
    bytesRead: () => bytesRead,
    close: () => void stream.destroy(),
  };
}

function readFrom(path: string): ReadStream {
  return createReadStream(path, { highWaterMark: CHUNK_BYTES });
}

/** A pipe with a name, as a stream that can be closed while nothing comes: one of a file waits for its last read. */
async function openPipe(path: string): Promise<Readable> {
  return new Socket({ fd: await promisify(openFd)(path, 'r'), readable: true, writable: false });
}

async function checkFile(path: string): Promise<Stats> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new UserError(
      error.code === 'ENOENT' ? `There is no file ${path}.` : `${path} cannot be read: ${error.message}.`,
    );
  });
  if (found.isDirectory()) throw new UserError(`${path} is a folder: name a file.`);
  return found;
}

async function readMark(path: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(MARK_MAX_BYTES), 0, MARK_MAX_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** True for gzip. */
function checkMark(name: string, head: Buffer): boolean {
  if (head.subarray(0, ZIP.length).equals(ZIP))
    throw new UserError(`${name} is an Excel workbook or another ZIP: save the table as CSV.`);
  return head.subarray(0, GZIP.length).equals(GZIP);
}

async function* unpack(name: string, packed: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const unpacked = pipeline(packed, createGunzip({ chunkSize: CHUNK_BYTES }), new PassThrough(), () => {
    // Whatever went wrong reaches whoever reads.
  });
  try {
    for await (const chunk of unpacked) yield chunk as Buffer;
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    if (!code.startsWith('Z_')) throw error;
    const fault = code === 'Z_BUF_ERROR' ? 'is cut off' : `is damaged (${message})`;
    throw new UserError(`${name} ${fault}: it is no complete gzip file. Fetch it again.`);
  }
}

async function drain(chunks: AsyncIterable<Buffer>): Promise<void> {
  for await (const _ of chunks);
}
