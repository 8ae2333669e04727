/**
 * What is not seen, or changes the order in which the rest is seen: a printed filter is one line that reads as it means. Halves of
 * surrogate pairs are no characters at all.
 */
const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Cs}\uFEFF]/gu;

/** A text in quotation marks, as the text form of filters reads it. */
export function quote(text: string): string {
  return `"${visible(text.replace(/["\\]/g, '\\$&'))}"`;
}

/** A text with escapes for what cannot be seen. */
export function visible(text: string): string {
  return text.replace(UNSEEN, (char) =>
    char === '\n' ? '\\n' : `\\u${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`,
  );
}
