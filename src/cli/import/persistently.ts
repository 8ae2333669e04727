import { setTimeout as sleep } from 'node:timers/promises';
import { BusyError, ThrottledError } from '../../domain/errors.ts';

/** How often a batch is sent again while the database is busy. */
const MAX_ATTEMPTS = 8;

/** Does some work, again after a wait while the database is busy. Errors: the last one, and every other at once. */
export async function persistently<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const isBusy = error instanceof BusyError || (error instanceof ThrottledError && error.code === 'OVERLOADED');
      if (!isBusy || attempt === MAX_ATTEMPTS) throw error;
      await sleep(1_000 * (error.retryAfterSeconds ?? 1));
    }
  }
}
