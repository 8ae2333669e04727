import type { DomainError } from '../../domain/errors.ts';
import type { HttpError } from '../errors.ts';
import type { Dialect } from './receive.ts';

/** Room for 10,000 users with the longest ids, or with properties of some 1,600 bytes. */
const AMPLITUDE_MAX_BYTES = 16 * 1024 * 1024;

/** What Amplitude's own forms have in common: their failures, and the size of a body. */
export function amplitudeDialect(name: string, statusOf: Dialect['statusOf']): Dialect {
  return {
    name,
    maxBodyBytes: AMPLITUDE_MAX_BYTES,
    isKeyOutside: true,
    statusOf,
    refusal: ({ code, message, path }: HttpError) => ({ message, code, path }),
  };
}

/** A key of another partner is as wrong as any. */
export function webhookStatus({ code }: DomainError): number | undefined {
  return code === 'FORBIDDEN' ? 401 : undefined;
}

/**
 * Lists and properties know a handful of statuses, and everything else is an "unclassified" failure to their operator: what will work a
 * moment later is 429. Source: Amplitude, receiving behavioral cohorts.
 */
export function integrationStatus(error: DomainError): number | undefined {
  return error.code === 'LOCKED' ? 429 : webhookStatus(error);
}
