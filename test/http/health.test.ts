import { sql } from 'drizzle-orm';
import { describe, expect, test } from 'vitest';
import { openTestApp, type TestApp } from '../support/app.ts';
import { DATABASES } from '../support/database.ts';

describe.each(DATABASES)('health on %s', (kind) => {
  const get = async (app: TestApp, path: string) => {
    const response = await app.muster.fetch(new Request(`http://muster.test${path}`));
    return {
      status: response.status,
      body: (await response.json()) as unknown,
      retryAfter: response.headers.get('retry-after'),
    };
  };
  const READY = { status: 200, body: { status: 'ready' }, retryAfter: null };
  const UNAVAILABLE = { status: 503, body: { status: 'unavailable' }, retryAfter: '2' };
  const ALIVE = { status: 200, body: { status: 'ok' }, retryAfter: null };

  test('a server that can do its work is ready', async () => {
    const app = await openTestApp(kind);
    try {
      expect([await get(app, '/health'), await get(app, '/ready')]).toEqual([ALIVE, READY]);
    } finally {
      await app.close();
    }
  });

  test('a server whose database is gone is alive and not ready', async () => {
    const app = await openTestApp(kind);
    await app.close();
    expect([await get(app, '/health'), await get(app, '/ready')]).toEqual([ALIVE, UNAVAILABLE]);
    expect(app.takeLog()).toEqual([]);
  });

  test('a server whose database has other tables than it knows is not ready', async () => {
    const app = await openTestApp(kind);
    try {
      await app.database.db.execute(sql`update drizzle.muster_migrations set created_at = created_at + 1`);
      expect(await get(app, '/ready')).toEqual(UNAVAILABLE);
    } finally {
      await app.close();
    }
  });

  test('neither asks for a key nor tells anything else', async () => {
    const app = await openTestApp(kind);
    try {
      app.statements.take();
      await get(app, '/health');
      expect(app.statements.take()).toEqual([]);
      const nowhere = await get(app, '/nowhere?secret=1');
      expect(nowhere).toEqual({
        status: 404,
        body: { message: 'There is nothing at GET /nowhere.' },
        retryAfter: null,
      });
    } finally {
      await app.close();
    }
  });
});
