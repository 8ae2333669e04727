import { DrizzleQueryError } from 'drizzle-orm';
import { pino } from 'pino';
import { endOnSurprise } from '../../src/cli/surprises.ts';

// A program in which a failed statement reaches nobody. Its parameters must not reach the log.
endOnSurprise(pino({ level: 'trace' }, pino.destination(2)));
void Promise.reject(
  new DrizzleQueryError('insert into identities values ($1)', ['ada-marker'], new Error('the connection broke')),
);
