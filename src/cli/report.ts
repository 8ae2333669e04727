import { ConfigError } from '../config.ts';
import { FolderInUseError } from '../db/folder-lock.ts';
import { DatabaseTooNewError, ServerTooOldError } from '../db/migrate.ts';
import { databaseFault } from '../domain/database-fault.ts';
import { DomainError, formatPath } from '../domain/errors.ts';
import { ListenError } from '../server.ts';

const EXPECTED = [ConfigError, FolderInUseError, DatabaseTooNewError, ServerTooOldError, ListenError];

/** Says on standard error what went wrong and makes the process end with 1. Only surprises show a stack. */
export function reportFailure(error: unknown): void {
  process.stderr.write(`${explain(error)}\n`);
  process.exitCode = 1;
}

/** One sentence for what can be expected, the stack for what cannot. */
export function explain(error: unknown): string {
  if (error instanceof DomainError) return error.path ? `${formatPath(error.path)}: ${error.message}` : error.message;
  if (error instanceof Error && EXPECTED.some((type) => error instanceof type)) return error.message;
  if (databaseFault(error)?.code === 'UNAVAILABLE')
    return 'The database of DATABASE_URL cannot be reached. Check its address, that the server runs, and that this machine may connect.';
  // Below what Drizzle throws, whose message holds the statement and its parameters.
  let root = error;
  while (root instanceof Error && root.cause instanceof Error) root = root.cause;
  return root instanceof Error ? (root.stack ?? root.message) : String(root);
}
