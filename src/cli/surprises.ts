import type { Log } from '../domain/context.ts';
import { logSurprise } from '../http/errors.ts';

/**
 * Ends the process when an error reaches nobody: what it has done by then is unknown. It is logged like every surprise, where Node would
 * print it with all it carries: of a failed statement, the identities and secrets in its parameters.
 */
export function endOnSurprise(log: Log): void {
  process.on('uncaughtException', (error) => {
    logSurprise(error, log);
    process.exit(1);
  });
}
