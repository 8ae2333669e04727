import { createReadStream } from 'node:fs';

/** The longest line read. The largest user that an upsert takes fits several times over. */
export const LINE_MAX_BYTES = 1024 * 1024;

const NEWLINE = 10;
const CHUNK_BYTES = 256 * 1024;

/** One line of a file, without its ending. `text` is null when it was too long to keep. */
export interface Line {
  readonly number: number;
  readonly text: string | null;
}

/** The lines of a file, some at a time, and how far it has been read. */
export function readLines(path: string): { lines: AsyncGenerator<Line[]>; bytesRead: () => number } {
  const stream = createReadStream(path, { highWaterMark: CHUNK_BYTES });
  return { lines: splitLines(stream), bytesRead: () => stream.bytesRead };
}

/**
 * Splits bytes into lines in constant memory. A line that is too long keeps its number and loses its text; split2 would lose both.
 * A byte order mark at the beginning is taken off.
 */
async function* splitLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<Line[]> {
  let number = 0;
  let rest: Buffer = Buffer.alloc(0);
  let isTooLong = false;
  const take = (end: Buffer): Line => {
    const bytes = rest.length === 0 ? end : Buffer.concat([rest, end]);
    const text = isTooLong || bytes.length > LINE_MAX_BYTES ? null : bytes.toString('utf8');
    rest = Buffer.alloc(0);
    isTooLong = false;
    return { number: ++number, text: number === 1 ? withoutMark(text) : text };
  };
  for await (const chunk of chunks) {
    const lines: Line[] = [];
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      lines.push(take(chunk.subarray(from, at)));
      from = at + 1;
    }
    if (!isTooLong) rest = Buffer.concat([rest, chunk.subarray(from)]);
    if (rest.length > LINE_MAX_BYTES) {
      rest = Buffer.alloc(0);
      isTooLong = true;
    }
    yield lines;
  }
  if (rest.length > 0 || isTooLong) yield [take(Buffer.alloc(0))];
}

function withoutMark(text: string | null): string | null {
  return text?.startsWith('\uFEFF') ? text.slice(1) : text;
}

/** A text without the carriage return that Windows puts before the end of a line. */
export function withoutReturn(text: string): string {
  return text.endsWith('\r') ? text.slice(0, -1) : text;
}
