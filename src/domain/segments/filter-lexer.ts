import type { DomainError, Place } from '../errors.ts';
import { failAt } from './filter-origin.ts';
import { visible } from './filter-quote.ts';

/** A part of a text that is read as one. `raw` is how it stands there. */
export type Token =
  | { readonly kind: 'word'; readonly place: Place; readonly raw: string; readonly word: string }
  | { readonly kind: 'number'; readonly place: Place; readonly raw: string; readonly value: number }
  /** Begins as a date does; whether it is a time is for whoever expects one. */
  | { readonly kind: 'time'; readonly place: Place; readonly raw: string }
  | { readonly kind: 'text'; readonly place: Place; readonly raw: string; readonly value: string }
  | { readonly kind: 'id'; readonly place: Place; readonly raw: string; readonly value: string }
  | { readonly kind: 'symbol'; readonly place: Place; readonly raw: '(' | ')' | ',' }
  | { readonly kind: 'end'; readonly place: Place; readonly raw: '' };

const SPACE = /\s/;
const BARE = /[\p{L}\p{M}\p{N}_.:+-]+/uy;
const WORD = /^[\p{L}_][\p{L}\p{M}\p{N}_-]*$/u;
const NUMBER = /^-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;
const DATE = /^[0-9]{4}-[0-9]{2}-[0-9]{2}/;
const ESCAPED: Readonly<Record<string, string>> = { '"': '"', '\\': '\\', n: '\n' };
const ESCAPES = ['`\\"`', '`\\\\`', '`\\n`', '`\\u` with four hexadecimal digits'];

/**
 * Takes a text apart, each character once and only as far as it is asked for, so that the first fault is the one that is told.
 * Errors: INVALID_INPUT, with the place.
 */
export class Lexer {
  readonly #text: string;
  readonly #field: string;
  #offset = 0;
  #line = 1;
  #lineStart = 0;
  #peeked: Token | null = null;

  /** `field` is where the text stood. */
  constructor(text: string, field: string) {
    this.#text = text;
    this.#field = field;
  }

  /** The next token, which stays the next one. `expected` is what to say where there is something that is none. */
  peek(expected: readonly string[]): Token {
    this.#peeked ??= this.#read(expected);
    return this.#peeked;
  }

  /** The next token. At the end it is the end again and again. */
  take(expected: readonly string[]): Token {
    const token = this.peek(expected);
    this.#peeked = null;
    return token;
  }

  /** What to throw for a token that does not belong where it is. */
  unexpected(token: Token, expected: readonly string[]): DomainError {
    return this.#fault(token.place, token.kind === 'end' ? END : shown(token.raw), expected);
  }

  #fault(place: Place, found: string, expected: readonly string[]): DomainError {
    const last = expected.at(-1) ?? '';
    const list = expected.length > 1 ? `${expected.slice(0, -1).join(', ')} or ${last}` : last;
    return failAt(place, 'INVALID_INPUT', `found ${found}, expected ${list}.`, this.#field);
  }

  #read(expected: readonly string[]): Token {
    this.#skipSpace();
    const place = this.#place();
    const char = this.#text[this.#offset];
    if (char === undefined) return { kind: 'end', place, raw: '' };
    if (char === '(' || char === ')' || char === ',') {
      this.#offset++;
      return { kind: 'symbol', place, raw: char };
    }
    if (char === '"') return { kind: 'text', place, ...this.#readText() };
    if (char === '#') {
      this.#offset++;
      if (this.#text[this.#offset] !== '"') throw this.#fault(this.#place(), this.#shownHere(), ['an id in quotes']);
      const { raw, value } = this.#readText();
      return { kind: 'id', place, raw: `#${raw}`, value };
    }
    return this.#readBare(place, expected);
  }

  #readBare(place: Place, expected: readonly string[]): Token {
    BARE.lastIndex = this.#offset;
    const raw = BARE.exec(this.#text)?.[0];
    if (raw === undefined) throw this.#fault(place, this.#shownHere(), expected);
    this.#offset += raw.length;
    if (WORD.test(raw)) return { kind: 'word', place, raw, word: raw.toLowerCase() };
    if (DATE.test(raw)) return { kind: 'time', place, raw };
    const value = NUMBER.test(raw) ? Number(raw) : Number.NaN;
    if (!Number.isFinite(value)) throw this.#fault(place, shown(raw), expected);
    return { kind: 'number', place, raw, value };
  }

  /** From one quotation mark to the next. */
  #readText(): { raw: string; value: string } {
    const begin = this.#place();
    const start = this.#offset++;
    let value = '';
    for (;;) {
      const place = this.#place();
      const char = this.#text[this.#offset];
      if (char === undefined || char === '\n' || char === '\r')
        throw this.#fault(place, char === undefined ? END : 'the end of the line', [
          `\`"\` after the text that begins at column ${begin.column}`,
        ]);
      this.#offset++;
      if (char === '"') break;
      value += char === '\\' ? this.#readEscape(place) : char;
    }
    if (value.includes('\u0000') || !value.isWellFormed())
      throw this.#fault(begin, 'NUL or half of a surrogate pair', ['well-formed Unicode without NUL']);
    return { raw: this.#text.slice(start, this.#offset), value };
  }

  #readEscape(place: Place): string {
    const char = this.#text[this.#offset] ?? '';
    const hex = char === 'u' ? this.#text.slice(this.#offset + 1, this.#offset + 5) : '';
    if (/^[0-9A-Fa-f]{4}$/.test(hex)) {
      this.#offset += 5;
      return String.fromCharCode(Number.parseInt(hex, 16));
    }
    const escaped = Object.hasOwn(ESCAPED, char) ? ESCAPED[char] : undefined;
    if (escaped === undefined) throw this.#fault(place, shown(`\\${char}`), ESCAPES);
    this.#offset++;
    return escaped;
  }

  #skipSpace(): void {
    for (; SPACE.test(this.#text[this.#offset] ?? ''); this.#offset++) {
      const char = this.#text[this.#offset];
      if (char !== '\n' && (char !== '\r' || this.#text[this.#offset + 1] === '\n')) continue;
      this.#line++;
      this.#lineStart = this.#offset + 1;
    }
  }

  #place(): Place {
    return { line: this.#line, column: this.#offset - this.#lineStart + 1 };
  }

  /** The character that is next, whole. */
  #shownHere(): string {
    const point = this.#text.codePointAt(this.#offset);
    return point === undefined ? END : shown(String.fromCodePoint(point));
  }
}

const END = 'the end';
const SHOWN_MAX_CHARACTERS = 40;

/** A piece of the text, as errors repeat it. */
function shown(raw: string): string {
  const some = raw.length > SHOWN_MAX_CHARACTERS ? `${raw.slice(0, SHOWN_MAX_CHARACTERS).toWellFormed()}...` : raw;
  return `\`${visible(some)}\``;
}
