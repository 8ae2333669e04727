/**
 * Regular expressions of attribute filters: those of PostgreSQL without what makes them slow, or mean something else than it seems.
 * The database takes them apart with a look at the whole of them, repetitions written out: one of twenty characters can keep it busy
 * for minutes and exhaust the memory of the embedded one, whatever it is matched with. So what is too much is refused before it gets there.
 * What is merely wrong, the database says. Of 600,000 random patterns that these limits let through, none took the embedded database more
 * than 0.1 seconds; with twice the size and half the costs of emptiness, some took seconds.
 */

/** The most characters that a pattern may have when its counted repetitions are written out. */
const MAX_EXPANDED = 500;
/** What can be empty costs that much more in a counted repetition: the database then looks for ways around every one. */
const EMPTY_COST = 8;
/** The same in a repetition without end. */
const ENDLESS_EMPTY_COST = 2;
/** The most places such as the beginning or the edge of a word. Each of them may double the work. */
const MAX_CONSTRAINTS = 10;
/** The most parentheses in parentheses. */
const MAX_NESTING = 20;
/** Source: PostgreSQL, 9.7.3: "the numbers m and n within a bound are unsigned decimal integers from 0 to 255". */
const MAX_BOUND = 255;

const CLASSES = 'alnum alpha blank cntrl digit graph lower print punct space upper xdigit'.split(' ');
const ATOM = /^\\(?:[dDwWsSntrfv]|u[0-9A-Fa-f]{4}|[^\p{L}\p{N}])/u;
const CONSTRAINT = /^\\[AZmMyY]/;
const IN_BRACKET = /^\\(?:[dwsntrfv]|u[0-9A-Fa-f]{4}|[^\p{L}\p{N}])/u;
const QUANTIFIER = /^(?:[*+?]|\{(\d{1,3})(?:(,)(\d{1,3})?)?\})\??/;

/** A piece of a pattern: how long it is written out, whether it matches the empty text, and whether it says where in the text it stands. */
interface Piece {
  readonly size: number;
  readonly isEmpty: boolean;
  readonly isBound: boolean;
}

/** What stands between two parentheses, as far as it is read. */
interface Group {
  size: number;
  /** Whether an alternative before this one matches the empty text, and whether this one does so far. */
  isEmpty: boolean;
  isBranchEmpty: boolean;
  isBound: boolean;
  /** What a quantifier would repeat; null where there is nothing. */
  last: Piece | null;
}

/** What is wrong with a regular expression, as a sentence that says what to do; null where nothing is known to be. */
export function patternFault(pattern: string): string | null {
  if (pattern.startsWith('***')) return 'A regular expression cannot begin with `***`.';
  return new PatternReader(pattern.startsWith('(?i)') ? pattern.slice(4) : pattern).fault();
}

const UNBALANCED =
  'The parentheses of the regular expression do not match: write `\\(` for one that is meant literally.';
const TOO_BOUND = `A regular expression has at most ${MAX_CONSTRAINTS} of \`^\`, \`$\` and escapes such as \`\\\\y\`.`;
const TOO_MUCH = `The repetitions of the regular expression are too much: written out they come to more than ${MAX_EXPANDED} characters.`;

/** Goes through a pattern once. Every method that reads something answers what is wrong with it; null where nothing is. */
class PatternReader {
  #rest: string;
  readonly #groups: Group[] = [];
  #group: Group = newGroup();
  #constraints = 0;

  constructor(pattern: string) {
    this.#rest = pattern;
  }

  fault(): string | null {
    while (this.#rest !== '') {
      const fault = this.#readNext();
      if (fault !== null) return fault;
      const size = [...this.#groups, this.#group].reduce(
        (sum, { size: more, last }) => sum + more + (last?.size ?? 0),
        0,
      );
      if (size > MAX_EXPANDED) return TOO_MUCH;
    }
    return this.#groups.length > 0 ? UNBALANCED : null;
  }

