import type { RunningServer } from '../server.ts';

/** Stops the server and ends the process when a signal comes; a second signal does not wait. */
export function stopOnSignal(server: RunningServer): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      process.once(signal, () => process.exit(1));
      void server.stop().then(() => process.exit(0));
    });
  }
}
