/** The longest line read. The largest user that an upsert takes fits several times over. */
export const LINE_MAX_BYTES = 1024 * 1024;

const NEWLINE = 10;

/** One line of a file, without its ending. `text` is null when it was too long to keep. */
export interface Line {
  readonly number: number;
  readonly text: string | null;
}

/**
 * Splits bytes into lines in constant memory, some at a time. A line that is too long keeps its number and loses its text; split2 would
 * lose both. A byte order mark at the beginning is taken off.
 */
export async function* splitLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<Line[]> {
  let number = 0;
  let rest: Buffer = Buffer.alloc(0);
  let isTooLong = false;
  const take = (text: string | null): Line => ({ number: ++number, text: number === 1 ? withoutMark(text) : text });
  for await (const chunk of chunks) {
    const end = chunk.lastIndexOf(NEWLINE);
    const lines: Line[] = [];
    if (end !== -1) {
      // Decoded as a whole: a call a line costs more than everything else that is done with the line.
      const texts = join(rest, chunk.subarray(0, end)).toString('utf8').split('\n');
      texts.forEach((text, i) => {
        lines.push(take((i === 0 && isTooLong) || isLong(text) ? null : text));
      });
      rest = Buffer.alloc(0);
      isTooLong = false;
    }
    if (!isTooLong) rest = join(rest, chunk.subarray(end + 1));
    if (rest.length > LINE_MAX_BYTES) {
      rest = Buffer.alloc(0);
      isTooLong = true;
    }
    yield lines;
  }
  if (rest.length > 0 || isTooLong) yield [take(isTooLong ? null : rest.toString('utf8'))];
}

function join(head: Buffer, tail: Buffer): Buffer {
  return head.length === 0 ? tail : Buffer.concat([head, tail]);
}

/** Three bytes a UTF-16 unit is the most: only long texts need counting. */
function isLong(text: string): boolean {
  return text.length * 3 > LINE_MAX_BYTES && Buffer.byteLength(text) > LINE_MAX_BYTES;
}

function withoutMark(text: string | null): string | null {
  return text?.startsWith('\uFEFF') ? text.slice(1) : text;
}

/** A text without the carriage return that Windows puts before the end of a line. */
export function withoutReturn(text: string): string {
  return text.endsWith('\r') ? text.slice(0, -1) : text;
}
