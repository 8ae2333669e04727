import type { Direction } from './member-batches.ts';

interface Entry {
  readonly line: number;
  isDone: boolean;
}

/** Batches that are under way, in the order of the file. */
export class BatchLanes {
  readonly #lanes: number;
  readonly #running = new Set<Promise<void>>();
  /** The batches from the first that is not done on. */
  readonly #order: Entry[] = [];
  #direction: Direction = 'add';
  #lineDone = 0;
  #failure: { readonly line: number; readonly error: unknown } | undefined;

  constructor(lanes: number) {
    this.#lanes = lanes;
  }

  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** Waits until a batch of this direction may start. */
  async room(direction: Direction): Promise<void> {
    const isAlike = direction !== 'both' && direction === this.#direction;
    const most = isAlike ? this.#lanes : 1;
    while (this.#running.size >= most) await Promise.race(this.#running);
  }

  /** Starts a batch that ends at a line. `onLine` is told the line up to which all batches are done, whenever one is. */
  run(line: number, direction: Direction, work: () => Promise<void>, onLine: (line: number) => void): void {
    const entry: Entry = { line, isDone: false };
    this.#order.push(entry);
    this.#direction = direction;
    const running = work()
      .then(
        () => {
          entry.isDone = true;
          for (; this.#order[0]?.isDone; this.#order.shift()) this.#lineDone = this.#order[0].line;
          onLine(this.#lineDone);
        },
        (error: unknown) => {
          if (this.#failure === undefined || line < this.#failure.line) this.#failure = { line, error };
        },
      )
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Waits for everything under way. */
  async settle(): Promise<void> {
    await Promise.all(this.#running);
  }

  /** Errors: that of the first batch that failed. */
  throwFailure(): void {
    if (this.#failure) throw this.#failure.error;
  }
}
