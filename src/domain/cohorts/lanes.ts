import { lockedError } from '../context.ts';
import { DomainError } from '../errors.ts';

interface Waiting<In, Out> {
  readonly item: In;
  readonly since: number;
  readonly resolve: (out: Out) => void;
  readonly reject: (error: unknown) => void;
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
      const entry = { item, since: performance.now(), resolve, reject };
      const queue = this.#waiting.get(lane);
      if (queue) queue.push(entry);
      else {
        this.#waiting.set(lane, []);
        void this.#drain(lane, [entry]);
      }
    });
  }

  async #drain(lane: string, first: Waiting<In, Out>[]): Promise<void> {
    for (let group = first; group.length > 0; group = this.#waiting.get(lane)?.splice(0, GROUP_MAX) ?? []) {
      const late = performance.now() - this.#patienceMs;
      for (const entry of group) if (entry.since < late) entry.reject(lockedError());
      await this.#run(group.filter((entry) => entry.since >= late));
    }
    this.#waiting.delete(lane);
  }

  async #run(group: readonly Waiting<In, Out>[]): Promise<void> {
    if (group.length === 0) return;
    try {
      const results = await this.#work(group.map((entry) => entry.item));
      group.forEach((entry, i) => {
        entry.resolve(results[i] as Out);
      });
    } catch (error) {
      if (group.length === 1 || error instanceof DomainError) {
        for (const entry of group) entry.reject(error);
        return;
      }
      // One bad request must not fail its neighbours: nothing of the group was applied, so each is run by itself.
      for (const entry of group) await this.#run([entry]);
    }
  }
}
