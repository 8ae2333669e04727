/** 32 MB, most of which a small file never touches. */
const SLOTS = 2 ** 23;
const FULL = 0.75;

/**
 * Counts what was named before in the same file, in memory that does not grow. Of each identity it keeps the place it falls on and 32 bits
 * more, so that in a file of five million the count is one too high with a chance of 1 in 400. Beyond six million different identities it
 * learns no new ones, and the count becomes a lower bound.
 */
export class Repeats {
  readonly #table: Uint32Array;
  #taken = 0;
  #count = 0;

  /** `slots` is a power of two. */
  constructor({ slots = SLOTS }: { readonly slots?: number } = {}) {
    this.#table = new Uint32Array(slots);
  }

  /** How many were named before. */
  get count(): number {
    return this.#count;
  }

  /** False where there may have been more. */
  get isExact(): boolean {
    return this.#taken < this.#table.length * FULL;
  }

  /** Notes an identity: its kind with the label, and its text. */
  note(kind: string, text: string): void {
    // Two mixtures in one walk: reading the text is what takes the time.
    let place = kind.length;
    let mark = ~kind.length;
    for (let i = 0; i < kind.length; i++) {
      place = step(place, kind.charCodeAt(i), 0x9e3779b1);
      mark = step(mark, kind.charCodeAt(i), 0x5f356495);
    }
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      place = step(place, unit, 0x9e3779b1);
      mark = step(mark, unit, 0x5f356495);
    }
    // 0 is a free slot.
    this.#add(finish(place), finish(mark) || 1);
  }

  #add(place: number, mark: number): void {
    const table = this.#table;
    const mask = table.length - 1;
    for (let slot = place & mask; ; slot = (slot + 1) & mask) {
      if (table[slot] === mark) {
        this.#count++;
        return;
      }
      if (table[slot] !== 0) continue;
      if (!this.isExact) return;
      table[slot] = mark;
      this.#taken++;
      return;
    }
  }
}

function step(hash: number, unit: number, factor: number): number {
  const mixed = Math.imul(hash ^ unit, factor);
  return mixed ^ (mixed >>> 15);
}

/** The finish of MurmurHash3: every bit of what was mixed reaches every bit of the answer. */
function finish(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
