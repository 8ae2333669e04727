import { isUtf8 } from 'node:buffer';
import { fail } from '../domain/errors.ts';

/** The body of a request as text. Errors: as `textOf`. */
export async function readText(request: Request): Promise<string> {
  return textOf(Buffer.from(await request.arrayBuffer()));
}

/**
 * The text of a body. Bytes that are no UTF-8 are refused: decoded with a replacement character, two identities could become one.
 * Errors: INVALID_INPUT.
 */
export function textOf(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw fail('INVALID_INPUT', 'The request body must be UTF-8.');
  const text = bytes.toString('utf8');
  return text.startsWith('\uFEFF') ? text.slice(1) : text;
}
