import { ConfigError } from '../config.ts';
import { postgresCode } from '../db/client.ts';
import { FolderInUseError } from '../db/folder-lock.ts';
import { DatabaseTooNewError, ServerTooOldError } from '../db/migrate.ts';
import { databaseFault } from '../domain/database-fault.ts';
import { DomainError, formatPath } from '../domain/errors.ts';
import { ListenError } from '../server.ts';
import { UserError } from './user-error.ts';

const EXPECTED = [UserError, ConfigError, FolderInUseError, DatabaseTooNewError, ServerTooOldError, ListenError];

/** What PostgreSQL says of an address that leads nowhere. */
const REFUSALS: Readonly<Record<string, string>> = {
  '28P01': 'The server of DATABASE_URL refuses its user or password.',
  '28000': 'The server of DATABASE_URL refuses its user.',
  '3D000': 'The server has no database of the name in DATABASE_URL: create it, or correct the name.',
  '42501': 'The user of DATABASE_URL may not do this in that database: grant it the right to create tables there.',
};

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
  const refusal = REFUSALS[postgresCode(error) ?? ''];
  if (refusal !== undefined) return refusal;
  // Below what Drizzle throws, whose message holds the statement and its parameters.
  let root = error;
  while (root instanceof Error && root.cause instanceof Error) root = root.cause;
  if (isFileError(root)) return `${root.path} cannot be used: ${root.message}.`;
  return root instanceof Error ? (root.stack ?? root.message) : String(root);
}

/** A file or folder that is missing, full or not ours to write. */
function isFileError(error: unknown): error is NodeJS.ErrnoException & { readonly path: string } {
  if (!(error instanceof Error)) return false;
  const { syscall, path } = error as NodeJS.ErrnoException;
  return syscall !== undefined && path !== undefined;
}
