import { fail } from '../domain/errors.ts';

/** A JSON object as it came. */
export type Body = Readonly<Record<string, unknown>>;

/** Errors: INVALID_INPUT. What the parser says is left out: it quotes the body. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw fail('INVALID_INPUT', 'The request body must be valid JSON.');
  }
}

/** Errors: INVALID_INPUT. */
export function parseJsonObject(text: string): Body {
  const body = parseJson(text);
  if (!isObject(body)) throw fail('INVALID_INPUT', 'The request body must be a JSON object.');
  return body;
}

/** True for a JSON object. */
export function isObject(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** True for what senders write where they have nothing to say. */
export function isAbsent(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}
