import type { Logger } from 'drizzle-orm/logger';

/** Writes down every statement that a database runs, so that a test can say how many there are. */
export interface StatementRecord {
  readonly logger: Logger;
  /** The statements since the last call, in order of sending. */
  take(): string[];
}

/** Give `logger` to `openTestDatabase`. */
export function recordStatements(): StatementRecord {
  let statements: string[] = [];
  return {
    logger: { logQuery: (statement) => void statements.push(statement) },
    take: () => {
      const taken = statements;
      statements = [];
      return taken;
    },
  };
}
