import { lockedError } from '../context.ts';
import { databaseFault } from '../database-fault.ts';
import { BusyError, DomainError } from '../errors.ts';

interface Waiting<In, Out> {
  readonly item: In;
  readonly resolve: (out: Out) => void;
  readonly reject: (error: unknown) => void;
  /** Ends the wait. */
  patience?: NodeJS.Timeout;
}

/** The most requests one transaction commits together. */
const GROUP_MAX = 16;

/**
 * One lane per cohort: while a group of requests commits, later ones wait here instead of holding a database connection each, and are
 * then committed together. Another server's writers are kept apart by the row lock of the cohort, not by this.
 */
export class Lanes<In, Out> {
  readonly #waiting = new Map<string, Waiting<In, Out>[]>();
  readonly #work: (group: readonly In[]) => Promise<Out[]>;
  readonly #patienceMs: number;

  /** `work` answers one result an item, in order, or throws for the whole group. Who waits longer than `patienceMs` is LOCKED. */
  constructor(work: (group: readonly In[]) => Promise<Out[]>, patienceMs: number) {
    this.#work = work;
    this.#patienceMs = patienceMs;
  }

  submit(lane: string, item: In): Promise<Out> {
    return new Promise((resolve, reject) => {
      const entry: Waiting<In, Out> = { item, resolve, reject };
      const queue = this.#waiting.get(lane);
      if (queue) this.#wait(queue, entry);
      else {
        this.#waiting.set(lane, []);
        void this.#drain(lane, [entry]);
      }
    });
  }

  #wait(queue: Waiting<In, Out>[], entry: Waiting<In, Out>): void {
    queue.push(entry);
    entry.patience = setTimeout(() => {
      queue.splice(queue.indexOf(entry), 1);
      entry.reject(lockedError());
    }, this.#patienceMs);
  }

  async #drain(lane: string, first: Waiting<In, Out>[]): Promise<void> {
    for (let group = first; group.length > 0; group = this.#waiting.get(lane)?.splice(0, GROUP_MAX) ?? []) {
      for (const entry of group) clearTimeout(entry.patience);
      await this.#run(group);
    }
    this.#waiting.delete(lane);
  }

  async #run(group: readonly Waiting<In, Out>[]): Promise<void> {
    try {
      const results = await this.#work(group.map((entry) => entry.item));
      group.forEach((entry, i) => {
        entry.resolve(results[i] as Out);
      });
    } catch (error) {
      if (group.length === 1 || meetsAll(error)) {
        for (const entry of group) entry.reject(error);
        return;
      }
      // One bad request must not fail its neighbours: nothing of the group was applied, so each is run by itself.
      for (const entry of group) await this.#run([entry]);
    }
  }
}

/** What each of a group would meet by itself too: an expected failure, or a database that is away. */
function meetsAll(error: unknown): boolean {
  return error instanceof DomainError || databaseFault(error) instanceof BusyError;
}