  #readNext(): string | null {
    const quantifier = QUANTIFIER.exec(this.#rest);
    if (quantifier) return this.#repeat(quantifier);
    this.#finishPiece();
    if (this.#rest.startsWith('(')) return this.#open();
    if (this.#rest.startsWith(')')) return this.#close();
    if (!this.#rest.startsWith('|')) return this.#readPiece();
    this.#group.isEmpty ||= this.#group.isBranchEmpty;
    this.#group.isBranchEmpty = true;
    return this.#skip(1);
  }

  #open(): string | null {
    const isPlain = this.#rest.startsWith('(?:');
    if (!isPlain && this.#rest.startsWith('(?'))
      return 'Of what begins with `(?`, only groups `(?:...)` and a leading `(?i)` are possible: look-around is not.';
    if (this.#groups.length >= MAX_NESTING) return `A regular expression nests at most ${MAX_NESTING} groups.`;
    this.#groups.push(this.#group);
    this.#group = newGroup();
    return this.#skip(isPlain ? 3 : 1);
  }

  #close(): string | null {
    const { size, isEmpty, isBranchEmpty, isBound } = this.#group;
    const around = this.#groups.pop();
    if (!around) return UNBALANCED;
    this.#group = around;
    around.last = { size: Math.max(1, size), isEmpty: isEmpty || isBranchEmpty, isBound };
    return this.#skip(1);
  }

  #readPiece(): string | null {
    const piece = readPiece(this.#rest);
    if (typeof piece === 'string') return piece;
    if (!piece.isConstraint) {
      this.#group.last = { size: 1, isEmpty: false, isBound: false };
      return this.#skip(piece.length);
    }
    this.#group.size++;
    this.#group.isBound = true;
    this.#constraints++;
    return this.#constraints > MAX_CONSTRAINTS ? TOO_BOUND : this.#skip(piece.length);
  }

  #repeat([text, from, comma, to]: RegExpExecArray): string | null {
    const { last } = this.#group;
    if (last === null)
      return 'A quantifier such as `*` needs something to repeat: write `\\*` for one that is meant literally.';
    const least = from === undefined ? (text.startsWith('+') ? 1 : 0) : Number(from);
    const most = from === undefined ? 1 : to !== undefined ? Number(to) : comma ? least + 1 : least;
    if (Math.max(least, most) > MAX_BOUND || most < least)
      return `A repetition counts from 0 to ${MAX_BOUND}, upwards.`;
    if (last.isBound && !text.startsWith('?'))
      return 'What is repeated cannot say where it stands: take `^`, `$` and escapes such as `\\y` out of the repetition.';
    const emptyCost = most > 1 ? EMPTY_COST : text.startsWith('?') ? 1 : ENDLESS_EMPTY_COST;
    const size = last.size * Math.max(1, most) * (last.isEmpty ? emptyCost : 1);
    this.#group.last = { ...last, size, isEmpty: last.isEmpty || least === 0 };
    this.#finishPiece();
    return this.#skip(text.length);
  }

  /** Counts the last piece: nothing repeats it. */
  #finishPiece(): void {
    const { last } = this.#group;
    if (last === null) return;
    this.#group.size += last.size;
    this.#group.isBranchEmpty &&= last.isEmpty;
    this.#group.isBound ||= last.isBound;
    this.#group.last = null;
  }

  #skip(length: number): null {
    this.#rest = this.#rest.slice(length);
    return null;
  }
}

function newGroup(): Group {
  return { size: 0, isEmpty: false, isBranchEmpty: true, isBound: false, last: null };
}

/** A character, an escape or a bracket: how much of the pattern it is; a sentence where it cannot be. */
function readPiece(rest: string): { length: number; isConstraint: boolean } | string {
  if (rest.startsWith('[')) return readBracket(rest);
  if (rest.startsWith('^') || rest.startsWith('$')) return { length: 1, isConstraint: true };
  if (!rest.startsWith('\\'))
    return { length: String.fromCodePoint(rest.codePointAt(0) ?? 0).length, isConstraint: false };
  const constraint = CONSTRAINT.exec(rest);
  if (constraint) return { length: constraint[0].length, isConstraint: true };
  const atom = ATOM.exec(rest);
  return atom ? { length: atom[0].length, isConstraint: false } : escapeFault(rest.slice(1));
}

function escapeFault(escaped: string): string {
  if (/^[0-9]/.test(escaped)) return 'A regular expression cannot refer back to a group: write out what is meant.';
  if (/^[bB]/.test(escaped)) return 'The edge of a word is `\\y` here, and `\\Y` what is none.';
  return 'After `\\` comes a character that is no letter, one of d D w W s S n t r f v A Z m M y Y, or u with four hexadecimal digits.';
}

function readBracket(rest: string): { length: number; isConstraint: boolean } | string {
  const open = /^\[\^?\]?/.exec(rest)?.[0].length ?? 1;
  for (let at = open; at < rest.length; ) {
    const inside = rest.slice(at);
    if (inside.startsWith(']')) return { length: at + 1, isConstraint: false };
    if (/^\[[.=:]/.test(inside)) {
      const name = /^\[:([a-z]+):\]/.exec(inside);
      if (!name || !CLASSES.includes(name[1] ?? ''))
        return `Classes in brackets are ${CLASSES.map((c) => `[:${c}:]`).join(' ')}.`;
      at += name[0].length;
    } else if (inside.startsWith('\\')) {
      const escaped = IN_BRACKET.exec(inside);
      if (!escaped)
        return 'In brackets, after `\\` comes a character that is no letter, one of d w s n t r f v, or u with four hexadecimal digits.';
      at += escaped[0].length;
    } else at++;
  }
  return 'A bracket of the regular expression has no end: write `\\[` for one that is meant literally.';
}
