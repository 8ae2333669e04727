import type { Hono } from 'hono';

/** `/health` says that the process is alive, `/ready` that it can do its work: the database answers and has this version's tables. */
export function mountHealth(app: Hono, isReady: () => Promise<boolean>): void {
  app.get('/health', (c) => c.json({ status: 'ok' }));
  app.get('/ready', async (c) => {
    const ready = await isReady().catch(() => false);
    return ready ? c.json({ status: 'ready' }) : c.json({ status: 'unavailable' }, 503, { 'retry-after': '2' });
  });
}
