import type { Log } from '../domain/context.ts';
import type { RunningServer } from '../server.ts';

/** Stops the server and ends the process when a signal comes; a second signal does not wait. */
export function stopOnSignal(server: RunningServer, log: Log): void {
  let isStopping = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (isStopping) process.exit(1);
      isStopping = true;
      log.info({ signal }, 'stopping: finishing the requests under way');
      server.stop().then(
        () => process.exit(0),
        (error: unknown) => {
          log.error({ error: error instanceof Error ? error.name : typeof error }, 'the server did not stop cleanly');
          process.exit(1);
        },
      );
    });
  }
}
