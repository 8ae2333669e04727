import { sql } from 'drizzle-orm';
import { describe, expect, test } from 'vitest';
import { queryRows } from '../../src/db/client.ts';
import { isMigrated } from '../../src/db/migrate.ts';
import { makeContext, otherWorkspace } from '../support/context.ts';
import { DATABASES, openTestDatabase, secondServer } from '../support/database.ts';
import { recordStatements } from '../support/statements.ts';

describe.each(DATABASES)('a test database on %s', (kind) => {
  test('is migrated, empty, and shared with no other test', async () => {
    const one = await openTestDatabase(kind);
    const other = await openTestDatabase(kind);
    try {
      expect(await isMigrated(one.db)).toBe(true);
      const { workspaceId } = await makeContext(one);
      expect(workspaceId).toBe(1);
      expect(await queryRows(other.db, sql`select id from workspaces`)).toEqual([]);
    } finally {
      await Promise.all([one.close(), other.close()]);
    }
  });

  test('gives every context a workspace of its own, and records its statements', async () => {
    const record = recordStatements();
    const database = await openTestDatabase(kind, { logger: record.logger });
    try {
      const ctx = await makeContext(database);
      expect((await otherWorkspace(ctx)).workspaceId).not.toBe(ctx.workspaceId);
      record.take();
      await database.db.execute(sql`select 1`);
      expect(record.take()).toEqual(['select 1']);
      expect(record.take()).toEqual([]);
    } finally {
      await database.close();
    }
  });
});

test('a second server sees what the first has committed', async () => {
  const database = await openTestDatabase('postgres');
  const second = secondServer(database);
  try {
    const { workspaceId } = await makeContext(database);
    expect(await queryRows(second.db, sql`select id from workspaces`)).toEqual([{ id: workspaceId }]);
  } finally {
    await second.close();
    await database.close();
  }
});
