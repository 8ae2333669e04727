import { customType, timestamp } from 'drizzle-orm/pg-core';

/** Text compared byte by byte. Identities are opaque, and the C collation makes their index lookups about a fifth faster. */
export const opaqueText = customType<{ data: string }>({ dataType: () => 'text collate "C"' });

/** How many users one block of membership bits covers. Part of the stored format: never change it. */
export const BLOCK_BITS = 8192;

/** Bits of one block, as PostgreSQL prints them: 8,192 characters of 0 and 1. */
export const blockBits = customType<{ data: string }>({ dataType: () => `bit(${BLOCK_BITS})` });

/** Milliseconds, not PostgreSQL's microseconds: a time that went through a JavaScript Date must still compare equal in a cursor. */
export const instant = (name: string) => timestamp(name, { withTimezone: true, precision: 3, mode: 'date' });
