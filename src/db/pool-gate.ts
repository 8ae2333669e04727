import type { Sql, TransactionSql } from 'postgres';

/** Every connection of the pool was in use for as long as anybody waits. Nothing was sent. */
export class PoolBusyError extends Error {
  override readonly name = 'PoolBusyError';
  constructor() {
    super('No connection of the pool became free in time.');
  }
}

/** So many at once; the others wait in order, for so long. */
class Places {
  #free: number;
  readonly #waitMs: number;
  readonly #waiting = new Set<() => void>();

  constructor(count: number, waitMs: number) {
    this.#free = count;
    this.#waitMs = waitMs;
  }

  /** Errors: `PoolBusyError`. */
  async hold<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await this.#wait();
    try {
      return await work();
    } finally {
      const [next] = this.#waiting;
      if (next) next();
      else this.#free++;
    }
  }

  #wait(): Promise<void> {
    return new Promise((resolve, reject) => {
      const begin = () => {
        clearTimeout(timer);
        this.#waiting.delete(begin);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(begin);
        reject(new PoolBusyError());
      }, this.#waitMs);
      this.#waiting.add(begin);
    });
  }
}

/**
 * Hands no more work to a pool than it has connections. Left to itself, postgres.js keeps what comes beyond for as long as it takes, or
 * sends it behind whatever runs on some connection; here it waits in order, and is refused, unsent, when it has waited too long.
 */
export function gatePool(pool: Sql, connections: number, waitMs: number): Sql {
  const places = new Places(connections, waitMs);
  const unsafe = (...args: Parameters<Sql['unsafe']>) => {
    let wantsValues = false;
    const run = () => (wantsValues ? pool.unsafe(...args).values() : pool.unsafe(...args));
    // Whoever asks for values says so before the statement is sent.
    const result = Promise.resolve().then(() => places.hold<unknown>(async () => run()));
    const values = () => {
      wantsValues = true;
      return result;
    };
    return Object.assign(result, { values });
  };
  const begin = (work: (tx: TransactionSql) => Promise<unknown>) => places.hold(() => pool.begin(work));
  return new Proxy(pool, {
    get: (target, name) => (name === 'unsafe' ? unsafe : name === 'begin' ? begin : Reflect.get(target, name)),
  });
}
