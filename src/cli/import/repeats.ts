/** How many entries the table begins with, a power of two; it doubles when three quarters are taken. */
const FIRST_SLOTS = 2 ** 16;
const FULL = 0.75;
/** 128 MB, for 12.5 million different identities. */
const MAX_SLOTS = 2 ** 24;

/**
 * Counts what was named before in the same file. It keeps 64 bits of each identity, so that two different ones among ten million are taken
 * for one with a chance of one in 400,000. Its memory is bounded: beyond 12.5 million different identities it learns no new ones, and the
 * count becomes a lower bound.
 */
export class Repeats {
  #slots = FIRST_SLOTS;
  #taken = 0;
  #table = new Uint32Array(2 * FIRST_SLOTS);
  #count = 0;
  #isFull = false;
  readonly #maxSlots: number;

  constructor({ maxSlots = MAX_SLOTS }: { readonly maxSlots?: number } = {}) {
    this.#maxSlots = maxSlots;
  }

  /** How many were named before. */
  get count(): number {
    return this.#count;
  }

  /** False where there may have been more. */
  get isExact(): boolean {
    return !this.#isFull;
  }

  /** Notes an identity: its kind with the label, and its text. */
  note(kind: string, text: string): void {
    // Two mixtures in one walk: reading the text is what takes the time.
    let a = kind.length;
    let b = ~kind.length;
    for (let i = 0; i < kind.length; i++) {
      a = step(a, kind.charCodeAt(i), 0x9e3779b1);
      b = step(b, kind.charCodeAt(i), 0x5f356495);
    }
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      a = step(a, unit, 0x9e3779b1);
      b = step(b, unit, 0x5f356495);
    }
    this.#add(finish(a), finish(b) || 1);
  }

  /** The second number of an entry is never 0, which means a free slot. */
  #add(low: number, high: number): void {
    const at = this.#find(low, high);
    if (at < 0) {
      this.#count++;
      return;
    }
    if (this.#isFull) return;
    this.#table[at] = low;
    this.#table[at + 1] = high;
    if (++this.#taken > this.#slots * FULL) this.#grow();
  }

  /** Where an entry belongs; -1: it is there. */
  #find(low: number, high: number): number {
    const table = this.#table;
    const mask = this.#slots - 1;
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      const at = 2 * slot;
      if (table[at + 1] === 0) return at;
      if (table[at] === low && table[at + 1] === high) return -1;
    }
  }

  #grow(): void {
    if (this.#slots === this.#maxSlots) {
      this.#isFull = true;
      return;
    }
    const old = this.#table;
    this.#slots *= 2;
    this.#table = new Uint32Array(2 * this.#slots);
    for (let at = 0; at < old.length; at += 2) {
      const low = old[at] ?? 0;
      const high = old[at + 1] ?? 0;
      if (high === 0) continue;
      const to = this.#find(low, high);
      this.#table[to] = low;
      this.#table[to + 1] = high;
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
